import Crypto
import TPM
import TPMDevice

extension ChipProperty {
    /// What the other tests need: a chip that fails one of these is not tested further.
    static let needed = [
        ChipProperty(
            "commands", "The chip has every command and the curve that a vault needs."
        ) { bench in
            let missing = try ChipRequirements.missing(of: bench.chip).filter { !$0.hasPrefix("SHA") }
            guard missing.isEmpty else { throw Broken("it lacks " + missing.joined(separator: " and ")) }
            return "all of them"
        },
        ChipProperty(
            "largest-digest",
            "The chip's largest hash is SHA-384 or SHA-512; references and Names of a smaller one are too short."
        ) { bench in
            let size = try bench.chip.largestDigest
            guard size == 48 || size == 64 else { throw Broken("its largest hash has \(size) bytes") }
            return "\(size) bytes"
        },
    ]

    /// The chip takes in what a device sealed, and multiplies by it.
    static let taking = [
        ChipProperty(
            "evaluation-exact",
            "A key sealed by software is taken in and multiplies exactly; otherwise a right password would not open."
        ) { bench in
            try bench.arm(3)
            let other = P256.KeyAgreement.PrivateKey()
            let raw = Array(other.publicKey.rawRepresentation)
            let product = try bench.evaluate(
                try P256Point(x: Array(raw.prefix(32)), y: Array(raw.suffix(32))))
            let shared = try bench.throwaway.scalar.sharedSecretFromKeyAgreement(with: other.publicKey)
            let expected = unsafe shared.withUnsafeBytes { unsafe Array($0) }
            guard product == expected else { throw Broken("the product is not the key's") }
            return "the product is the one that software computes"
        },
        ChipProperty(
            "bundle-by-signature",
            "The bundle opens by the open key's signature over its Name, unaltered, and in no other way."
        ) { bench in try bundleBySignature(bench) },
    ]

    private static func bundleBySignature(_ bench: Workbench) throws -> String {
        let (chip, throwaway) = (bench.chip, bench.throwaway)
        let bundle = try bench.objects().bundle
        let policy = try BundleProfile.policy(
            openKey: P256Point(throwaway.openKey.publicKey), authority: throwaway.authority)
        return try bench.withLoaded(bundle) { object in
            let unseal = Command.unseal(object)
            try bench.refuses("Unseal without an authorization", unseal, with: Refusal.unauthorized)
            try bench.refuses("Unseal by password", unseal, .password(), with: Refusal.unauthorized)
            try bench.withSession { session, _ in
                try chip.run(.policyCommandCode(session, .unseal))
                try bench.refuses("Unseal without a signature", unseal, .policy(session), with: Refusal.unauthorized)
            }
            let area = throwaway.authority.publicArea(P256Point(throwaway.openKey.publicKey))
            // Signed for another bundle, then for this one.
            var other = bundle.area
            other.body = .sealed(unique: [UInt8](repeating: 1, count: 32))
            for (signed, isOurs) in [(other, false), (bundle.area, true)] {
                try bench.withSession { session, nonceTPM in
                    let act = try SignedAct(
                        openingBundle: signed, authority: throwaway.authority, nonceTPM: nonceTPM)
                    try chip.satisfy(
                        policy, for: .unseal, in: session,
                        evidence: .signed(act, by: area, try bench.sign(act, throwaway.openKey)))
                    guard isOurs else {
                        try bench.refuses(
                            "Unseal by a signature for another bundle", unseal, .policy(session),
                            with: Refusal.unauthorized)
                        return
                    }
                    let response = try chip.run(unseal, authorizedBy: .policy(session))
                    let content = try chip.parse(response, to: .unseal) { (reader: inout Reader) throws(WireError) in
                        try reader.sized()
                    }
                    guard content == throwaway.bundleContent else { throw Broken("what came out is not what went in") }
                }
            }
            return "\(throwaway.bundleContent.count) bytes came back by the signature alone"
        }
    }

    /// Guesses are counted before they are used, and each once.
    static let counting = [
        ChipProperty(
            "count-before-command",
            "A PolicyNV that the slot authorizes is counted before its own work, whatever comes of that; counted later, it could be"
                + " stopped in between."
        ) { bench in
            try bench.arm(4)
            return try bench.withKey { key in
                try bench.withSession { session, _ in
                    try bench.refuses(
                        "a comparison that does not hold", bench.policyNV(session, operand: 0xFF), .password())
                }
                try bench.expect(count: 1, after: "after a PolicyNV whose comparison failed")
                try bench.withSession { session, _ in
                    try bench.spend(in: session)
                    try bench.expect(count: 2, after: "after PolicyNV and before the evaluation")
                    try bench.takes("the evaluation", .ecdhZGen(key, .someone), .policy(session))
                }
                try bench.expect(count: 2, ceiling: 4, after: "after the evaluation")
                return "counted by a failed comparison, and before an evaluation"
            }
        },
        ChipProperty(
            "ceiling-exact",
            "At the ceiling the chip refuses, not one guess later, and the count stays; a raised ceiling"
                + " gives exactly the difference."
        ) { bench in
            try bench.arm(2)
            for (guesses, ceiling) in [(2 as UInt32, 2 as UInt32), (1, 3)] {
                if ceiling > 2 { try bench.write(.ceiling(ceiling)) }
                for _ in 0..<guesses { try bench.evaluate() }
                for _ in 0..<2 {
                    try bench.withSession { session, _ in
                        try bench.refuses(
                            "a guess above the ceiling \(ceiling)", bench.policyNV(session), .password())
                    }
                }
                try bench.expect(count: ceiling, ceiling: ceiling, after: "after guesses above the ceiling")
            }
            return "2 of 2, then 1 of 1 more, and no other"
        },
        ChipProperty("one-use", "An authorized session evaluates once, also when it is told to go on.") { bench in
            try bench.arm(3)
            return try bench.withKey { key in
                try bench.withSession { session, _ in
                    try bench.spend(in: session)
                    let kept = Authorization(session: session, attributes: [.continueSession])
                    try bench.takes("the evaluation", .ecdhZGen(key, .someone), kept)
                    try bench.refuses("a second evaluation", .ecdhZGen(key, .someone), kept)
                    try bench.chip.run(.policyCommandCode(session, .ecdhZGen))
                    try bench.refuses("one after the command code again", .ecdhZGen(key, .someone), kept)
                }
                try bench.expect(count: 1, after: "after one evaluation")
                return "the second use of the session was refused"
            }
        },
        ChipProperty(
            "context-loads-once",
            "A session saved after its guess was spent loads once: a copy of it is not another guess."
        ) { bench in
            try bench.arm(3)
            return try bench.withKey { key in
                try bench.withSession { session, _ in
                    try bench.spend(in: session)
                    let context = try bench.chip.run(.contextSave(session)).parameters
                    try bench.chip.run(.contextLoad(context))
                    try bench.refuses("loading the session again", .contextLoad(context))
                    try bench.takes("the evaluation", .ecdhZGen(key, .someone), .policy(session))
                    try bench.refuses("loading the session after its use", .contextLoad(context))
                }
                try bench.expect(count: 1, after: "after one evaluation")
                return "the same context was refused twice"
            }
        },
        ChipProperty("trial-gives-nothing", "A trial session spends a guess like any other, and evaluates nothing.") {
            bench in
            try bench.arm(3)
            return try bench.withKey { key in
                try bench.withSession(.trial) { session, _ in
                    try bench.spend(in: session)
                    try bench.refuses("an evaluation by a trial session", .ecdhZGen(key, .someone), .policy(session))
                }
                try bench.expect(count: 1, after: "after a trial session's PolicyNV")
                return "counted, and refused"
            }
        },
        ChipProperty(
            "reads-uncounted",
            "Reading or certifying the slot through its policy is not counted (errata of 2019); counted, showing a person"
                + " the count would use it up."
        ) { bench in try readsUncounted(bench) },
    ]

    private static func readsUncounted(_ bench: Workbench) throws -> String {
        try bench.arm(2)
        for _ in 0..<3 { try bench.expect(count: 0, ceiling: 2, after: "after reads by the policy") }
        let canCertify = bench.has(.nvCertify)
        if canCertify {
            let certify = Command.nvCertifyUnsigned(bench.written)
            for _ in 0..<2 {
                try bench.withSession { session, _ in
                    try bench.chip.satisfy(bench.slot.policy, for: .nvCertify, in: session)
                    try bench.chip.run(certify, authorizedBy: .password(), .policy(session))
                }
            }
            try bench.expect(count: 0, after: "after certificates by the policy")
        }
        // By the authValue it is an authorization like any other.
        try bench.takes(
            "a read by the slot's authValue", .nvRead(bench.written, authority: bench.written, size: 8), .password())
        try bench.expect(count: 1, after: "after one read by the slot's authValue")
        for _ in 0..<1 { try bench.evaluate() }
        try bench.expect(count: 2, after: "at the ceiling")
        return canCertify
            ? "reads and certificates by the policy are not counted, a read by the authValue is"
            : "reads by the policy are not counted, one by the authValue is; the chip does not certify indexes"
    }
}

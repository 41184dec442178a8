import Crypto
import Foundation
import Secrets
import TPM
import TPMDevice

extension ChipProperty {
    /// Only a fresh signature of the limit key writes the slot, and only what it was made for.
    static let writing = [
        ChipProperty(
            "limit-key-alone-writes",
            "Neither the owner, nor the slot's authValue, nor another key's signature writes the slot."
        ) { bench in
            try bench.arm(9)
            let write = bench.slot.command(.ceiling(99))
            let increment = Command.nvIncrement(bench.written, authority: bench.written)
            try bench.refuses(
                "the owner's write", .nvWrite(bench.written, authority: .init(.owner), [0, 0, 0, 99], offset: 4),
                bench.chip.owner)
            try bench.expect(count: 0, ceiling: 9, after: "after the owner's write")
            try bench.refuses("a write by the authValue", write, .password())
            try bench.refuses("NV_Increment", increment, .password())
            for branch: CommandCode in [.nvRead, .nvCertify] {
                try bench.withSession { session, _ in
                    try bench.chip.satisfy(bench.slot.policy, for: branch, in: session)
                    try bench.refuses("a write by the \(branch) branch", write, .policy(session))
                }
            }
            try bench.withSession { session, nonceTPM in
                let forged = try bench.evidence(.ceiling(99), nonceTPM: nonceTPM, by: bench.throwaway.openKey)
                try bench.refusesSignature("another key's signature", forged, in: session)
            }
            guard try bench.count().ceiling == 9 else { throw Broken("the ceiling was written all the same") }
            return "owner, authValue, both branches and another key were refused"
        },
        ChipProperty(
            "writes-not-interchangeable",
            "A signed first write serves as no ceiling, a signed ceiling as no first write, and neither for other bytes; otherwise a"
                + " refund would refill."
        ) { bench in
            try bench.arm(nil)
            try bench.writes(
                .first(limit: 3),
                andNot: [
                    bench.slot.command(.first(limit: 4)), bench.slot.command(.ceiling(3)), bench.slot.command(.burn),
                    .nvWrite(bench.unwritten, [0, 0, 0, 3], offset: 4),
                ])
            try bench.evaluate()
            try bench.writes(
                .ceiling(4),
                andNot: [
                    bench.slot.command(.ceiling(5)), bench.slot.command(.first(limit: 4)), bench.slot.command(.burn),
                    .nvWrite(bench.written, [0, 0, 0, 4], offset: 0),
                    .nvWrite(bench.written, [0, 0, 0, 0, 0, 0, 0, 4], offset: 0),
                ])
            try bench.expect(count: 1, ceiling: 4, after: "after a first write and a ceiling")
            // A first write that was signed before, on the slot that is written now.
            try bench.withSession { session, nonceTPM in
                try bench.satisfy(.first(limit: 9), in: session, nonceTPM: nonceTPM)
                try bench.refuses(
                    "a first write of a written slot", bench.slot.command(.first(limit: 9)), .policy(session))
            }
            try bench.expect(count: 1, ceiling: 4, after: "after a first write of the written slot")
            return "each wrote what it was signed for, once, and nothing else"
        },
        ChipProperty(
            "signature-for-one-session",
            "A signature serves in the session whose nonce it covers and in no other; an old one would raise the ceiling for ever."
        ) { bench in
            try bench.arm(3)
            var old: Evidence?
            try bench.withSession { session, nonceTPM in
                let evidence = try bench.evidence(.ceiling(9), nonceTPM: nonceTPM)
                try bench.chip.satisfy(bench.slot.policy, for: .nvWrite, in: session, evidence: evidence)
                old = evidence
            }
            guard let old else { throw NotTestable("there was no session") }
            try bench.withSession { session, _ in
                try bench.refusesSignature("a signature over another session's nonce", old, in: session)
            }
            try bench.expect(count: 0, ceiling: 3, after: "after an old signature")
            return "another session's signature was refused"
        },
        ChipProperty(
            "signature-expires",
            "An authorization that was signed for a time ends with it: a raise that is held back does not keep."
        ) { bench in try signatureExpires(bench) },
        ChipProperty(
            "burn-stays", "After a burn no guess is left, whatever ceiling comes later: the count is never lowered."
        ) { bench in
            try bench.arm(3)
            try bench.evaluate()
            try bench.write(.burn)
            try bench.expect(count: .max, ceiling: 0, after: "after the burn")
            try bench.write(.ceiling(.max))
            try bench.withSession { session, _ in
                try bench.refuses("a guess after the burn", bench.policyNV(session), .password())
            }
            try bench.expect(count: .max, ceiling: .max, after: "after a raise that came later")
            return "refused at the highest ceiling there is"
        },
        ChipProperty(
            "device-session",
            "In a session salted to the chip's key the device alone knows the HMAC: what a courier alters is refused, the chip's own"
                + " answers verify."
        ) { bench in try deviceSession(bench) },
    ]

    private static func signatureExpires(_ bench: Workbench) throws -> String {
        try bench.arm(3)
        let write = bench.slot.command(.ceiling(9))
        let reference = bench.throwaway.authority.slotReference
        let key = bench.throwaway.authority.publicArea(bench.slot.limitKey)
        let expiration: Int32 = 1
        return try bench.withSession { session, nonceTPM in
            let message =
                nonceTPM + Writer.bytes { $0.integer(UInt32(bitPattern: expiration)) } + write.cpHash() + reference
            let raw = try bench.throwaway.limitKey.signature(for: SHA256.hash(data: message)).rawRepresentation
            let signature = try Signature(p1363: Array(raw))
            let chip = bench.chip
            try chip.withTransient(.loadExternal(key)) { (handle) throws(ChipError) in
                _ = try chip.run(
                    .policySigned(
                        session, key: .init(handle, key.name), nonceTPM: nonceTPM, cpHash: write.cpHash(),
                        reference: reference, expiration: expiration, signature: signature))
            }
            for step in (bench.slot.policy.path(to: .nvWrite) ?? []).dropFirst() {
                if case .commandCode(let code) = step { try chip.run(.policyCommandCode(session, code)) }
                if case .or(let branches) = step { try chip.run(.policyOR(session, branches.map { $0.digest() })) }
            }
            Thread.sleep(forTimeInterval: Double(expiration) + 0.3)
            try bench.refuses("a write after its time", write, .policy(session))
            try bench.expect(count: 0, ceiling: 3, after: "after a write that came too late")
            return "refused after \(expiration) second"
        }
    }

    private static func deviceSession(_ bench: Workbench) throws -> String {
        try bench.arm(3)
        let objects = try bench.objects()
        let salt = try Salt(for: objects.parentArea)
        let nonceCaller = SecretBytes(random: 32).published
        let started = try bench.chip.start(
            .startAuthSession(
                .policy, saltedTo: objects.parent, encryptedSalt: salt.encrypted, nonceCaller: nonceCaller,
                parameterEncryption: true))
        defer { try? bench.chip.flush(started.handle) }
        var device = try DeviceSession(salt: salt.secret, nonceCaller: nonceCaller, nonceTPM: started.nonceTPM)
        func open(_ response: Response, _ command: Command, _ attributes: SessionAttributes) throws -> [UInt8] {
            guard let answer = response.sessions.last else { throw Broken("an answer had no HMAC") }
            do {
                return try device.open(
                    answer, parameters: response.parameters, to: command, attributes: attributes)
            } catch {
                throw Broken("the HMAC of the answer to \(command.code) is not the chip's")
            }
        }
        // The answer is encrypted for the device, and proves the nonce.
        let random = Command.getRandom(16)
        let asked: SessionAttributes = [.continueSession, .encrypt]
        let proof = device.authorize(random, attributes: asked).authorization(in: started.handle)
        _ = try open(try bench.chip.run(random, authorizedBy: proof), random, asked)

        try bench.satisfy(.ceiling(4), in: started.handle, nonceTPM: device.nonceTPM)
        let write = bench.slot.command(.ceiling(4))
        let authorization = device.authorize(write, attributes: []).authorization(in: started.handle)
        var wrong = authorization.hmac
        wrong[0] ^= 1
        try bench.refuses(
            "a write without the device's HMAC", write,
            Authorization(
                session: started.handle, nonceCaller: authorization.nonceCaller, attributes: [], hmac: wrong),
            with: [0x08E, 0x0A2])
        try bench.refuses("a write of other bytes under it", bench.slot.command(.ceiling(5)), authorization)
        let response = try bench.chip.run(write, authorizedBy: authorization)
        _ = try open(response, write, [])
        try bench.expect(count: 0, ceiling: 4, after: "after the device's write")
        return "altered commands were refused, and the chip's answers verify"
    }
}

extension Workbench {
    /// PolicySigned must refuse the signature.
    func refusesSignature(_ what: String, _ evidence: Evidence, in session: Handle) throws {
        do throws(ChipError) {
            try chip.satisfy(slot.policy, for: .nvWrite, in: session, evidence: evidence)
        } catch {
            if case .refused(.policySigned, _) = error { return }
            guard error.responseCode != nil else { throw error }
        }
        throw ChipProperty.Broken("\(what) was not refused")
    }

    /// A signature for `write` must refuse all of `others`, then serve for `write`, once.
    func writes(_ write: SlotProfile.Write, andNot others: [Command]) throws {
        try withSession { session, nonceTPM in
            try satisfy(write, in: session, nonceTPM: nonceTPM)
            let kept = Authorization(session: session, attributes: [.continueSession])
            for other in others { try refuses("a write other than the signed one", other, kept) }
            try takes("the signed write", slot.command(write), kept)
            try refuses("the signed write, again", slot.command(write), kept)
        }
    }
}

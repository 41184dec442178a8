import TPM
import TPMDevice

extension ChipProperty {
    /// Nothing but a counted use of the slot leads to an evaluation.
    static let authorizing = [
        ChipProperty(
            "slot-alone-authorizes",
            "PolicyNV on the slot is authorized by the slot's counted authValue, not by the owner and not by the branches that"
                + " read uncounted."
        ) { bench in
            try bench.arm(3)
            try bench.withSession { session, _ in
                try bench.refuses(
                    "PolicyNV by the owner", bench.policyNV(session, authority: .init(.owner)), bench.chip.owner)
                for branch: CommandCode in [.nvRead, .nvCertify] {
                    try bench.withSession { reading, _ in
                        try bench.chip.satisfy(bench.slot.policy, for: branch, in: reading)
                        try bench.refuses(
                            "PolicyNV by the \(branch) branch", bench.policyNV(session), .policy(reading),
                            with: Refusal.unauthorized)
                    }
                }
                try bench.withSession { empty, _ in
                    try bench.refuses(
                        "PolicyNV by an empty policy", bench.policyNV(session), .policy(empty),
                        with: Refusal.unauthorized)
                }
                try bench.expect(count: 0, after: "after PolicyNV was refused")
                try bench.takes("PolicyNV by the slot's authValue", bench.policyNV(session), .password())
            }
            try bench.expect(count: 1, after: "after PolicyNV by the slot")
            return "owner, both branches and an empty policy were refused"
        },
        ChipProperty(
            "key-wants-a-guess",
            "The evaluation key does nothing without its whole policy: not by its authValue, not by half of it."
        ) { bench in
            try bench.arm(3)
            return try bench.withKey { key in
                let evaluate = Command.ecdhZGen(key, .someone)
                try bench.refuses("an evaluation without an authorization", evaluate, with: Refusal.unauthorized)
                try bench.refuses("an evaluation by password", evaluate, .password(), with: Refusal.unauthorized)
                try bench.withSession { session, _ in
                    try bench.refuses(
                        "an evaluation by an empty policy", evaluate, .policy(session), with: Refusal.unauthorized)
                }
                try bench.withSession { session, _ in
                    try bench.chip.run(.policyCommandCode(session, .ecdhZGen))
                    try bench.refuses(
                        "an evaluation by the command code alone", evaluate, .policy(session),
                        with: Refusal.unauthorized)
                }
                try bench.expect(count: 0, after: "after evaluations that were refused")
                return "refused in four ways"
            }
        },
        ChipProperty(
            "guess-is-for-zgen",
            "A spent guess authorizes ECDH_ZGen and no other command: ZGen_2Phase would multiply as well,"
                + " Duplicate would give the key away."
        ) { bench in try guessIsForZGen(bench) },
        ChipProperty(
            "name-covers-attributes",
            "An index at the slot's handle with other attributes, which its owner could refill, does not serve the evaluation key."
        ) { bench in
            try bench.removeSlot()
            var area = bench.throwaway.ownerWritable
            try bench.chip.run(.nvDefineSpace(area), authorizedBy: bench.chip.owner)
            try bench.takes(
                "the owner's write",
                .nvWrite(.init(area.index, area.name), authority: .init(.owner), [0, 0, 0, 0, 0, 0, 0, 9], offset: 0),
                bench.chip.owner)
            area.attributes.insert(.written)
            let own = Command.Entity(area.index, area.name)
            return try bench.withKey { key in
                try bench.withSession { session, _ in
                    try bench.takes(
                        "PolicyNV by the other index",
                        .policyNV(
                            session, authority: own, index: own, operand: [0], offset: 0,
                            operation: .unsignedGreaterOrEqual), .password())
                    try bench.chip.run(.policyCommandCode(session, .ecdhZGen))
                    try bench.refuses(
                        "an evaluation by another index's guess", .ecdhZGen(key, .someone), .policy(session),
                        with: Refusal.unauthorized)
                }
                return "an index that the owner may write was not taken for the slot"
            }
        },
    ]

    private static func guessIsForZGen(_ bench: Workbench) throws -> String {
        try bench.arm(6)
        let parent = try bench.objects().parent
        return try bench.withKey { key in
            var attacks: [Command] = []
            if bench.has(.zGen2Phase), bench.has(.ecEphemeral) {
                let counter = try bench.chip.run(.ecEphemeral).parameters.suffix(2)
                attacks.append(
                    .zGen2Phase(key, .someone, counter: counter.reduce(UInt16(0)) { $0 << 8 | UInt16($1) }))
            }
            if bench.has(.duplicate) { attacks.append(.duplicate(key)) }
            if bench.has(.objectChangeAuth) { attacks.append(.objectChangeAuth(key, under: parent)) }
            for attack in attacks {
                try bench.withSession { session, _ in
                    try bench.spend(in: session)
                    try bench.refuses(
                        "\(attack.code) by a spent guess", attack, .policy(session), with: Refusal.unauthorized)
                    // The session is as good as before for what it is for: what was refused was the command.
                    try bench.takes("the evaluation", .ecdhZGen(key, .someone), .policy(session))
                }
            }
            guard !attacks.isEmpty else { throw NotTestable("the chip has none of the other commands") }
            return attacks.map(\.code.description).joined(separator: ", ") + " refused"
        }
    }
}

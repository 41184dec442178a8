import TPM
import TPMDevice

extension ChipProperty {
    /// Who defines the slot again cannot refill it.
    static let redefining = [
        ChipProperty(
            "name-tells-written",
            "The slot's Name is computed as software does it, and changes with the first write: so a key can want"
                + " the written slot alone."
        ) { bench in
            try bench.arm(nil)
            let before = try bench.nvName()
            guard before == bench.unwritten.name else { throw Broken("the unwritten slot's Name is \(before)") }
            try bench.write(.first(limit: 2))
            let after = try bench.nvName()
            guard after == bench.written.name else { throw Broken("the written slot's Name is \(after)") }
            guard try bench.chip.nvPublic(of: bench.slot.handle) == bench.slot.publicArea(written: true) else {
                throw Broken("the slot's public area is not the one it was defined with")
            }
            return "both Names are the computed ones"
        },
        ChipProperty(
            "redefined-is-unwritten",
            "A slot that its owner destroys and defines again is unwritten and serves nobody, until the limit key signs anew."
        ) { bench in
            try bench.arm(2)
            try bench.evaluate()
            try bench.chip.run(.nvUndefineSpace(bench.written), authorizedBy: bench.chip.owner)
            let area = bench.slot.publicArea(written: false)
            try bench.chip.run(.nvDefineSpace(area), authorizedBy: bench.chip.owner)
            guard try bench.chip.nvPublic(of: area.index) == area else { throw Broken("it is not unwritten") }
            // By either Name: a password covers none.
            for slot in [bench.unwritten, bench.written] {
                try bench.withSession { session, _ in
                    try bench.refuses(
                        "a guess at the unwritten slot",
                        .policyNV(
                            session, authority: slot, index: slot, operand: [0], offset: 0,
                            operation: .unsignedGreaterOrEqual), .password())
                }
                try bench.refuses(
                    "a read of the unwritten slot", .nvRead(slot, authority: slot, size: 8), .password())
            }
            try bench.write(.first(limit: 2))
            try bench.expect(count: 0, ceiling: 2, after: "after a first write that the limit key signed")
            return "unwritten, and refused until the limit key signed"
        },
        ChipProperty(
            "authvalue-fixed", "Nobody changes the slot's authValue or takes the slot away by its own policy."
        ) { bench in
            guard bench.has(.nvChangeAuth) else { return "the chip has no NV_ChangeAuth" }
            try bench.arm(3)
            let change = Command.nvChangeAuth(bench.written)
            try bench.refuses("NV_ChangeAuth by password", change, .password(), with: Refusal.unauthorized)
            for branch: CommandCode in [.nvRead, .nvCertify] {
                try bench.withSession { session, _ in
                    try bench.chip.satisfy(bench.slot.policy, for: branch, in: session)
                    try bench.refuses(
                        "NV_ChangeAuth by the \(branch) branch", change, .policy(session),
                        with: Refusal.unauthorized)
                }
            }
            try bench.withSession { session, _ in
                try bench.chip.run(.policyCommandCode(session, .nvChangeAuth))
                try bench.refuses(
                    "NV_ChangeAuth by its command code", change, .policy(session), with: Refusal.unauthorized)
            }
            return "NV_ChangeAuth was refused in four ways"
        },
    ]
}

extension Workbench {
    /// The slot's Name as the chip states it.
    func nvName() throws -> Name {
        let response = try chip.run(.nvReadPublic(slot.handle))
        return try chip.parse(response, to: .nvReadPublic) { (reader: inout Reader) throws(WireError) in
            _ = try NVPublic(tpm2b: &reader)
            return try Name(parsing: try reader.sized(limit: 66))
        }
    }
}

import TPM
import TPMDevice

extension ChipProperty {
    /// A count that was made stays.
    static let enduring = [
        ChipProperty(
            "answered-is-counted",
            "Each evaluation that is answered is counted by exactly one, also many in a row. (A chip that ignores an error of"
                + " its memory would evaluate uncounted, and no policy prevents that.)"
        ) { bench in try answeredIsCounted(bench) },
        ChipProperty(
            "count-kept", "The count is in the chip and not in the connection: it is the same on the next one."
        ) { bench in
            try bench.arm(2)
            try bench.evaluate()
            try bench.evaluate()
            try bench.reopen()
            try bench.expect(count: 2, ceiling: 2, after: "on another connection")
            try bench.withSession { session, _ in
                try bench.refuses("a guess above the ceiling", bench.policyNV(session), .password())
            }
            return "2 of 2, and no other, on the next connection"
        },
        ChipProperty(
            "count-survives-restart", "The count is the same after the chip was restarted."
        ) { _ in
            throw NotTestable("run selftest --before-reboot, restart the machine, run selftest --after-reboot")
        },
    ]

    private static func answeredIsCounted(_ bench: Workbench) throws -> String {
        let rounds = UInt32(bench.stress)
        try bench.arm(rounds + 1)
        var answered: UInt32 = 0
        var refused: [ResponseCode: Int] = [:]
        try bench.withKey { key in
            for _ in 0..<rounds {
                let before = try bench.count().count
                let code = try bench.withSession { session, _ -> ResponseCode in
                    let spent = try bench.chip.answer(to: bench.policyNV(session), authorizedBy: .password())
                    guard spent.isSuccess else { return spent }
                    try bench.chip.run(.policyCommandCode(session, .ecdhZGen))
                    return try bench.chip.answer(to: .ecdhZGen(key, .someone), authorizedBy: .policy(session))
                }
                let after = try bench.count().count
                if code.isSuccess {
                    answered += 1
                    guard after == before + 1 else {
                        throw Broken("an evaluation was answered, and the count went from \(before) to \(after)")
                    }
                } else {
                    refused[code, default: 0] += 1
                    // A guess that was spent and gave nothing is lost, which is safe; one given back is not.
                    guard after == before || after == before + 1 else {
                        throw Broken("a refused evaluation took the count from \(before) to \(after)")
                    }
                }
            }
        }
        guard answered > 0 else {
            throw Broken("no evaluation was answered: " + refused.keys.map(\.description).joined(separator: ", "))
        }
        let refusals = refused.map { "\($0.value) refused with \($0.key)" }.sorted()
        return (["\(answered) answered and counted"] + refusals).joined(separator: ", ")
            + "; that its memory could not be written did not occur"
    }
}

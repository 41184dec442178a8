import Testing

@testable import Varlink

@Suite struct ArrivalPaceTests {
    private let start = ContinuousClock.now

    @Test("an address may come so many times at once, then so many times a second, and others are not held back by it")
    func pace() {
        var pace = ArrivalPace(burst: 3, perSecond: 2)
        // Those that were not let in cost nothing: the eighth is there half a second after the third.
        let attempts: [(UInt8, Int, Bool)] = [
            (1, 0, true), (1, 0, true), (1, 0, true), (1, 0, false), (1, 0, false), (2, 0, true), (1, 499, false),
            (1, 500, true), (1, 501, false), (1, 3_600_000, true), (1, 3_600_000, true), (1, 3_600_000, true),
            (1, 3_600_000, false),
        ]
        for (number, (address, milliseconds, expected)) in attempts.enumerated() {
            let isAdmitted = pace.admits([address], at: start + .milliseconds(milliseconds))
            #expect(isAdmitted == expected, "attempt \(number)")
        }
    }

    @Test("a crowd of addresses takes no more memory than is set aside, and the first ones stay held back")
    func crowd() {
        var pace = ArrivalPace(burst: 1, perSecond: 1)
        let addresses = (0..<6000).map { number in [UInt8(number >> 8), UInt8(number & 255)] }
        let admitted = addresses.count { pace.admits($0, at: start) }
        #expect(admitted == addresses.count)
        #expect(pace.remembered == 4096)
        let isFirstAdmitted = pace.admits(addresses[0], at: start)
        #expect(!isFirstAdmitted)
        // A second later all is made up for, and newcomers take the places of those who are forgotten.
        let isLastAdmitted = pace.admits(addresses[5999], at: start + .seconds(1))
        #expect(isLastAdmitted && pace.remembered == 1)
    }
}

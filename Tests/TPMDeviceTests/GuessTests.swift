import TPM
import TestSupport
import Testing

@Suite("The chip counts")
struct GuessTests {
    @Test(
        "exactly `limit` evaluations, the next refused, also after a power cut", arguments: [1, 2, 10, 25] as [UInt32])
    func exactlyLimit(limit: UInt32) async throws {
        // Under either kind of parent; a transient one does not outlive a restart.
        let parent: EnrolledChip.ParentKind = limit == 2 ? .transient : .persistent
        try await withEnrolledChip(limit: limit, parent: parent) { enrolled in
            #expect(try enrolled.count() == SlotCount(count: 0, ceiling: limit))
            for spent in 1...limit {
                let point = P256Point.someone
                #expect(try enrolled.evaluate(point) == enrolled.expected(point))
                #expect(try enrolled.count() == SlotCount(count: spent, ceiling: limit))
            }
            for _ in 0..<3 { #expect(try enrolled.evaluationCode() == .authUnavailable) }
            guard parent == .persistent else { return }
            try await enrolled.courier.restart()
            #expect(try enrolled.evaluationCode() == .authUnavailable)
            try await enrolled.courier.stopAndStart()
            #expect(try enrolled.evaluationCode() == .authUnavailable)
            #expect(try enrolled.count() == SlotCount(count: limit, ceiling: limit))
        }
    }

    @Test("a bundle opens with the open key's signature, and reading and opening are not counted")
    func uncounted() async throws {
        try await withEnrolledChip { enrolled in
            for _ in 0..<3 {
                let opened = try enrolled.unseal()
                #expect(opened == enrolled.bundleContent)
                #expect(try enrolled.count() == SlotCount(count: 0, ceiling: 10))
            }
        }
    }
}

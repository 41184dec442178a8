import DeviceTestSupport
import OPRF
import Testing
import VaultAPI

@testable import VaultClient

/// The attack: 1. whoever runs the hosts of more vaults than are needed has as many chips evaluate as are needed; 2. what the
/// others' chips would answer follows from that, so they need not count; 3. the device signs a ceiling for each right answer, and
/// every recovery of the person's is a guess for the hosts.
@Suite(.timeLimit(.minutes(5))) struct ForgedAnswerTests {
    @Test(
        "hosts that work a vault's answer out from the others' get no ceiling for it, however often the person recovers"
    )
    func forged() async throws {
        try await Sites.with { sites in
            let alice = try Account("alice")
            let key = try await sites.enroll(alice, "correct horse").key()
            // An honest recovery, whose proofs serve no other one.
            _ = try await sites.recover(alice, "correct horse")
            let earlier = try sites.couriers[2].calls(of: Evaluate.name).last?.reply?.decode(Evaluate.Reply.self).proof
            #expect(earlier != nil)
            let before = try await sites.counts(alice)
            for proof in [Proof.none, .anotherVaults, .this(earlier)] {
                sites.begin()
                let honest = Array(sites.couriers.prefix(2))
                sites.couriers[2].begin { call in
                    guard call.method == Evaluate.name else { return .carry }
                    guard let forged = try? await Self.answer(3, from: honest, proof) else { return .loseCall }
                    return .answer(forged)
                }
                let recovered = try #require(try await sites.recover(alice, "correct horse").recovered)
                #expect(recovered.key.key.bytes.published == key)
                #expect(recovered.refunds.map(\.address) == honest.map(\.address))
                let trouble = recovered.troubles.first { $0.address == sites.couriers[2].address }
                #expect(trouble?.error.reason == .evaluationNotProven)
                #expect(sites.couriers[2].calls(of: WriteSlot.name).isEmpty)
            }
            let after = try await sites.counts(alice)
            #expect(after[2] == before[2])
            for number in 0..<2 { #expect(after[number].guessesLeft == before[number].guessesLeft) }
        }
    }

    /// What the hosts show for a proof.
    private enum Proof: Sendable {
        case none
        case anotherVaults
        case this(CarriedReply?)
    }

    /// What the share at `x` gives, by what the vaults with the shares at 1 and 2 have answered.
    private static func answer(_ x: Int, from others: [HostileCourier], _ proof: Proof) async throws -> JSONValue {
        while !others.allSatisfy({ $0.calls(of: Evaluate.name).last?.reply != nil }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        let samples = try others.enumerated().map { index, courier in
            let reply = try courier.calls(of: Evaluate.name).last?.reply?.decode(Evaluate.Reply.self)
            return Interpolation.Sample(x: index + 1, element: try Element(sec1: reply?.evaluated.bytes ?? []))
        }
        guard let element = try Interpolation.element(at: x, through: samples) else { throw Missing() }
        let shown: CarriedReply? =
            switch proof {
            case .none: nil
            case .anotherVaults: try others[0].calls(of: Evaluate.name).last?.reply?.decode(Evaluate.Reply.self).proof
            case .this(let one): one
            }
        return try JSONValue(Evaluate.Reply(evaluated: Bytes(element.sec1), guessesLeft: 5, proof: shown))
    }
}

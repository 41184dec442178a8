import TestSupport
import Testing
import VaultTestSupport
import VaultAPI

@testable import Vault

@Suite("An account is its bytes")
struct AccountTests {
    /// The same text to a person and to Swift's strings: é as one scalar, and as e with an accent.
    static let spellings = ["Jos\u{E9}", "Jose\u{301}"]

    @Test("two spellings that Unicode calls equal are two accounts")
    func twoSpellings() throws {
        try #require(Self.spellings[0] == Self.spellings[1])
        let accounts = try Self.spellings.map { try Account($0) }
        #expect(accounts[0] != accounts[1])
        #expect(Set(accounts).count == 2)
    }

    @Test("somebody vouched for as another spelling can neither spend nor forget an account's enrollment")
    func ownership() async throws {
        let (victim, other) = (try Account(Self.spellings[0]), try Account(Self.spellings[1]))
        try await ServedVault.with { served in
            let slot = try await served.whileStopped { try ArmedSlot(of: victim, on: served, state: .live) }
            let client = try await served.connect()
            let evaluate = Evaluate(
                account: other, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded)
            #expect(await client.fault(of: evaluate)?.name == VaultFault.unknownAccount.wireName)
            let forget = Forget(account: other, enrollment: slot.enrollment, unburnt: true)
            #expect(await client.fault(of: forget)?.name == VaultFault.unknownAccount.wireName)
            // The victim's own spelling finds it untouched.
            let reply = try await client.ask(
                Evaluate(account: victim, enrollment: slot.enrollment, blinded: PaperDevice.someBlinded))
            #expect(reply.guessesLeft == PaperDevice.limit - 1)
        }
    }
}

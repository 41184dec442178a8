import Foundation
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// A recovery by a device that has no line of ours: Python, on the public library `varlink`, written from the docs.
@Suite struct PythonRecoveryTests {
    /// Runs Tests/Python/recover.py with the password on standard input: exit code and what it printed.
    static func recover(_ account: Account, _ typed: String, at world: World) async throws -> (
        code: Int32, said: String
    ) {
        let folder = world.served.chip.folder
        let script = TestPython.scripts().appending(path: "recover.py").path
        let process = try await ChildProcess.spawn(
            ["sh", "-c", #"printf %s "$PASSWORD" | "$0" "$@""#, try TestPython.interpreter(), script]
                + ["unix:\(world.served.socket)", account.id],
            environment: ["PASSWORD": typed, "PYTHONDONTWRITEBYTECODE": "1"], in: folder, output: "python.out",
            errors: "python.err")
        let code = await process.status()
        let said = try ["python.out", "python.err"].map {
            try String(contentsOf: folder.appending(path: $0), encoding: .utf8)
        }
        return (code, said.joined().trimmingCharacters(in: .whitespacesAndNewlines))
    }

    @Test(
        "Python gets the backup key back with the password, spends guesses with wrong ones, and is locked out like anyone"
    )
    func recovery() async throws {
        try await World.with { world in
            let alice = try account("käthe")
            let typed = "naïve Pferd 🐴"
            let key = try await world.enroll(alice, typed, limit: 3).key()

            let right = try await Self.recover(alice, typed, at: world)
            #expect(right.code == 0 && right.said == key.hexadecimal, "\(right.said)")
            // It takes no guess back, so the one stays spent.
            #expect(try await world.independentCount(alice) == SlotCount(count: 2, ceiling: 4))

            for count in 3...4 as ClosedRange<UInt32> {
                let wrong = try await Self.recover(alice, "wrong horse", at: world)
                #expect(wrong.code == 2 && wrong.said.isEmpty, "\(wrong.said)")
                #expect(try await world.independentCount(alice) == SlotCount(count: count, ceiling: 4))
            }
            #expect(try await Self.recover(alice, typed, at: world).code == 3)
        }
    }
}

import Foundation
import Logging
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultTestSupport
import VaultAPI

@testable import Vault

@Suite("A vault and its own chip")
struct OwnChipTests {
    @Test("a home that is being served is not provisioned again")
    func provision() async throws {
        try await ServedVault.with { served in
            // A session of the vault's, which provisioning would flush.
            let lock = try HomeLock(home: served.home)
            let chip = try Chip(tcti: served.chip.tcti)
            let session = try chip.startSession(.policy)
            #expect(throws: HomeError.inUse(served.home)) {
                try Provision(tcti: served.chip.tcti, ownerAuthorization: []) { _ in }
                    .run(home: served.home, endorsement: nil, measureCapacity: false, allowEmulated: true)
            }
            // Beside the one that the vault keeps for itself.
            #expect(try chip.handles(from: 0x0200_0000).contains(session.handle))
            try chip.flush(session.handle)
            _ = consume lock
        }
    }

    @Test("what others have on another chip is left alone")
    func anotherChip() async throws {
        try await ServedVault.with { served in
            try await withSwtpm(.uncertified) { other in
                let made = try Chip(tcti: other.tcti).run(
                    .createPrimary(ParentProfile.template, in: .owner), authorizedBy: .password())
                let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                await #expect(throws: VaultError.anotherChip) {
                    try await Vault.open(home: served.home, tcti: other.tcti, log: log)
                }
                #expect(try Chip(tcti: other.tcti).handles(from: 0x8000_0000) == [made.handle])
            }
        }
    }
}

import TPM
import TPMDevice
import TestSupport
import Testing
import VaultTestSupport
import VaultAPI

@testable import Vault

@Suite("What stands at a slot's handle and is not the vault's")
struct ForeignIndexTests {
    /// Puts another index in the slot's place: one that no structure of the profile describes, named by SHA-1.
    static func replace(_ slot: ArmedSlot, on served: ServedVault) async throws {
        try await served.chip.tpm2("nvundefine", slot.handle.description)
        try await served.chip.tpm2(
            "nvdefine", slot.handle.description, "-s", "8", "-g", "sha1", "-a", "ownerread|ownerwrite")
    }

    @Test("does not keep the vault from starting, nor is it destroyed, and the record stays")
    func start() async throws {
        try await ServedVault.with { served in
            let (half, removing, live) = try await served.whileStopped {
                let slots = (
                    try ArmedSlot(of: Account("half"), on: served, state: .defined),
                    try ArmedSlot(of: Account("removing"), on: served, state: .removing),
                    try ArmedSlot(of: Account("live"), on: served, state: .live)
                )
                try await Self.replace(slots.0, on: served)
                try await Self.replace(slots.2, on: served)
                return slots
            }
            // The one between was reconciled all the same.
            #expect(try served.state(of: removing.enrollment) == nil)
            #expect(try served.state(of: half.enrollment) == .removing)
            #expect(try served.holds(half.handle))
            #expect(try served.state(of: live.enrollment) == .live)
        }
    }

    @Test("keeps an enrollment from being forgotten, which is said")
    func forget() async throws {
        try await ServedVault.with { served in
            let slot = try await served.whileStopped {
                let slot = try ArmedSlot(of: Account("live"), on: served, state: .live)
                try await Self.replace(slot, on: served)
                return slot
            }
            let forget = Forget(account: slot.account, enrollment: slot.enrollment, unburnt: true)
            let fault = try await served.connect().fault(of: forget)
            #expect(fault?.name == VaultFault.chipUnavailable.wireName)
            #expect(try served.state(of: slot.enrollment) == .removing)
            #expect(try served.holds(slot.handle))

            // Once the handle is free the row goes.
            try await served.chip.tpm2("nvundefine", slot.handle.description)
            _ = try await served.connect().ask(forget)
            #expect(try served.state(of: slot.enrollment) == nil)
        }
    }
}

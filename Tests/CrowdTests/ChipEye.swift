import Synchronization
import TestSupport

/// What an independent eye between vault and chip sees of a crowd.
final class ChipEye: Sendable {
    private struct State {
        var commands = 0
        var refusedForRoom: [UInt32: Int] = [:]
        var spent: [UInt32: UInt32] = [:]
    }

    private let state = Mutex(State())

    init(_ relay: ChipRelay) {
        relay.watch { [self] command, said in
            guard let said, said.count >= 10, command.count >= 10 else { return }
            note(command, ChipRelay.integer(said[6..<10]))
        }
    }

    private func note(_ command: [UInt8], _ response: UInt32) {
        state.withLock { state in
            state.commands += 1
            // TPM_RC_CONTEXT_GAP, OBJECT_MEMORY, SESSION_MEMORY, MEMORY, SESSION_HANDLES, OBJECT_HANDLES (Part 2 §6.6.3).
            if (0x901...0x906).contains(response) { state.refusedForRoom[response, default: 0] += 1 }
            // TPM2_PolicyNV: authHandle, nvIndex, policySession. Authorized by the slot it spends a guess.
            if ChipRelay.integer(command[6..<10]) == 0x149, response == 0, command.count >= 18 {
                state.spent[ChipRelay.integer(command[14..<18]), default: 0] += 1
            }
        }
    }

    /// How many commands the chip had.
    var commands: Int { state.withLock { $0.commands } }

    /// How often the chip refused for want of room for a session or an object, by TPM_RC.
    var refusedForRoom: [UInt32: Int] { state.withLock { $0.refusedForRoom } }

    /// How many guesses were spent at a slot.
    func spent(at slot: UInt32) -> UInt32 { state.withLock { $0.spent[slot] ?? 0 } }
}

extension ChipRelay {
    /// How many sessions are saved out of the chip: TPM2_GetCapability, handles from 0x03000000 (TPM_HT_SAVED_SESSION).
    func savedSessions() throws -> Int {
        let answer = try inject(hex("8001" + "00000016" + "0000017a" + "00000001" + "03000000" + "00000080"))
        guard RawTPM.responseCode(of: answer) == 0 else { throw HarnessError("GetCapability was refused") }
        // moreData 1, capability 4, count 4.
        return Int(Self.integer(answer[15..<19]))
    }
}

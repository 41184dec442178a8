import ChipWitness
import Crypto
import ProgramTestSupport
import TestSupport

/// What happens between vault and chip while a person acts.
extension Scene {
    func commandPlan(
        _ fault: Fault, _ entry: Ledger.Entry?, cutPower: @escaping @Sendable () -> Void
    ) -> ChipRelay.Plan {
        let (stage, recorder) = (stage, recorder)
        return { command in
            switch fault {
            case .killVault(command.number, let after):
                return after ? .carryThen { stage.kill() } : .carryAfter { stage.kill() }
            case .cutPower(command.number, let after): return after ? .carryThen(cutPower) : .carryAfter(cutPower)
            // TPM_RC_RETRY.
            case .refuse(command.number): return .refuse(0x922)
            case .loseAnswer(command.number): return .loseAnswer
            case .guessBefore(command.number):
                return .carryAfter { if let entry { _ = try? Operator(recorder).guess(entry) } }
            case .foreignDecrypt where command.code == 0x137: return Self.addSession(to: command, 0x20, recorder)
            case .foreignEncrypt where command.code == 0x14E: return Self.addSession(to: command, 0x40, recorder)
            case .writeOther(let other) where command.code == 0x137:
                guard let altered = other.altered(command.bytes) else { return .carry }
                return .replace(altered)
            default: return .carry
            }
        }
    }

    /// The operator adds a session, neither salted nor bound, so that it can compute its HMAC (TPM 2.0 Part 1 §19.6).
    private static func addSession(
        to command: ChipRelay.Command, _ attribute: UInt8, _ recorder: Recorder
    ) -> ChipRelay.Fate {
        guard var parsed = RawCommand(command.bytes), let index = parsed.handles.last,
            let slot = recorder.witness.slots[index], let session = try? recorder.chip.startSession(type: 0)
        else { return .carry }
        let name = slot.area.name(written: slot.model != .unwritten)
        let cpHash = SHA256.hash(data: field(parsed.code) + name + name + parsed.parameters)
        let nonceCaller = [UInt8](repeating: 0x66, count: 32)
        // The session goes on with the command, so that it does not stay behind.
        let message = Array(cpHash) + nonceCaller + session.nonceTPM + [attribute]
        let mac = HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: [UInt8]()))
        parsed.authorizations.append(
            .init(session: session.handle, nonceCaller: nonceCaller, attributes: attribute, hmac: Array(mac)))
        return .replace(parsed.bytes)
    }
}

extension Fault.OtherWrite {
    /// The NV_Write with other bytes, or by somebody else's authorization.
    func altered(_ bytes: [UInt8]) -> [UInt8]? {
        guard var command = RawCommand(bytes), !command.authorizations.isEmpty else { return nil }
        switch self {
        case .highCeiling:
            var fields = Fields(command.parameters)
            guard let data = try? fields.sized() else { return nil }
            command.parameters = sized(data.dropLast(4) + [0, 0, 0xFF, 0xFF]) + fields.rest
        case .wholeSlot: command.parameters = sized([0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) + [0, 0]
        case .withoutMAC: command.authorizations[0].hmac = []
        case .byPassword: command.authorizations = [.password]
        case .byOwner:
            command.authorizations = [.password]
            command.handles[0] = 0x4000_0001
        }
        return command.bytes
    }
}

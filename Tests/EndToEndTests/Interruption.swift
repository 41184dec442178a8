import DeviceTestSupport
import Synchronization
import VaultAPI

@testable import VaultClient

/// Where a message is lost, and the connection with it.
enum Loss: CaseIterable, Sendable {
    case call
    case reply

    var fate: HostileCourier.Fate { self == .call ? .loseCall : .loseReply }
}

extension HostileCourier {
    /// Loses message `number`; nobody answers after it when `forGood`. `atThatPoint` runs just before.
    func lose(
        _ loss: Loss, at number: Int, forGood: Bool, _ atThatPoint: @escaping @Sendable () -> Void = {}
    ) {
        begin { [self] call in
            guard call.number == number else { return .carry }
            atThatPoint()
            guard forGood else { return loss.fate }
            switch loss {
            case .call:
                die()
                return .loseCall
            case .reply: return .loseReplyAfter { [self] in die() }
            }
        }
    }

    /// The first writes that were signed, by enrollment.
    var firstWrites: [String: Set<String>] {
        var signatures: [String: Set<String>] = [:]
        for call in calls(of: WriteSlot.name) where call.parameters["write"] == .text("first") {
            signatures[call.parameters["enrollment"]?.string ?? "", default: []]
                .insert(call.parameters["signature"]?.string ?? "")
        }
        return signatures
    }

    /// The enrollment for which a slot was asked last.
    var reserved: EnrollmentID? {
        calls(of: Reserve.name).last.flatMap { try? $0.parameters["enrollment"]?.decode(EnrollmentID.self) }
    }
}

extension World {
    /// Enrolls anew as soon as the vault has noticed that the last attempt's connection is gone.
    func enrollAgain(
        _ device: inout Device, at link: VaultLink, _ typed: String, limit: UInt32 = 10
    ) async throws {
        for _ in 0..<100 {
            do {
                return try await device.enroll(at: link, password: password(typed), choice: .floor(limit: limit))
            } catch let error as VaultClientError where error.reason == .fault(.enrollmentUnderWay) {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        throw Missing.enrollment
    }
}

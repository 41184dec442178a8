import ChipWitness
import DeviceTestSupport
import Foundation
import Passwords
import Secrets
import Synchronization
import TestSupport
import VaultAPI
import VaultClient

/// What honest people do, with the device's real code, through a courier who does as the fault says.
extension Scene {
    func enroll(_ number: Int, limit: UInt32, _ fault: Fault, isChange: Bool = false) async throws -> Outcome {
        people[number].passwords += 1
        let typed = "person \(number), password \(people[number].passwords)"
        return try await act(number, .enrolling(password: typed, limit: Int(limit)), fault) { device, link in
            let choice = try EnrollmentChoice(
                limit: limit, parameters: Argon2id.Parameters(memoryKiB: 65_536, passes: 3))
            let typed = try Password(utf8: SecretBytes(copying: Array(typed.utf8).span))
            try await Self.patiently {
                if isChange {
                    return try await device.changePassword(at: link, to: typed, choice: choice, exposureKnown: true)
                }
                do {
                    let isPending = device.state.pending != nil || device.state.enrollment != nil
                    try await device.enroll(
                        at: link, password: typed, choice: choice, abandoning: isPending, exposureKnown: true)
                } catch let error as VaultClientError where error.reason == .fault(.accountExists) {
                    let other = try await device.enrollmentToReplace(at: link)
                    try await device.enroll(
                        at: link, password: typed, choice: choice, replacing: other, exposureKnown: true)
                    try await device.forgetUnburnt(other, at: link)
                }
            }
            return .done
        }
    }

    func recover(_ number: Int, mistyped: Bool, _ fault: Fault) async throws -> Outcome {
        let typed = people[number].password + (mistyped ? "!" : "")
        let home = DeviceHome(stage.desk("device-\(UUID().uuidString.prefix(8))"))
        let outcome = try await act(number, .recovering(typed: typed), fault, home: home) { device, link in
            let typed = try Password(utf8: SecretBytes(copying: Array(typed.utf8).span))
            switch try await device.recover(at: link, password: typed) {
            case .recovered: return .recovered
            case .wrongPassword: return .wrongPassword
            case .lockedOut: return .lockedOut
            }
        }
        if outcome == .recovered { people[number].recovered = home }
        return outcome
    }

    func grant(_ number: Int, _ guesses: UInt32, _ fault: Fault) async throws -> Outcome {
        try await act(number, .granting(Int(guesses)), fault) { device, link in
            _ = try await device.grant(guesses, at: link)
            return .done
        }
    }

    func forget(_ number: Int, _ fault: Fault) async throws -> Outcome {
        try await act(number, .other, fault) { device, link in
            try await device.forget(at: link)
            return .done
        }
    }

    func status(_ number: Int, _ fault: Fault) async throws -> Outcome {
        try await act(number, .other, fault) { device, link in
            _ = try await device.status(at: link)
            return .done
        }
    }

    /// Enrolls as soon as the vault has noticed that the last attempt's connection is gone.
    private static func patiently(_ body: () async throws -> Void) async throws {
        for _ in 0..<50 {
            do {
                return try await body()
            } catch let error as VaultClientError where error.reason == .fault(.enrollmentUnderWay) {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        throw HarnessError("the last attempt's connection is still there")
    }

    /// Lends the person's device and a trusted link for one act, with its fault, and keeps the books.
    private func act(
        _ number: Int, _ act: Ledger.Act, _ fault: Fault, home: DeviceHome? = nil,
        _ body: (inout Device, VaultLink) async throws -> Outcome
    ) async throws -> Outcome {
        guard !isCleared else { return .refused("the chip was cleared") }
        let courier = HostileCourier(try SocketDialer(stage.socket, replyDeadline: .seconds(60)))
        let cut = Mutex(false)
        var outcome: Outcome
        do {
            let link = try await VaultLink.open(courier, trust: trust, retryDelays: fault.isHonest ? [] : [.zero])
            courier.begin(fault.messagePlan(courier))
            recorder.relay.begin(
                commandPlan(fault, ledger.latest(of: number)) { [stage] in
                    cut.withLock { $0 = true }
                    if let process = stage.chip.processIdentifier { Glibc.kill(process, SIGKILL) }
                })
            var device = try await device(of: number, in: home)
            do {
                outcome = try await body(&device, link)
            } catch {
                outcome = .refused("\(error)")
            }
            await link.close()
        } catch {
            outcome = .refused("\(error)")
        }
        recorder.relay.begin()
        ledger.settle(courier.calls, of: number, act, recorder.witness)
        messages += courier.calls
        if fault.holdsBack { holding.append(courier) }
        try await repair(powerWasCut: cut.withLock { $0 })
        if fault == .foreignDecrypt || fault == .foreignEncrypt { try? Operator(recorder).flushLoadedSessions() }
        try await noteLive(number)
        return outcome
    }

    /// Opens a device's files. A program that another test is just starting may hold their lock for a moment, between fork and exec.
    func device(of number: Int, in home: DeviceHome? = nil) async throws -> Device {
        let last = ContinuousClock.now + .seconds(20)
        while true {
            do {
                return try Device(people[number].account, in: home ?? people[number].home)
            } catch {
                guard ContinuousClock.now < last else { throw error }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    /// What the person's device has as the live enrollment now, and the password that the person knows for it.
    func noteLive(_ number: Int) async throws {
        let device = try await device(of: number)
        people[number].live = device.state.enrollment?.recipe.enrollment.bytes
        people[number].isSettled = device.state.pending == nil && device.state.toBurn.isEmpty
        if let live = people[number].live, let entry = ledger.entries[live] {
            people[number].password = entry.password
        }
    }
}

extension Fault {
    var holdsBack: Bool { self == .holdWrites || self == .holdFirstWrite }

    /// What the courier does.
    func messagePlan(_ courier: HostileCourier) -> HostileCourier.Plan {
        let oldest = Mutex<JSONValue?>(nil)
        return { [self] call in
            switch self {
            case .loseCall(call.number): return .loseCall
            case .loseReply(call.number): return .loseReply
            case .sendTwice(call.number): return .carryTwice
            case .loseWritesReply where call.method == WriteSlot.name:
                return courier.calls(of: WriteSlot.name).count == 1 ? .loseReply : .carry
            case .holdWrites where call.method == WriteSlot.name: return .holdBack
            case .holdFirstWrite where call.method == WriteSlot.name:
                return courier.calls(of: WriteSlot.name).count == 1 ? .holdBack : .carry
            case .hideCeiling where call.method == LookUp.name: return .alter { $0.without(["ceilingRecord"]) }
            case .showOldestCeiling where call.method == LookUp.name:
                return .alter { reply in
                    let shown = oldest.withLock { kept in
                        kept = kept ?? reply["ceilingRecord"]
                        return kept ?? .null
                    }
                    return reply.setting(["ceilingRecord"], to: shown)
                }
            default: return .carry
            }
        }
    }
}

import ChipWitness
import DeviceTestSupport
import Foundation
import ProgramTestSupport
import TestSupport
import VaultAPI

/// What a program of steps showed that must not be.
struct Finding: Error, CustomStringConvertible {
    enum Kind: Equatable { case bound, alarm, model, outcome }
    let kind: Kind
    let what: String
    /// After which step, from 0; the number of steps for what came to light at the end.
    let step: Int

    var description: String { "\(kind) after step \(step): \(what)" }
}

/// What a run did, for the record.
struct Tally {
    var programs = 0
    var steps = 0
    var commands = 0
    var evaluations = 0
    var enrollments = 0
    var recoveries = 0
    /// Acts of honest people that were compared with what they were promised.
    var compared = 0
    /// Slots that were compared with the model.
    var readings = 0

    static func += (sum: inout Tally, more: Tally) {
        sum.programs += more.programs
        sum.steps += more.steps
        sum.commands += more.commands
        sum.evaluations += more.evaluations
        sum.enrollments += more.enrollments
        sum.recoveries += more.recoveries
        sum.compared += more.compared
        sum.readings += more.readings
    }
}

extension Tally: CustomStringConvertible {
    var description: String {
        "\(programs) programs, \(steps) steps, \(commands) commands to the chip, \(enrollments) enrollments,"
            + " \(recoveries) recoveries, \(evaluations) evaluations; \(compared) honest acts and \(readings) slots compared"
    }
}

/// Runs programs and judges after each step.
struct Play {
    /// A program in a world of its own, and what is found, if anything is.
    static func run(_ steps: [Step], until deadline: ContinuousClock.Instant? = nil) async throws -> (Finding?, Tally) {
        try await Scene.with { scene in
            var tally = Tally()
            tally.programs = 1
            var finding: Finding?
            do {
                for (number, step) in steps.enumerated() {
                    if let deadline, ContinuousClock.now > deadline { break }
                    try await scene.play(step, number, &tally)
                    tally.steps += 1
                }
                try await scene.greedyEnd(steps.count)
            } catch let found as Finding {
                finding = found
            }
            let witness = scene.recorder.witness
            tally.commands = witness.stream.count
            tally.evaluations = witness.evaluations.values.reduce(0) { $0 + $1.count }
            tally.enrollments = scene.ledger.order.count
            return (finding, tally)
        }
    }
}

extension Scene {
    /// One step, and the judgement on it.
    func play(_ step: Step, _ number: Int, _ tally: inout Tally) async throws {
        if let (person, operation, outcome, fault) = try await honest(step) {
            if outcome == .recovered { tally.recoveries += 1 }
            try await compare(person, operation, outcome, fault, number, &tally)
        } else {
            try await hostile(step)
        }
        try await repair()
        try judge(number, &tally)
    }

    /// At the end the operator delivers, spends and guesses everything that is left.
    func greedyEnd(_ number: Int) async throws {
        try await releaseHeld()
        let operators = Operator(recorder)
        try? operators.spend(hoard)
        for entry in ledger.all {
            try? operators.replayWrites(entry)
            try? operators.probe(entry, .branchWrites)
            try? operators.guessOn(entry, most: 60)
        }
        var tally = Tally()
        try judge(number, &tally)
    }

    // MARK: - Acts

    private func honest(_ step: Step) async throws -> (Int, AccountModel.Operation, Outcome, Fault)? {
        switch step {
        case .enroll(let person, let limit, let fault):
            (person, .enroll(limit: limit), try await enroll(person, limit: limit, fault), fault)
        case .change(let person, let limit, let fault):
            // Somebody without an enrollment on this device enrolls.
            (
                person, .enroll(limit: limit),
                try await enroll(person, limit: limit, fault, isChange: people[person].live != nil), fault
            )
        case .recover(let person, let fault):
            (person, .recover, try await recover(person, mistyped: false, fault), fault)
        case .mistype(let person, let fault):
            (person, .mistype, try await recover(person, mistyped: true, fault), fault)
        case .grant(let person, let guesses, let fault):
            (person, .grant(guesses), try await grant(person, guesses, fault), fault)
        case .forget(let person, let fault): (person, .forget, try await forget(person, fault), fault)
        case .status(let person, let fault): (person, .status, try await status(person, fault), fault)
        default: nil
        }
    }

    private func hostile(_ step: Step) async throws {
        let operators = Operator(recorder)
        func entry(_ person: Int) -> Ledger.Entry? { ledger.latest(of: person) }
        switch step {
        case .moveToRecovered(let person):
            guard let recovered = people[person].recovered else { return }
            people[person].home = recovered
            try await noteLive(person)
        case .restartVault:
            guard !isCleared else { return }
            _ = try await stage.stop()
            try await serve()
        case .killVault: stage.kill()
        case .cutPower: try await repair(powerWasCut: true)
        case .suspend: try await repair(powerWasCut: true, suspending: true)
        case .saveStore:
            let copy = stage.desk("store-\(stores.count)")
            try Self.copyStore(stage.home + "/vault.sqlite", to: copy)
            stores.append(copy)
        case .restoreStore(let number): try restoreStore(number)
        case .guessBySocket(let person): if let entry = entry(person) { try await guessBySocket(entry, as: person) }
        case .guessAsOther(let person, let other):
            if let entry = entry(other) { try await guessBySocket(entry, as: person) }
        case .replayMessage(let number):
            guard !messages.isEmpty else { return }
            let message = messages[number % messages.count]
            // These change nothing that a device relies on.
            if ![LookUp.name, Evaluate.name, StartSession.name, Prove.name].contains(message.method) {
                disturbEverybody()
            }
            guard case .object(let parameters) = message.parameters else { return }
            _ = try? await call(message.method, parameters)
        case .releaseHeld:
            guard !holding.isEmpty else { return }
            disturbEverybody()
            try await releaseHeld()
        case .hoard(let person, let count):
            if let entry = entry(person), hoard.count < 12 { hoard += (try? operators.hoard(entry, count)) ?? [] }
        case .spendHoard:
            try? operators.spend(hoard)
            hoard = []
        case .replayCommand(let number):
            let stream = recorder.witness.stream
            guard !stream.isEmpty, !stream[number % stream.count].command.isEmpty else { return }
            _ = try? recorder.relay.inject(stream[number % stream.count].command)
        case .clear:
            isCleared = true
            disturbEverybody()
            stage.kill()
            _ = try? operators.chip.code(0x126, [Operator.platform], [.password])
            for entry in ledger.all {
                _ = try? operators.chip.code(
                    0x12A, [Operator.owner], [.password], sized([]) + sized(entry.slot.bytes()))
            }
        default: try atTheChip(step, operators)
        }
    }

    private func atTheChip(_ step: Step, _ operators: Operator) throws {
        switch step {
        case .guess(let person): try attack(person) { _ = try operators.guess($0) }
        case .useTwice(let person): try attack(person) { try operators.useTwice($0) }
        case .crossSlot(let person, let other):
            try attack(person) { entry in
                if let other = ledger.latest(of: other) { try operators.cross(entry, with: other) }
            }
        case .readInsteadOfSpending(let person): try attack(person) { try operators.readInsteadOfSpending($0) }
        case .replayWrites(let person): try attack(person) { try operators.replayWrites($0) }
        case .redefine(let person, let redefinition, let back):
            people[person].model = .unsure
            try attack(person) { try operators.redefine($0, redefinition, back: back) }
        case .undefine(let person):
            people[person].model = .unsure
            try attack(person) { try operators.undefine($0.slot.handle) }
        case .probe(let person, let probe):
            if probe == .platformUndefines || probe == .undefineSpecial { people[person].model = .unsure }
            try attack(person) { try operators.probe($0, probe) }
        case .saltToKey(let person):
            try attack(person) { entry in
                guard let codes = try operators.saltToKey(entry), codes.offCurve == 0 else { return }
                throw Finding(kind: .alarm, what: "a point off the curve was multiplied", step: 0)
            }
        default: break
        }
    }

    /// An attack that the chip, or its absence, cuts short is over; a finding is not.
    private func attack(_ person: Int, _ body: (Ledger.Entry) throws -> Void) throws {
        guard let entry = ledger.latest(of: person) else { return }
        do {
            try body(entry)
        } catch let finding as Finding {
            throw finding
        } catch {}
    }

    private func restoreStore(_ number: Int) throws {
        guard !stores.isEmpty, !isCleared else { return }
        disturbEverybody()
        stage.kill()
        let store = stage.home + "/vault.sqlite"
        for part in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: store + part) }
        try Self.copyStore(stores[number % stores.count], to: store)
    }

    /// A store is a file and its write-ahead log.
    private static func copyStore(_ store: String, to copy: String) throws {
        for part in ["", "-wal"] where FileManager.default.fileExists(atPath: store + part) {
            try FileManager.default.copyItem(atPath: store + part, toPath: copy + part)
        }
    }

    private func guessBySocket(_ entry: Ledger.Entry, as person: Int) async throws {
        guard let id = ledger.order.last(where: { ledger.entries[$0]?.allowance.key == entry.allowance.key }) else {
            return
        }
        var point = Fields(Operator.point().dropFirst(2))
        let (x, y) = (try point.sized(), try point.sized())
        _ = try? await call(
            "Evaluate",
            [
                "account": .text(people[person].account.id), "enrollment": .bytes(id),
                "blinded": .bytes([2 + (y[31] & 1)] + x),
            ])
    }

    private func releaseHeld() async throws {
        for courier in holding { _ = await courier.release() }
        holding = []
    }

    private func disturbEverybody() {
        for number in people.indices { people[number].model = .unsure }
    }
}

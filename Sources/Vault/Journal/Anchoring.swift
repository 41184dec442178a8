import Foundation
import Journal
import Logging
import TPM
import TPMDevice
import VaultAPI

// The journal's head is certified with the chip's counter now and then: one write of the chip's NV memory for all the lines
// since the last time.

extension Vault {
    /// How long lines may wait before they are certified, as soon as nobody waits for the chip. A counter in flash that bears
    /// 100,000 writes bears two years of that.
    static let anchorsAfter = Duration.seconds(600)
    /// How many lines may wait, whoever waits for the chip.
    static let mostUncertified = 1024

    /// Finds the counter or makes it, goes on with an anchor that was cut off, and begins the journal of a vault that is older
    /// than journals. Without a counter the vault serves all the same: its lines are chained, and the audit says that nothing
    /// certifies them.
    func openJournal(home: String) {
        do {
            counter = try findCounter(home: home)
        } catch {
            log.error("the journal has no counter on the chip: \(error)")
        }
        do {
            if try store.lastAnchor() == nil, try store.lastLine() == nil { try beginJournal() }
            try settleLastGuesses()
            try finishAnchor()
            reportRollback()
            try anchor(evenWithoutLines: store.lastAnchor() == nil)
            try noteBeginning(home: home)
        } catch {
            log.error("the journal could not be gone on with: \(error)")
        }
    }

    private func findCounter(home: String) throws -> JournalCounter {
        if let known = configuration.journalCounter { return try JournalCounter(at: Handle(known), on: chip) }
        let handle = try JournalCounter.free(on: chip)
        // First the file, then the chip: no index stays that nobody knows of.
        var configuration = configuration
        configuration.journalCounter = handle.rawValue
        try configuration.write(home: home)
        return try JournalCounter(at: handle, on: chip)
    }

    /// 1. Somebody empties the journal's tables; 2. the vault begins anew and has it certified. So where it began is noted beside
    /// the store, once.
    private func noteBeginning(home: String) throws {
        guard let first = try store.anchors().first else { return }
        var configuration = try VaultConfiguration.read(home: home)
        guard configuration.journalBegun == nil else { return }
        configuration.journalBegun = first.count
        try configuration.write(home: home)
    }

    /// The first lines of a vault that has accounts already: what the chip counts for each.
    private func beginJournal() throws {
        for record in try store.enrollments() where [.armed, .live, .replaced].contains(record.state) {
            guard let slot = record.slotProfile(authority), let count = try? chip.read(slot) else { continue }
            try store.append(JournalEntry(.found(count), of: record, at: now()))
        }
    }

    /// A vault that was killed may have written lines of guesses and not made them: of calls that had not had their turns yet.
    private func settleLastGuesses() throws {
        for enrollment in try store.guessesSinceLastAnchor() {
            guard let record = try store.enrollment(enrollment), let slot = record.slotProfile(authority),
                let line = try store.lastLine(of: record), line.kind == .guess, let count = try? chip.read(slot)
            else { continue }
            if let entry = entry(explaining: count, record, after: line) { try store.append(entry) }
        }
    }

    /// The line to be written where the chip's count is not what the journal's last line on the enrollment says.
    nonisolated func entry(explaining count: SlotCount, _ record: EnrollmentRecord, after line: JournalLine?)
        -> JournalEntry?
    {
        // A burn is the person's, and ends counting.
        guard count.count != line?.count, !count.isBurnt else { return nil }
        if let line, line.kind == .guess, count.count == line.count &- 1 {
            return JournalEntry(.cutOff, of: record, at: now())
        }
        if line != nil {
            log.error(
                "the chip has another count for the slot \(record.handle) than the journal: used without this vault?")
        }
        return JournalEntry(.found(count), of: record, at: now())
    }

    /// Certifies the journal where lines wait and their time has come.
    func anchorWhenDue() {
        let waiting = store.uncertified
        guard waiting > 0 else { return }
        if waiting >= Self.mostUncertified || anchorsWhenIdle {
            anchorsWhenIdle = false
            try? anchor()
            return
        }
        guard !anchorsLater else { return }
        anchorsLater = true
        // A vault that is let go meanwhile has certified its lines, or was killed.
        Task { [weak self] in
            try? await Task.sleep(for: Self.anchorsAfter)
            await self?.anchorsTimeHasCome()
        }
    }

    private func anchorsTimeHasCome() {
        anchorsLater = false
        anchorsWhenIdle = true
        if turns.isIdle { anchorWhenDue() }
    }

    /// Certifies what waits; the last thing that a vault does.
    public func close() {
        try? anchor()
    }

    /// Counts one and has the head certified with that count.
    ///
    /// What is about to be certified is noted first. The attack: 1. the store is set back to before the last anchor; 2. the vault
    /// starts, finds the chip one count ahead, as if it had been killed before it could keep the certificate, and certifies the
    /// older head. With the note, that is done for the very lines that were to be certified and for no others.
    private func anchor(evenWithoutLines: Bool = false) throws {
        guard let counter else { return }
        do {
            try finishAnchor()
            let head = try store.journalHead()
            let last = try store.lastAnchor()
            guard evenWithoutLines || head.number > last?.line ?? 0 else { return }
            let count = try chip.count(of: counter.handle) ?? 0
            try store.prepareAnchor(count: count + 1, line: head.number)
            try chip.increment(counter.handle)
            try certify(count: count + 1, head, counter)
        } catch {
            log.error("the journal could not be certified: \(error)")
            throw error
        }
    }

    private func certify(count: UInt64, _ head: JournalHead, _ counter: JournalCounter) throws {
        let (attest, signature) = try chip.certifyCount(of: counter.handle, qualifyingData: head.qualifyingData)
        guard try Attest(parsing: attest).counted == count else {
            log.error("somebody else counts with the journal's counter at \(counter.handle)")
            return try store.finishAnchor(nil)
        }
        try store.finishAnchor(
            JournalAnchor(count: count, line: head.number, attest: attest, signature: signature.p1363))
    }

    /// Goes on with an anchor that was cut off, by a kill or a chip that did not answer. Nothing is counted twice for it.
    private func finishAnchor() throws {
        guard let counter, let pending = try store.pendingAnchor(),
            let head = try store.journalHead(at: pending.line)
        else { return }
        if try chip.count(of: counter.handle) ?? 0 < pending.count { try chip.increment(counter.handle) }
        try certify(count: pending.count, head, counter)
    }

    private func reportRollback() {
        guard let counter, let count = try? chip.count(of: counter.handle), let last = try? store.lastAnchor(),
            count != last.count
        else { return }
        log.error(
            "the chip's counter is at \(count) and the journal's last certificate at \(last.count): the store is an older copy, or lines were removed"
        )
    }
}

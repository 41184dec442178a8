import Logging
import TPM
import TPMDevice
import VaultAPI

// What a vault does that nobody has asked anything of for a while: it reads the counts that it will be asked for. So nobody waits for
// that who looks up what to recover with, and what was done to a slot without this vault comes to light.

extension Vault {
    /// For how long no person has asked anything before the vault rests.
    public static let restsAfter = Duration.seconds(60)

    /// Reads all of them when the vault rests for the first time, and again each day.
    func readDaily() throws {
        try readLater()
        Task { [weak self] in
            while (try? await Task.sleep(for: .seconds(86_400))) != nil, let self { try? await readLater() }
        }
    }

    /// Reads all of them when the vault rests.
    func readLater() throws {
        unread = Set(try store.enrollmentIDs())
        restLater()
    }

    /// The chip is about to be asked to change this slot: until it has, nothing is known of it.
    func willChange(_ enrollment: EnrollmentID) {
        seen[enrollment] = nil
        unread.insert(enrollment)
    }

    /// Everything was done that was asked, for now.
    func restLater() {
        guard !unread.isEmpty, !isResting else { return }
        isResting = true
        let pause = rest
        Task { [weak self] in
            var next: Duration? = pause
            while let wait = next {
                try? await Task.sleep(for: wait)
                next = await self?.readOne()
            }
        }
    }

    /// Reads a slot, if the vault has rested for long enough; gives how long to wait before the next one, and `nil` after the last.
    private func readOne() -> Duration? {
        let rested = ContinuousClock.now - servedAt
        guard rested >= rest, turns.isIdle else { return max(rest - rested, .milliseconds(100)) }
        guard let enrollment = unread.popFirst() else {
            isResting = false
            return nil
        }
        do {
            try read(enrollment)
            return .zero
        } catch {
            log.notice("the count of the enrollment \(enrollment) could not be read: \(error)")
            seen[enrollment] = nil
            // A slot that is gone is found when its person wants it. A chip or a store in trouble is asked again.
            if let error = error as? ChipError, !error.isTheChipsTrouble { return .zero }
            unread.insert(enrollment)
            return rest
        }
    }

    private func read(_ enrollment: EnrollmentID) throws {
        guard let record = try store.enrollment(enrollment), [.armed, .live].contains(record.state),
            let slot = record.slotProfile(authority)
        else { return }
        let count = try chip.read(slot)
        seen[enrollment] = count
        let line = try store.lastLine(of: record)
        if let entry = entry(explaining: count, record, after: line) { try store.append(entry) }
    }
}

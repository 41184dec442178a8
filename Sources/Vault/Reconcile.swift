import Foundation
import Logging
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// How long an armed enrollment waits for its step 3, in seconds: a device that journaled it may come back.
    static let armedLifetime: Int64 = 7 * 86400
    /// How long it waits when there is no room for others.
    static let armedLifetimeWhenFull: Int64 = 3600

    /// Brings store and chip together after a stop at any point. A record that resists is reported and left for the next
    /// time: it must not keep everybody else's from being served.
    func reconcile() throws {
        for id in try store.enrollmentIDs() {
            do {
                guard let record = try store.enrollment(id) else { continue }
                try reconcile(record)
            } catch {
                log.error("the enrollment \(id) could not be reconciled: \(error)")
            }
        }
    }

    private func reconcile(_ record: EnrollmentRecord) throws {
        switch record.state {
        case .reserved, .defined, .removing:
            // Half made or half removed; no device counts on it.
            try remove(record)
        case .armed:
            if record.createdAt < begun(ago: Self.armedLifetime) { try remove(record) }
        case .live, .replaced:
            // A live record whose slot is gone is reported and kept.
            if let slot = record.slotProfile(authority), try !chip.isDefined(slot.handle) {
                log.error("the slot \(slot.handle) of a kept account is gone from the chip")
            }
        }
    }

    /// Takes away what should have been and could not, because chip or store did not answer then: what is half removed, and
    /// what is half made and whose connection is gone.
    func clearUp() {
        for state: EnrollmentRecord.State in [.removing, .reserved, .defined] {
            for record in (try? store.enrollments(in: state)) ?? [] {
                if let id = EnrollmentID(Array(record.id)), enrolling[id] != nil { continue }
                // One that resists is left for the next time.
                try? remove(record)
            }
        }
    }

    /// Takes away armed enrollments that nobody goes on with: somebody could fill the chip with them.
    func sweep(olderThan lifetime: Int64) {
        let old = (try? store.armed(before: begun(ago: lifetime))) ?? []
        for record in old {
            guard let id = EnrollmentID(Array(record.id)), enrolling[id] == nil, !turns.isUnderWay(record.account)
            else { continue }
            do {
                try remove(record)
            } catch {
                log.error("the enrollment \(id) could not be taken away: \(error)")
            }
        }
    }

    private func begun(ago lifetime: Int64) -> Int64 { Int64(now().timeIntervalSince1970) - lifetime }
}

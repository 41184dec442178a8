import Foundation
import Logging
import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// How long an armed enrollment waits for its step 3, in seconds: a device that journaled it may come back.
    private static let armedLifetime: Int64 = 7 * 86400

    /// Brings store and chip together after a stop at any point.
    func reconcile() throws {
        for record in try store.enrollments() {
            switch record.state {
            case .reserved, .defined, .removing:
                // Half made or half removed; no device counts on it.
                try remove(record)
            case .armed:
                let age = Int64(now().timeIntervalSince1970) - record.createdAt
                if age > Self.armedLifetime { try remove(record) }
            case .live, .replaced:
                // A live record whose slot is gone is reported and kept.
                if let slot = record.slotProfile(authority), try chip.nvPublic(of: slot.handle) == nil {
                    log.error("the slot \(slot.handle) of a kept account is gone from the chip")
                }
            }
        }
    }
}

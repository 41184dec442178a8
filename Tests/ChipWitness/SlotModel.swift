/// What a PIN Pass index holds after each command, as the standard has it (TPM 2.0 Part 1 §37.2.6): a value, without any I/O.
package enum SlotModel: Hashable, Sendable {
    case undefined
    case unwritten
    /// A refused command may or may not have been counted, so the count is a range until somebody looks.
    case written(count: ClosedRange<UInt32>, ceiling: UInt32)
    /// The bytes written cannot be told: they were encrypted, or covered half a number.
    case unsure

    /// TPM_RC_AUTH_UNAVAILABLE: the count is at the ceiling.
    package static let atCeiling: UInt32 = 0x12F

    /// A command that the index authorized by its authValue was answered with `code`.
    ///
    /// - Returns: whether a chip that keeps to the standard may answer so.
    package mutating func authorized(answer code: UInt32) -> Bool {
        guard case .written(let count, let ceiling) = self else { return self == .unsure || code != 0 }
        switch code {
        case 0:
            guard count.lowerBound < ceiling else { return false }
            self = .written(
                count: count.lowerBound + 1...min(max(count.upperBound, count.lowerBound) + 1, ceiling),
                ceiling: ceiling)
        case Self.atCeiling: break
        default:
            let most = count.upperBound < ceiling ? count.upperBound + 1 : count.upperBound
            self = .written(count: count.lowerBound...most, ceiling: ceiling)
        }
        return true
    }

    /// A successful NV_Write.
    package mutating func wrote(_ bytes: [UInt8], at offset: Int, encrypted: Bool) {
        var fields = Fields(bytes)
        switch (self, offset, bytes.count) {
        case (_, _, _) where encrypted: self = .unsure
        case (_, 0, 8):
            guard let count = try? fields.number(UInt32.self), let ceiling = try? fields.number(UInt32.self) else {
                return
            }
            self = .written(count: count...count, ceiling: ceiling)
        case (.written(let count, _), 4, 4):
            guard let ceiling = try? fields.number(UInt32.self) else { return }
            self = .written(count: count, ceiling: ceiling)
        default: self = .unsure
        }
    }

    /// Compares with what the chip was seen to hold, and is that from now on.
    ///
    /// - Returns: whether the two agree.
    package mutating func see(_ reading: SlotReading) -> Bool {
        let before = self
        switch reading {
        case .undefined: self = .undefined
        case .unwritten: self = .unwritten
        case .written(let count, let ceiling): self = .written(count: count...count, ceiling: ceiling)
        case .unreadable: return true
        }
        switch (before, self) {
        case (.unsure, _), (.undefined, .undefined), (.unwritten, .unwritten): return true
        case (.written(let range, let expected), .written(let seen, let ceiling)):
            return range.contains(seen.lowerBound) && expected == ceiling
        default: return false
        }
    }
}

/// What the chip says that a slot holds.
package enum SlotReading: Hashable, Sendable {
    case undefined
    case unwritten
    case written(count: UInt32, ceiling: UInt32)
    /// The chip is gone or has no session free, or no policy branch for reading was ever seen.
    case unreadable
}

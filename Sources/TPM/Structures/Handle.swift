/// A TPM_HANDLE. TPM 2.0 Part 2 §7.
public struct Handle: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// TPM_RH_OWNER, the storage hierarchy.
    public static let owner = Handle(0x4000_0001)
    /// TPM_RH_NULL.
    public static let null = Handle(0x4000_0007)
    /// TPM_RS_PW, authorization by password.
    public static let passwordSession = Handle(0x4000_0009)
    /// TPM_RH_LOCKOUT.
    public static let lockout = Handle(0x4000_000A)
    /// TPM_RH_ENDORSEMENT.
    public static let endorsement = Handle(0x4000_000B)
    /// TPM_RH_PLATFORM.
    public static let platform = Handle(0x4000_000C)

    /// The handles that slots may have: the owner's part of the NV range (TCG registry of reserved handles), but for its end.
    public static let slots: ClosedRange<UInt32> = 0x0180_0000...0x01BF_FF0F
    /// The handles that journals' counters may have, one for each vault on the chip.
    public static let counters: ClosedRange<UInt32> = 0x01BF_FF10...0x01BF_FF1F
    /// The handles that an owner's persistent objects may have.
    public static let ownerPersistent: ClosedRange<UInt32> = 0x8100_0000...0x817F_FFFF

    /// Whether this session has the place of the other one: the low 24 bits, which only one has at a time, of whatever type.
    public func hasPlace(of other: Handle) -> Bool { rawValue & 0xFF_FFFF == other.rawValue & 0xFF_FFFF }

    /// Whether this is an NV index (handle type 01).
    public var isNVIndex: Bool { rawValue >> 24 == 0x01 }

    public var description: String {
        let digits = String(rawValue, radix: 16)
        return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}

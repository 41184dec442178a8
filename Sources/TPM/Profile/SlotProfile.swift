/// The slot: an NV index of type PIN Pass that counts evaluations, and that only the limit key's signature writes.
///
/// Anyone may read it through a policy branch, uncounted; each use of its (empty) authValue adds one to `pinCount`
/// before the command's own work, and fails with 0x12F at `pinLimit`. No command lowers `pinCount`. The owner can
/// undefine it and define it again under the same Name; it is then unwritten, and only a fresh signature writes it.
public struct SlotProfile: Hashable, Sendable {
    public let handle: Handle
    public let authority: AuthorityProfile
    public let limitKey: P256Point
    /// The Name under which the chip sees the limit key.
    public let limitKeyName: Name

    /// The limits a person may choose.
    public static let limits: ClosedRange<UInt32> = 1...1000

    public init(handle: Handle, authority: AuthorityProfile, limitKey: P256Point) throws(ProfileError) {
        guard Handle.slots.contains(handle.rawValue) else { throw .slotHandle(handle) }
        self.handle = handle
        self.authority = authority
        self.limitKey = limitKey
        limitKeyName = try authority.name(of: limitKey)
    }

    /// Writes by the limit key's signature, reads and certificates by anyone, nothing else.
    public var policy: Policy {
        Policy(
            .or([
                Policy(.signed(key: limitKeyName, reference: authority.slotReference), .commandCode(.nvWrite)),
                Policy(.commandCode(.nvRead)),
                Policy(.commandCode(.nvCertify)),
            ]))
    }

    /// The index's public area: attributes exactly 0x020C0098, with WRITTEN set 0x220C0098.
    public func publicArea(written: Bool) -> NVPublic {
        var attributes: NVAttributes = [.policyWrite, .authRead, .policyRead, .noDA, .pinPass]
        if written { attributes.insert(.written) }
        return NVPublic(
            index: handle, nameAlgorithm: .sha256, attributes: attributes, authPolicy: policy.digest(), dataSize: 8)
    }

    /// The slot as a command's handle.
    public func entity(written: Bool) -> Command.Entity {
        Command.Entity(handle, publicArea(written: written).name)
    }

    /// A write that the limit key may sign.
    public enum Write: Hashable, Sendable {
        /// Count 0 and this ceiling, on the unwritten slot.
        case first(limit: UInt32)
        /// This ceiling, the count untouched.
        case ceiling(UInt32)
        /// A count above every ceiling, so that a raise that was held back and is presented later opens nothing:
        /// a burn that only set the ceiling to 0 could be undone by it.
        case burn
    }

    /// The NV_Write. First write and ceiling cover different Names (unwritten, written), sizes and offsets,
    /// so that neither serves as the other.
    public func command(_ write: Write) -> Command {
        func write32(_ values: UInt32...) -> [UInt8] {
            Writer.bytes { writer in for value in values { writer.integer(value) } }
        }
        return switch write {
        case .first(let limit): .nvWrite(entity(written: false), write32(0, limit), offset: 0)
        case .ceiling(let ceiling): .nvWrite(entity(written: true), write32(ceiling), offset: 4)
        case .burn: .nvWrite(entity(written: true), write32(.max, 0), offset: 0)
        }
    }

    /// The uncounted NV_Read of count and ceiling, authorized by the slot's own policy.
    public var readCommand: Command {
        let slot = entity(written: true)
        return .nvRead(slot, authority: slot, size: 8)
    }
}

/// What a slot holds.
public struct SlotCount: Hashable, Sendable {
    /// `pinCount`: the evaluations ever made.
    public let count: UInt32
    /// `pinLimit`: the ceiling.
    public let ceiling: UInt32

    public init(count: UInt32, ceiling: UInt32) {
        self.count = count
        self.ceiling = ceiling
    }

    /// Parses NV_Read's parameters (TPM2B_MAX_NV_BUFFER of 8 bytes).
    public init(readParameters: [UInt8]) throws(WireError) {
        self = try Reader.parse(readParameters) { (reader: inout Reader) throws(WireError) in
            try SlotCount(contents: try reader.sized(limit: 8))
        }
    }

    /// Parses a slot's 8 bytes.
    public init(contents: [UInt8]) throws(WireError) {
        self = try Reader.parse(contents) { (reader: inout Reader) throws(WireError) in
            SlotCount(count: try reader.integer(), ceiling: try reader.integer())
        }
    }

    /// The evaluations that the chip would still make.
    public var guessesLeft: UInt32 { count >= ceiling ? 0 : ceiling - count }
    /// Whether the slot was burnt.
    public var isBurnt: Bool { count == .max }
}

import Endorsement
import TPM

/// What a chip says of itself in a device session. TPM 2.0 Part 2 §6.13 (TPM_PT_FIXED).
public struct ChipFacts: Hashable, Sendable {
    /// TPM_PT_MANUFACTURER.
    public let manufacturerID: ManufacturerID
    /// The same in characters, as `IFX` or `IBM`.
    public var manufacturer: String { manufacturerID.description }
    /// TPM_PT_VENDOR_STRING_1 to _4.
    public let vendorString: String
    /// TPM_PT_FIRMWARE_VERSION_1 and _2, each 32 bits.
    public let firmware: [UInt32]

    static let makerCommand = Command.getCapability(.properties, from: 0x105, count: 8)
    static let largestDigestCommand = Command.getCapability(.properties, from: 0x120, count: 1)

    /// Parses the answer to `makerCommand`.
    init(answer: [UInt8]) throws(TrustRefusal) {
        let values = try Self.properties(answer, from: 0x105, count: 8)
        manufacturerID = ManufacturerID(rawValue: values[0])
        vendorString = Self.text(values[1...4])
        firmware = [values[6], values[7]]
    }

    /// The firmware's version as makers write it: four numbers.
    public var firmwareVersion: String {
        firmware.flatMap { ["\($0 >> 16)", "\($0 & 0xFFFF)"] }.joined(separator: ".")
    }

    /// Parses the answer to `largestDigestCommand`: a size in bytes.
    static func largestDigest(answer: [UInt8]) throws(TrustRefusal) -> Int {
        Int(try properties(answer, from: 0x120, count: 1)[0])
    }

    /// What it says together with what its certificate says.
    func identity(_ certificate: VerifiedEndorsement) -> ChipIdentity {
        ChipIdentity(
            manufacturer: manufacturerID, vendorString: vendorString, firmware: firmware, name: certificate.chip,
            issuer: certificate.issuer)
    }

    /// TPMS_CAPABILITY_DATA behind its moreData. Exactly the properties asked for: an answer to another question,
    /// however authentic, is refused.
    private static func properties(
        _ answer: [UInt8], from first: UInt32, count: UInt32
    ) throws(TrustRefusal) -> [UInt32] {
        do throws(WireError) {
            return try Reader.parse(answer) { (reader: inout Reader) throws(WireError) in
                let moreData = try reader.integer(UInt8.self)
                guard moreData <= 1 else { throw .unexpected("moreData", value: UInt32(moreData)) }
                let capability = try reader.integer(UInt32.self)
                guard capability == Capability.properties.rawValue else {
                    throw .unexpected("the capability", value: capability)
                }
                let stated = try reader.integer(UInt32.self)
                guard stated == count else { throw .unexpected("the number of properties", value: stated) }
                var values: [UInt32] = []
                for property in first..<first + count {
                    let answered = try reader.integer(UInt32.self)
                    guard answered == property else { throw .unexpected("the property", value: answered) }
                    values.append(try reader.integer())
                }
                return values
            }
        } catch {
            throw .capability
        }
    }

    private static func text(_ values: ArraySlice<UInt32>) -> String {
        let bytes = values.flatMap { bigEndian($0) }.filter { $0 != 0 }
        let trimmed = bytes.reversed().drop { $0 == 0x20 }.reversed()
        return String(trimmed.map { (0x20..<0x7F).contains($0) ? Character(UnicodeScalar($0)) : "?" })
    }
}

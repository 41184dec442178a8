/// What a chip certifies of an NV index: TPMS_ATTEST with TPM_ST_ATTEST_NV. TPM 2.0 Part 2 §10.12.12.
public struct Attest: Hashable, Sendable {
    /// The Qualified Name of the key that signs.
    public let qualifiedSigner: Name
    /// The caller's `qualifyingData`, at most 64 bytes.
    public let extraData: [UInt8]
    public let clock: ClockInfo
    /// TPM_PT_FIRMWARE_VERSION_1 and _2, 32 bits each.
    public let firmwareVersion: UInt64
    /// The index's Name, which covers its attributes and its policy.
    public let index: Name
    /// Where `contents` begin in the index's data.
    public let offset: UInt16
    /// At most 64 bytes.
    public let contents: [UInt8]

    /// TPMS_CLOCK_INFO. Part 2 §10.11.1.
    public struct ClockInfo: Hashable, Sendable {
        /// Milliseconds that the chip has been powered.
        public let milliseconds: UInt64
        /// TPM2_Startup(CLEAR)s since TPM2_Clear.
        public let resetCount: UInt32
        /// Resumes since the last reset.
        public let restartCount: UInt32
        /// Whether no larger clock was reported before: not so for a while after power was lost.
        public let isSafe: Bool

        public init(milliseconds: UInt64, resetCount: UInt32, restartCount: UInt32, isSafe: Bool) {
            self.milliseconds = milliseconds
            self.resetCount = resetCount
            self.restartCount = restartCount
            self.isSafe = isSafe
        }
    }

    /// TPM_GENERATED_VALUE: a restricted key signs nothing that begins so unless the chip itself made it.
    private static let generated: UInt32 = 0xFF54_4347
    /// TPM_ST_ATTEST_NV.
    private static let typeNV: UInt16 = 0x8014

    /// Parses the contents of a TPM2B_ATTEST with nothing after them; magic and type must be these.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        self = try Reader.parse(bytes) { (reader: inout Reader) throws(WireError) in try Attest(&reader) }
    }

    private init(_ reader: inout Reader) throws(WireError) {
        let magic = try reader.integer(UInt32.self)
        guard magic == Self.generated else { throw .unexpected("the certificate's magic", value: magic) }
        let type = try reader.integer(UInt16.self)
        guard type == Self.typeNV else { throw .unexpected("the certificate's type", value: UInt32(type)) }
        qualifiedSigner = try Name(parsing: try reader.sized(limit: 66))
        extraData = try reader.sized(limit: 64)
        let (milliseconds, resets): (UInt64, UInt32) = (try reader.integer(), try reader.integer())
        let restarts = try reader.integer(UInt32.self)
        let safe = try reader.integer(UInt8.self)
        guard safe <= 1 else { throw .unexpected("the clock's safety", value: UInt32(safe)) }
        clock = ClockInfo(milliseconds: milliseconds, resetCount: resets, restartCount: restarts, isSafe: safe == 1)
        firmwareVersion = try reader.integer()
        index = try Name(parsing: try reader.sized(limit: 66))
        offset = try reader.integer()
        contents = try reader.sized(limit: 64)
    }
}

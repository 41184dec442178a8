import CTSS2

/// A connection to a TPM through tpm2-tss's TCTI: bytes in, bytes out.
@safe struct Transport: ~Copyable {
    private let context: OpaquePointer

    /// Opens the TCTI that `configuration` names, as tpm2-tss knows them: `device:/dev/tpmrm0`, `swtpm:port=2321`, …
    init(_ configuration: String) throws(ChipError) {
        var opened: OpaquePointer?
        try Self.check(unsafe Tss2_TctiLdr_Initialize(configuration, &opened))
        guard let opened = unsafe opened else { throw .unreachable("no TCTI for \(configuration)") }
        unsafe context = opened
    }

    deinit {
        var closing: OpaquePointer? = unsafe context
        unsafe Tss2_TctiLdr_Finalize(&closing)
    }

    /// The largest command or response in bytes; chips state 4096 or less.
    private static let maximumSize = 4096

    /// Sends a command and waits for its response.
    func exchange(_ command: [UInt8]) throws(ChipError) -> [UInt8] {
        try Self.check(unsafe tenpin_tcti_transmit(context, command.count, command))
        var response = [UInt8](repeating: 0, count: Self.maximumSize)
        var size = response.count
        try Self.check(unsafe tenpin_tcti_receive(context, &size, &response))
        return Array(response.prefix(size))
    }

    private static func check(_ code: TSS2_RC) throws(ChipError) {
        guard code == 0 else { throw .unreachable(unsafe String(cString: Tss2_RC_Decode(code))) }
    }
}

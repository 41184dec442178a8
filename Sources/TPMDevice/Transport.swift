import CTSS2
import Foundation

/// A connection to a TPM through tpm2-tss's TCTI: bytes in, bytes out.
///
/// tpm2-tss 3.2 waits for an emulated chip for ever, whatever timeout it is given, and already when it connects. So each call
/// goes through `Patience`, and one that is late is left behind with the connection, which ends when the call does.
@safe final class Transport: @unchecked Sendable {  // one call at a time, and none after one that was late
    private let context: OpaquePointer
    private let configuration: String
    private let patience: Patience

    /// Opens the TCTI that `configuration` names, as tpm2-tss knows them: `device:/dev/tpmrm0`, `swtpm:port=2321`, …
    static func open(_ configuration: String, patience: Patience) throws(ChipError) -> Transport {
        let opening = { @Sendable () throws(ChipError) in
            var opened: OpaquePointer?
            try check(unsafe Tss2_TctiLdr_Initialize(configuration, &opened))
            guard let opened = unsafe opened else { throw .unreachable("no TCTI for \(configuration)") }
            return unsafe Transport(opened, configuration, patience)
        }
        return try patience.wait(for: opening) { EmulatorSockets.shutDown(configuration) }
    }

    private init(_ context: OpaquePointer, _ configuration: String, _ patience: Patience) {
        unsafe self.context = unsafe context
        self.configuration = configuration
        self.patience = patience
    }

    deinit {
        var closing: OpaquePointer? = unsafe context
        unsafe Tss2_TctiLdr_Finalize(&closing)
    }

    /// The largest command or response in bytes; chips state 4096 or less.
    static let maximumSize = 4096

    /// Sends a command and waits for its response.
    func exchange(_ command: [UInt8]) throws(ChipError) -> [UInt8] {
        let exchange = { @Sendable [self] () throws(ChipError) in
            try Self.check(unsafe tenpin_tcti_transmit(context, command.count, command))
            var response = [UInt8](repeating: 0, count: Self.maximumSize)
            var size = response.count
            try Self.check(unsafe tenpin_tcti_receive(context, &size, &response))
            return Array(response.prefix(size))
        }
        // An emulator serves one connection at a time: it would not take the next one while this one is open.
        return try patience.wait(for: exchange) { EmulatorSockets.shutDown(configuration) }
    }

    private static func check(_ code: TSS2_RC) throws(ChipError) {
        guard code == 0 else { throw .unreachable(unsafe String(cString: Tss2_RC_Decode(code))) }
    }
}

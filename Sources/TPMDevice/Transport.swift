import CTSS2
import Foundation

/// A connection to a TPM through tpm2-tss's TCTI: bytes in, bytes out.
///
/// What may wait for ever goes through `Patience`, and what is late is left behind with the connection, which ends when the call
/// does: connecting, and each call to a chip whose TCTI keeps no time limit. tpm2-tss 3.2's for swtpm does not.
@safe final class Transport: @unchecked Sendable {  // one call at a time, and none after one that was late
    private var context: OpaquePointer?
    private let configuration: String
    private let patience: Patience
    private let keepsTimeLimit: Bool

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
        // A device is opened with O_NONBLOCK, and both are polled for as long as they are told.
        keepsTimeLimit = ["device", "mssim"].contains(configuration.prefix { $0 != ":" })
    }

    deinit { close() }

    private func close() { unsafe Tss2_TctiLdr_Finalize(&context) }

    /// The largest command or response in bytes; chips state 4096 or less.
    static let maximumSize = 4096

    /// Sends a command and waits for its response.
    func exchange(_ command: [UInt8]) throws(ChipError) -> [UInt8] {
        if keepsTimeLimit {
            if let response = try exchange(command, within: Int32(patience.seconds * 1000)) { return response }
            // To close a device whose chip is still at work, the kernel waits for that.
            patience.leaveBehind { [self] in close() }
            throw patience.late
        }
        let call = { @Sendable [self] () throws(ChipError) -> [UInt8]? in
            try exchange(command, within: tenpin_tcti_no_limit)
        }
        // An emulator serves one connection at a time: it would not take the next one while this one is open.
        let response = try patience.wait(for: call) { EmulatorSockets.shutDown(configuration) }
        guard let response else { throw patience.late }
        return response
    }

    /// `nil` when there was no response in time.
    private func exchange(_ command: [UInt8], within milliseconds: Int32) throws(ChipError) -> [UInt8]? {
        try Self.check(unsafe tenpin_tcti_transmit(context, command.count, command))
        var response = [UInt8](repeating: 0, count: Self.maximumSize)
        var size = response.count
        let code = unsafe tenpin_tcti_receive(context, &size, &response, milliseconds)
        if code == tenpin_tcti_try_again { return nil }
        try Self.check(code)
        return Array(response.prefix(size))
    }

    private static func check(_ code: TSS2_RC) throws(ChipError) {
        guard code == 0 else { throw .unreachable(unsafe String(cString: Tss2_RC_Decode(code))) }
    }
}

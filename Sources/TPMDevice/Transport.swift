import CTSS2
import Dispatch
import Foundation
import Synchronization

/// A connection to a TPM through tpm2-tss's TCTI: bytes in, bytes out.
///
/// tpm2-tss 3.2 waits for an emulated chip for ever, whatever timeout it is given, and already when it connects. So each call
/// has a thread of its own, and one that is late is left behind with the connection, which ends when the call does.
@safe final class Transport: @unchecked Sendable {  // one call at a time, and none after one that was late
    private let context: OpaquePointer
    private let patience: TimeInterval

    /// Opens the TCTI that `configuration` names, as tpm2-tss knows them: `device:/dev/tpmrm0`, `swtpm:port=2321`, …
    static func open(_ configuration: String, patience: TimeInterval) throws(ChipError) -> Transport {
        try wait(patience) { () throws(ChipError) in
            var opened: OpaquePointer?
            try check(unsafe Tss2_TctiLdr_Initialize(configuration, &opened))
            guard let opened = unsafe opened else { throw .unreachable("no TCTI for \(configuration)") }
            return unsafe Transport(opened, patience)
        }
    }

    private init(_ context: OpaquePointer, _ patience: TimeInterval) {
        unsafe self.context = unsafe context
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
        try Self.wait(patience) { [self] () throws(ChipError) in
            try Self.check(unsafe tenpin_tcti_transmit(context, command.count, command))
            var response = [UInt8](repeating: 0, count: Self.maximumSize)
            var size = response.count
            try Self.check(unsafe tenpin_tcti_receive(context, &size, &response))
            return Array(response.prefix(size))
        }
    }

    private static func check(_ code: TSS2_RC) throws(ChipError) {
        guard code == 0 else { throw .unreachable(unsafe String(cString: Tss2_RC_Decode(code))) }
    }

    private static func wait<R: Sendable>(
        _ patience: TimeInterval, for body: @escaping @Sendable () throws(ChipError) -> R
    ) throws(ChipError) -> R {
        let answer = Answer<R>()
        Thread.detachNewThread { answer.give(Result(catching: body)) }
        guard let result = answer.wait(patience) else { throw .unreachable("no answer in \(Int(patience)) seconds") }
        return try result.get()
    }
}

/// What one thread gives and another waits for.
private final class Answer<R: Sendable>: Sendable {
    private let result = Mutex<Result<R, ChipError>?>(nil)
    private let given = DispatchSemaphore(value: 0)

    func give(_ result: Result<R, ChipError>) {
        self.result.withLock { $0 = result }
        given.signal()
    }

    /// `nil` when it took longer than `patience` seconds.
    func wait(_ patience: TimeInterval) -> Result<R, ChipError>? {
        guard given.wait(timeout: .now() + patience) == .success else { return nil }
        return result.withLock { $0 }
    }
}

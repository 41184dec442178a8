import Foundation
import Synchronization

/// An emulated TPM of one test's own: a real swtpm in a temporary folder, reached through Unix sockets.
///
/// It takes one client at a time. It dies with the test process, however that ends. Prefer `withSwtpm`, which ends it.
public final class Swtpm: Sendable {
    /// Whose seeds and endorsement keys a chip has.
    public enum Identity: Sendable {
        /// The one certified identity that all such chips of this test process share, seeds included. Starts in about 50 ms.
        case shared
        /// An identity and a certifying authority of this chip's own. Takes some seconds to make.
        case fresh
        /// One of several that all chips with this number of this test process share.
        case numbered(Int)
        /// Seeds of its own, but no persistent endorsement key and no certificate.
        case uncertified
    }

    /// Where the chip has its files; ends with the chip. `tpm2` runs the tools here.
    public let folder: URL
    /// The PEM bundle of the authority that certified the endorsement keys; `nil` for an uncertified chip.
    public let trustRoot: URL?
    private let process = Mutex<ChildProcess?>(nil)

    /// The chip's stored state, one file. Copy or replace it only while the chip is stopped.
    public var stateFile: URL { folder.appending(path: "state/tpm2-00.permall") }
    /// The path of the Unix socket that takes commands, at most 40 bytes.
    public var socketPath: String { folder.appending(path: "tpm").path() }
    /// What tpm2-tss calls this chip.
    public var tcti: String { "swtpm:path=\(socketPath)" }
    /// The process that emulates the chip, or `nil` when it is stopped.
    public var processIdentifier: Int32? { process.withLock { $0?.identifier } }

    /// Makes a chip and starts it.
    public static func start(_ identity: Identity = .shared) async throws -> Swtpm {
        let made: ManufacturedTPM? =
            switch identity {
            case .shared: try await ManufacturedTPM.shared.value
            case .fresh: try await ManufacturedTPM.make()
            case .numbered(let number): try await ManufacturedTPM.numbered(number).value
            case .uncertified: nil
            }
        let chip = try Swtpm(made)
        try await chip.start()
        return chip
    }

    private init(_ made: ManufacturedTPM?) throws {
        folder = try temporaryFolder()
        trustRoot = made == nil ? nil : folder.appending(path: "trust-root.pem")
        try FileManager.default.createDirectory(
            at: stateFile.deletingLastPathComponent(), withIntermediateDirectories: true)
        if let made, let trustRoot {
            try made.state.write(to: stateFile)
            try made.trustRoot.write(to: trustRoot)
        }
    }

    /// Starts a stopped chip on its stored state, and returns once it answers. TPM2_Startup is done.
    ///
    /// - Parameter resuming: STATE, for a chip whose last command was TPM2_Shutdown(STATE); otherwise CLEAR.
    public func start(resuming: Bool = false) async throws {
        try? FileManager.default.removeItem(atPath: socketPath)
        try? FileManager.default.removeItem(atPath: socketPath + ".ctrl")
        let child = try await ChildProcess.spawn(
            [
                "setpriv", "--pdeathsig", "KILL", "swtpm", "socket", "--tpm2",
                "--tpmstate", "dir=\(folder.appending(path: "state").path())",
                "--flags", "not-need-init,\(resuming ? "startup-state" : "startup-clear")",
                "--server", "type=unixio,path=\(socketPath)", "--ctrl", "type=unixio,path=\(socketPath).ctrl",
            ],
            in: folder, output: "swtpm.out", errors: "swtpm.err")
        process.withLock { $0 = child }

        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(20)
        while clock.now < deadline, !child.hasEnded {
            // TPM2_GetRandom, one byte.
            if let answer = try? RawTPM(path: socketPath).transmit(hex("80010000000c0000017b0001")),
                RawTPM.responseCode(of: answer) == 0
            {
                return
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        stop()
        throw HarnessError("swtpm did not answer: \(text(of: "swtpm.out"))\(text(of: "swtpm.err"))")
    }

    /// Ends the chip in an orderly way; its stored state stays. Stopping a stopped chip is fine.
    public func stop() { end(SIGTERM) }

    /// Cuts the power: what the chip had not stored by then is gone. `start` brings it back.
    public func cutPower() { end(SIGKILL) }

    /// Cuts the power and starts the chip again on what it had stored.
    public func restart(resuming: Bool = false) async throws {
        end(SIGKILL)
        try await start(resuming: resuming)
    }

    /// Ends the chip and removes its folder.
    public func discard() {
        end(SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    deinit { discard() }

    private func end(_ signal: Int32) {
        process.withLock { child in
            child?.end(signal)
            child = nil
        }
    }

    /// A connection that carries bytes to the chip as they are. No other client is served until it is gone.
    public func raw() throws -> RawTPM { try RawTPM(path: socketPath) }

    /// Runs a command of tpm2-tools against this chip, `tpm2("nvread", "0x1800000")`, and gives its standard output.
    @discardableResult
    public func tpm2(_ tool: String, _ arguments: String...) async throws -> String {
        try await run(["tpm2", tool] + arguments)
    }

    /// Runs a program in the chip's folder, with TPM2TOOLS_TCTI set, and gives its standard output.
    @discardableResult
    public func run(_ command: [String]) async throws -> String {
        let name = "tool-\(UUID().uuidString)"
        let child = try await ChildProcess.spawn(
            command, environment: ["TPM2TOOLS_TCTI": tcti], in: folder, output: "\(name).out", errors: "\(name).err")
        let status = await child.status()
        guard status == 0 else {
            throw ToolFailure(command: command, status: status, message: text(of: "\(name).err"))
        }
        return text(of: "\(name).out")
    }

    private func text(of file: String) -> String {
        (try? String(contentsOf: folder.appending(path: file), encoding: .utf8)) ?? ""
    }
}

/// Lends a running chip for the length of `body`, and ends it afterwards.
public func withSwtpm<R>(
    _ identity: Swtpm.Identity = .shared, isolation: isolated (any Actor)? = #isolation,
    _ body: (Swtpm) async throws -> R
) async throws -> R {
    let chip = try await Swtpm.start(identity)
    defer { chip.discard() }
    return try await body(chip)
}

/// A program run against a chip that failed.
public struct ToolFailure: Error, CustomStringConvertible {
    public let command: [String]
    /// The exit code, or 128 and the signal's number.
    public let status: Int32
    /// Its standard error; from tpm2-tools with the chip's response code as `0x…`.
    public let message: String
    public var description: String { "\(command.joined(separator: " ")) ended with \(status): \(message)" }
}

/// Something around a test, not what it tests, did not work.
public struct HarnessError: Error, CustomStringConvertible {
    public let description: String
    package init(_ description: String) { self.description = description }
}

import TPM
import TPMDevice
import TestSupport
import Testing

/// Root on the vault's host: the connection to the chip, every hierarchy's (empty) authorization, and any bytes at all.
final class Courier {
    let swtpm: Swtpm
    /// The product's own way to the chip.
    private(set) var chip: Chip

    init(_ swtpm: Swtpm) throws {
        self.swtpm = swtpm
        chip = try Chip(tcti: swtpm.tcti)
    }

    /// Cuts the power.
    func restart() async throws {
        try await swtpm.restart()
        chip = try Chip(tcti: swtpm.tcti)
    }

    /// An orderly end and a new start.
    func stopAndStart() async throws {
        swtpm.stop()
        try await swtpm.start()
        chip = try Chip(tcti: swtpm.tcti)
    }

    /// TPM2_Shutdown(STATE), a cut of the power, and TPM2_Startup(STATE): a resume, after which saved sessions still load.
    func suspendAndResume() async throws {
        try expect(.success, RawCommand(0x145) { $0.integer(UInt16(1)) })
        try await swtpm.run(["swtpm_ioctl", "--unix", swtpm.socketPath + ".ctrl", "-i"])
        try expect(.success, RawCommand(0x144) { $0.integer(UInt16(1)) })
    }

    /// Sends a command and gives the answer, a refusal included.
    func send(_ command: RawCommand, _ authorizations: [Authorization]) throws -> Response {
        let shape = Command(.getRandom, answersHandle: command.answersHandle) { _ in }
        return try Response(try chip.transmit(command.bytes(authorizations)), to: shape)
    }

    func code(_ command: RawCommand, _ authorizations: Authorization...) throws -> ResponseCode {
        try send(command, authorizations).code
    }

    /// Sends a command that the chip must answer with `code`.
    func expect(
        _ code: ResponseCode, _ command: RawCommand, _ authorizations: Authorization...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try send(command, authorizations).code
        #expect(answer == code, sourceLocation: sourceLocation)
    }

    func expect(
        _ code: ResponseCode, _ command: Command, _ authorizations: Authorization...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try send(RawCommand(command), authorizations).code
        #expect(answer == code, sourceLocation: sourceLocation)
    }

    /// A policy session of the courier's own, flushed afterwards if it is still there.
    func withPolicySession<R>(_ body: (_ session: Handle, _ nonceTPM: [UInt8]) throws -> R) throws -> R {
        let session = try chip.startSession(.policy)
        defer { try? chip.flush(session.handle) }
        return try body(session.handle, session.nonceTPM)
    }

    /// Flushes what the attacker kept.
    func flush(_ handles: Handle...) {
        for handle in handles { try? chip.flush(handle) }
    }

    /// The sessions, loaded or saved, and the transient objects that the chip holds.
    func held() throws -> [Handle] {
        // TPM_HT_LOADED_SESSION, TPM_HT_SAVED_SESSION, TPM_HT_TRANSIENT. Part 2 §7.2.
        try [0x0200_0000, 0x0300_0000, 0x8000_0000].flatMap { try chip.handles(from: $0) }
    }
}

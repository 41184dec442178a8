import Foundation

/// A connection that carries bytes to an emulated TPM and back as they are: a test's independent eye, and its attacker.
public final class RawTPM {
    private let connection: UnixSocket
    private var socket: Int32 { connection.descriptor }
    private let speaksSimulator: Bool

    /// Connects; a chip that serves somebody else lets it wait, `patience` seconds for each answer. `speaksSimulator` where
    /// the other end does (`SimulatorProtocol`).
    public init(path: String, patience: Int = 30, speaksSimulator: Bool = false) throws {
        connection = try UnixSocket.connected(to: path)
        self.speaksSimulator = speaksSimulator
        var limit = timeval(tv_sec: patience, tv_usec: 0)
        setsockopt(connection.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Sends one command and gives the chip's answer, header included, whatever its response code.
    public func transmit(_ command: [UInt8]) throws -> [UInt8] {
        guard speaksSimulator else { return try exchange(command) }
        try send(SimulatorProtocol.wrapping(command: command))
        let size = try receive(4).reduce(0) { $0 << 8 | Int($1) }
        guard (10...65536).contains(size) else { throw HarnessError("an answer of \(size) bytes") }
        return Array(try receive(size + 4).dropLast(4))
    }

    private func exchange(_ command: [UInt8]) throws -> [UInt8] {
        try send(command)
        let header = try receive(10)
        let size = header[2..<6].reduce(0) { $0 << 8 | Int($1) }
        guard (10...65536).contains(size) else { throw HarnessError("an answer of \(size) bytes") }
        return header + (try receive(size - 10))
    }

    private func send(_ command: [UInt8]) throws {
        var sent = 0
        while sent < command.count {
            let count = command.withUnsafeBytes { bytes in
                Glibc.send(socket, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw UnixSocket.failure("send") }
            sent += count
        }
    }

    /// The response code in an answer's header (TPM 2.0 Part 1 §18.4).
    public static func responseCode(of answer: [UInt8]) -> UInt32 {
        answer[6..<10].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var have = 0
        while have < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                recv(socket, buffer.baseAddress.map { $0 + have }, count - have, 0)
            }
            guard got > 0 else { throw got == 0 ? HarnessError("the chip hung up") : UnixSocket.failure("recv") }
            have += got
        }
        return bytes
    }
}

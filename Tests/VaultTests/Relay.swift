import Foundation
import Synchronization
import TPM
import TestSupport
import VaultTestSupport

@testable import Vault

/// Stands between a program and its emulated chip: sees each command, and may answer in the chip's place or hang up.
final class Relay: Sendable {
    enum Answer {
        /// What the chip says.
        case chip
        /// A refusal with this code.
        case refusal(UInt32)
        /// A success with these parameters, where the command has no sessions.
        case parameters([UInt8])
        /// As above, in a response to a command with one password.
        case withPassword([UInt8])
        case hangUp
    }

    /// What tpm2-tss calls it.
    let tcti: String
    private let chip: Swtpm
    private let listener: Int32
    private let answer: @Sendable (CommandCode) -> Answer
    private let commands = Mutex<[UInt32]>([])

    /// Listens beside the chip's own socket.
    init(_ chip: Swtpm, answer: @escaping @Sendable (CommandCode) -> Answer) throws {
        self.chip = chip
        self.answer = answer
        let path = chip.folder.path + "/relay-" + String(UInt16.random(in: 0...9999))
        tcti = "swtpm:path=\(path)"
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0, listen(listener, 8) == 0 else { throw CocoaError(.fileNoSuchFile) }
        try FileManager.default.createSymbolicLink(
            atPath: path + ".ctrl", withDestinationPath: chip.socketPath + ".ctrl")
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                serve(client)
                close(client)
            }
        }
    }

    /// Ends it; nobody can connect any more.
    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// How often a command came.
    func count(of code: CommandCode) -> Int { commands.withLock { $0.count { $0 == code.rawValue } } }

    private func serve(_ client: Int32) {
        guard let chip = try? chip.raw() else { return }
        while let command = Self.message(from: client) {
            let number = command[6..<10].reduce(0) { $0 << 8 | UInt32($1) }
            commands.withLock { $0.append(number) }
            let said: [UInt8]?
            switch CommandCode(rawValue: number).map(answer) ?? .chip {
            case .chip: said = try? chip.transmit(command)
            case .refusal(let code): said = Self.message(0x8001, code, [])
            case .parameters(let parameters): said = Self.message(0x8001, 0, parameters)
            case .withPassword(let parameters):
                let size = Writer.bytes { $0.integer(UInt32(parameters.count)) }
                said = Self.message(0x8002, 0, size + parameters + [0, 0, 1, 0, 0])
            case .hangUp: said = nil
            }
            guard let said, send(client, said, said.count, Int32(MSG_NOSIGNAL)) == said.count else { return }
        }
    }

    private static func message(_ tag: UInt16, _ code: UInt32, _ body: [UInt8]) -> [UInt8] {
        Writer.bytes { writer in
            writer.integer(tag)
            writer.integer(UInt32(10 + body.count))
            writer.integer(code)
            writer.raw(body)
        }
    }

    private static func message(from client: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 10)
        guard recv(client, &bytes, 10, Int32(MSG_WAITALL)) == 10 else { return nil }
        let rest = bytes[2..<6].reduce(0) { $0 << 8 | Int($1) } - 10
        guard rest > 0 else { return bytes }
        var body = [UInt8](repeating: 0, count: rest)
        guard recv(client, &body, rest, Int32(MSG_WAITALL)) == rest else { return nil }
        return bytes + body
    }
}

extension ServedVault {
    /// Serves the vault through a relay from now on; when `body` ends, from its own chip again.
    func through(
        _ answer: @escaping @Sendable (CommandCode) -> Relay.Answer, _ body: @Sendable (Relay) async throws -> Void
    ) async throws {
        let relay = try Relay(chip, answer: answer)
        try await reach(relay.tcti)
        do {
            try await body(relay)
        } catch {
            relay.end()
            throw error
        }
        try await reach(chip.tcti)
        relay.end()
    }

    private func reach(_ tcti: String) async throws {
        try await whileStopped {
            var configuration = try VaultConfiguration.read(home: home)
            configuration.tcti = tcti
            try configuration.write(home: home)
        }
    }
}

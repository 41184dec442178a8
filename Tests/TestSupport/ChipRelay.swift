import Foundation
import Synchronization

/// Stands between a program and its emulated chip: sees each command and each answer as raw bytes, and does with them what
/// a test says. It knows none of the project's code, so that it can bear witness against it.
///
/// The program reaches it by `tcti`, the chip is reached anew for each connection of the program's, and may be stopped and
/// started in between. Like the chip it serves one program at a time.
///
/// To the emulator tpm2-tss connects anew for each command. A relay that `keepsConnections` is spoken to as the reference
/// simulator is (`SimulatorProtocol`), whose client connects once, as one opens a device once.
public final class ChipRelay: Sendable {
    /// A command on its way to the chip.
    public struct Command: Sendable {
        /// Counts the commands from 0 since the relay began, or since `begin`.
        public let number: Int
        public let bytes: [UInt8]
        /// TPM_CC, from the header (TPM 2.0 Part 1 §18.3).
        public var code: UInt32 { ChipRelay.integer(bytes[6..<10]) }
    }

    /// A command and what the program was answered.
    public struct Exchange: Sendable {
        public let command: Command
        /// What the chip itself said; `nil` when it never had the command, or was gone.
        public internal(set) var said: [UInt8]?
        /// What the program was told; `nil` when the connection broke instead.
        public internal(set) var told: [UInt8]?
        /// TPM_RC of the chip's answer.
        public var responseCode: UInt32? { said.map { ChipRelay.integer($0[6..<10]) } }
    }

    /// What becomes of a command. The closures run on the relay's thread, while the program waits.
    public enum Fate: Sendable {
        case carry
        /// Something happens, then the chip has it.
        case carryAfter(@Sendable () -> Void)
        /// The chip has done it, then something happens before the program hears of it.
        case carryThen(@Sendable () -> Void)
        /// The chip has done it, and the program gets other bytes.
        case alter(@Sendable ([UInt8]) -> [UInt8])
        /// The chip gets other bytes.
        case replace([UInt8])
        /// The chip never has it; the program is refused with this TPM_RC.
        case refuse(UInt32)
        /// The chip never has it; the program gets these bytes.
        case answer([UInt8])
        /// The connection breaks before the chip has it.
        case loseCommand
        /// The connection breaks after the chip has done it.
        case loseAnswer
    }

    public typealias Plan = @Sendable (Command) -> Fate

    /// A command as the chip had it, and what the chip said; `nil` when it was gone by then.
    public typealias Watcher = @Sendable (_ command: [UInt8], _ said: [UInt8]?) -> Void

    /// Where it listens.
    public let path: String
    /// What tpm2-tss calls it.
    public var tcti: String { "\(keepsConnections ? "mssim" : "swtpm"):path=\(path)" }
    private let chip: Swtpm
    private let keepsConnections: Bool
    private let listener: UnixSocket
    /// Where the simulator is told to power its chip; with a relay for the emulator that is the emulator's own.
    private let platform: UnixSocket?
    private let state: Mutex<State>
    /// The way to the chip while a program is connected; whoever holds it is the only one who talks to the chip.
    private let way = Mutex(Way())

    private struct Way {
        var chip: RawTPM?
        var watcher: Watcher?

        /// What the chip said; `nil` when it is gone.
        mutating func transmit(_ command: [UInt8]) -> [UInt8]? {
            let said = try? chip?.transmit(command)
            watcher?(command, said)
            return said
        }
    }

    private struct State {
        var plan: Plan
        var exchanges: [Exchange] = []
    }

    /// Listens beside the chip's own socket.
    public init(_ chip: Swtpm, keepsConnections: Bool = false, plan: @escaping Plan = { _ in .carry }) throws {
        self.chip = chip
        self.keepsConnections = keepsConnections
        state = Mutex(State(plan: plan))
        path = chip.folder.path(percentEncoded: false) + "/relay-\(UInt32.random(in: 0...99999))"
        listener = try UnixSocket.bound(to: path)
        if keepsConnections {
            platform = try UnixSocket.bound(to: path + ".ctrl")
        } else {
            platform = nil
            try FileManager.default.createSymbolicLink(
                atPath: path + ".ctrl", withDestinationPath: chip.socketPath + ".ctrl")
        }
        if let platform { Self.serve(platform) { Self.powerOn(by: $0) } }
        Self.serve(listener) { [self] in serve($0) }
    }

    private static func serve(_ listener: UnixSocket, _ body: @escaping @Sendable (_ client: Int32) -> Void) {
        Thread.detachNewThread {
            while true {
                let client = accept(listener.descriptor, nil, nil)
                guard client >= 0 else { return }
                body(client)
                close(client)
            }
        }
    }

    /// A connection of a test's own, in the program's place.
    public func raw() throws -> RawTPM { try RawTPM(path: path, speaksSimulator: keepsConnections) }

    /// Ends it; nobody can connect any more.
    public func end() {
        for listener in [listener, platform] {
            if let listener { shutdown(listener.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Does as `plan` says from now on, and counts from 0 again. What was seen is forgotten.
    public func begin(_ plan: @escaping Plan = { _ in .carry }) {
        state.withLock {
            $0.plan = plan
            $0.exchanges = []
        }
    }

    /// Everything seen since the relay began, or since `begin`.
    public var exchanges: [Exchange] { state.withLock { $0.exchanges } }

    /// Tells `watcher` of everything that reaches the chip, in the chip's order, what is injected too. It must not use the
    /// relay.
    public func watch(_ watcher: @escaping Watcher) {
        way.withLock { $0.watcher = watcher }
    }

    /// Sends a command of an attacker's between two of the program's, as root on the host can; also from within a plan's
    /// closures, and while no program is connected. No plan sees it.
    public func inject(_ command: [UInt8]) throws -> [UInt8] {
        let said = try way.withLock { way -> [UInt8]? in
            let isAlone = way.chip == nil
            if isAlone { way.chip = try chip.raw() }
            defer { if isAlone { way.chip = nil } }
            return way.transmit(command)
        }
        guard let said else { throw HarnessError("the chip is gone") }
        return said
    }

    /// The chip was started anew: the way to the old one is given up, and the program's connection breaks at its next
    /// command.
    public func giveUpWay() { way.withLock { $0.chip = nil } }

    private func transmit(_ command: [UInt8]) -> [UInt8]? { way.withLock { $0.transmit(command) } }

    /// How often a command with this TPM_CC came.
    public func count(of code: UInt32) -> Int { exchanges.count { $0.command.code == code } }

    private func serve(_ client: Int32) {
        guard (try? way.withLock { $0.chip = try chip.raw() }) != nil else { return }
        defer { way.withLock { $0.chip = nil } }
        while let bytes = keepsConnections ? Self.wrapped(from: client) : Self.message(from: client) {
            let (number, plan) = state.withLock { state in
                let number = state.exchanges.count
                state.exchanges.append(Exchange(command: Command(number: number, bytes: bytes)))
                return (number, state.plan)
            }
            var exchange = Exchange(command: Command(number: number, bytes: bytes))
            switch plan(exchange.command) {
            case .carry:
                exchange.said = transmit(bytes)
                exchange.told = exchange.said
            case .carryAfter(let happening):
                happening()
                exchange.said = transmit(bytes)
                exchange.told = exchange.said
            case .carryThen(let happening):
                exchange.said = transmit(bytes)
                happening()
                exchange.told = exchange.said
            case .alter(let alteration):
                exchange.said = transmit(bytes)
                exchange.told = exchange.said.map(alteration)
            case .replace(let other):
                exchange.said = transmit(other)
                exchange.told = exchange.said
            case .refuse(let code): exchange.told = Self.refusal(code)
            case .answer(let answer): exchange.told = answer
            case .loseCommand: break
            case .loseAnswer: exchange.said = transmit(bytes)
            }
            let ended = exchange
            state.withLock { state in
                // `begin` may have been called while the command was under way.
                if state.exchanges.indices.contains(number), state.exchanges[number].command.bytes == bytes {
                    state.exchanges[number] = ended
                }
            }
            guard let told = exchange.told,
                Self.sendAll(keepsConnections ? SimulatorProtocol.wrapping(answer: told) : told, to: client)
            else { return }
        }
    }

    // MARK: - Bytes

    /// A response without sessions (TPM 2.0 Part 1 §18.4): what a chip answers that succeeded with these parameters.
    public static func success(_ parameters: [UInt8]) -> [UInt8] { response(tag: 0x8001, 0, parameters) }

    /// A response to a command with one password.
    public static func successWithPassword(_ parameters: [UInt8]) -> [UInt8] {
        response(tag: 0x8002, 0, bigEndian(UInt32(parameters.count)) + parameters + [0, 0, 1, 0, 0])
    }

    /// A response that refuses with this TPM_RC.
    public static func refusal(_ code: UInt32) -> [UInt8] { response(tag: 0x8001, code, []) }

    private static func response(tag: UInt16, _ code: UInt32, _ body: [UInt8]) -> [UInt8] {
        [UInt8(tag >> 8), UInt8(truncatingIfNeeded: tag)] + bigEndian(UInt32(10 + body.count)) + bigEndian(code) + body
    }

    static func bigEndian(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }

    /// A big-endian number of at most four bytes.
    public static func integer(_ bytes: some Sequence<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

    private static func wrapped(from client: Int32) -> [UInt8]? {
        guard let header = receive(9, from: client), let size = SimulatorProtocol.size(in: header) else { return nil }
        return receive(size, from: client)
    }

    /// Says yes to whatever the platform wants: the emulator is on.
    private static func powerOn(by client: Int32) {
        while receive(4, from: client) != nil, sendAll(SimulatorProtocol.yes, to: client) {}
    }

    private static func message(from client: Int32) -> [UInt8]? {
        guard let header = receive(10, from: client) else { return nil }
        let rest = Int(integer(header[2..<6])) - 10
        guard rest > 0 else { return header }
        guard let body = receive(rest, from: client) else { return nil }
        return header + body
    }

    private static func receive(_ count: Int, from client: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        guard recv(client, &bytes, count, Int32(MSG_WAITALL)) == count else { return nil }
        return bytes
    }

    private static func sendAll(_ bytes: [UInt8], to client: Int32) -> Bool {
        send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }
}

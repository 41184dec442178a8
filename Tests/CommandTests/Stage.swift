import Foundation
import Synchronization
import TestSupport
import Testing

/// A chip, a desk, and a vault that is provisioned on the one and served on the other by the program itself.
final class Stage: Sendable {
    let chip: Swtpm
    let desk: Desk
    private let serving = Mutex<Running?>(nil)

    private init(_ chip: Swtpm, _ desk: Desk) {
        self.chip = chip
        self.desk = desk
    }

    /// A vault that is not provisioned.
    static func bare<R>(
        _ identity: Swtpm.Identity = .shared, isolation: isolated (any Actor)? = #isolation,
        _ body: (Stage) async throws -> R
    ) async throws -> R {
        try await withSwtpm(identity) { chip in
            try await Desk.with { desk in try await body(Stage(chip, desk)) }
        }
    }

    /// A vault that is served.
    static func with<R>(
        isolation: isolated (any Actor)? = #isolation, _ body: (Stage) async throws -> R
    ) async throws -> R {
        try await bare { stage in
            try await stage.provision()
            try await stage.serve()
            return try await body(stage)
        }
    }

    var home: String { desk("vault") }
    var socket: String { desk("vault.sock") }
    var address: String { "unix:\(socket)" }
    var trustRoot: String { chip.trustRoot?.path() ?? "" }

    @discardableResult
    func provision(_ more: String...) async throws -> Ended {
        try await desk.done(.vault, ["provision", "--tcti", chip.tcti, "--home", home, "--skip-capacity"] + more)
    }

    /// Starts serving, and waits until the program says that it does.
    @discardableResult
    func serve(_ more: String...) async throws -> Running {
        let running = try await desk.start(.vault, ["serve", "--home", home, "--socket", socket] + more)
        try await eventually("the vault serves") {
            try #require(!running.child.hasEnded, "\(running.errors)")
            return running.errors.contains("ready: ")
        }
        serving.withLock { $0 = running }
        return running
    }

    /// Ends it as an operator would.
    @discardableResult
    func stop() async throws -> Ended {
        let running = try #require(serving.withLock { $0 })
        serving.withLock { $0 = nil }
        running.signal(SIGTERM)
        return try await running.ended()
    }

    /// The arguments by which a device of this name comes to the vault.
    func way(_ device: String, _ account: String) -> [String] {
        [
            "--vault", address, "--home", desk(device), "--account", account, "--trust-root", trustRoot,
            "--allow-emulated", "--accept-new-vault",
        ]
    }

    /// Runs a command of a device.
    func at(
        _ device: String, _ command: String, _ account: String = "alice", password: String? = nil, _ more: String...
    ) async throws -> Ended {
        var arguments = [command] + way(device, account) + more
        if let password {
            let file = "\(UUID().uuidString).password"
            desk.write(password + "\n", to: file)
            arguments += [command == "change-password" ? "--new-password-file" : "--password-file", desk(file)]
        }
        return try await desk.run(.tenpin, arguments)
    }

    /// Enrolls with the least work there is.
    @discardableResult
    func enroll(_ device: String, _ account: String = "alice", password: String, limit: Int = 10) async throws -> Ended
    {
        let ended = try await at(
            device, "enroll", account, password: password, "--memory", "64", "--passes", "3", "--limit", "\(limit)")
        try #require(ended.status == 0, "\(ended.errors)")
        return ended
    }
}

/// A connection to the vault's socket that sends what it is told.
final class Peer: Sendable {
    private let descriptor: Int32
    private let received = Mutex<[UInt8]>([])

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw HarnessError("connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Sends what the other side takes.
    func send(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        let last = ContinuousClock.now + .seconds(10)
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0 && errno != EAGAIN { return }
            if count > 0 { rest = rest.dropFirst(count) } else { try await Task.sleep(for: .milliseconds(2)) }
            guard ContinuousClock.now < last else { throw HarnessError("the vault takes nothing") }
        }
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8) + [0]) }

    func closeSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next message, or `nil` when the vault has closed.
    func receive(within deadline: Duration = .seconds(20)) async throws -> [String: Any]? {
        let last = ContinuousClock.now + deadline
        while true {
            let message = received.withLock { bytes -> [UInt8]? in
                guard let end = bytes.firstIndex(of: 0) else { return nil }
                defer { bytes.removeSubrange(...end) }
                return Array(bytes[..<end])
            }
            if let message {
                return try #require(try JSONSerialization.jsonObject(with: Data(message)) as? [String: Any])
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count == 0 || count < 0 && errno != EAGAIN { return nil }
            if count > 0 {
                received.withLock { $0 += buffer[..<count] }
            } else {
                guard ContinuousClock.now < last else { throw HarnessError("the vault neither answers nor closes") }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    /// A call without parameters and its reply.
    func describe() async throws -> [String: Any] {
        try await send(#"{"method":"org.tenpin.Vault.Describe"}"#)
        return try #require(try await receive())
    }
}

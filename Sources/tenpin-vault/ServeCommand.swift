import ArgumentParser
import Dispatch
import Foundation
import Logging
import Synchronization
import Varlink
import Vault
import VaultAPI

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the vault on a Unix socket until SIGTERM or SIGINT.",
        discussion: """
            The socket belongs to the user who runs this (mode 0600), or also to a group (0660). Whoever may connect is
            trusted to say which account it speaks for.

              tenpin-vault serve --home /var/lib/tenpin --socket /run/tenpin/vault.sock --group messenger
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption

    @Option(help: "The socket's path, at most 107 bytes.")
    var socket: String

    @Option(help: "A group whose members may connect.")
    var group: String?

    @Option(help: "Another way to the same TPM than the one it was provisioned by.")
    var tcti: String?

    @Flag(name: .shortAndLong, help: "Say more on standard error.")
    var verbose = false

    /// How long a shutdown waits for the calls under way.
    private static let patience = Duration.seconds(30)

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var log = Logger(label: "tenpin-vault")
        log.logLevel = verbose ? .debug : .warning
        let stop = Signals([SIGTERM, SIGINT])
        let lock = try HomeLock(home: home.home)
        let vault = try await Vault.open(home: home.home, tcti: tcti, ownerAuthorization: owner.read(), log: log)
        let numbers = Numbers()
        let server = try await VarlinkServer.start(
            at: socket, access: try access(),
            service: VarlinkService(
                vendor: "Tenpin", product: "tenpin-vault", version: VaultVersion.text, url: "https://tenpin.example",
                interfaces: [VarlinkInterface(name: VaultInterface.name, description: VaultInterface.description)]),
            conversation: { _ in Conversation(vault, ConnectionID(numbers.next())) })
        FileHandle.standardError.write(Data("ready: serving on \(socket)\n".utf8))
        await stop.first()
        FileHandle.standardError.write(Data("stopping: finishing what is under way\n".utf8))
        await server.shutdown(within: Self.patience)
        _ = consume lock
    }

    private func access() throws -> SocketAccess {
        guard let group else { return .owner }
        guard let entry = unsafe getgrnam(group) else { throw ValidationError("There is no group named \(group).") }
        return .group(unsafe entry.pointee.gr_gid)
    }
}

/// Counts connections from 1.
private final class Numbers: Sendable {
    private let last = Atomic<UInt64>(0)
    func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// Signals that end the program when it has finished what it began.
private final class Signals {
    private let stream: AsyncStream<Void>
    private let sources: [any DispatchSourceSignal]

    init(_ numbers: [Int32]) {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        self.stream = stream
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
    }

    func first() async {
        for await _ in stream { return }
    }
}

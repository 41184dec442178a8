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
            The socket belongs to the user who runs this (mode 0600), or also to a group (0660). Whoever may connect \
            is trusted to say which account it speaks for.

              tenpin-vault serve --socket /run/tenpin/vault.sock --group messenger

            Started by a systemd socket unit, it serves on the unit's socket, and SocketMode= and SocketGroup= say who may \
            connect.
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption
    @OptionGroup var endorsement: EndorsementOption

    @Option(help: "The socket's path, at most 107 bytes; left out where systemd hands the socket over.")
    var socket: String?

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
        let place = try place()
        _ = try VaultConfiguration.read(home: home.home)
        let lock = try HomeLock(home: home.home)
        let vault = try await Vault.open(
            home: home.home, tcti: tcti, ownerAuthorization: owner.read(),
            endorsementAuthorization: endorsement.read(), log: log)
        let numbers = Numbers()
        let service = VarlinkService(
            vendor: "Tenpin", product: "tenpin-vault", version: VaultVersion.text, url: "https://tenpin.example",
            interfaces: [VarlinkInterface(name: VaultInterface.name, description: VaultInterface.description)])
        let conversation = { @Sendable (_: PeerCredentials) in Conversation(vault, ConnectionID(numbers.next())) }
        let server =
            switch consume place {
            case .handedOver(let inherited):
                try await VarlinkServer.start(on: inherited, service: service, conversation: conversation)
            case .path(let path):
                try await VarlinkServer.start(
                    at: path, access: try access(), service: service, conversation: conversation)
            }
        let operators = await serveOperators(vault, numbers, log)
        FileHandle.standardError.write(Data("ready: serving on \(server.path)\n".utf8))
        ServiceManager.ready()
        await stop.first()
        ServiceManager.stopping()
        FileHandle.standardError.write(Data("stopping: finishing what is under way\n".utf8))
        await operators?.shutdown(within: Self.patience)
        await server.shutdown(within: Self.patience)
        await vault.close()
        _ = consume lock
    }

    /// Serves the operator's own questions in the home folder. People are served without it too.
    private func serveOperators(_ vault: Vault, _ numbers: Numbers, _ log: Logger) async -> VarlinkServer? {
        do throws(VarlinkServerError) {
            return try await VarlinkServer.start(
                at: OperatorInterface.socket(home: home.home), access: .owner,
                service: VarlinkService(
                    vendor: "Tenpin", product: "tenpin-vault", version: VaultVersion.text,
                    url: "https://tenpin.example",
                    interfaces: [
                        VarlinkInterface(name: OperatorInterface.name, description: OperatorInterface.description)
                    ])
            ) { _ in OperatorConversation(vault, ConnectionID(numbers.next())) }
        } catch {
            log.warning("audits are not answered while the vault is served: \(error)")
            return nil
        }
    }

    /// Where to serve.
    private enum Place: ~Copyable {
        case path(String)
        case handedOver(InheritedSocket)
    }

    private func place() throws -> Place {
        if let inherited = try InheritedSocket.take() {
            guard socket == nil, group == nil else {
                throw ValidationError("The socket was handed over; leave out --socket and --group.")
            }
            return .handedOver(inherited)
        }
        guard let socket else { throw ValidationError("Say with --socket where to serve.") }
        _ = try access()
        return .path(socket)
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

/// Rung by a signal's handler, which may touch nothing but this.
private let bell: (reading: Int32, writing: Int32) = {
    var ends: [Int32] = [-1, -1]
    unsafe pipe(&ends)
    for end in ends {
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    return (ends[0], ends[1])
}()

/// Signals that end the program when it has finished what it began. From the first moment on none is lost.
private struct Signals {
    private let stream: AsyncStream<Void>
    private let source: any DispatchSourceRead

    init(_ numbers: [Int32]) {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        self.stream = stream
        source = DispatchSource.makeReadSource(fileDescriptor: bell.reading, queue: .global())
        source.setEventHandler { [source] in
            continuation.yield()
            source.cancel()
        }
        source.resume()
        for number in numbers {
            signal(number) { _ in
                var stroke: UInt8 = 1
                _ = unsafe write(bell.writing, &stroke, 1)
            }
        }
    }

    func first() async {
        for await _ in stream { return }
    }
}

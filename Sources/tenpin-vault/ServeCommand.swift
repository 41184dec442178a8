import ArgumentParser
import Dispatch
import Foundation
import Logging
import Monitoring
import TPM
import Varlink
import Vault
import VaultAPI

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the vault on a Unix socket, the network or both, until SIGTERM or SIGINT.",
        discussion: """
            The socket belongs to the user who runs this (mode 0600), or also to a group (0660). Whoever may connect \
            is trusted to say which account it speaks for.

              tenpin-vault serve --socket /run/tenpin/vault.sock --group messenger

            Started by a systemd socket unit, it serves on the unit's socket, and SocketMode= and SocketGroup= say who may \
            connect.

            On the network callers prove their account with a token of the account service, and may name that account alone:

              tenpin-vault serve --listen 0.0.0.0:7443 --token-keys jwks.json \\
                --token-audience vault-1.example --tls-certificate vault.pem \\
                --tls-key vault.key --metrics 127.0.0.1:9464

            With --listen, SIGHUP reads certificate, key, token keys and the gateways' authority again.
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption
    @OptionGroup var endorsement: EndorsementOption

    @Option(help: "The socket's path, at most 107 bytes; left out where systemd hands the socket over.")
    var socket: String?

    @Option(help: "A group whose members may connect to the socket.")
    var group: String?

    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup(title: "Monitoring") var monitoring: MonitoringOptions

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
        let monitoringPlace = try monitoring.place()
        let configuration = try VaultConfiguration.read(home: home.home)
        let door = try await network.door(
            endorsementName: PublicArea(tpm2b: configuration.endorsementKey.bytes).name)
        let lock = try HomeLock(home: home.home)
        let vault = try await Vault.open(
            home: home.home, tcti: tcti, ownerAuthorization: owner.read(),
            endorsementAuthorization: endorsement.read(), log: log)
        var served = Served()
        do {
            try await start(consume place, door, monitoringPlace, of: vault, &served, log)
        } catch {
            await served.stop(within: .zero)
            await vault.close()
            throw error
        }
        let reloading = door.map { door in Reloading { try await door.reload() } }
        say("ready: serving on \(served.places.joined(separator: ", "))")
        ServiceManager.ready()
        await stop.first()
        ServiceManager.stopping()
        say("stopping: finishing what is under way")
        await served.stop(within: Self.patience)
        await vault.close()
        _ = reloading
        _ = consume lock
    }

    private func start(
        _ place: consuming Place, _ door: NetworkDoor?, _ monitoringPlace: MonitoringServer.Place?, of vault: Vault,
        _ served: inout Served, _ log: Logger
    ) async throws {
        let numbers = Numbers()
        let conversation = { @Sendable in Conversation(vault, ConnectionID(numbers.next())) }
        switch consume place {
        case .handedOver(let inherited):
            served.servers.append(
                (
                    "unix",
                    try await VarlinkServer.start(on: inherited, service: service(Self.devices)) { _ in conversation() }
                ))
        case .path(let path):
            let server = try await VarlinkServer.start(at: path, access: try access(), service: service(Self.devices)) {
                _ in
                conversation()
            }
            served.servers.append(("unix", server))
        case .networkAlone: break
        }
        if let door {
            let server = try await VarlinkServer.start(
                at: door.place, identity: door.identity, service: service(Self.devices, Self.access)
            ) { door.conversation($0, conversation()) }
            served.servers.append(("tls", server))
        }
        served.operators = await serveOperators(vault, numbers, log)
        guard let monitoringPlace else { return }
        let answers = Monitor(vault: vault, servers: served.servers, readiness: Readiness(vault))
        do {
            served.monitor = try await MonitoringServer.start(at: monitoringPlace) { await answers.answer($0) }
        } catch {
            throw ValidationError("Choose another address for --metrics, or free it; listening failed: \(error).")
        }
    }

    /// Serves the operator's own questions in the home folder. People are served without it too.
    private func serveOperators(_ vault: Vault, _ numbers: Numbers, _ log: Logger) async -> VarlinkServer? {
        do throws(VarlinkServerError) {
            return try await VarlinkServer.start(
                at: OperatorInterface.socket(home: home.home), access: .owner,
                service: service(Self.operators)
            ) { _ in OperatorConversation(vault, ConnectionID(numbers.next())) }
        } catch {
            log.warning("audits are not answered while the vault is served: \(error)")
            return nil
        }
    }

    private static let devices = VarlinkInterface(name: VaultInterface.name, description: VaultInterface.description)
    private static let access = VarlinkInterface(name: AccessInterface.name, description: AccessInterface.description)
    private static let operators = VarlinkInterface(
        name: OperatorInterface.name, description: OperatorInterface.description)

    private func service(_ interfaces: VarlinkInterface...) -> VarlinkService {
        VarlinkService(
            vendor: "Tenpin", product: "tenpin-vault", version: VaultVersion.text, url: "https://tenpin.example",
            interfaces: interfaces)
    }

    /// Where to serve.
    private enum Place: ~Copyable {
        case path(String)
        case handedOver(InheritedSocket)
        case networkAlone
    }

    private func place() throws -> Place {
        if let inherited = try InheritedSocket.take() {
            guard socket == nil, group == nil else {
                throw ValidationError("The socket was handed over; leave out --socket and --group.")
            }
            return .handedOver(inherited)
        }
        guard let socket else {
            guard network.listen != nil, group == nil else {
                throw ValidationError("Say with --socket where to serve, or with --listen on the network.")
            }
            return .networkAlone
        }
        _ = try access()
        return .path(socket)
    }

    private func access() throws -> SocketAccess {
        guard let group else { return .owner }
        guard let entry = unsafe getgrnam(group) else { throw ValidationError("There is no group named \(group).") }
        return .group(unsafe entry.pointee.gr_gid)
    }
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

import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// A Varlink service on a Unix socket, or on the network under TLS.
///
/// It serves from `start` until `shutdown`; nothing else ends it.
public final class VarlinkServer: Sendable {
    /// Where it serves: a Unix socket's path, or `tls:host:port`.
    public let path: String
    /// The socket's file, where this server made it.
    private let file: SocketFile?
    private let channel: any Channel
    private let terms: ServerTerms

    private init(path: String, file: SocketFile?, channel: any Channel, terms: ServerTerms) {
        self.path = path
        self.file = file
        self.channel = channel
        self.terms = terms
    }

    /// How many connections there are.
    public var connections: Int { terms.registry.count + terms.door.count }

    /// Binds the socket and serves.
    ///
    /// - Parameters:
    ///   - path: at most 107 bytes. A socket on which nobody answers is replaced, anything else there is refused.
    ///     Beside it lies a lock, `path` with `.lock`, for as long as the server runs.
    ///   - access: who may connect; the mode is in place before anybody can.
    ///   - service: what it says about itself; calls of its interfaces go to conversations.
    ///   - limits: what peers may take.
    ///   - group: the event loops; no conversation runs on them.
    ///   - admitting: decides by the peer's credentials whether it is let in. It runs on an event loop: it must not
    ///     block.
    ///   - conversation: makes the service's side of one connection. It must not block either.
    public static func start(
        at path: String,
        access: SocketAccess = .owner,
        service: VarlinkService,
        limits: VarlinkLimits = VarlinkLimits(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        admitting: @escaping @Sendable (PeerCredentials) -> Bool = { _ in true },
        conversation: @escaping @Sendable (PeerCredentials) -> any VarlinkConversation
    ) async throws(VarlinkServerError) -> VarlinkServer {
        let (file, socket) = try SocketFile.bind(path, access: access)
        do throws(VarlinkServerError) {
            return try await serve(
                socket, path, file, group, ServerTerms(service, limits), admitting: admitting,
                conversation: conversation)
        } catch {
            file.remove()
            throw error
        }
    }

    /// Serves on a socket that a service manager opened, which says who may connect; its file is the manager's and stays.
    public static func start(
        on inherited: consuming InheritedSocket,
        service: VarlinkService,
        limits: VarlinkLimits = VarlinkLimits(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        admitting: @escaping @Sendable (PeerCredentials) -> Bool = { _ in true },
        conversation: @escaping @Sendable (PeerCredentials) -> any VarlinkConversation
    ) async throws(VarlinkServerError) -> VarlinkServer {
        try await serve(
            inherited.descriptor, inherited.path, nil, group, ServerTerms(service, limits), admitting: admitting,
            conversation: conversation)
    }

    /// Serves on a network address, to peers that speak TLS 1.3.
    ///
    /// A peer is a stranger until its conversation introduces it, and has one of few places for a short time: what a
    /// stranger may call is for the conversation to decide.
    /// - Parameters:
    ///   - place: where; port 0 takes a free one, which `path` then names.
    ///   - identity: certificate and key; asked anew for each connection.
    public static func start(
        at place: NetworkPlace,
        identity: TLSIdentity,
        service: VarlinkService,
        limits: VarlinkLimits = VarlinkLimits(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        conversation: @escaping @Sendable (RemotePeer) -> any VarlinkConversation
    ) async throws(VarlinkServerError) -> VarlinkServer {
        let terms = ServerTerms(service, limits)
        do {
            let channel = try await bootstrap(group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard let address = channel.remoteAddress else { throw ChannelError.operationUnsupported }
                        let (pipeline, reading) = (channel.pipeline.syncOperations, identity.current)
                        try pipeline.addHandler(NIOSSLServerHandler(context: reading.context))
                        try pipeline.addHandler(
                            ServerConnection(
                                terms: terms, arrival: .remote(address, reading, identity, conversation)))
                    }
                }
                .bind(host: place.host, port: place.port).get()
            let served = NetworkPlace(host: place.host, port: channel.localAddress?.port ?? place.port)
            return VarlinkServer(path: "tls:\(served)", file: nil, channel: channel, terms: terms)
        } catch {
            throw .cannotListen(place: "\(place)", errno: (error as? IOError)?.errnoCode ?? EADDRNOTAVAIL)
        }
    }

    private static func bootstrap(_ group: any EventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 8192))
    }

    private static func serve(
        _ socket: CInt, _ path: String, _ file: SocketFile?, _ group: any EventLoopGroup, _ terms: ServerTerms,
        admitting: @escaping @Sendable (PeerCredentials) -> Bool,
        conversation: @escaping @Sendable (PeerCredentials) -> any VarlinkConversation
    ) async throws(VarlinkServerError) -> VarlinkServer {
        do {
            let channel = try await bootstrap(group)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in
                    PeerCredentials.of(channel).flatMapThrowing { peer in
                        let arrival = Arrival.local(peer, admitted: admitting(peer), conversation)
                        try channel.pipeline.syncOperations.addHandler(ServerConnection(terms: terms, arrival: arrival))
                    }
                }
                .withBoundSocket(socket).get()
            return VarlinkServer(path: path, file: file, channel: channel, terms: terms)
        } catch {
            throw .system(call: "listen", path: path, errno: (error as? IOError)?.errnoCode ?? 0)
        }
    }

    /// Ends the service: removes the socket that it made, lets nobody in any more, lets every connection finish and answer the call
    /// under way, and closes it. What is left after `limit` is closed without an answer; its call is not interrupted.
    ///
    /// Gives whether every conversation ended in time.
    @discardableResult
    public func shutdown(within limit: Duration) async -> Bool {
        file?.remove()
        try? await channel.close().get()
        async let strangers = terms.door.drain(within: limit, on: channel.eventLoop)
        async let known = terms.registry.drain(within: limit, on: channel.eventLoop)
        return await (strangers, known) == (true, true)
    }
}

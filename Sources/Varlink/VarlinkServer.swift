import NIOCore
import NIOPosix

/// A Varlink service on a Unix socket.
///
/// It serves from `start` until `shutdown`; nothing else ends it.
public final class VarlinkServer: Sendable {
    /// Where it serves.
    public let path: String
    /// The socket's file, where this server made it.
    private let file: SocketFile?
    private let channel: any Channel
    private let registry: ConnectionRegistry

    private init(path: String, file: SocketFile?, channel: any Channel, registry: ConnectionRegistry) {
        self.path = path
        self.file = file
        self.channel = channel
        self.registry = registry
    }

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
                socket, path, file, group,
                ServerTerms(
                    service: service, limits: limits, registry: ConnectionRegistry(limits: limits),
                    admits: admitting, conversation: conversation))
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
            inherited.descriptor, inherited.path, nil, group,
            ServerTerms(
                service: service, limits: limits, registry: ConnectionRegistry(limits: limits), admits: admitting,
                conversation: conversation))
    }

    private static func serve(
        _ socket: CInt, _ path: String, _ file: SocketFile?, _ group: any EventLoopGroup, _ terms: ServerTerms
    ) async throws(VarlinkServerError) -> VarlinkServer {
        do {
            let channel = try await ServerBootstrap(group: group)
                .childChannelOption(.autoRead, value: false)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 8192))
                .childChannelInitializer { channel in
                    PeerCredentials.of(channel).flatMapThrowing { peer in
                        try channel.pipeline.syncOperations.addHandler(ServerConnection(terms: terms, peer: peer))
                    }
                }
                .withBoundSocket(socket).get()
            return VarlinkServer(path: path, file: file, channel: channel, registry: terms.registry)
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
        return await registry.drain(within: limit, on: channel.eventLoop)
    }
}

import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Answers GET over HTTP/1.1 (RFC 9112) for an operator's own tools: one request a connection, no body, a few connections.
public final class MonitoringServer: Sendable {
    /// An answer in plain text.
    public struct Answer: Sendable {
        let status: HTTPResponseStatus
        let text: String

        public static func ok(_ text: String) -> Answer { Answer(status: .ok, text: text) }
        public static func unavailable(_ text: String) -> Answer { Answer(status: .serviceUnavailable, text: text) }
        static let notFound = Answer(status: .notFound, text: "not found\n")
        static let notAllowed = Answer(status: .methodNotAllowed, text: "only GET\n")
    }

    /// Where it listens: `http://address:port`, or a Unix socket's path.
    public var address: String {
        guard let address = channel.localAddress else { return "" }
        guard let port = address.port, let host = address.ipAddress else { return address.pathname ?? "" }
        return host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }

    private let channel: any Channel

    private init(_ channel: any Channel) { self.channel = channel }

    /// Serves at a host and port, or at the path of a Unix socket, until `stop`.
    ///
    /// - Parameter answer: the answer for a path; `nil` where there is nothing.
    public static func start(
        at place: Place, answer: @escaping @Sendable (String) async -> Answer?
    ) async throws -> MonitoringServer {
        let places = Places()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try places.take(for: channel)
                    let pipeline = channel.pipeline.syncOperations
                    // Whoever says nothing keeps nothing.
                    channel.eventLoop.assumeIsolated().scheduleTask(in: .seconds(40)) { channel.close(promise: nil) }
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try pipeline.addHandler(MonitoringConnection(answer))
                }
            }
        return switch place {
        case .network(let host, let port):
            MonitoringServer(
                try await bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .bind(host: host, port: port).get())
        case .socket(let path):
            MonitoringServer(
                try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get())
        }
    }

    /// Where to serve.
    public enum Place: Sendable, Equatable {
        case network(host: String, port: Int)
        case socket(String)
    }

    public func stop() async { try? await channel.close().get() }
}

/// The attack: 1. somebody on this machine opens connections here and says nothing; 2. the program has no file left for the
/// connections of devices. So there are few at a time, and the next one is closed.
private final class Places: Sendable {
    private static let count = 16
    private let taken = Atomic(0)

    func take(for channel: any Channel) throws {
        guard taken.wrappingAdd(1, ordering: .relaxed).newValue <= Self.count else {
            taken.wrappingSubtract(1, ordering: .relaxed)
            throw ChannelError.operationUnsupported
        }
        channel.closeFuture.whenComplete { _ in self.taken.wrappingSubtract(1, ordering: .relaxed) }
    }
}

/// One request and its answer.
private final class MonitoringConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: @Sendable (String) async -> MonitoringServer.Answer?
    private var request: HTTPRequestHead?

    init(_ answer: @escaping @Sendable (String) async -> MonitoringServer.Answer?) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head) where request == nil: request = head
        case .end:
            guard let request else { return context.close(promise: nil) }
            respond(to: request, context)
        // A second request, or a body.
        case .head, .body: context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func respond(to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let (answer, method, path) = (answer, request.method, request.uri)
        Task {
            let found = method == .GET ? await answer(path) ?? .notFound : .notAllowed
            loop.execute { bound.value.0.write(found, bound.value.1) }
        }
    }

    private func write(_ answer: MonitoringServer.Answer, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let headers: HTTPHeaders = [
            "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
            "Content-Length": "\(answer.text.utf8.count)", "Connection": "close", "Cache-Control": "no-store",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(.init(string: answer.text)))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}

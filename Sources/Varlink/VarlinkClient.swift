import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// One connection to a Varlink service. Calls on it go one after another, in the order in which they were made.
///
/// Its connection ends with `close`, with the value itself, and after every error but `remote` and `unusableCall`.
/// Cancelling a task does not interrupt its call; the deadline does.
public actor VarlinkClient {
    private let limits: VarlinkLimits
    private let replyDeadline: Duration
    private let channel: any Channel
    private let connection: NIOLoopBound<ClientConnection>
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    private init(
        limits: VarlinkLimits, replyDeadline: Duration, channel: any Channel,
        connection: NIOLoopBound<ClientConnection>
    ) {
        self.limits = limits
        self.replyDeadline = replyDeadline
        self.channel = channel
        self.connection = connection
    }

    deinit { channel.close(promise: nil) }

    /// Connects to the service at `address`.
    ///
    /// - Parameters:
    ///   - trust: whose certificates are believed; without it the system's authorities'.
    ///   - connectDeadline: how long connecting may take, and again the TLS handshake.
    ///   - replyDeadline: how long each reply may take, unless the call says otherwise.
    ///   - limits: size and depth of messages; the rest of it is for servers.
    ///   - group: the event loops.
    public static func connect(
        to address: VarlinkAddress,
        trust: TLSTrust? = nil,
        connectDeadline: Duration = .seconds(5),
        replyDeadline: Duration = .seconds(30),
        limits: VarlinkLimits = VarlinkLimits(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws(VarlinkClientError) -> VarlinkClient {
        let bootstrap = ClientBootstrap(group: group).connectTimeout(TimeAmount(connectDeadline))
        do {
            let (channel, connection): (any Channel, NIOLoopBound<ClientConnection>)
            switch address.place {
            case .socket(let path):
                guard let server = SocketAddress(socketPath: path) else { throw VarlinkClientError.badAddress(path) }
                (channel, connection) = try await bootstrap.connect(to: server) { channel in
                    channel.eventLoop.makeCompletedFuture { try added(to: channel, limits) }
                }
            case .tls(let network):
                let context = try (trust ?? TLSTrust()).context
                let handshake: EventLoopFuture<Void>
                (channel, connection, handshake) =
                    try await bootstrap
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .connect(host: network.host, port: network.port) { channel in
                        channel.eventLoop.makeCompletedFuture {
                            let gate = channel.eventLoop.makePromise(of: Void.self)
                            channel.eventLoop.scheduleTask(in: TimeAmount(connectDeadline)) {
                                gate.fail(ChannelError.connectTimeout(TimeAmount(connectDeadline)))
                            }
                            let pipeline = channel.pipeline.syncOperations
                            // Where the host is an address, the certificate must name that.
                            try pipeline.addHandler(
                                NIOSSLClientHandler(
                                    context: context, serverHostname: network.isAddress ? nil : network.host))
                            try pipeline.addHandler(HandshakeGate(gate))
                            let (channel, connection) = try added(to: channel, limits)
                            return (channel, connection, gate.futureResult)
                        }
                    }
                do {
                    try await handshake.get()
                } catch {
                    channel.close(promise: nil)
                    throw error
                }
            }
            return VarlinkClient(
                limits: limits, replyDeadline: replyDeadline, channel: channel, connection: connection)
        } catch {
            throw VarlinkClientError(error, at: address)
        }
    }

    private static func added(
        to channel: any Channel, _ limits: VarlinkLimits
    ) throws -> (any Channel, NIOLoopBound<ClientConnection>) {
        let connection = ClientConnection(limits: limits)
        try channel.pipeline.syncOperations.addHandler(connection)
        return (channel, NIOLoopBound(connection, eventLoop: channel.eventLoop))
    }

    /// Calls `method` with the JSON object `parameters`; gives the JSON object of the reply's parameters.
    public func call(
        _ method: String, json parameters: Data = Data("{}".utf8), within deadline: Duration? = nil
    ) async throws(VarlinkClientError) -> Data {
        guard VarlinkName.split(method) != nil,
            let message = JSONText.message("{\"method\":\"\(method)\",\"parameters\":", parameters, limits: limits)
        else { throw .unusableCall(method: method) }
        await takeTurn()
        defer { giveTurn() }
        let reply: ReplyEnvelope
        switch try await exchange(message, within: deadline ?? replyDeadline) {
        case .reply(let bytes):
            reply = try await open(bytes)
        case .unasked(let bytes):
            reply = try await open(bytes)
            // The attack: 1. a reply is sent ahead; 2. the client takes it as the answer to whatever it asks next.
            guard reply.error != nil else { throw .malformed(reason: "It sent a reply before it was asked.") }
        }
        guard let name = reply.error else { return reply.parameters }
        throw .remote(name: name, parameters: reply.parameters)
    }

    /// Calls `method` with `parameters`, which must encode as a JSON object; gives the reply's JSON object.
    public func call(
        _ method: String, _ parameters: some Encodable, within deadline: Duration? = nil
    ) async throws(VarlinkClientError) -> Data {
        guard let json = JSONText.encode(parameters) else { throw .unusableCall(method: method) }
        return try await call(method, json: json, within: deadline)
    }

    /// Calls `method` with `parameters` and gives the reply as a value. Members that `type` does not know are ignored.
    public func call<Reply: Decodable & Sendable>(
        _ method: String, _ parameters: some Encodable, returning type: Reply.Type, within deadline: Duration? = nil
    ) async throws(VarlinkClientError) -> Reply {
        let json = try await call(method, parameters, within: deadline)
        do {
            return try JSONDecoder().decode(type, from: json)
        } catch {
            await close()
            throw .malformed(reason: VarlinkInvalidParameter(error).description)
        }
    }

    /// Closes the connection; a call under way ends with `closed`.
    public func close() async {
        try? await channel.close().get()
    }

    private func open(_ bytes: [UInt8]) async throws(VarlinkClientError) -> ReplyEnvelope {
        do throws(EnvelopeError) {
            return try ReplyEnvelope(bytes, depth: limits.depth)
        } catch {
            await close()
            throw .malformed(reason: error.description)
        }
    }

    private func exchange(
        _ message: [UInt8], within deadline: Duration
    ) async throws(VarlinkClientError) -> ClientConnection.Arrival {
        let promise = channel.eventLoop.makePromise(of: ClientConnection.Arrival.self)
        channel.eventLoop.execute { [connection] in connection.value.call(message, within: deadline, promise) }
        do {
            return try await promise.futureResult.get()
        } catch {
            throw error as? VarlinkClientError ?? .closed
        }
    }

    // An actor alone would let a second call in while the first one waits for its reply.
    private func takeTurn() async {
        guard isBusy else { return isBusy = true }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func giveTurn() {
        if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
    }
}

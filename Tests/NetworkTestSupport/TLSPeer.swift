import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization
import TestSupport

/// A client that speaks TLS as it is told, and then says what it is told. It looks at nobody's certificate.
package final class TLSPeer: Sendable {
    /// How it speaks TLS.
    package struct Manner: Sendable {
        package var newest = TLSVersion.tlsv13
        /// The client's certificate, where it shows one.
        package var pair: PaperSite.Pair?
        /// The address it comes from: all of 127.0.0.0/8 is this machine.
        package var source: String

        package init(newest: TLSVersion = .tlsv13, pair: PaperSite.Pair? = nil, source: String = "127.0.0.1") {
            self.newest = newest
            self.pair = pair
            self.source = source
        }
    }

    private let channel: any Channel
    private let ear: Ear

    private init(_ channel: any Channel, _ ear: Ear) {
        self.channel = channel
        self.ear = ear
    }

    deinit { channel.close(promise: nil) }

    /// Connects; throws where there is no handshake.
    package static func connect(_ port: Int, _ manner: Manner = Manner()) async throws -> TLSPeer {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.maximumTLSVersion = manner.newest
        if let pair = manner.pair {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(pair.certificate.utf8))
                .map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(pair.key.utf8), format: .pem))
        }
        let context = try NIOSSLContext(configuration: configuration)
        let ear = Ear()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: nil))
                    try channel.pipeline.syncOperations.addHandler(Listener(ear))
                }
            }
            .bind(to: SocketAddress(ipAddress: manner.source, port: 0))
            .connect(host: "127.0.0.1", port: port).get()
        let peer = TLSPeer(channel, ear)
        try await peer.wait("the handshake") { $0.isOpen || $0.isClosed }
        guard ear.state.withLock({ $0.isOpen }) else { throw HarnessError("there was no handshake") }
        return peer
    }

    /// Sends a message and gives what comes back; `nil` when the other side closed instead.
    package func call(_ message: String) async throws -> [String: Any]? {
        try await send(Array(message.utf8) + [0])
        return try await receive()
    }

    package func call(_ method: String, _ parameters: [String: Any]) async throws -> [String: Any]? {
        let message = try JSONSerialization.data(withJSONObject: ["method": method, "parameters": parameters])
        return try await call(String(decoding: message, as: UTF8.self))
    }

    package func present(_ token: String) async throws -> [String: Any]? {
        try await call("org.tenpin.Access.Present", ["token": token])
    }

    package func send(_ bytes: [UInt8]) async throws {
        // Where the other side is gone, `receive` says so.
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    package func receive() async throws -> [String: Any]? {
        try await wait("an answer") { $0.bytes.contains(0) || $0.isClosed }
        let message = ear.state.withLock { state -> [UInt8]? in
            guard let end = state.bytes.firstIndex(of: 0) else { return nil }
            defer { state.bytes.removeSubrange(...end) }
            return Array(state.bytes[..<end])
        }
        return try message.flatMap { try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any] }
    }

    /// Closes; the other side may have been faster.
    package func close() async { try? await channel.close().get() }

    /// Whether the other side has closed.
    package var isClosed: Bool { ear.state.withLock { $0.isClosed } }

    private func wait(_ what: String, _ condition: (Ear.State) -> Bool) async throws {
        let last = ContinuousClock.now + .seconds(30)
        while !ear.state.withLock({ condition($0) }) {
            guard ContinuousClock.now < last else { throw HarnessError("waited in vain: \(what)") }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

/// What a peer heard.
private final class Ear: Sendable {
    struct State {
        var bytes: [UInt8] = []
        var isOpen = false
        var isClosed = false
    }
    let state = Mutex(State())
}

private final class Listener: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let ear: Ear

    init(_ ear: Ear) { self.ear = ear }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(Self.unwrapInboundIn(data).readableBytesView)
        ear.state.withLock { $0.bytes += bytes }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { ear.state.withLock { $0.isOpen = true } }
    }

    func channelInactive(context: ChannelHandlerContext) { ear.state.withLock { $0.isClosed = true } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

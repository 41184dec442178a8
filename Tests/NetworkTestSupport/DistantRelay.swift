import NIOCore
import NIOPosix
import Synchronization

/// A relay that makes a port of this machine far away: bytes arrive half a round trip after they were sent, in order, and a
/// connection takes a whole one to come about, as in TCP. Any number of bytes travel at once.
package final class DistantRelay: Sendable {
    /// The port to connect to instead.
    package let port: Int
    private let channel: any Channel
    private let journey: Journey

    private init(_ channel: any Channel, _ journey: Journey, _ port: Int) {
        (self.channel, self.journey, self.port) = (channel, journey, port)
    }

    /// How many round trips there were: connections, and times that a client spoke after it had heard something.
    package var roundTrips: Int { journey.roundTrips.load(ordering: .relaxed) }

    /// - Parameter roundTrip: the time of a round trip.
    package static func start(to port: Int, roundTrip: Duration) async throws -> DistantRelay {
        let journey = Journey(roundTrip: roundTrip)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { near in
                journey.count()
                return near.eventLoop.scheduleTask(in: journey.roundTrip) {}.futureResult
                    .flatMap {
                        ClientBootstrap(group: near.eventLoop)
                            .channelOption(.autoRead, value: false)
                            .connect(host: "127.0.0.1", port: port)
                    }
                    .flatMap { far in
                        near.eventLoop.makeCompletedFuture {
                            let turn = Turn()
                            try near.pipeline.syncOperations.addHandler(Leg(to: far, journey, turn, isClient: true))
                            try far.pipeline.syncOperations.addHandler(Leg(to: near, journey, turn, isClient: false))
                            far.read()
                        }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return DistantRelay(channel, journey, channel.localAddress?.port ?? 0)
    }

    package func stop() async { try? await channel.close().get() }
}

/// What all connections of a relay share.
private final class Journey: Sendable {
    let roundTrip: TimeAmount
    let roundTrips = Atomic(0)

    init(roundTrip: Duration) { self.roundTrip = TimeAmount(roundTrip) }

    func count() { roundTrips.add(1, ordering: .relaxed) }
}

/// Whose turn it is to speak on a connection; both its legs are on one event loop.
private final class Turn {
    var isClients = true
}

/// One direction of a connection.
private final class Leg: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let journey: Journey
    private let turn: Turn
    private let isClient: Bool

    init(to other: any Channel, _ journey: Journey, _ turn: Turn, isClient: Bool) {
        (self.other, self.journey, self.turn, self.isClient) = (other, journey, turn, isClient)
    }

    func channelActive(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClient, turn.isClients { journey.count() }
        turn.isClients = !isClient
        let bytes = Self.unwrapInboundIn(data)
        later(context) { $0.writeAndFlush(bytes, promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.read() }

    func channelInactive(context: ChannelHandlerContext) { later(context) { $0.close(promise: nil) } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func later(_ context: ChannelHandlerContext, _ body: @escaping @Sendable (any Channel) -> Void) {
        let other = other
        context.eventLoop.scheduleTask(in: .nanoseconds(journey.roundTrip.nanoseconds / 2)) { body(other) }
    }
}

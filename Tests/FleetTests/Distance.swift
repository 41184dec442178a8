import NIOCore
import NIOPosix

/// A long way between a device and a vault: what goes through it, in either direction, arrives later.
struct Distance {
    /// Listens at `path`, and carries everything to and from `target`; both are paths of Unix sockets.
    ///
    /// - Parameter roundTrip: how long a message and its answer are under way. A connection takes as long to begin, as TCP's
    ///   does.
    static func relay(_ path: String, to target: String, roundTrip: Duration) async throws -> any Channel {
        let way = TimeAmount(roundTrip / 2)
        return try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { near in
                ClientBootstrap(group: near.eventLoop)
                    .channelInitializer { far in far.pipeline.addHandler(Late(partner: near, way)) }
                    .connect(unixDomainSocketPath: target)
                    .flatMap { far in
                        near.eventLoop.scheduleTask(in: way * 2) { near.setOption(.autoRead, value: true) }
                        return near.pipeline.addHandler(Late(partner: far, way))
                    }
            }
            .bind(unixDomainSocketPath: path).get()
    }
}

/// Gives what one side sends to the other, later.
private final class Late: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let partner: any Channel
    private let way: TimeAmount

    init(partner: any Channel, _ way: TimeAmount) {
        self.partner = partner
        self.way = way
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        partner.eventLoop.scheduleTask(in: way) { [partner] in partner.writeAndFlush(bytes, promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        partner.eventLoop.scheduleTask(in: way) { [partner] in partner.close(promise: nil) }
    }
}

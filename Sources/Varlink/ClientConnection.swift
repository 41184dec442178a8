import NIOCore

/// A client's connection, on its event loop: sends one message, waits for one message.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What arrived for a call.
    enum Arrival: Sendable {
        /// The reply.
        case reply([UInt8])
        /// A message that was there before the call was sent, which was then not sent.
        case unasked([UInt8])
    }

    private var framer: MessageFramer
    private var context: ChannelHandlerContext?
    private var pending: EventLoopPromise<Arrival>?
    private var unasked: [UInt8]?
    private var timer: Scheduled<Void>?

    init(limits: VarlinkLimits) { framer = MessageFramer(limit: limits.messageBytes) }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { fail(.closed) }

    /// Sends `message` and completes `promise` with what arrives next, within `limit`. One call at a time.
    func call(_ message: [UInt8], within limit: Duration, _ promise: EventLoopPromise<Arrival>) {
        // A server that lets nobody in says so unasked. That also answers a call that finds the connection closed.
        if let unasked {
            self.unasked = nil
            context?.close(promise: nil)
            return promise.succeed(.unasked(unasked))
        }
        guard let context, context.channel.isActive, pending == nil else {
            return promise.fail(VarlinkClientError.closed)
        }
        pending = promise
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { self.fail(.timedOut) }
        // A failed write is not looked at: what the server said before it closed may still be on its way in.
        context.writeAndFlush(Self.wrapOutboundOut(context.channel.allocator.buffer(bytes: message)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(MessageFramer.TooLarge) {
            try framer.append(Self.unwrapInboundIn(data))
            while let message = try framer.next() { try arrived(message) }
        } catch {
            fail(.malformed(reason: "It sent more than a message may have, or more messages than were asked for."))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(.closed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func arrived(_ message: [UInt8]) throws(MessageFramer.TooLarge) {
        if let promise = pending {
            pending = nil
            timer?.cancel()
            promise.succeed(.reply(message))
        } else if unasked == nil {
            unasked = message
        } else {
            throw MessageFramer.TooLarge()
        }
    }

    private func fail(_ error: VarlinkClientError) {
        timer?.cancel()
        let promise = pending
        pending = nil
        promise?.fail(error)
        let context = context
        self.context = nil
        context?.close(promise: nil)
    }
}

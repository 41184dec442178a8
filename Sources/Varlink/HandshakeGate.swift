import NIOCore
import NIOSSL
import NIOTLS

/// Says when a client's TLS handshake is complete, or why it is not: before that it is not known who listens.
final class HandshakeGate: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let completed: EventLoopPromise<Void>

    init(_ completed: EventLoopPromise<Void>) { self.completed = completed }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { completed.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        completed.fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        completed.fail(ChannelError.eof)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { completed.fail(ChannelError.eof) }
}

extension VarlinkClientError {
    /// Why a connection under TLS did not come about.
    init(_ error: any Error, at address: VarlinkAddress) {
        self =
            switch error {
            case let error as VarlinkClientError: error
            case let error as IOError:
                .unreachable(place: address.description, reason: String(systemError: error.errnoCode))
            case ChannelError.connectTimeout:
                .unreachable(place: address.description, reason: "it did not take the connection in time")
            case let error as NIOSSLExtraError where error == .failedToValidateHostname:
                .untrusted(place: address.description, reason: "its certificate is for another name")
            case NIOSSLError.handshakeFailed(let reason) where "\(reason)".contains("CERTIFICATE_VERIFY_FAILED"):
                .untrusted(
                    place: address.description, reason: "its certificate is not of an authority that is believed here")
            case is NIOSSLError, ChannelError.eof:
                .unreachable(place: address.description, reason: "there was no TLS 1.3 handshake")
            default: .unreachable(place: address.description, reason: "\(error)")
            }
    }
}

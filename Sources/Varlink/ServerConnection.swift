import Glibc
import NIOCore
import NIOSSL
import NIOTLS

/// What all connections of one server share.
struct ServerTerms: Sendable {
    let service: VarlinkService
    let limits: VarlinkLimits
    let registry: ConnectionRegistry
    /// The places of peers on the network until it is known who they are.
    let door: ConnectionRegistry

    init(_ service: VarlinkService, _ limits: VarlinkLimits) {
        self.service = service
        self.limits = limits
        registry = ConnectionRegistry(limits: limits)
        door = ConnectionRegistry(limits: limits.forStrangers)
    }
}

/// Who connected, and what is made of them.
enum Arrival: Sendable {
    case local(PeerCredentials, admitted: Bool, @Sendable (PeerCredentials) -> any VarlinkConversation)
    /// The handshake is made by the reading of the files.
    case remote(SocketAddress, TLSIdentity.Reading, TLSIdentity, @Sendable (RemotePeer) -> any VarlinkConversation)
}

/// One connection of a server, on its event loop: reads one message, has it handled, writes the reply, reads the next.
///
/// The channel must not read by itself (`autoRead` off), and on a Unix socket must let the peer close its half alone.
final class ServerConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Waiting for the rest of a message or for a first byte.
        case reading
        /// A call is with the conversation.
        case handling
        /// A reply is on its way to the peer.
        case writing
        /// The last reply is on its way, or the channel is closed.
        case closing
    }

    private let terms: ServerTerms
    private let arrival: Arrival
    private var framer: MessageFramer
    private var phase = Phase.closing
    private var context: ChannelHandlerContext?
    private var place: (registry: ConnectionRegistry, ticket: ConnectionRegistry.Ticket)?
    private var conversation: (any VarlinkConversation)?
    private var timer: Scheduled<Void>?
    /// When the time is over for which the peer was let in; a peer of this machine may stay.
    private var departure: Scheduled<Void>?
    /// No more bytes will come: the peer closed its half, or sent more than it may.
    private var inputEnded = false
    /// The peer sent more than is kept before it closed its half.
    private var sentTooMuch = false
    private var draining = false
    private var makesRoom = false
    private var mustLeave = false
    private var endsAfterReply = false
    private var isGateway = false

    init(terms: ServerTerms, arrival: Arrival) {
        self.terms = terms
        self.arrival = arrival
        framer = MessageFramer(limit: terms.limits.messageBytes)
    }

    // MARK: Beginning and end

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        switch arrival {
        case .local(let peer, let isAdmitted, let makeConversation):
            guard isAdmitted else { return write(.permissionDenied, thenClose: true) }
            do throws(ConnectionRegistry.Refusal) {
                place = (terms.registry, try enter(terms.registry, as: .user(peer.uid)))
                conversation = makeConversation(peer)
                continueReading()
            } catch {
                write(error.fault.reply, thenClose: true)
            }
        case .remote(let address, _, _, _):
            // Before the handshake, which costs this side more than the other. Nothing can be said yet.
            guard let ticket = try? enter(terms.door, as: .stranger(address.networkBytes)) else { return close() }
            place = (terms.door, ticket)
            stay(for: terms.limits.introductionDeadline)
            phase = .reading
            context.read()
        }
    }

    private func enter(
        _ registry: ConnectionRegistry, as party: ConnectionRegistry.Party
    ) throws(ConnectionRegistry.Refusal) -> ConnectionRegistry.Ticket {
        guard let context else { throw ConnectionRegistry.Refusal(fault: .shuttingDown) }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        return try registry.admit(
            party, channel: context.channel,
            asks: ConnectionRegistry.Requests(
                drain: { loop.execute { bound.value.drain() } },
                makeRoom: { loop.execute { bound.value.makeRoom() } }))
    }

    func channelInactive(context: ChannelHandlerContext) {
        let callIsUnderWay = phase == .handling
        self.context = nil
        inputEnded = true
        timer?.cancel()
        departure?.cancel()
        if !callIsUnderWay { end() }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// The conversation is over; the place it took is free again once it has done what it does at its end.
    private func end() {
        phase = .closing
        guard let (registry, ticket) = place else { return }
        place = nil
        guard let conversation else { return registry.leave(ticket) }
        self.conversation = nil
        Task {
            await conversation.ended()
            registry.leave(ticket)
        }
    }

    /// Finishes the call under way, says that no other was begun, and closes.
    private func drain() {
        draining = true
        if phase == .reading { fault(.shuttingDown) }
    }

    /// Gives its place to another connection.
    private func makeRoom() {
        let limit = terms.limits.connections
        if phase == .reading { return fault(.tooManyConnections(limit: limit)) }
        // A call came first: it is answered, and then no other one is read.
        makesRoom = true
    }

    private func close() {
        phase = .closing
        departure?.cancel()
        timer?.cancel()
        context?.close(promise: nil)
    }

    // MARK: Introductions

    /// The peer has shown that it is one for whom TLS is enough, or is about to say who it is.
    private func handshakeCompleted(_ context: ChannelHandlerContext) {
        guard case .remote(let address, let reading, _, let makeConversation) = arrival, conversation == nil,
            phase == .reading
        else { return }
        let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
        // A certificate counts where there is an authority that it was checked against, and nowhere else.
        let certificate = reading.gatewayAuthorities.isEmpty ? nil : handler?.peerCertificate
        isGateway = certificate != nil
        if let certificate {
            do throws(ConnectionRegistry.Refusal) {
                try introduce(.gateway(address.host), for: .seconds(max(0, certificate.notValidAfter - time(nil))))
            } catch {
                return fault(error.fault)
            }
        }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        conversation = makeConversation(
            RemotePeer(
                address: address.host, isGateway: certificate != nil,
                introduced: { name, duration in
                    try await loop.submit { try bound.value.introduce(.known(Array(name.utf8)), for: duration) }.get()
                }, endsAfterReply: { loop.execute { bound.value.endsAfterReply = true } }))
        continueReading()
    }

    /// Gives the peer a place among those who are known, for so long.
    private func introduce(_ party: ConnectionRegistry.Party, for duration: Duration) throws(ConnectionRegistry.Refusal)
    {
        guard let old = place else { throw ConnectionRegistry.Refusal(fault: .shuttingDown) }
        let ticket = try enter(terms.registry, as: party)
        place = (terms.registry, ticket)
        if phase == .handling { terms.registry.note(ticket, isIdle: false) }
        old.registry.leave(old.ticket)
        stay(for: duration)
    }

    /// No longer than a day, so that nobody stays in by what was taken back long ago.
    private func stay(for duration: Duration) {
        departure?.cancel()
        let time = TimeAmount(min(duration, .seconds(86_400)))
        departure = context?.eventLoop.assumeIsolated().scheduleTask(in: time) {
            self.mustLeave = true
            if self.phase == .reading { self.fault(.introductionOver) }
        }
    }

    /// The attack: 1. a gateway's key is stolen; 2. the operator names another authority of gateways; 3. the thief's connection
    /// goes on. So whoever came by a certificate must show one again after that.
    private var isDisowned: Bool {
        guard isGateway, case .remote(_, let reading, let identity, _) = arrival else { return false }
        return reading.gatewayAuthorities != identity.current.gatewayAuthorities
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !inputEnded, phase != .closing else { return }
        let wasEmpty = framer.isEmpty
        do throws(MessageFramer.TooLarge) {
            try framer.append(Self.unwrapInboundIn(data))
        } catch {
            // NIO reads to the end at once when the peer closes its half, even while nobody asked it to. What is more
            // than one message is not kept, and none of it is handled.
            framer = MessageFramer(limit: terms.limits.messageBytes)
            inputEnded = true
            sentTooMuch = true
            return
        }
        if phase == .reading { takeMessage(startsClock: wasEmpty) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if phase == .reading { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            inputEnded = true
            if phase == .reading { close() }
        }
        if case .handshakeCompleted? = event as? TLSUserEvent { handshakeCompleted(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func continueReading() {
        guard let context else { return end() }
        if mustLeave { return fault(.introductionOver) }
        if draining { return fault(.shuttingDown) }
        if makesRoom { return fault(.tooManyConnections(limit: terms.limits.connections)) }
        if sentTooMuch { return fault(.messageTooLarge(limit: terms.limits.messageBytes)) }
        phase = .reading
        if let place { place.registry.note(place.ticket, isIdle: true) }
        takeMessage(startsClock: true)
        guard phase == .reading else { return }
        if inputEnded { close() } else { context.read() }
    }

    /// Handles the next message if it is there; if not, lets the clock run that belongs to what is missing.
    ///
    /// The clock of a message starts with its first byte and never again. The attack: 1. a peer sends one byte whenever
    /// the time is nearly over; 2. it keeps its place for as long as 64 KiB last.
    private func takeMessage(startsClock: Bool) {
        do throws(MessageFramer.TooLarge) {
            if let message = try framer.next() {
                timer?.cancel()
                return take(message)
            }
        } catch {
            return fault(.messageTooLarge(limit: terms.limits.messageBytes))
        }
        guard startsClock else { return }
        if framer.isEmpty {
            after(terms.limits.idleDeadline) { $0.close() }
        } else {
            after(terms.limits.messageDeadline) { $0.fault(.messageTimedOut) }
        }
    }

    // MARK: Calls

    private func take(_ message: [UInt8]) {
        let envelope: CallEnvelope
        do throws(EnvelopeError) {
            envelope = try CallEnvelope(message, depth: terms.limits.depth)
        } catch {
            return fault(.messageMalformed(reason: error.description))
        }
        guard
            let call = VarlinkCall(
                method: envelope.method, parameters: envelope.parameters,
                isOneway: envelope.oneway, wantsMore: envelope.more)
        else { return answer(.invalidParameter("method"), oneway: envelope.oneway) }
        // Not answered as a plain call: the caller would take the connection for upgraded.
        guard !envelope.upgrade else { return answer(.methodNotImplemented(call.method), oneway: false) }
        if let reply = terms.service.answer(call) { return answer(reply, oneway: call.isOneway) }
        guard !isDisowned else { return fault(.introductionOver) }
        guard let context, let place, let conversation else { return }
        phase = .handling
        place.registry.note(place.ticket, isIdle: false)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let ahead = VarlinkReplies(limits: terms.limits) { bytes in
            let written = loop.makePromise(of: Void.self)
            loop.execute { bound.value.writeAhead(bytes, written) }
            try await written.futureResult.get()
        }
        Task {
            let reply =
                call.wantsMore ? await conversation.handle(call, ahead: ahead) : await conversation.handle(call)
            loop.execute { bound.value.answer(reply, oneway: call.isOneway) }
        }
    }

    private func answer(_ reply: VarlinkReply, oneway: Bool) {
        guard context != nil else { return end() }
        if endsAfterReply { return write(reply, thenClose: true) }
        if oneway { next() } else { write(reply, thenClose: false) }
    }

    /// Goes on in a turn of its own: a message full of small calls must neither grow the stack nor keep the other
    /// connections of this event loop waiting.
    private func next() {
        guard let context else { return end() }
        phase = .writing
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let connection = bound.value
            if connection.phase == .writing { connection.continueReading() }
        }
    }

    // MARK: Writing

    private func fault(_ fault: TransportFault) {
        // To a peer whose handshake is not complete nothing can be said.
        guard conversation != nil || place?.registry !== terms.door else { return close() }
        write(fault.reply, thenClose: true)
    }

    private func write(_ reply: VarlinkReply, thenClose: Bool) {
        guard let context else { return end() }
        guard let bytes = reply.bytes(limits: terms.limits) else {
            return thenClose ? close() : fault(.replyUnusable)
        }
        phase = thenClose ? .closing : .writing
        after(terms.limits.writeDeadline) { $0.close() }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { result in
            self.timer?.cancel()
            switch result {
            case .success where !thenClose: self.next()
            default: self.close()
            }
        }
        context.writeAndFlush(Self.wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: written)
    }

    /// Writes a reply ahead of the last one, while the call stays with the conversation.
    ///
    /// A peer that does not read in time loses the connection. The conversation learns of that and ends, and only then
    /// is its place free; so this closes the channel and leaves the phase as it is.
    private func writeAhead(_ bytes: [UInt8], _ written: EventLoopPromise<Void>) {
        guard let context, phase == .handling else { return written.fail(ChannelError.ioOnClosedChannel) }
        after(terms.limits.writeDeadline) { $0.context?.close(promise: nil) }
        written.futureResult.assumeIsolated().whenComplete { _ in
            if self.phase == .handling { self.timer?.cancel() }
        }
        context.writeAndFlush(Self.wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: written)
    }

    /// Replaces the one clock of this connection.
    private func after(_ duration: Duration, _ action: @escaping (ServerConnection) -> Void) {
        timer?.cancel()
        timer = context?.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(duration)) { action(self) }
    }
}

import Secrets
import TPM
import VaultAPI

/// A session between this device and the chip, carried by the vault's program, and good for one conversation.
struct CarriedSession: ~Copyable {
    private let courier: Courier
    private let conversation: Int
    private let number: Int
    private var session: DeviceSession

    /// The chip's latest nonce, 32 bytes.
    var nonceTPM: [UInt8] { session.nonceTPM }

    private init(
        courier: Courier, conversation: Int, number: Int, session: consuming DeviceSession
    ) {
        self.courier = courier
        self.conversation = conversation
        self.number = number
        self.session = session
    }

    /// Starts a session that is salted to `endorsementKey`: whoever carries it, only that key's holder takes part.
    static func start(
        _ kind: StartSession.Kind, through courier: Courier, in conversation: Int, endorsementKey: PublicArea
    ) async throws(VaultClientError) -> CarriedSession {
        let salt = try mapping(VaultClientError.Reason.wire) { () throws(WireError) in try Salt(for: endorsementKey) }
        let nonceCaller = SecretBytes(random: 32).published
        let reply = try await courier.call(
            StartSession(kind: kind, encryptedSalt: Bytes(salt.encrypted), nonceCaller: Bytes(nonceCaller)),
            in: conversation)
        let session = try mapping(VaultClientError.Reason.session) { () throws(SessionError) in
            try DeviceSession(salt: salt.secret, nonceCaller: nonceCaller, nonceTPM: reply.nonceTPM.bytes)
        }
        return CarriedSession(courier: courier, conversation: conversation, number: reply.session, session: session)
    }

    /// Has the chip say something in this session, and gives the answer's parameters, checked and decrypted.
    mutating func prove(
        _ fact: Prove.Fact, _ command: Command, attributes: SessionAttributes, of slot: (Account, EnrollmentID)? = nil
    ) async throws(VaultClientError) -> [UInt8] {
        let authorization = session.authorize(command, attributes: attributes)
        let reply = try await courier.call(
            Prove(
                session: number, fact: fact, account: slot?.0, enrollment: slot?.1,
                authorization: Carried(authorization)), in: conversation)
        return try open(reply, to: command, attributes: attributes)
    }

    /// Has the chip multiply in this session, which ends with it.
    ///
    /// - Returns: the vault's reply, and whether it came with the chip's word that it has made this very evaluation with this key.
    mutating func evaluate(
        _ message: Evaluate, by command: Command
    ) async throws(VaultClientError) -> (reply: Evaluate.Reply, isProven: Bool) {
        let attributes: SessionAttributes = [.audit]
        var message = message
        message.session = number
        message.authorization = Carried(session.authorize(command, attributes: attributes))
        let reply = try await courier.call(message, in: conversation)
        guard let proof = reply.proof, let parameters = try? open(proof, to: command, attributes: attributes) else {
            return (reply, false)
        }
        var reader = Reader(parameters)
        return (reply, (try? P256Point(tpm2b: &reader))?.sec1 == reply.evaluated.bytes)
    }

    /// The one write of a policy session, which ends with it. `signature` covers this session's nonce.
    mutating func write(
        _ command: Command, _ message: (Int, Carried) -> WriteSlot
    ) async throws(VaultClientError) {
        let authorization = session.authorize(command, attributes: [])
        let reply = try await courier.call(message(number, Carried(authorization)), in: conversation)
        let parameters = try open(reply, to: command, attributes: [])
        guard parameters.isEmpty else { throw VaultClientError(.session(.notFromTheChip)) }
    }

    private mutating func open(
        _ reply: CarriedReply, to command: Command, attributes: SessionAttributes
    ) throws(VaultClientError) -> [UInt8] {
        let answer = Response.SessionAnswer(
            nonceTPM: reply.nonceTPM.bytes, attributes: SessionAttributes(rawValue: reply.attributes),
            hmac: reply.hmac.bytes)
        do throws(SessionError) {
            return try session.open(answer, parameters: reply.parameters.bytes, to: command, attributes: attributes)
        } catch {
            throw VaultClientError(.session(error))
        }
    }
}

extension Carried {
    init(_ authorization: CarriedAuthorization) {
        self.init(
            nonceCaller: Bytes(authorization.nonceCaller), attributes: authorization.attributes.rawValue,
            hmac: Bytes(authorization.hmac))
    }
}

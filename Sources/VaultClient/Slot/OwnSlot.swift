import Secrets
import Synchronization
import TPM
import VaultAPI

/// The slot of one enrollment, with the limit key that alone writes it.
struct OwnSlot: ~Copyable, Sendable {
    let link: VaultLink
    let account: Account
    let enrollment: EnrollmentID
    let profile: SlotProfile
    private let limitKey: AuthorityKey
    private let grantKey: SharedSecret

    init(
        link: VaultLink, account: Account, enrollment: EnrollmentID, handle: Handle, authority: AuthorityProfile,
        limitSeed: borrowing SecretBytes
    ) throws(VaultClientError) {
        let name = link.vault.endorsementName
        let limitKey = try LimitKeys.limitKey(
            seed: limitSeed, enrollment: enrollment, endorsementName: name, authority: authority)
        let point = limitKey.point
        profile = try mapping(VaultClientError.Reason.profile) { () throws(ProfileError) in
            try SlotProfile(handle: handle, authority: authority, limitKey: point)
        }
        self.limitKey = limitKey
        grantKey = SharedSecret(LimitKeys.grantKey(seed: limitSeed, enrollment: enrollment, endorsementName: name))
        self.link = link
        self.account = account
        self.enrollment = enrollment
    }

    /// Count and ceiling as the chip states them in a session of this device's own. No guess is spent.
    func read() async throws(VaultClientError) -> SlotCount {
        let (link, account, enrollment, command) = (link, account, enrollment, profile.readCommand)
        let parameters = try await link.courier.repeating { () async throws(VaultClientError) in
            var session = try await CarriedSession.start(
                .hmac, through: link.courier, in: try await link.courier.converse(),
                endorsementKey: link.vault.endorsementKey)
            // Encrypted for this session, so that no other session can encrypt, and so garble, the answer.
            return try await session.prove(
                .slot, command, attributes: [.audit, .encrypt], of: (account, enrollment))
        }
        return try SlotCount(proven: parameters)
    }

    /// A ceiling to sign.
    struct Raise: Sendable {
        let ceiling: UInt32
        /// How many guesses were granted so far.
        let granted: UInt32
    }

    /// Has the chip state count and ceiling, and in the same session signs and writes the ceiling that `decide` then says.
    /// Repeated with the same ceiling when a reply was lost: what counts for the limit is the highest ceiling ever signed,
    /// not how often.
    ///
    /// - Returns: the count that was stated, and the new ceiling.
    func raise(
        _ decide: @escaping @Sendable (SlotCount) throws(VaultClientError) -> Raise
    ) async throws(VaultClientError) -> SlotCount {
        let (writer, decision) = (writer, Decision())
        return try await writer.link.courier.repeating { () async throws(VaultClientError) in
            var session = try await writer.session(in: try await writer.link.courier.converse())
            let proven = try await writer.proveCount(in: &session)
            let (count, raise) = try decision.once { () throws(VaultClientError) in (proven.count, try decide(proven)) }
            writer.link.onStep(.raising)
            try await writer.write(.ceiling(raise.ceiling), granted: writer.granted(raise), in: &session)
            return SlotCount(count: count, ceiling: raise.ceiling)
        }
    }

    /// Signs and writes a count above every ceiling; it cannot be undone. Repeated when a reply was lost.
    func burn() async throws(VaultClientError) {
        let writer = writer
        try await writer.link.courier.repeating { () async throws(VaultClientError) in
            var session = try await writer.session(in: try await writer.link.courier.converse())
            try await writer.proveNonce(of: &session)
            try await writer.write(.burn, granted: nil, in: &session)
        }
    }

    /// Whether the vault's record is the last ceiling as the limit key signed it, for this slot.
    func vouches(for record: CeilingRecord) -> Bool {
        guard let act = try? SignedAct(.ceiling(record.ceiling), of: profile, nonceTPM: record.nonceTPM.bytes),
            let signature = try? Signature(p1363: record.signature.bytes)
        else { return false }
        return act.isSigned(signature, by: limitKey.point)
            && HMACSHA256.isValid(
                record.granted.mac.bytes, of: SlotWriter.grantMessage(record.ceiling, record.granted.guesses),
                key: grantKey.bytes)
    }

    /// TPM2B_PUBLIC of the limit key.
    var limitKeyArea: PublicArea { profile.authority.publicArea(limitKey.point) }

    private var writer: SlotWriter {
        SlotWriter(
            link: link, account: account, enrollment: enrollment, profile: profile, limitKey: limitKey,
            grantKey: grantKey)
    }
}

/// The right to sign one first write. It is used up by using it, whatever becomes of it.
///
/// The attack: 1. a vault drops the reply to a first write and asks again; 2. two signatures mean twice the guesses,
/// for it defines the slot anew and presents the second.
struct FirstWrite: ~Copyable {
    private let conversation: Int

    /// One for each enrollment attempt, in the conversation in which the slot was reserved.
    init(in conversation: Int) { self.conversation = conversation }

    /// Signs and writes count 0 and this limit, once and without repetition.
    consuming func perform(on slot: borrowing OwnSlot, limit: UInt32) async throws(VaultClientError) {
        try await slot.first(limit: limit, in: conversation)
    }
}

extension OwnSlot {
    fileprivate func first(limit: UInt32, in conversation: Int) async throws(VaultClientError) {
        let writer = writer
        var session = try await writer.session(in: conversation)
        try await writer.proveNonce(of: &session)
        try await writer.write(.first(limit: limit), granted: nil, in: &session)
    }
}

/// Writes a slot in a policy session of this device's own.
///
/// The attack that it stops: 1. the device signs "ceiling 11"; 2. the courier adds an unsalted session of its own that
/// claims `decrypt`; 3. the chip decrypts the signed bytes into others that the courier picked. In a session whose key
/// only this device knows, the write carries this device's HMAC, which covers any foreign decrypt session too.
private struct SlotWriter: Sendable {
    let link: VaultLink
    let account: Account
    let enrollment: EnrollmentID
    let profile: SlotProfile
    let limitKey: AuthorityKey
    let grantKey: SharedSecret

    func session(in conversation: Int) async throws(VaultClientError) -> CarriedSession {
        try await CarriedSession.start(
            .policy, through: link.courier, in: conversation, endorsementKey: link.vault.endorsementKey)
    }

    /// Has the chip show that the session's nonce belongs to the key that this device knows. Anything does that it says in
    /// the session.
    func proveNonce(of session: inout CarriedSession) async throws(VaultClientError) {
        let random = try await session.prove(.random, .getRandom(16), attributes: [.encrypt, .continueSession])
        guard random.count == 18 else { throw VaultClientError(.session(.notFromTheChip)) }
    }

    /// The same by count and ceiling, which must be known before a ceiling is signed.
    func proveCount(in session: inout CarriedSession) async throws(VaultClientError) -> SlotCount {
        let parameters = try await session.prove(
            .slot, profile.readCommand, attributes: [.encrypt, .continueSession], of: (account, enrollment))
        return try SlotCount(proven: parameters)
    }

    func write(
        _ write: SlotProfile.Write, granted: Granted?, in session: inout CarriedSession
    ) async throws(VaultClientError) {
        let nonce = session.nonceTPM
        let act = try mapping(VaultClientError.Reason.session) { () throws(SessionError) in
            try SignedAct(write, of: profile, nonceTPM: nonce)
        }
        let signature = try limitKey.sign(act)
        try await session.write(profile.command(write)) { number, authorization in
            WriteSlot(
                session: number, account: account, enrollment: enrollment, write: write.wire.0, value: write.wire.1,
                nonceTPM: Bytes(nonce), signature: Bytes(signature.p1363), authorization: authorization,
                granted: granted)
        }
    }

    func granted(_ raise: OwnSlot.Raise) -> Granted {
        let message = Self.grantMessage(raise.ceiling, raise.granted)
        return Granted(guesses: raise.granted, mac: Bytes(HMACSHA256.tag(of: message, key: grantKey.bytes)))
    }

    static func grantMessage(_ ceiling: UInt32, _ granted: UInt32) -> [UInt8] {
        bigEndian(ceiling) + bigEndian(granted)
    }
}

/// What was decided before the first signature, for its repetitions.
private final class Decision: Sendable {
    private let made = Mutex<(UInt32, OwnSlot.Raise)?>(nil)

    func once(
        _ decide: () throws(VaultClientError) -> (UInt32, OwnSlot.Raise)
    ) throws(VaultClientError) -> (UInt32, OwnSlot.Raise) {
        if let made = made.withLock({ $0 }) { return made }
        let fresh = try decide()
        made.withLock { $0 = fresh }
        return fresh
    }
}

extension SlotCount {
    /// What the chip stated in a session of this device's own.
    fileprivate init(proven parameters: [UInt8]) throws(VaultClientError) {
        self = try mapping(VaultClientError.Reason.wire) { () throws(WireError) in
            try SlotCount(readParameters: parameters)
        }
    }
}

extension SlotProfile.Write {
    /// The write as it crosses the socket.
    fileprivate var wire: (WriteSlot.Write, UInt32) {
        switch self {
        case .first(let limit): (.first, limit)
        case .ceiling(let ceiling): (.ceiling, ceiling)
        case .burn: (.burn, 0)
        }
    }
}

import Secrets
import TPM
import VaultAPI

/// The slot of one enrollment, with the limit key that alone writes it.
struct OwnSlot: ~Copyable, Sendable {
    let link: VaultLink
    let account: Account
    let enrollment: EnrollmentID
    let profile: SlotProfile
    private let limitKey: AuthorityKey
    private let grantKey: SecretBytes

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
        grantKey = LimitKeys.grantKey(seed: limitSeed, enrollment: enrollment, endorsementName: name)
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
        return try mapping(VaultClientError.Reason.wire) { () throws(WireError) in
            try SlotCount(readParameters: parameters)
        }
    }

    /// Signs and writes a ceiling. Repeated with the same ceiling when a reply was lost: what counts for the limit is
    /// the highest ceiling ever signed, not how often.
    func raise(to ceiling: UInt32, granted: UInt32) async throws(VaultClientError) {
        try await writeRepeatedly(.ceiling(ceiling), granted: Granted(guesses: granted, mac: mac(ceiling, granted)))
    }

    /// Signs and writes a count above every ceiling; it cannot be undone.
    func burn() async throws(VaultClientError) {
        try await writeRepeatedly(.burn, granted: nil)
    }

    /// Whether the vault's record is the last ceiling as the limit key signed it, for this slot.
    func vouches(for record: CeilingRecord) -> Bool {
        guard let act = try? SignedAct(.ceiling(record.ceiling), of: profile, nonceTPM: record.nonceTPM.bytes),
            let signature = try? Signature(p1363: record.signature.bytes)
        else { return false }
        return act.isSigned(signature, by: limitKey.point)
            && HMACSHA256.isValid(
                record.granted.mac.bytes, of: Self.grantMessage(record.ceiling, record.granted.guesses), key: grantKey)
    }

    /// TPM2B_PUBLIC of the limit key.
    var limitKeyArea: PublicArea { profile.authority.publicArea(limitKey.point) }

    private func mac(_ ceiling: UInt32, _ granted: UInt32) -> Bytes {
        Bytes(HMACSHA256.tag(of: Self.grantMessage(ceiling, granted), key: grantKey))
    }

    private static func grantMessage(_ ceiling: UInt32, _ granted: UInt32) -> [UInt8] {
        bigEndian(ceiling) + bigEndian(granted)
    }

    private func writeRepeatedly(
        _ write: SlotProfile.Write, granted: Granted?
    ) async throws(VaultClientError) {
        let writer = writer
        try await writer.link.courier.repeating { () async throws(VaultClientError) in
            try await writer.write(write, granted: granted, in: try await writer.link.courier.converse())
        }
    }

    private var writer: SlotWriter {
        SlotWriter(link: link, account: account, enrollment: enrollment, profile: profile, limitKey: limitKey)
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
        try await writer.write(.first(limit: limit), granted: nil, in: conversation)
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

    func write(
        _ write: SlotProfile.Write, granted: Granted?, in conversation: Int
    ) async throws(VaultClientError) {
        var session = try await CarriedSession.start(
            .policy, through: link.courier, in: conversation, endorsementKey: link.vault.endorsementKey)
        // The proof that this nonce belongs to the session whose key this device knows.
        let random = try await session.prove(.random, .getRandom(16), attributes: [.encrypt, .continueSession])
        guard random.count == 18 else { throw VaultClientError(.session(.notFromTheChip)) }

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

import Foundation
import Secrets
import VaultAPI

/// What a device keeps of one account.
public struct DeviceState: Sendable {
    public let account: Account
    /// The backup key in use.
    public var key: GenerationKey?
    /// Whether `key` was ever put behind a password; then it is never put behind another.
    public var keyIsBehindPassword = false
    /// Keys of earlier generations.
    public var olderKeys: [GenerationKey]
    /// The enrollment that is live, by this device's knowledge.
    public var enrollment: LiveEnrollment?
    /// The 32 bytes of the 64-digit mode.
    public var digits: SharedSecret?
    /// An enrollment whose last step was begun.
    public var pending: PendingEnrollment?
    /// The limit of an enrollment whose last step was sent and never confirmed, until another one is live.
    public var exposedLimit: UInt32?
    /// How many evaluations this device had that were not given back: mistyped passwords above all.
    var notGivenBack: [GuessedSlot: UInt32] = [:]
    /// The counts after evaluations that this device asked for: which lines of a journal are its own.
    var ownGuesses: [GuessedSlot: [UInt32]] = [:]
    /// What this device saw of journals, by vault.
    var seen: [SeenHistory] = []
    /// Enrollments whose slots are still to be burnt and forgotten.
    public var toBurn: [BurnTicket]
    /// The enrollments that `pending` replaces, where this device cannot burn them.
    var replaced: [ReplacedEnrollment] = []
    /// Enrollments that were replaced and cannot be burnt, whose records are still to be erased.
    var toForget: [ReplacedEnrollment] = []

    /// An enrollment that this device replaced and knows nothing else of.
    struct ReplacedEnrollment: Codable, Equatable, Sendable {
        var enrollment: EnrollmentID
        /// The vault's.
        var endorsementName: [UInt8]
    }

    /// An enrollment, and the seed of the key that writes its slot.
    public struct LiveEnrollment: Sendable {
        public let recipe: Recipe
        /// 32 bytes; `nil` where the state is from before it was kept.
        let confirmation: Bytes?
        let limitSeed: SharedSecret

        /// What a backup is to pin of it.
        public var pin: PinnedRecipe { PinnedRecipe(hash: recipe.hash, confirmation: confirmation?.bytes) }

        init(recipe: Recipe, confirmation: Bytes?, limitSeed: SharedSecret) {
            self.recipe = recipe
            self.confirmation = confirmation
            self.limitSeed = limitSeed
        }
    }

    /// A state that holds nothing yet.
    public init(account: Account) {
        self.account = account
        olderKeys = []
        toBurn = []
    }
}

/// One file: magic, a JSON text of the public facts, the secrets of 32 bytes each in the order of `secrets`, and
/// a checksum (HMAC-SHA-256 under a public key) over it all. The secrets never are in the JSON, so that no JSON library holds them.
extension DeviceState {
    private static let magic = Array("tenpin device 1\n".utf8)
    private static let checksum = Array("tenpin-1 device state".utf8)
    static let maximumSize = 1 << 20

    fileprivate struct Facts: Codable {
        var account: Account
        var generation: UInt32?
        var keyIsBehindPassword: Bool
        var exposedLimit: UInt32?
        var older: [UInt32]
        var live: Recipe?
        /// Absent in files of before it was kept.
        var liveConfirmation: Bytes?
        var digits: Bool
        var pending: Pending?
        var toBurn: [Ticket]
        var replaced: ReplacedEnrollment?
        /// At further vaults.
        var alsoReplaced: [ReplacedEnrollment]?
        /// Not in files of the first layout.
        var toForget: [ReplacedEnrollment]?
        /// Absent in files of before it was kept.
        var notGivenBack: [NotGivenBack]?

        /// Absent in files of before they were kept.
        var ownGuesses: [OwnGuesses]?
        var seen: [SeenHistory]?

        struct OwnGuesses: Codable {
            var enrollment: EnrollmentID
            /// Absent where the enrollment has one vault alone.
            var vault: Bytes?
            var counts: [UInt32]
        }

        struct NotGivenBack: Codable {
            var enrollment: EnrollmentID
            /// Absent where the enrollment has one vault alone.
            var vault: Bytes?
            var evaluations: UInt32
        }

        struct Pending: Codable {
            var commit: Commit
            var bundle: Bytes
            var older: [UInt32]
            var tickets: [Ticket]
            /// Whether the first vault has confirmed it. Absent, with the rest, in files from before there were several vaults.
            var isLive: Bool?
            /// What the second vault is to take, and the ones after it.
            var further: [Share]?
        }

        struct Share: Codable {
            var commit: Commit
            var bundle: Bytes
            var tickets: [Ticket]
            var isLive: Bool
        }

        struct Ticket: Codable {
            var enrollment: EnrollmentID
            var slot: UInt32
            var authorityHash: String
            var endorsementName: Bytes
            var isBurnt: Bool
            var isGoneByClaim: Bool

            init(_ ticket: BurnTicket) {
                enrollment = ticket.enrollment
                slot = ticket.slot
                authorityHash = ticket.authorityHash
                endorsementName = Bytes(ticket.endorsementName)
                isBurnt = ticket.isBurnt
                isGoneByClaim = ticket.isGoneByClaim
            }

            func ticket(_ limitSeed: SharedSecret) -> BurnTicket {
                BurnTicket(
                    enrollment: enrollment, slot: slot, authorityHash: authorityHash,
                    endorsementName: endorsementName.bytes, limitSeed: limitSeed, isBurnt: isBurnt,
                    isGoneByClaim: isGoneByClaim)
            }
        }
    }

    /// Every secret in the order of the file.
    private var secrets: [SharedSecret] {
        var all = [key?.key].compactMap { $0 } + olderKeys.map(\.key)
        if let enrollment { all.append(enrollment.limitSeed) }
        if let digits { all.append(digits) }
        if let pending {
            all += pending.shares.map(\.openKey) + [pending.backupKey, pending.limitSeed]
            all += pending.older.map(\.key) + pending.shares.flatMap { $0.tickets.map(\.limitSeed) }
        }
        return all + toBurn.map(\.limitSeed)
    }

    /// The file's contents.
    func encoded() throws(DeviceStateError) -> SecretBytes {
        let facts = Facts(
            account: account, generation: key?.generation, keyIsBehindPassword: keyIsBehindPassword,
            exposedLimit: exposedLimit, older: olderKeys.map(\.generation), live: enrollment?.recipe,
            liveConfirmation: enrollment?.confirmation, digits: digits != nil,
            pending: pending.flatMap(Facts.Pending.init), toBurn: toBurn.map(Facts.Ticket.init),
            replaced: replaced.first, alsoReplaced: Array(replaced.dropFirst()), toForget: toForget,
            notGivenBack: notGivenBack.sorted { $0.key < $1.key }.map {
                Facts.NotGivenBack(
                    enrollment: $0.key.enrollment, vault: $0.key.vault.map { Bytes($0) }, evaluations: $0.value)
            },
            ownGuesses: ownGuesses.sorted { $0.key < $1.key }.map {
                Facts.OwnGuesses(
                    enrollment: $0.key.enrollment, vault: $0.key.vault.map { Bytes($0) }, counts: $0.value)
            }, seen: seen)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = (try? encoder.encode(facts)).map({ Array($0) }) else { throw .damaged("the state in memory") }
        let secrets = secrets
        let size = Self.magic.count + 4 + json.count + 32 * secrets.count
        let body = SecretBytes(count: size) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            bytes.append(Self.magic.span, at: &offset)
            bytes.append(bigEndian(UInt32(json.count)).span, at: &offset)
            bytes.append(json.span, at: &offset)
            for secret in secrets {
                secret.bytes.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
            }
        }
        let sum = Self.sum(of: body)
        return SecretBytes(count: size + 32) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            body.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
            sum.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
        }
    }

    /// Takes apart a file's contents.
    init(decoding file: borrowing SecretBytes, path: String) throws(DeviceStateError) {
        let start = Self.magic.count + 4
        guard file.count >= start + 32 else { throw .damaged(path) }
        let head = file.slice(0..<start).published
        guard head.starts(with: Self.magic) else {
            throw head.starts(with: Array("tenpin device ".utf8)) ? .laterVersion(path) : .damaged(path)
        }
        let end = file.count - 32
        guard Self.sum(of: file.slice(0..<end)).isEqual(to: file.slice(end..<file.count)) else { throw .damaged(path) }
        let jsonSize = head.suffix(4).reduce(0) { $0 << 8 | Int($1) }
        guard jsonSize <= end - start else { throw .damaged(path) }
        let json = Data(file.slice(start..<start + jsonSize).published)
        guard let facts = try? JSONDecoder().decode(Facts.self, from: json) else { throw .damaged(path) }

        var secrets: [SharedSecret] = []
        var offset = start + jsonSize
        guard (end - offset).isMultiple(of: 32) else { throw .damaged(path) }
        while offset < end {
            secrets.append(SharedSecret(file.slice(offset..<offset + 32)))
            offset += 32
        }
        var rest = secrets[...]
        func next() throws(DeviceStateError) -> SharedSecret {
            guard let secret = rest.popFirst() else { throw .damaged(path) }
            return secret
        }
        func keys(_ generations: [UInt32]) throws(DeviceStateError) -> [GenerationKey] {
            var keys: [GenerationKey] = []
            for generation in generations { keys.append(GenerationKey(generation: generation, key: try next())) }
            return keys
        }
        func tickets(_ facts: [Facts.Ticket]) throws(DeviceStateError) -> [BurnTicket] {
            var tickets: [BurnTicket] = []
            for ticket in facts { tickets.append(ticket.ticket(try next())) }
            return tickets
        }
        account = facts.account
        if let generation = facts.generation { key = GenerationKey(generation: generation, key: try next()) }
        keyIsBehindPassword = facts.keyIsBehindPassword
        exposedLimit = facts.exposedLimit
        olderKeys = try keys(facts.older)
        if let recipe = facts.live {
            enrollment = LiveEnrollment(
                recipe: recipe, confirmation: facts.liveConfirmation, limitSeed: try next())
        }
        if facts.digits { digits = try next() }
        if let pending = facts.pending {
            var openKeys: [SharedSecret] = []
            for _ in pending.all { openKeys.append(try next()) }
            let (backupKey, limitSeed) = (try next(), try next())
            let older = try keys(pending.older)
            var shares: [PendingEnrollment.Share] = []
            for (share, openKey) in zip(pending.all, openKeys) {
                shares.append(
                    PendingEnrollment.Share(
                        commit: share.commit, bundle: share.bundle.bytes, openKey: openKey,
                        tickets: try tickets(share.tickets), isLive: share.isLive))
            }
            // Each step 3 is one vault's, and all of them one enrollment's.
            let recipe = pending.commit.recipe
            guard shares.count == recipe.vaults.count, shares.allSatisfy({ $0.commit.recipe == recipe }) else {
                throw .damaged(path)
            }
            self.pending = PendingEnrollment(
                recipe: recipe, shares: shares, backupKey: backupKey, limitSeed: limitSeed, older: older)
        }
        toBurn = try tickets(facts.toBurn)
        replaced = [facts.replaced].compactMap { $0 } + (facts.alsoReplaced ?? [])
        toForget = facts.toForget ?? []
        for own in facts.notGivenBack ?? [] {
            notGivenBack[GuessedSlot(own.enrollment, at: own.vault?.bytes)] = own.evaluations
        }
        for own in facts.ownGuesses ?? [] {
            ownGuesses[GuessedSlot(own.enrollment, at: own.vault?.bytes)] = own.counts
        }
        seen = facts.seen ?? []
        guard rest.isEmpty else { throw .damaged(path) }
    }

    /// Finds damage; it authenticates nothing against who can write the file.
    private static func sum(of body: borrowing SecretBytes) -> SecretBytes {
        var code = HMACSHA256(key: SecretBytes(copying: checksum.span))
        code.update(body)
        return code.finish()
    }
}

extension DeviceState.Facts.Share {
    fileprivate init(_ share: PendingEnrollment.Share) {
        self.init(
            commit: share.commit, bundle: Bytes(share.bundle),
            tickets: share.tickets.map(DeviceState.Facts.Ticket.init),
            isLive: share.isLive)
    }
}

extension DeviceState.Facts.Pending {
    fileprivate init?(_ pending: PendingEnrollment) {
        let shares = pending.shares.map(DeviceState.Facts.Share.init)
        guard let first = shares.first else { return nil }
        self.init(
            commit: first.commit, bundle: first.bundle, older: pending.older.map(\.generation), tickets: first.tickets,
            isLive: first.isLive, further: Array(shares.dropFirst()))
    }

    /// Every vault's, in the recipe's order.
    fileprivate var all: [DeviceState.Facts.Share] {
        [DeviceState.Facts.Share(commit: commit, bundle: bundle, tickets: tickets, isLive: isLive ?? false)]
            + (further ?? [])
    }
}

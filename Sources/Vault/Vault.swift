import Foundation
import Logging
import TPM
import TPMDevice
import VaultAPI

/// The vault: a courier between devices and one chip. It holds no secret and decides nothing about the limit.
///
/// All that asks the chip runs on its one thread, and no method awaits anything: between spending a guess and using it nothing
/// else can happen. What the store alone is needed for is done beside it (`Step`). (An actor with an await between check and spend let 50 of 50 callers past a limit of 3.)
public actor Vault {
    nonisolated let thread: ChipThread
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

    /// What `provision` wrote.
    public nonisolated let configuration: VaultConfiguration
    let chip: Chip
    nonisolated let store: Store
    let log: Logger
    let now: @Sendable () -> Date
    let endorsement: Command.Entity
    let parent: Command.Entity
    let authority: AuthorityProfile
    var sessions: SessionTable
    /// Which connection is enrolling what.
    var enrolling: [EnrollmentID: ConnectionID] = [:]
    /// Count and ceiling as this vault last read or wrote them, where nothing of it has changed them since. They are only ever told as
    /// the vault's word; the chip counts.
    var seen: [EnrollmentID: SlotCount] = [:]
    /// Whose slots were not read and held against the journal since this vault began, or since it asked the chip to change them.
    var unread: Set<EnrollmentID> = []
    /// After how long without a person's call it does that.
    let rest: Duration
    /// When the last turn for a person was over.
    var servedAt = ContinuousClock.now
    /// Whether there is a task that waits for the vault to rest.
    var isResting = false
    /// The calls that wait for their turn. All that devices ask comes through here.
    nonisolated let turns = Turns()
    /// What an operator may count.
    public nonisolated let metrics = VaultMetrics()
    /// Whether the vault will soon look again for room for a session.
    var looksAgain = false
    /// The attestation key, saved out of the chip, once an audit has asked for it.
    var attestationKey: (area: PublicArea, context: [UInt8])?
    /// The row that an audit will ask for next.
    let ahead = RowAhead()
    /// The journal's counter, if the chip has one.
    var counter: JournalCounter?
    /// Whether the journal will be certified later, or as soon as nobody waits.
    var anchorsLater = false
    var anchorsWhenIdle = false

    /// TPM_PT_CONTEXT_GAP_MAX. TPM 2.0 Part 2 §6.13.
    private static let largestGap: UInt32 = 0x114

    /// Opens chip and store, checks that this is the chip that was provisioned, and reconciles the two, unless it is opened only
    /// to be looked at.
    public static func open(
        home: String, tcti: String? = nil, ownerAuthorization: [UInt8] = [], endorsementAuthorization: [UInt8] = [],
        log: Logger, reconciles: Bool = true, rest: Duration = restsAfter,
        now: @escaping @Sendable () -> Date = Date.init
    ) async throws -> Vault {
        let configuration = try VaultConfiguration.read(home: home)
        let path = VaultConfiguration.storePath(home: home)
        // Who only looks leaves no store behind where there is none.
        let isThere = reconciles || FileManager.default.fileExists(atPath: path)
        let store = try Store(path: isThere ? path : ":memory:")
        let chip = try Chip(
            tcti: tcti ?? configuration.tcti, ownerAuthorization: ownerAuthorization,
            endorsementAuthorization: endorsementAuthorization, patience: patience)
        let vault = try Vault(configuration, home: home, store: store, chip: chip, log: log, rest: rest, now: now)
        if reconciles {
            try? store.prepareForManyWrites()
            await vault.openJournal(home: home)
            try await vault.reconcile()
            try await vault.readDaily()
        }
        return vault
    }

    /// How long the chip may take for a command, in seconds. None that a conversation needs makes an RSA key; and a device
    /// waits 30 seconds for an answer.
    private static let patience: Double = 25

    private init(
        _ configuration: VaultConfiguration, home: String, store: Store, chip: sending Chip, log: Logger,
        rest: Duration, now: @escaping @Sendable () -> Date
    ) throws {
        let endorsementArea = try PublicArea(tpm2b: configuration.endorsementKey.bytes)
        let parentArea = try PublicArea(tpm2b: configuration.parent.bytes)
        try configuration.check(chip)
        // Not before this is known to be the vault's chip: on another one they are somebody's.
        try chip.flushLeftovers()
        let kept = chip.isShared ? SavedSessions(home: home) : nil
        kept?.endAll(on: chip)
        sessions = SessionTable(
            places: chip.isShared ? 0 : SessionTable.placesOnOwnChip, kept: kept,
            largestGap: try chip.property(Self.largestGap) ?? 255)
        chip.keepsPolicySession = !chip.isShared
        thread = ChipThread(name: "tenpin-chip")
        self.configuration = configuration
        self.chip = chip
        self.store = store
        self.log = log
        self.rest = rest
        self.now = now
        endorsement = Command.Entity(Handle(configuration.endorsementHandle), endorsementArea.name)
        parent = Command.Entity(Handle(configuration.parentHandle), parentArea.name)
        // What counts shows in the log at any level: an operator who wonders about a count finds its reason there.
        chip.onRepetition = { command, code in
            let counts = command == .policyNV || command == .nvWrite
            log.log(level: counts ? .warning : .debug, "the chip answered \(command) with \(code): sent again")
        }
        authority = try AuthorityProfile(
            largestDigest: Int(try chip.property(0x120) ?? 0), endorsementName: endorsementArea.name)
        if authority.hash.size != configuration.largestDigest {
            log.warning("the chip's largest hash has changed: enrollments made before cannot be used any more")
        }
    }
}

extension VaultConfiguration {
    /// Refuses a chip that does not hold this vault's endorsement key and parent.
    public func check(_ chip: Chip) throws {
        guard isBeingRemoved != true else { throw VaultError.beingRemoved }
        for (handle, key) in [(endorsementHandle, endorsementKey), (parentHandle, parent)] {
            let found = try chip.knownObject(at: Handle(handle))
            guard try found == PublicArea(tpm2b: key.bytes) else { throw VaultError.anotherChip }
        }
    }
}

/// Why a vault cannot open.
public enum VaultError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Endorsement key or parent are not the ones that were provisioned.
    case anotherChip
    /// A deprovisioning was killed when all slots were gone.
    case beingRemoved

    public var description: String {
        switch self {
        case .anotherChip:
            "This is not the chip that was provisioned, or it was cleared: its endorsement key or the vault's parent is"
                + " another. If that is meant, provision a new vault in another folder."
        case .beingRemoved:
            "This vault is being taken off its chip, and its slots are gone; run `tenpin-vault deprovision` to the end."
        }
    }
}

extension Vault {
    /// The account's enrollment in one of `states`.
    nonisolated func record(
        _ id: EnrollmentID, of account: Account, in states: Set<EnrollmentRecord.State>
    ) throws(VaultFault) -> EnrollmentRecord {
        let record = try stored { try store.enrollment(id) }
        guard let record, record.account.utf8.elementsEqual(account.id.utf8), states.contains(record.state) else {
            let known = try stored { try store.enrollments(of: account) }
            throw known.contains { $0.state == .live } ? .wrongEnrollment : .unknownAccount
        }
        return record
    }

    /// The slot of an enrollment that has one.
    nonisolated func slot(of record: EnrollmentRecord) throws(VaultFault) -> SlotProfile {
        guard let slot = record.slotProfile(authority) else { throw .wrongEnrollment }
        return slot
    }

    /// Counts a write of the chip's NV memory, which wears with each one, before it is made.
    nonisolated func countWrite(
        _ kind: NVWriteKind, for account: Account, changing record: EnrollmentRecord? = nil,
        journal entries: [JournalEntry] = []
    ) throws(VaultFault) {
        let today = Int64(now().timeIntervalSince1970) / 86400
        let isCounted = try stored {
            try store.countWrite(
                kind, for: account, on: today, limit: configuration.writesPerDay, changing: record, journal: entries)
        }
        guard isCounted else { throw .tooManyToday }
    }

    /// Runs an access to the store; its failure costs no guess.
    nonisolated func stored<R>(_ body: () throws -> R) throws(VaultFault) -> R {
        do {
            return try body()
        } catch {
            log.error("the store failed: \(error)")
            throw .storeUnavailable
        }
    }

    /// Runs commands; a failure that has no better meaning is the chip's and costs no guess.
    func onChip<R>(_ body: () throws(ChipError) -> R) throws(VaultFault) -> R {
        do throws(ChipError) {
            return try body()
        } catch {
            throw fault(error)
        }
    }

    /// What a chip's error means to a device.
    func fault(_ error: ChipError) -> VaultFault {
        if error.isTheChipsTrouble { log.error("\(error)") } else { log.notice("\(error)") }
        if case .oversized = error { return .notTheProfile }
        guard case .refused(let command, let code) = error, !error.isTheChipsTrouble else { return .chipUnavailable }
        // A saved session from before the chip's restart.
        if command == .contextLoad { return .sessionGone }
        // Signature, HMAC, policy, nonce, expiry: what the device sent is not what the chip wants.
        let refusals: Set<UInt32> = [
            0x082, 0x084, 0x08E, 0x08F, 0x095, 0x09B, 0x09D, 0x09F, 0x0A2, 0x0A3, 0x0A4, 0x0A7,
        ]
        // The first authorization of these is a hierarchy's, which this program gives and not the device.
        let wrongHierarchyValue: Set<UInt32> = [0x98E, 0x9A2]
        if [.createPrimary, .policySecret].contains(command), wrongHierarchyValue.contains(code.rawValue) {
            log.error("the authorization value of the owner or endorsement hierarchy is not the one that was given")
            return .chipUnavailable
        }
        if code.isMissingHandle, code.concernsSession { return .sessionGone }
        if command.usesSlot, code.isMissingHandle || code == .nvUninitialized { return .slotGone }
        if code == .nvSpace { return .full }
        return refusals.contains(code.base) ? .refusedByChip : .chipUnavailable
    }
}

extension ChipError {
    /// Whether this is about the chip's own state, whoever asks for whatever: it does not answer, found itself broken, was
    /// reset, or is short of something (the warnings of Part 2 §6.6.3). An operator has to see it.
    var isTheChipsTrouble: Bool {
        switch self {
        case .unreachable, .malformed: true
        case .refused(_, let code): code == .failure || code == .initialize || code.isWarning
        case .oversized, .unsatisfiable: false
        }
    }
}

extension CommandCode {
    /// Whether its handles name a slot, so that a missing one means that the slot is gone.
    fileprivate var usesSlot: Bool {
        [.nvRead, .nvReadPublic, .nvWrite, .nvCertify, .nvUndefineSpace, .policyNV].contains(self)
    }
}

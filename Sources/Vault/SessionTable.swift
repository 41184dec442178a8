import TPM
import TPMDevice

/// One client of the socket; the state of its conversation lives and dies with it.
public struct ConnectionID: Hashable, Sendable {
    private let number: UInt64
    public init(_ number: UInt64) { self.number = number }
}

/// The sessions that devices have with the chip, saved out of the chip while nobody uses them: a chip holds three at a time
/// and knows 64. Those that were used last may stay in it until their places are needed.
struct SessionTable: Sendable {
    /// What a session was started for.
    enum Purpose: Equatable, Sendable {
        /// A device's own, salted session.
        case device
        /// A challenge for the open key.
        case challenge
    }

    private struct Entry: Sendable {
        let owner: ConnectionID
        let purpose: Purpose
        let handle: Handle
        /// The connection to the chip that the session belongs to.
        let connection: Int
        let started: ContinuousClock.Instant
        /// The chip's latest, which the next signature must be over.
        var nonceTPM: [UInt8]
        /// `nil` while the session is in the chip.
        var context: [UInt8]?
        var lastUse: UInt64
        var usedAt = ContinuousClock.now

        /// Which save of a session this was, counted by the chip (TPMS_CONTEXT.sequence, TPM 2.0 Part 2 §14.5).
        var sequence: UInt64? { context?.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
    }

    private var entries: [Int: Entry] = [:]
    private var nextNumber = 1
    private var clock: UInt64 = 0
    private let places: Int
    private let kept: SavedSessions?
    private let largestGap: UInt64

    /// - Parameters:
    ///   - places: how many sessions may stay in the chip. The vault's own takes one of the chip's three places. None on a
    ///     chip that others use too: a resource manager would save and load them with every command.
    ///   - kept: where contexts are kept for the case that the vault is killed, on a chip that others use too.
    ///   - largestGap: how many saves a saved session may be behind the last one (TPM_PT_CONTEXT_GAP_MAX, at least 255).
    init(places: Int = 0, kept: SavedSessions? = nil, largestGap: UInt32 = 255) {
        self.places = places
        self.kept = kept
        self.largestGap = UInt64(largestGap)
    }

    /// At most this many in all; the chip's 64 leave room for the vault's own.
    static let capacity = 56
    /// At most this many a connection.
    static let perConnection = 4

    /// For how long a session is left to its owner although others wait for room. Between StartSession and the last use of
    /// the session a device does not wait for a person. Who holds all sessions keeps the others waiting for as long.
    static let keptFor = Duration.seconds(10)
    /// The same where the owner has a call waiting: it is the vault then that takes long. Less than devices wait for a reply.
    static let keptForWaiting = Duration.seconds(20)

    /// Whether one more session costs nobody a session that is in use. While it would, callers wait.
    ///
    /// - Parameter waiting: the connections that have a call waiting.
    func hasRoom(at now: ContinuousClock.Instant, waiting: @autoclosure () -> Set<ConnectionID>) -> Bool {
        entries.count < Self.capacity || expendable(at: now, waiting: waiting()) != nil
    }

    /// The most that may stay in a chip that a vault has alone.
    static let placesOnOwnChip = 2

    /// Whether a call of this connection's may have another one's session saved.
    func displaces(_ connection: ConnectionID, startsSession: Bool) -> Bool {
        guard places > 0, loaded.count >= places else { return false }
        return startsSession || entries.values.contains { $0.owner == connection && $0.context != nil }
    }

    /// Whether a session that is in the chip may be used soon: its device was answered within this `time`, or has a call under way.
    func mayBeUsed(
        soonAfter now: ContinuousClock.Instant, within time: Duration, orBy connections: [ConnectionID]
    ) -> Bool {
        loaded.contains { $0.value.usedAt + time > now || connections.contains($0.value.owner) }
    }

    private var loaded: [(key: Int, value: Entry)] { entries.filter { $0.value.context == nil } }

    /// Has a place for one more in the chip, a device's or the vault's own second one: saves the one that was used least lately.
    mutating func makeRoom(on chip: Chip) {
        while case let loaded = loaded, loaded.count >= max(1, places),
            let last = loaded.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            save(last.key, last.value, on: chip)
        }
    }

    /// The session that goes first: of the connection that has most, more than one, or one that its owner has had for long.
    private func expendable(at now: ContinuousClock.Instant, waiting: Set<ConnectionID>) -> Int? {
        if let busiest { return oldest { $0.owner == busiest } }
        return oldest { $0.started + (waiting.contains($0.owner) ? Self.keptForWaiting : Self.keptFor) <= now }
    }

    private func oldest(where isOne: (Entry) -> Bool) -> Int? {
        entries.filter { isOne($0.value) }.min { $0.value.started < $1.value.started }?.key
    }

    /// Keeps a session that was started after `makeRoom`, and gives its number. When a connection has too many its oldest one goes; when all
    /// together have, the one that `hasRoom` found, or the oldest of all.
    mutating func add(
        _ session: (handle: Handle, nonceTPM: [UInt8]), owner: ConnectionID, purpose: Purpose, on chip: Chip,
        at now: ContinuousClock.Instant, waiting: @autoclosure () -> Set<ConnectionID> = []
    ) throws(ChipError) -> Int {
        while entries.count(where: { $0.value.owner == owner }) >= Self.perConnection,
            let oldest = oldest(where: { $0.owner == owner })
        {
            evict(oldest, on: chip)
        }
        while entries.count >= Self.capacity,
            let first = expendable(at: now, waiting: waiting()) ?? oldest(where: { _ in true })
        {
            evict(first, on: chip)
        }
        // Somebody at the chip flushed it, for its place is another's now.
        for (stale, entry) in entries where entry.handle.hasPlace(of: session.handle) { remove(stale) }
        let number = nextNumber
        nextNumber += 1
        let entry = Entry(
            owner: owner, purpose: purpose, handle: session.handle, connection: chip.connections, started: now,
            nonceTPM: session.nonceTPM, lastUse: 0)
        do throws(ChipError) {
            try putAside(entry, as: number, on: chip)
        } catch {
            try? chip.flush(session.handle)
            throw error
        }
        return number
    }

    /// Whether a device has such a session, whose nonce is this where one is given: to refuse a call before anything is written
    /// for it.
    func holds(_ number: Int, owner: ConnectionID, nonceTPM: [UInt8]? = nil, on chip: Chip) -> Bool {
        guard let entry = entries[number], entry.owner == owner, entry.purpose == .device,
            entry.connection == chip.connections
        else { return false }
        return nonceTPM == nil || nonceTPM == entry.nonceTPM
    }

    /// The chip's latest nonce in a session that goes on.
    mutating func note(nonceTPM: [UInt8], of number: Int) { entries[number]?.nonceTPM = nonceTPM }

    /// Lends a session, and keeps it when `body` says that it goes on. A session whose use failed is ended: its nonces are
    /// in nobody's hands any more. `nil` when there is no such session.
    mutating func use<R>(
        _ number: Int, owner: ConnectionID, purpose: Purpose, on chip: Chip,
        _ body: (Handle) throws(ChipError) -> (R, goesOn: Bool)
    ) throws(ChipError) -> R? {
        guard let entry = entries[number], entry.owner == owner, entry.purpose == purpose else { return nil }
        remove(number)
        guard entry.connection == chip.connections else { return nil }
        do throws(ChipError) {
            if let context = entry.context {
                makeRoom(on: chip)
                try chip.run(.contextLoad(context))
            }
            let (result, goesOn) = try body(entry.handle)
            if goesOn { try putAside(entry, as: number, on: chip) }
            return result
        } catch {
            try? chip.flush(entry.handle)
            // Somebody else flushed it.
            if entry.context == nil, error.responseCode?.isMissingReference == true { return nil }
            throw error
        }
    }

    /// Keeps a session that is in the chip, there or saved.
    private mutating func putAside(_ entry: Entry, as number: Int, on chip: Chip) throws(ChipError) {
        var entry = entry
        clock += 1
        entry.lastUse = clock
        entry.usedAt = .now
        entry.context = places > 0 ? nil : try save(entry.handle, on: chip)
        put(entry, as: number)
        renew(on: chip)
    }

    /// Saves what is in the chip. A session that cannot be saved is ended.
    private mutating func save(_ number: Int, _ entry: Entry, on chip: Chip) {
        remove(number)
        guard entry.connection == chip.connections else { return }
        var entry = entry
        do throws(ChipError) {
            entry.context = try save(entry.handle, on: chip)
            put(entry, as: number)
        } catch {
            try? chip.flush(entry.handle)
        }
    }

    /// Ends a session that will not be used.
    mutating func end(_ number: Int, owner: ConnectionID, on chip: Chip) {
        if entries[number]?.owner == owner { evict(number, on: chip) }
    }

    /// Ends all sessions of a connection.
    mutating func end(_ owner: ConnectionID, on chip: Chip) {
        for (number, entry) in entries where entry.owner == owner {
            remove(number)
            flush(entry, on: chip)
        }
    }

    /// After the chip was connected to anew, the handle may be somebody else's session.
    private func flush(_ entry: Entry, on chip: Chip) {
        if entry.connection == chip.connections { try? chip.flush(entry.handle) }
    }

    private mutating func save(_ handle: Handle, on chip: Chip) throws(ChipError) -> [UInt8] {
        do throws(ChipError) {
            return try chip.run(.contextSave(handle)).parameters
        } catch {
            // The oldest saved session blocks the chip's counter of contexts: it goes, and the save is tried once more.
            guard error.responseCode == .contextGap,
                let oldest = entries.filter({ $0.value.context != nil }).min(by: { $0.value.lastUse < $1.value.lastUse }
                )
            else { throw error }
            evict(oldest.key, on: chip)
            return try chip.run(.contextSave(handle)).parameters
        }
    }

    /// The connection with the most sessions, more than one: who opens many loses them first, and not whoever is slow with
    /// one.
    private var busiest: ConnectionID? {
        let counts = entries.values.reduce(into: [ConnectionID: Int]()) { $0[$1.owner, default: 0] += 1 }
        return counts.filter { $0.value > 1 }.max { $0.value < $1.value }?.key
    }

    private mutating func evict(_ number: Int, on chip: Chip) {
        guard let entry = entries[number] else { return }
        remove(number)
        flush(entry, on: chip)
    }

    private mutating func put(_ entry: Entry, as number: Int) {
        entries[number] = entry
        if let context = entry.context { kept?.keep(context, as: number) }
    }

    private mutating func remove(_ number: Int) {
        entries[number] = nil
        kept?.forget(number)
    }

    /// Saves anew what has fallen behind.
    ///
    /// A chip saves no session any more when the oldest saved one is too far behind. The attack: 1. a device opens a session and
    /// lets it lie; 2. others go on, and behind the kernel's resource manager each command in a session is a save; 3. the
    /// kernel's own save fails, with an error that names nothing, and so does every command from then on.
    private mutating func renew(on chip: Chip) {
        guard let newest = entries.values.compactMap(\.sequence).max() else { return }
        for (number, var entry) in entries {
            guard let context = entry.context, let sequence = entry.sequence, entry.connection == chip.connections,
                newest - sequence > largestGap / 4
            else { continue }
            makeRoom(on: chip)
            do throws(ChipError) {
                try chip.run(.contextLoad(context))
                entry.context = try chip.run(.contextSave(entry.handle)).parameters
                put(entry, as: number)
            } catch {
                remove(number)
                flush(entry, on: chip)
            }
        }
    }
}

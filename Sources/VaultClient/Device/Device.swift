import VaultAPI

/// One account on this device: its files, and every conversation that changes them.
///
/// Killed between any two steps, it goes on from its files: an enrollment that was begun is made live or given up, and
/// an old slot is burnt at the next opportunity. Every operation with a vault begins with that.
public struct Device: ~Copyable, Sendable {
    /// What is kept.
    public private(set) var state: DeviceState
    private let folder: AccountFolder

    /// Opens the account's folder for this process alone, and reads what is kept there.
    public init(_ account: Account, in home: DeviceHome) throws(DeviceStateError) {
        let folder = try AccountFolder(account, in: home)
        state = try folder.load()
        self.folder = folder
    }

    public var account: Account { state.account }

    /// Changes what is kept and writes it; nothing is changed when it cannot be written.
    mutating func update(_ body: (inout DeviceState) -> Void) throws(VaultClientError) {
        var next = state
        body(&next)
        do throws(DeviceStateError) {
            try folder.save(next)
        } catch {
            throw VaultClientError(.state(error))
        }
        state = next
    }

    /// Keeps a backup key that was made or brought in without a vault; where there is a key already, as an older one.
    ///
    /// - Parameter wasBehindPassword: whether the key was ever enrolled, by its backup's word.
    public mutating func keep(_ key: GenerationKey, wasBehindPassword: Bool = false) throws(VaultClientError) {
        try update { $0.keep(key, wasBehindPassword: wasBehindPassword) }
    }

    /// Keeps the 32 bytes of the 64-digit mode, or lets go of them.
    public mutating func keepDigits(_ digits: SharedSecret?) throws(VaultClientError) {
        try update { $0.digits = digits }
    }

    /// Goes on with what was begun: makes a pending enrollment live, and burns old slots.
    ///
    /// - Returns: what was done. A slot whose burn the chip or the vault refuses stays in `state.toBurn`.
    @discardableResult
    public mutating func finish(at vaults: some Vaults) async throws(VaultClientError) -> [Finished] {
        let fleet = vaults.fleet
        var done: [Finished] = []
        if let pending = state.pending {
            try await complete(at: fleet)
            done.append(.enrolled(pending.recipe.enrollment))
        }
        let burnt = try await burnOldSlots(at: fleet)
        // One vault alone that does not answer has not finished anything.
        if let ended = burnt.refusals.first, burnt.refusals.count == fleet.count, ended.endsConversation { throw ended }
        return done + burnt.done
    }

    /// A thing that had been begun and is done now.
    public enum Finished: Equatable, Sendable {
        case enrolled(EnrollmentID)
        /// The chip confirmed the burn.
        case burnt(EnrollmentID)
        /// The vault says that the enrollment is gone, which it cannot prove.
        case goneByItsClaim(EnrollmentID)
    }
}

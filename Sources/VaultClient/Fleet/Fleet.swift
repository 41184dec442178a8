import TPM
import VaultAPI

/// Vaults that are asked together: one alone, or several that hold a share of one key each.
public protocol Vaults: Sendable {
    var fleet: Fleet { get }
}

extension VaultLink: Vaults {
    public var fleet: Fleet { Fleet(self) }
}

/// The vaults that a person named: the ones that were reached, and why the others were not.
public struct Fleet: Vaults {
    public let links: [VaultLink]
    public let missing: [Missing]
    var patience = Patience()

    /// A vault that cannot be asked.
    public struct Missing: Equatable, Sendable {
        /// As the person wrote it.
        public let address: String
        public let error: VaultClientError

        public init(address: String, error: VaultClientError) {
            self.address = address
            self.error = error
        }
    }

    public var fleet: Fleet { self }

    /// How many were named.
    public var count: Int { links.count + missing.count }

    /// One vault.
    public init(_ link: VaultLink) {
        links = [link]
        missing = []
    }

    /// Refuses two ways to one vault.
    public init(_ links: [VaultLink], missing: [Missing] = []) throws(VaultClientError) {
        var seen: [Name: String] = [:]
        for link in links {
            // The attack: 1. the operator of one vault serves it under a second address; 2. two of the shares, and with them
            // twice the guesses, are on one chip.
            if let other = seen.updateValue(link.address, forKey: link.vault.endorsementName) {
                throw VaultClientError(.sameVault(other, link.address))
            }
        }
        self.links = links
        self.missing = missing
    }

    /// Who is waited for when vaults are reached.
    public enum Waiting: Sendable {
        /// For every one, however long it takes: the person is to be asked about one.
        case all
        /// For most of them, and a quarter of a minute longer: what is to be done needs all.
        case nearlyAll
        /// For most of them, and half a second longer.
        case most

        /// How long the rest is waited for.
        var patience: Duration? {
            switch self {
            case .all: nil
            case .nearlyAll: .seconds(15)
            case .most: .milliseconds(500)
            }
        }
    }

    /// Reaches all vaults at once. One alone that cannot be reached is an error; of several, each is told.
    ///
    /// - Parameter open: reaches the vault of this number.
    public static func open(
        _ addresses: [String], waiting: Waiting,
        _ open: @escaping @Sendable (Int) async throws(VaultClientError) -> VaultLink
    ) async throws(VaultClientError) -> Fleet {
        let round = Round<VaultLink>(addresses.count, giveUp: { _ in }, ask: open)
        let results = await round.answers { results in
            results.values.count(where: \.isSuccess) > addresses.count / 2 ? waiting.patience : nil
        }
        await round.end()
        var (links, missing): ([VaultLink], [Missing]) = ([], [])
        for (index, address) in addresses.enumerated() {
            switch results[index] {
            case .success(let link): links.append(link)
            case .failure(let error): missing.append(Missing(address: address, error: error))
            case nil: missing.append(Missing(address: address, error: VaultClientError(.slow)))
            }
        }
        if let only = missing.first, addresses.count == 1 { throw only.error }
        if links.isEmpty { throw VaultClientError(.tooFew(needed: nil, missing)) }
        return try Fleet(links, missing: missing)
    }

    /// For what needs all vaults: nothing of it is begun where one is missing, which the error names.
    public func needAll() throws(VaultClientError) {
        guard let first = missing.first else { return }
        throw first.error.at(first.address)
    }

    /// An error of one vault's, which is named where it is one of several.
    func naming(_ link: VaultLink, _ error: VaultClientError) -> VaultClientError {
        count == 1 ? error : error.at(link.address)
    }

    /// Ends all connections.
    public func close() async {
        for link in links { await link.close() }
    }
}

extension VaultClientError {
    /// The same error, with the vault that it happened at.
    func at(_ address: String) -> VaultClientError { VaultClientError(.at(address, reason), guess) }
}

extension Result {
    var isSuccess: Bool { if case .success = self { true } else { false } }
}

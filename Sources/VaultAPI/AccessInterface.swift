/// The Varlink interface by which a caller on the network says for whom it speaks: its name, and the description that
/// `org.varlink.service` shows.
public enum AccessInterface {
    public static let name = "org.tenpin.Access"

    /// The interface in Varlink's definition language.
    public static let description: String = {
        let faults = AccessFault.allCases.map { "error \($0.rawValue) (guess: string, message: string)" }
        return """
            # For whom a caller on the network speaks. The first call of a connection; after it the connection may name this
            # one account, until the token's time is over. After each of these errors but
            # OtherAccount the vault closes the connection. None of them costs a guess, and none asks the chip.
            interface org.tenpin.Access

            # Shows a token of the account service (JWT, signed with EdDSA or ES256, its audience this vault).
            # `ends`, in seconds since 1970, is when the connection ends.
            method Present(token: string) -> (account: string, ends: int)


            """ + faults.joined(separator: "\n") + "\n"
    }()
}

/// Shows a token. It is a secret for as long as it is good: it goes into no log.
public struct Present: Codable, Sendable {
    public static let name = "\(AccessInterface.name).Present"
    public var token: String

    public init(token: String) { self.token = token }

    public struct Reply: Codable, Hashable, Sendable {
        public var account: Account
        /// Seconds since 1970.
        public var ends: Int

        public init(account: Account, ends: Int) {
            self.account = account
            self.ends = ends
        }
    }
}

/// Why a caller on the network is not let in: a closed list. No guess was spent.
public enum AccessFault: String, Error, Codable, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// The first call was another one than Present.
    case tokenMissing = "TokenMissing"
    /// It is not three parts of base64url, has no proper header, or is too large.
    case tokenMalformed = "TokenMalformed"
    /// It is not signed with EdDSA or ES256, or not with the one that its key is for.
    case tokenAlgorithm = "TokenAlgorithm"
    /// Its key id is none of the account service's, or the vault takes no tokens.
    case tokenKeyUnknown = "TokenKeyUnknown"
    case tokenSignature = "TokenSignature"
    /// It lacks a claim that it must have, or its account is none.
    case tokenClaims = "TokenClaims"
    /// It is for another vault.
    case tokenAudience = "TokenAudience"
    case tokenExpired = "TokenExpired"
    case tokenNotYet = "TokenNotYet"
    /// It is good for longer than a day.
    case tokenTooLong = "TokenTooLong"
    /// The call names another account than the token.
    case otherAccount = "OtherAccount"

    /// One sentence for a person, without what it cost.
    public var sentence: String {
        switch self {
        case .tokenMissing: "The vault wants your account service's token; give it with --token-file."
        case .tokenMalformed: "The vault cannot read the token; check that the token file holds it whole."
        case .tokenAlgorithm:
            "The vault takes no token signed like this one; the account service must use EdDSA or ES256."
        case .tokenKeyUnknown: "The vault does not know the key that the token names; ask its operator."
        case .tokenSignature: "The token's signature is not the account service's; get another token."
        case .tokenClaims: "The token lacks a claim that it must have, or names no proper account; ask who issues it."
        case .tokenAudience: "The token is for another vault; get one for this vault."
        case .tokenExpired: "The token's time is over; get another one."
        case .tokenNotYet: "The token is not valid yet; check the clocks, or get another token."
        case .tokenTooLong: "The token is good for longer than a day, which the vault does not take; ask who issues it."
        case .otherAccount: "The token is another account's; check --account, or get a token for this one."
        }
    }

    /// The same, and what it cost.
    public var description: String { sentence + " No guess was spent." }

    /// The error's name on the wire.
    public var wireName: String { "\(AccessInterface.name).\(rawValue)" }

    /// The one of this name on the wire.
    public init?(wireName: String) {
        let prefix = "\(AccessInterface.name)."
        guard wireName.hasPrefix(prefix) else { return nil }
        self.init(rawValue: String(wireName.dropFirst(prefix.count)))
    }
}

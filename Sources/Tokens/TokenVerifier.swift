import Foundation
import JWTKit
import VaultAPI

/// Whom a token speaks for, and until when.
public struct Voucher: Sendable, Equatable {
    public let account: Account
    /// The end of the token's time with the grace for clocks that differ, in seconds since 1970.
    public let ends: Double
}

/// Verifies the account service's tokens: JWTs (RFC 7519) that are signed, for this vault and for now, each for one account.
public struct TokenVerifier: Sendable {
    /// The largest token, in bytes.
    public static let maximumBytes = 4096
    /// The longest that a token may be good for, in seconds.
    public static let longestLife: Double = 86_400
    /// How far the account service's clock may be from this one, in seconds.
    public static let clockSkew: Double = 60

    private let keys: TokenKeys
    private let audiences: Set<String>
    private let accountClaim: String

    /// - Parameters:
    ///   - audiences: the names of this vault; a token must be for one of them.
    ///   - accountClaim: the claim that holds the account.
    public init(keys: TokenKeys, audiences: Set<String>, accountClaim: String = "sub") {
        self.accountClaim = accountClaim
        self.keys = keys
        self.audiences = audiences
    }

    /// Whom the token speaks for at `now`, in seconds since 1970.
    public func verify(_ token: String, at now: Double) async throws(AccessFault) -> Voucher {
        guard token.utf8.count <= Self.maximumBytes else { throw .tokenMalformed }
        let header = try Header(of: token)
        // The attacks: 1. the header says `none`, and there is no signature; 2. the header says HS256, and the signature is an
        // HMAC under the public key, which everybody has. The algorithm is the key's, and the header only has to agree.
        guard let algorithm = TokenKeys.Algorithm(rawValue: header.alg) else { throw .tokenAlgorithm }
        guard let key = keys[header.kid] else { throw .tokenKeyUnknown }
        guard key.algorithm == algorithm else { throw .tokenAlgorithm }
        let claims: AccountClaims
        do {
            claims = try await key.verifier.verify(token)
        } catch is DecodingError {
            throw .tokenClaims
        } catch {
            // JWTKit says of claims that do not decode that the token is malformed.
            throw "\(error)".contains("decode JWT payload") ? AccessFault.tokenClaims : .tokenSignature
        }
        // The attack: 1. a vault is shown a token; 2. it shows it to another vault.
        guard !audiences.isDisjoint(with: claims.audience) else { throw .tokenAudience }
        guard claims.expires + Self.clockSkew > now else { throw .tokenExpired }
        // Clocks may differ, so the end may be that much further away than a whole life.
        guard claims.expires <= now + Self.longestLife + Self.clockSkew else { throw .tokenTooLong }
        guard (claims.notBefore ?? 0) <= now + Self.clockSkew, (claims.issued ?? 0) <= now + Self.clockSkew else {
            throw .tokenNotYet
        }
        guard let account = claims.strings[accountClaim] else { throw .tokenClaims }
        do throws(AccountError) {
            return Voucher(account: try Account(account), ends: claims.expires + Self.clockSkew)
        } catch {
            throw .tokenClaims
        }
    }

    /// The members of a JOSE header that matter here (RFC 7515 §4.1).
    private struct Header: Decodable {
        let alg: String
        let kid: String?

        private enum Keys: CodingKey { case alg, kid, crit }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: Keys.self)
            alg = try members.decode(String.self, forKey: .alg)
            kid = try members.decodeIfPresent(String.self, forKey: .kid)
            // RFC 7515 §4.1.11: who does not know an extension that is critical refuses the token. None is known here.
            guard !members.contains(.crit) else {
                throw DecodingError.dataCorruptedError(forKey: .crit, in: members, debugDescription: "not known")
            }
        }

        init(of token: String) throws(AccessFault) {
            let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            // RFC 7515 §7.1: three parts of base64url without padding.
            guard parts.count == 3, parts.prefix(2).allSatisfy({ !$0.isEmpty }),
                parts.joined().allSatisfy(Self.isBase64URL)
            else { throw .tokenMalformed }
            var text = String(decoding: parts[0].map(Self.plain), as: UTF8.self)
            text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
            guard let data = Data(base64Encoded: text), let header = try? JSONDecoder().decode(Header.self, from: data)
            else { throw .tokenMalformed }
            self = header
        }

        private static func plain(_ byte: UInt8) -> UInt8 {
            byte == UInt8(ascii: "-") ? UInt8(ascii: "+") : byte == UInt8(ascii: "_") ? UInt8(ascii: "/") : byte
        }

        private static func isBase64URL(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}

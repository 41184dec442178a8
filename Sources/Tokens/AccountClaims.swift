import Foundation
import JWTKit

/// The claims of RFC 7519 §4.1 that count here; what else a token says is not read.
struct AccountClaims: JWTPayload {
    /// Every claim that is a string, by its name: one of them is the account.
    let strings: [String: String]
    /// Whom the token is for; nobody, where the list is empty.
    let audience: [String]
    /// Times in seconds since 1970, which may have fractions.
    let expires: Double
    let notBefore: Double?
    let issued: Double?

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let claims = try decoder.container(keyedBy: Name.self)
        strings = claims.allKeys.reduce(into: [:]) { strings, name in
            strings[name.stringValue] = try? claims.decode(String.self, forKey: name)
        }
        // RFC 7519 §4.1.3: a list, or one string.
        if let one = try? claims.decode(String.self, forKey: Name("aud")) {
            audience = [one]
        } else {
            audience = try claims.decode([String].self, forKey: Name("aud"))
        }
        expires = try claims.decode(Double.self, forKey: Name("exp"))
        notBefore = try claims.decodeIfPresent(Double.self, forKey: Name("nbf"))
        issued = try claims.decodeIfPresent(Double.self, forKey: Name("iat"))
    }

    /// No token is made here.
    func encode(to encoder: any Encoder) throws {
        throw EncodingError.invalidValue(self, .init(codingPath: [], debugDescription: "claims are only read"))
    }

    /// The signature is all that is checked before this; `TokenVerifier` checks the claims, by its own clock.
    func verify(using algorithm: some JWTAlgorithm) async throws {}
}

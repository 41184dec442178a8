import Crypto
import Foundation

/// Makes tokens as an account service does, and as it never would. It shares no code with what verifies them.
package struct TokenSmith: Sendable {
    package enum Key: Sendable {
        case edDSA(Curve25519.Signing.PrivateKey)
        case es256(P256.Signing.PrivateKey)
        /// HS256 under these bytes.
        case shared([UInt8])
        /// No signature.
        case none
    }

    package let key: Key
    package let id: String?

    package init(_ key: Key, id: String? = nil) {
        self.key = key
        self.id = id
    }

    /// A fresh Ed25519 key with an id.
    package init(id: String = "2026-1") { self.init(.edDSA(Curve25519.Signing.PrivateKey()), id: id) }

    /// The header that goes with the key.
    package var header: [String: Any] {
        let algorithm =
            switch key {
            case .edDSA: "EdDSA"
            case .es256: "ES256"
            case .shared: "HS256"
            case .none: "none"
            }
        var header: [String: Any] = ["alg": algorithm, "typ": "JWT"]
        if let id { header["kid"] = id }
        return header
    }

    /// Claims that a vault takes.
    package static func claims(
        _ account: String = "alice", for audience: Any, expires: TimeInterval = 600,
        at now: TimeInterval = Date().timeIntervalSince1970
    ) -> [String: Any] {
        ["sub": account, "aud": audience, "exp": now + expires, "iat": now]
    }

    /// A token of these claims, its header replaced where that is given.
    package func token(_ claims: [String: Any], header: [String: Any]? = nil) throws -> String {
        try token(
            JSONSerialization.data(withJSONObject: claims),
            header: JSONSerialization.data(withJSONObject: header ?? self.header))
    }

    /// A token of whatever bytes.
    package func token(_ claims: Data, header: Data) throws -> String {
        let text = "\(Self.base64URL(header)).\(Self.base64URL(claims))"
        let signature: Data =
            switch key {
            case .edDSA(let key): try key.signature(for: Data(text.utf8))
            case .es256(let key): try key.signature(for: Data(text.utf8)).rawRepresentation
            case .shared(let bytes):
                Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: SymmetricKey(data: bytes)))
            case .none: Data()
            }
        return "\(text).\(Self.base64URL(signature))"
    }

    /// The public key as JWK, RFC 8037 §2 and RFC 7518 §6.2.
    package var jwk: [String: Any] {
        var jwk: [String: Any] = ["use": "sig"]
        if let id { jwk["kid"] = id }
        switch key {
        case .edDSA(let key):
            jwk.merge(["kty": "OKP", "crv": "Ed25519", "x": Self.base64URL(key.publicKey.rawRepresentation)]) { $1 }
        case .es256(let key):
            let point = key.publicKey.rawRepresentation
            jwk.merge([
                "kty": "EC", "crv": "P-256", "x": Self.base64URL(point.prefix(32)),
                "y": Self.base64URL(point.suffix(32)),
            ]) { $1 }
        case .shared, .none: jwk["kty"] = "oct"
        }
        return jwk
    }

    /// A JWKS document of the keys of several.
    package static func jwks(_ smiths: [TokenSmith]) throws -> Data {
        try JSONSerialization.data(withJSONObject: ["keys": smiths.map(\.jwk)])
    }

    package static func base64URL(_ data: some DataProtocol) -> String {
        Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

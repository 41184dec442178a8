import Foundation
import JWTKit

/// The public keys of the account service, from a file: a JWKS document (RFC 7517 §5) or one public key in PEM.
///
/// Two algorithms are known, each bound to its kind of key: EdDSA with Ed25519 (RFC 8037) and ES256 (RFC 7518 §3.4).
public struct TokenKeys: Sendable {
    enum Algorithm: String, Sendable {
        case edDSA = "EdDSA"
        case es256 = "ES256"
    }

    /// A key, alone in a collection: which one verifies a token is decided here.
    struct Key: Sendable {
        let algorithm: Algorithm
        let verifier: JWTKeyCollection
    }

    /// The largest file, in bytes.
    public static let maximumBytes = 65_536

    /// The key that serves whatever key id a token names, where the file holds one key without an id.
    private var only: Key?
    private var byID: [String: Key] = [:]

    /// Reads a file's contents.
    public init(_ file: Data) async throws(TokenKeysError) {
        guard file.count <= Self.maximumBytes else { throw .tooLarge }
        if file.starts(with: Data("-----BEGIN".utf8)) {
            only = try await Self.key(pem: String(decoding: file, as: UTF8.self))
            return
        }
        guard let document = try? JSONDecoder().decode(Document.self, from: file) else { throw .unreadable }
        let usable = document.keys.filter(\.isForSignatures)
        guard !document.keys.contains(where: { $0.d != nil }) else { throw .privateKey }
        for entry in usable {
            guard let key = try await Self.key(entry) else { continue }
            if let id = entry.kid {
                guard byID.updateValue(key, forKey: id) == nil else { throw .sameID }
            } else {
                // Which key it is for would be anybody's guess.
                guard usable.count == 1 else { throw .withoutID }
                only = key
            }
        }
        guard only != nil || !byID.isEmpty else { throw .none }
    }

    /// The key for a token that names `id`.
    subscript(id: String?) -> Key? { only ?? id.flatMap { byID[$0] } }

    private struct Document: Decodable {
        let keys: [Entry]
    }

    /// RFC 7517 §4; what is not a string here is another kind of key's.
    private struct Entry: Decodable {
        let kty: String
        let crv, x, y, d, kid, use, alg: String?

        var isForSignatures: Bool { use ?? "sig" == "sig" && d == nil }
    }

    /// `nil` for a kind of key that is not used here; a document may hold those too.
    private static func key(_ entry: Entry) async throws(TokenKeysError) -> Key? {
        do {
            switch (entry.kty, entry.crv, entry.alg) {
            case ("OKP", "Ed25519", nil), ("OKP", "Ed25519", "EdDSA"), ("OKP", "Ed25519", "Ed25519"):
                let key = try EdDSA.PublicKey(x: entry.x ?? "", curve: .ed25519)
                return Key(
                    algorithm: .edDSA, verifier: await JWTKeyCollection().add(eddsa: key))
            case ("EC", "P-256", nil), ("EC", "P-256", "ES256"):
                let key = try ES256PublicKey(parameters: (entry.x ?? "", entry.y ?? ""))
                return Key(
                    algorithm: .es256, verifier: await JWTKeyCollection().add(ecdsa: key))
            default: return nil
            }
        } catch {
            throw .unreadable
        }
    }

    private static func key(pem: String) async throws(TokenKeysError) -> Key {
        guard !pem.contains("PRIVATE KEY") else { throw .privateKey }
        if let key = try? EdDSA.PublicKey(pem: pem) {
            return Key(
                algorithm: .edDSA, verifier: await JWTKeyCollection().add(eddsa: key))
        }
        guard let key = try? ES256PublicKey(pem: pem) else { throw .unreadable }
        return Key(algorithm: .es256, verifier: await JWTKeyCollection().add(ecdsa: key))
    }
}

/// What is wrong with a file of public keys.
public enum TokenKeysError: Error, Sendable, Equatable, CustomStringConvertible {
    case tooLarge
    case unreadable
    /// It holds a private key, with which this host could speak for everyone.
    case privateKey
    case sameID
    case withoutID
    case none

    public var description: String {
        switch self {
        case .tooLarge: "It has more than \(TokenKeys.maximumBytes) bytes; give only the account service's public keys."
        case .unreadable: "It is neither a JWKS document with proper keys nor an Ed25519 or P-256 public key in PEM."
        case .privateKey: "It holds a private key; keep that at the account service, and give the public one."
        case .sameID: "Two of its keys have the same `kid`; give each its own."
        case .withoutID: "One of several keys has no `kid`; give each its own."
        case .none: "It holds no Ed25519 or P-256 key for signatures."
        }
    }
}

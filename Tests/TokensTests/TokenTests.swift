import Crypto
import Foundation
import NetworkTestSupport
import Testing
import VaultAPI

@testable import Tokens

/// What a vault takes for the account service's word, and what not. The clock stands at 1,900,000,000.
@Suite struct TokenTests {
    static let now = 1_900_000_000.0
    static let vault = "vault-1.example"
    private let smith = TokenSmith()
    private let other = TokenSmith(.es256(P256.Signing.PrivateKey()), id: "ec")

    private func verifier(_ file: Data? = nil, claim: String = "sub") async throws -> TokenVerifier {
        TokenVerifier(
            keys: try await TokenKeys(file ?? TokenSmith.jwks([smith, other])), audiences: [Self.vault, "000bff"],
            accountClaim: claim)
    }

    private static func claims(_ changes: [String: Any?] = [:]) -> [String: Any] {
        var claims = TokenSmith.claims(for: vault, at: now)
        for (name, value) in changes { claims[name] = value }
        return claims
    }

    private func refusal(_ token: String, _ verifier: TokenVerifier) async -> AccessFault? {
        do throws(AccessFault) {
            _ = try await verifier.verify(token, at: Self.now)
            return nil
        } catch {
            return error
        }
    }

    @Test("a token of either kind, for this vault by either name, speaks for its account until its end")
    func good() async throws {
        let verifier = try await verifier()
        for maker in [smith, other] {
            for audience: Any in [Self.vault, "000bff", ["elsewhere", Self.vault]] {
                let token = try maker.token(Self.claims(["aud": audience]))
                let voucher = try await verifier.verify(token, at: Self.now)
                #expect(voucher == Voucher(account: try Account("alice"), ends: Self.now + 660))
            }
        }
    }

    @Test(
        "claims that are not for now, not for this vault or not whole are refused, each by its own name",
        arguments: [
            (["aud": "vault-2.example"], AccessFault.tokenAudience), (["aud": [String]()], .tokenAudience),
            (["aud": "vault-1.exampl"], .tokenAudience), (["aud": nil], .tokenClaims), (["aud": 7], .tokenClaims),
            (["exp": now - 60], .tokenExpired), (["exp": -1e300], .tokenExpired), (["exp": nil], .tokenClaims),
            (["exp": "never"], .tokenClaims), (["exp": now + 86_461], .tokenTooLong), (["exp": 1e300], .tokenTooLong),
            (["nbf": now + 61], .tokenNotYet), (["iat": now + 61], .tokenNotYet), (["nbf": "soon"], .tokenClaims),
            (["sub": nil], .tokenClaims), (["sub": ""], .tokenClaims), (["sub": 7], .tokenClaims),
            (["sub": "a\u{0}b"], .tokenClaims), (["sub": String(repeating: "a", count: 129)], .tokenClaims),
        ] as [([String: (any Sendable)?], AccessFault)])
    func claims(_ changes: [String: (any Sendable)?], _ expected: AccessFault) async throws {
        let token = try smith.token(Self.claims(changes))
        #expect(await refusal(token, try await verifier()) == expected)
    }

    @Test("clocks may differ by a minute, and no more")
    func skew() async throws {
        let verifier = try await verifier()
        for changes in [["exp": Self.now - 59], ["exp": Self.now + 86_459], ["nbf": Self.now + 59]] {
            #expect(await refusal(try smith.token(Self.claims(changes)), verifier) == nil)
        }
    }

    @Test("an algorithm that the key is not for is refused, whatever the header says")
    func algorithms() async throws {
        let verifier = try await verifier()
        let claims = Self.claims()
        guard case .edDSA(let key) = smith.key, case .es256(let curve) = other.key else {
            Issue.record("other kinds of keys")
            return
        }
        // The public key in every form in which somebody may take it for a shared secret.
        let publicKeys = [
            Array(key.publicKey.rawRepresentation), Array(curve.publicKey.pemRepresentation.utf8),
            Array(curve.publicKey.derRepresentation), Array(curve.publicKey.x963Representation),
        ]
        for bytes in publicKeys {
            for id in ["2026-1", "ec"] {
                let forger = TokenSmith(.shared(bytes), id: id)
                #expect(await refusal(try forger.token(claims), verifier) == .tokenAlgorithm)
                for algorithm in ["EdDSA", "ES256"] {
                    let header: [String: Any] = ["alg": algorithm, "kid": id]
                    let answer = await refusal(try forger.token(claims, header: header), verifier)
                    #expect(answer == .tokenSignature || answer == .tokenAlgorithm)
                }
            }
        }
        for algorithm in ["none", "None", "NONE", "nOnE", "RS256", "ES384", "HS256", ""] {
            let forger = TokenSmith(.none, id: "2026-1")
            let header: [String: Any] = ["alg": algorithm, "kid": "2026-1"]
            #expect(await refusal(try forger.token(claims, header: header), verifier) == .tokenAlgorithm)
            // Properly signed, and said to be something else.
            #expect(await refusal(try smith.token(claims, header: header), verifier) == .tokenAlgorithm)
        }
        #expect(
            await refusal(try smith.token(claims, header: ["alg": "ES256", "kid": "2026-1"]), verifier)
                == .tokenAlgorithm)
    }

    @Test("the key id chooses the key: an unknown one, none, or another's is refused")
    func keyIDs() async throws {
        let verifier = try await verifier()
        let claims = Self.claims()
        #expect(
            await refusal(try smith.token(claims, header: ["alg": "EdDSA", "kid": "old"]), verifier) == .tokenKeyUnknown
        )
        #expect(await refusal(try smith.token(claims, header: ["alg": "EdDSA"]), verifier) == .tokenKeyUnknown)
        #expect(
            await refusal(try smith.token(claims, header: ["alg": "EdDSA", "kid": "ec"]), verifier) == .tokenAlgorithm)
        let stranger = TokenSmith()
        #expect(await refusal(try stranger.token(claims), verifier) == .tokenSignature)
        #expect(
            await refusal(try smith.token(claims, header: smith.header.merging(["crit": ["b64"]]) { $1 }), verifier)
                == .tokenMalformed)
    }

    @Test("a token with any byte changed, cut or doubled is refused")
    func damage() async throws {
        let verifier = try await verifier()
        let token = try smith.token(Self.claims())
        let whole = Array(token.utf8)
        for offset in whole.indices.dropLast() {
            // The last digit of a part has bits that say nothing (RFC 4648 §3.5).
            guard whole[offset] != UInt8(ascii: "."), whole[offset + 1] != UInt8(ascii: ".") else { continue }
            var bytes = whole
            bytes[offset] = bytes[offset] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let changed = String(decoding: bytes, as: UTF8.self)
            #expect(await refusal(changed, verifier) != nil, "byte \(offset)")
        }
        let parts = token.split(separator: ".").map { String($0) }
        for broken in [
            "", ".", "..", "a.b", "\(parts[0])..\(parts[2])", "\(parts[0]).\(parts[1])", "\(parts[0]).\(parts[1]).",
            token + ".", token + "\n", " " + token, token + "=", "\(token).\(parts[2])",
            String(repeating: "a", count: 5000),
        ] {
            #expect(await refusal(broken, verifier) != nil, "\(broken)")
        }
    }

    @Test("whatever stands in a header or in claims that are well signed, the verifier goes on")
    func junk() async throws {
        let verifier = try await verifier()
        let header = try JSONSerialization.data(withJSONObject: smith.header, options: .sortedKeys)
        let claims = try JSONSerialization.data(withJSONObject: Self.claims(), options: .sortedKeys)
        for (whole, isHeader) in [(header, true), (claims, false)] {
            var variants = (0..<whole.count).map { whole.prefix($0) }
            for offset in whole.indices {
                for byte in [UInt8(ascii: "\""), UInt8(ascii: "["), UInt8(ascii: "9"), 0, 0xFF, whole[offset] ^ 1] {
                    var changed = whole
                    changed[offset] = byte
                    variants.append(changed)
                }
            }
            variants += ["", "null", "[]", "7", "\"\"", "{\"aud\":[],\"exp\":1e400}", "{\"alg\":null,\"kid\":{}}"].map {
                Data($0.utf8)
            }
            variants.append(Data(repeating: UInt8(ascii: "["), count: 1400))
            for variant in variants where variant != whole {
                let token = try smith.token(isHeader ? claims : variant, header: isHeader ? variant : header)
                do throws(AccessFault) {
                    let voucher = try await verifier.verify(token, at: Self.now)
                    #expect(voucher.ends <= Self.now + TokenVerifier.longestLife + 2 * TokenVerifier.clockSkew)
                } catch {
                    #expect(error != .tokenSignature, "\(String(decoding: variant, as: UTF8.self))")
                }
            }
        }
    }

    @Test("one key in PEM serves whatever key id a token names; another claim may hold the account")
    func pem() async throws {
        guard case .edDSA(let key) = smith.key, case .es256(let curve) = other.key else {
            Issue.record("other kinds of keys")
            return
        }
        let edwards = TokenSmith.Key.edDSA(key)
        let claims = Self.claims(["sub": nil, "account": "bob"])
        for (key, pem) in [(edwards, key.publicKey.pemRepresentation), (other.key, curve.publicKey.pemRepresentation)] {
            let verifier = try await verifier(Data(pem.utf8), claim: "account")
            for id in [nil, "any"] {
                let voucher = try await verifier.verify(TokenSmith(key, id: id).token(claims), at: Self.now)
                #expect(voucher.account.id == "bob")
            }
        }
    }

    @Test("a file that holds a private key, no key, or keys that cannot be told apart is refused")
    func files() async throws {
        func flaw(_ text: String) async -> TokenKeysError? {
            do throws(TokenKeysError) {
                _ = try await TokenKeys(Data(text.utf8))
                return nil
            } catch {
                return error
            }
        }
        guard case .es256(let curve) = other.key else {
            Issue.record("another kind of key")
            return
        }
        func document(_ entries: [String: Any]...) throws -> String {
            String(decoding: try JSONSerialization.data(withJSONObject: ["keys": entries]), as: UTF8.self)
        }
        #expect(await flaw(curve.pemRepresentation) == .privateKey)
        #expect(await flaw(try document(smith.jwk.merging(["d": "AAAA"]) { $1 })) == .privateKey)
        #expect(await flaw(try document(smith.jwk, smith.jwk)) == .sameID)
        let nameless = TokenSmith(smith.key)
        #expect(await flaw(try document(nameless.jwk, other.jwk)) == .withoutID)
        #expect(await flaw(try document(nameless.jwk)) == nil)
        let foreign: [String: Any] = ["kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa"]
        #expect(await flaw(try document(foreign)) == TokenKeysError.none)
        #expect(await flaw(try document(foreign, smith.jwk)) == nil)
        #expect(await flaw(try document(smith.jwk.merging(["x": "AAAA"]) { $1 })) == .unreadable)
        for text in ["", "{}", "[]", "{\"keys\":7}", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            #expect(await flaw(text) == .unreadable, "\(text)")
        }
        #expect(await flaw(String(repeating: " ", count: 65_537)) == .tooLarge)
    }
}

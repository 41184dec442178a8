import Crypto
import CryptoExtras
import Endorsement
import EndorsementTestSupport
import Foundation
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite("A chain to a root")
struct ChainTests {
    let root: PaperAuthority

    init() throws { root = try PaperAuthority("Maker root") }

    @Test("does not end at a root of the same name with another key")
    func wrongRoot() async throws {
        let leaf = try PaperAuthority("Intermediate", issuer: root)
        await #expect(throws: EndorsementError.untrusted([])) {
            try await verify(leaf, roots: [PaperAuthority("Maker root")])
        }
        await #expect(throws: EndorsementError.untrusted([])) { try await verify(leaf, roots: []) }
        #expect(try await verify(leaf, roots: [PaperAuthority("Another"), root]) == root.authority.fingerprint)
    }

    @Test("does not lead over a certificate of version 1, which anybody may have been issued")
    func versionOne() async throws {
        #expect(try await reason(PaperAuthority("Old", issuer: root, version: .v1)).contains("not marked"))
    }

    @Test("does not lead over a certificate that is no authority's, or does not say so")
    func notAnAuthority() async throws {
        for extensions in try [[Certificate.Extension.leaf()], []] {
            #expect(
                try await reason(PaperAuthority("Leaf", issuer: root, extensions: extensions)).contains("not marked"))
        }
    }

    @Test("does not lead over an authority that may not sign certificates, or is for something else")
    func limitedAuthority() async throws {
        let signer = try PaperAuthority(
            "Signer", issuer: root, extensions: [.authority(), .usage(KeyUsage(digitalSignature: true))])
        #expect(try await reason(signer).contains("may not sign"))
        let server = try PaperAuthority(
            "Server", issuer: root, extensions: [.authority(), .purpose([1, 3, 6, 1, 5, 5, 7, 3, 1])])
        #expect(try await reason(server).contains("other purposes"))
        let maker = try PaperAuthority(
            "Maker", issuer: root, extensions: [.authority(), .purpose([2, 23, 133, 8, 1], critical: true)])
        _ = try await verify(maker, roots: [root])
    }

    @Test("does not lead over an expired authority, nor over one with a critical extension that nobody checks")
    func badIntermediates() async throws {
        let expired = try PaperAuthority("Expired", issuer: root, until: PaperAuthority.now - 1)
        #expect(try await reason(expired).isEmpty == false)
        let strange = Certificate.Extension(oid: [1, 2, 3, 4], critical: true, value: [0x05, 0x00])
        let conditional = try PaperAuthority("Conditional", issuer: root, extensions: [.authority(), strange])
        await #expect(throws: EndorsementError.untrusted([])) { try await verify(conditional, roots: [root]) }
    }

    @Test("has no SHA-1 in it; with SHA-256 the same one is believed, and an RSA key certified")
    func sha1() async throws {
        let key = Certificate.PrivateKey(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        let maker = try PaperAuthority("RSA maker", key: key, signature: .sha256WithRSAEncryption)
        #expect(throws: EndorsementError.signatureAlgorithm("1.2.840.113549.1.1.5")) {
            try EndorsementCertificate(der: maker.endorse(key: key.publicKey, signature: .sha1WithRSAEncryption))
        }
        for algorithm in [Certificate.SignatureAlgorithm.sha256WithRSAEncryption, .sha384WithRSAEncryption] {
            let leaf = try EndorsementCertificate(der: maker.endorse(key: key.publicKey, signature: algorithm))
            guard case .rsa(let modulus, 65537) = leaf.certifiedKey else { throw EndorsementError.unsupportedKey }
            #expect(modulus.count == 256)
            _ = try await leaf.verify(roots: [maker.authority], intermediates: [], at: PaperAuthority.now)
        }
        // Also above the first authority.
        let weak = try PaperAuthority("Weak", issuer: maker, signature: .sha1WithRSAEncryption)
        let error = await #expect(throws: EndorsementError.self) { try await verify(weak, roots: [maker]) }
        #expect(error == .untrusted(["CN=Weak is signed with SHA-1"]))
    }

    @Test("is not longer than an authority allows")
    func pathLength() async throws {
        let short = try PaperAuthority(
            "Short", issuer: root, extensions: [.authority(maxPathLength: 0), .usage(KeyUsage(keyCertSign: true))])
        _ = try await verify(short, roots: [root])
        let below = try PaperAuthority("Below", issuer: short)
        let error = await #expect(throws: EndorsementError.self) {
            try await verify(below, roots: [root], others: [short])
        }
        guard case .untrusted(let reasons) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(reasons.count == 1)
    }

    @Test("of one certificate, trusted itself, does not make it an endorsement certificate")
    func leafAsRoot() async throws {
        let leaf = try root.endorse()
        let pinned = try AuthorityCertificate(der: leaf)
        let error = await #expect(throws: EndorsementError.self) {
            try await EndorsementCertificate(der: leaf).verify(
                roots: [pinned], intermediates: [], at: PaperAuthority.now)
        }
        guard case .untrusted = error else { return #expect(Bool(false), "\(String(describing: error))") }
    }

    @Test("is looked for among a few intermediates only")
    func manyIntermediates() async throws {
        let intermediate = try PaperAuthority("Intermediate", issuer: root)
        let many = Array(repeating: intermediate, count: EndorsementCertificate.maximumIntermediates)
        await #expect(throws: EndorsementError.tooManyIntermediates) {
            try await verify(intermediate, roots: [root], others: many)
        }
    }

    @Test("starts at authorities read from DER, or from PEM with several in it, and from nothing else")
    func files() throws {
        let intermediate = try PaperAuthority("Intermediate", issuer: root)
        let pem = try [root, intermediate].map { try $0.certificate.serializeAsPEM().pemString }
        let both = try AuthorityCertificate.list(file: Array(pem.joined(separator: "\n").utf8))
        #expect(both.map(\.subject) == ["CN=Maker root", "CN=Intermediate"])
        #expect(both.map(\.isSelfIssued) == [true, false])
        let der = try root.certificate.der
        let one = try AuthorityCertificate.list(file: der)
        #expect(one.map(\.fingerprint) == [Array(SHA256.hash(data: der))])
        #expect(one.map(\.fingerprint) == [both[0].fingerprint])

        let key = P256.Signing.PrivateKey().pemRepresentation
        for text in ["", "hello", key, pem[0] + "\n" + key, String(pem[0].dropLast(40))] {
            #expect(throws: EndorsementError.notCertificates) { try AuthorityCertificate.list(file: Array(text.utf8)) }
        }
        #expect(throws: EndorsementError.notCertificates) { try AuthorityCertificate.list(file: der + [0]) }
    }

    /// Verifies an endorsement certificate that `issuer` issues, and gives the root's fingerprint.
    @discardableResult
    private func verify(
        _ issuer: PaperAuthority, roots: [PaperAuthority], others: [PaperAuthority] = []
    ) async throws -> [UInt8] {
        try await EndorsementCertificate(der: issuer.endorse()).verify(
            roots: roots.map { try $0.authority }, intermediates: ([issuer] + others).map { try $0.authority },
            at: PaperAuthority.now
        ).rootFingerprint
    }

    /// Why the one chain over `issuer` is refused.
    private func reason(_ issuer: PaperAuthority) async throws -> String {
        let error = await #expect(throws: EndorsementError.self) { try await verify(issuer, roots: [root]) }
        guard case .untrusted(let reasons) = error else { return "" }
        #expect(reasons.count == 1)
        return reasons.first ?? ""
    }
}

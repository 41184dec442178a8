import Crypto
import EndorsementTestSupport
import Foundation
import SwiftASN1
import Testing
import X509

@testable import Endorsement

@Suite("An endorsement certificate")
struct EndorsementTests {
    let root: PaperAuthority
    let intermediate: PaperAuthority

    init() throws {
        root = try PaperAuthority("Maker root")
        intermediate = try PaperAuthority("Maker intermediate", issuer: root)
    }

    @Test("in order is believed, and the root that anchors it is named")
    func inOrder() async throws {
        let key = P256.Signing.PrivateKey().publicKey
        let result = try await verify(intermediate.endorse(key: .init(key)))
        #expect(result.rootFingerprint == Array(SHA256.hash(data: try root.certificate.der)))
        #expect(result.certifiedKey == .ec(.p256, x963: Array(key.x963Representation)))
        #expect(result.chip.manufacturer.description == "STM")
        #expect(result.chip.model == "ST33" && result.chip.version == "id:00010203")
        #expect(result.subject == "" && result.issuer == "CN=Maker intermediate")
    }

    @Test("signed by the root itself is believed")
    func shortChain() async throws {
        _ = try await verify(root.endorse(), intermediates: [])
    }

    @Test("may have its chip's name in one attribute set, and not critical")
    func otherShapesOfNames() async throws {
        let names = try [Certificate.Extension.chip(oneAttributeSet: true, critical: false)]
        _ = try await verify(intermediate.endorse(extensions: PaperAuthority.endorsement(names: names)))
    }

    @Test("may say critically what it is for")
    func criticalPurpose() async throws {
        let purpose = try [Certificate.Extension.purpose([2, 23, 133, 8, 1], critical: true)]
        _ = try await verify(intermediate.endorse(extensions: PaperAuthority.endorsement(purpose: purpose)))
    }

    @Test("without the endorsement purpose is refused")
    func purpose() async throws {
        let others = try [
            PaperAuthority.endorsement(purpose: []),
            PaperAuthority.endorsement(purpose: [.purpose([2, 23, 133, 8, 2])]),
            PaperAuthority.endorsement(purpose: [.purpose([2, 5, 29, 37, 0])]),
        ]
        for extensions in others { await refused(.notForEndorsement, try intermediate.endorse(extensions: extensions)) }
    }

    @Test("of an authority is refused")
    func authority() async throws {
        let extensions = try PaperAuthority.endorsement(constraints: [.authority()])
        await refused(.isAuthority, try intermediate.endorse(extensions: extensions))
    }

    @Test("for a key that signs, or that signs certificates, is refused")
    func usage() async throws {
        for usage in [KeyUsage(digitalSignature: true), KeyUsage(keyEncipherment: true, keyCertSign: true)] {
            let extensions = try PaperAuthority.endorsement(usage: [.usage(usage)])
            await refused(.wrongKeyUsage, try intermediate.endorse(extensions: extensions))
        }
    }

    @Test("expired, or not valid yet, is refused")
    func validity() async throws {
        let (now, year) = (PaperAuthority.now, PaperAuthority.year)
        await refused(.outsideValidity, try intermediate.endorse(until: now - 1))
        await refused(.outsideValidity, try intermediate.endorse(from: now + 1, until: now + year))
    }

    @Test("that names no chip, or two makers, or a maker without a number, is refused")
    func names() async throws {
        let others = try [
            [],
            [Certificate.Extension(SubjectAlternativeNames([.dnsName("tpm.example")]), critical: true)],
            [.chip(manufacturer: [])], [.chip(model: [])], [.chip(version: [])],
            [.chip(manufacturer: ["id:53544D20", "id:49465800"])],
            [.chip(manufacturer: ["id:53544D20", "id:53544D20"])],
            [.chip(model: ["A", "B"])],
            [.chip(manufacturer: ["STM "])], [.chip(manufacturer: ["id:5354"])], [.chip(manufacturer: ["id:+3544D20"])],
        ]
        for names in others {
            await refused(.namesNoChip, try intermediate.endorse(extensions: PaperAuthority.endorsement(names: names)))
        }
    }

    @Test("with a critical extension that nobody checks is refused; the same one, not critical, is not")
    func unknownExtension() async throws {
        for critical in [true, false] {
            let strange = Certificate.Extension(oid: [1, 2, 3, 4], critical: critical, value: [0x05, 0x00])
            let leaf = try intermediate.endorse(extensions: PaperAuthority.endorsement(more: [strange]))
            if critical {
                await refused(.unknownCriticalExtension, leaf)
            } else {
                _ = try await verify(leaf)
            }
        }
    }

    @Test("certifies the key it says, so that another chip's key is told apart")
    func otherKey() throws {
        let one = try EndorsementCertificate(der: intermediate.endorse())
        let other = try EndorsementCertificate(der: intermediate.endorse())
        #expect(one.certifiedKey != other.certifiedKey)
        let p384 = P384.Signing.PrivateKey().publicKey
        let third = try EndorsementCertificate(der: intermediate.endorse(key: .init(p384)))
        #expect(third.certifiedKey == .ec(.p384, x963: Array(p384.x963Representation)))
        let p521 = Certificate.PublicKey(P521.Signing.PrivateKey().publicKey)
        #expect(throws: EndorsementError.unsupportedKey) {
            try EndorsementCertificate(der: intermediate.endorse(key: p521))
        }
    }

    @Test("is read whatever padding NV has behind it, and not when it is cut short")
    func padding() throws {
        let leaf = try intermediate.endorse()
        for padding in [[], [0], [UInt8](repeating: 0xff, count: 900), [UInt8](repeating: 0, count: 1)] {
            let certificate = try EndorsementCertificate(der: leaf + padding)
            #expect(certificate.der == leaf)
        }
        let broken: [[UInt8]] = [
            [], [0x30], [0x30, 0x82, 0xff, 0xff], [0x30, 0x80, 0, 0], Array(leaf.dropLast()), Array(leaf.dropFirst()),
            [UInt8](repeating: 0xff, count: 1000), [0x30, 0x03, 0x02, 0x01, 0x00],
        ]
        for bytes in broken { #expect(throws: EndorsementError.malformed) { try EndorsementCertificate(der: bytes) } }
    }

    @Test("cannot put anything but printable ASCII before a person's eyes")
    func escapes() async throws {
        let subject = try DistinguishedName { CommonName("\u{1B}[2Jverified\u{202E}\n") }
        let names = try [Certificate.Extension.chip(model: ["\u{1B}[1m"], version: ["v\u{7}"])]
        let leaf = try intermediate.endorse(
            subject: subject, extensions: PaperAuthority.endorsement(names: names))
        let result = try await verify(leaf)
        #expect(result.subject == "CN=?[2Jverified??")
        #expect(result.chip.model == "?[1m" && result.chip.version == "v?")
    }

    @Test("is refused with one of its bytes changed, in what is signed or in the signature")
    func tampering() async throws {
        let leaf = try intermediate.endorse()
        for index in leaf.indices {
            var changed = leaf
            changed[index] ^= 1
            await #expect(throws: EndorsementError.self, "byte \(index)") { try await verify(changed) }
        }
    }

    func verify(
        _ leaf: [UInt8], intermediates: [PaperAuthority]? = nil
    ) async throws -> VerifiedEndorsement {
        try await EndorsementCertificate(der: leaf).verify(
            roots: [root.authority], intermediates: (intermediates ?? [intermediate]).map { try $0.authority },
            at: PaperAuthority.now)
    }

    private func refused(
        _ error: EndorsementError, _ leaf: @autoclosure () throws -> [UInt8],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        await #expect(throws: error, sourceLocation: sourceLocation) { try await verify(leaf()) }
    }
}

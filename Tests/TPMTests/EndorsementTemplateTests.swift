import TestSupport
import Testing

@testable import TPM

@Suite("The templates of endorsement keys")
struct EndorsementTemplateTests {
    @Test("have the policies whose digests the standard prints")
    func policies() {
        #expect(
            EndorsementPolicies.a.digest().hexadecimal
                == "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa")
        #expect(
            EndorsementPolicies.b(.sha256).digest().hexadecimal
                == "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0")
        #expect(
            EndorsementPolicies.b(.sha384).digest(.sha384).hexadecimal
                == "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12")
    }

    /// A key of the template, with a unique field of full size.
    private static func key(of template: EndorsementTemplate) -> PublicArea {
        var area = template.publicArea
        switch area.body {
        case .rsa(let bits, let symmetric, let exponent, _):
            area.body = .rsa(
                bits: bits, symmetric: symmetric, exponent: exponent,
                modulus: .init(repeating: 0xA5, count: Int(bits) / 8))
        case .ecc(let curve, let symmetric, let scheme, _, _):
            let coordinate = [UInt8](repeating: 0xA5, count: curve.coordinateSize)
            area.body = .ecc(curve: curve, symmetric: symmetric, scheme: scheme, x: coordinate, y: coordinate)
        case .sealed: break
        }
        return area
    }

    @Test("are told apart, and each knows its keys", arguments: EndorsementTemplate.allCases)
    func matching(template: EndorsementTemplate) throws {
        let key = Self.key(of: template)
        #expect(try EndorsementTemplate.matching(key) == template)
        #expect(try PublicArea(tpm2b: key.tpm2b) == key)
    }

    @Test("refuse each other field by its name")
    func differences() {
        func fields(_ template: EndorsementTemplate, _ change: (inout PublicArea) -> Void) -> [String] {
            var area = Self.key(of: template)
            change(&area)
            let error = #expect(throws: TemplateDifference.self) { try EndorsementTemplate.matching(area) }
            #expect(error?.template == template)
            return error?.fields ?? []
        }
        #expect(fields(.p256) { $0.attributes.remove(.fixedTPM) } == ["the attribute fixedTPM is clear"])
        #expect(
            fields(.p384) { $0.attributes.formUnion([.sign, .stClear]) } == [
                "the attribute stClear is set", "the attribute sign is set",
            ])
        #expect(fields(.p256) { $0.attributes.formUnion(.init(rawValue: 1 << 31)) }.first?.contains("bit 31") == true)
        // Low-range attributes with the high range's policy, and no policy at all.
        let high = EndorsementTemplate.p256High.publicArea
        #expect(fields(.p256) { $0.authPolicy = high.authPolicy }.first?.hasPrefix("the policy is ca3d0a99") == true)
        #expect(
            fields(.rsa2048High) { $0.authPolicy = [] }.first?.hasPrefix("the policy is empty and not ca3d") == true)
        #expect(fields(.p384) { $0.nameAlgorithm = .sha256 } == ["the Name's hash is sha256 and not sha384"])
        func coordinates(_ count: Int) -> [UInt8] { .init(repeating: 1, count: count) }
        #expect(
            fields(.p256) {
                $0.body = .ecc(
                    curve: .p256, symmetric: .aes256, scheme: .ecdh(.sha256), x: coordinates(32), y: coordinates(31))
            } == [
                "the symmetric cipher is AES-256 and not AES-128", "the scheme is ECDH and not none",
                "y is 31 bytes long and not 32 bytes long",
            ])
        #expect(
            fields(.rsa2048) {
                $0.body = .rsa(bits: 2048, symmetric: nil, exponent: 3, modulus: coordinates(255))
            } == [
                "the symmetric cipher is none and not AES-128", "the exponent is 3 and not the default",
                "the modulus is 255 bytes long and not 256 bytes long",
            ])
        var small = Self.key(of: .rsa2048)
        small.body = .rsa(bits: 1024, symmetric: .aes128, exponent: 0, modulus: coordinates(128))
        let error = #expect(throws: TemplateDifference.self) { try EndorsementTemplate.matching(small) }
        #expect(error?.fields.contains("the key's size is 1024 bits and not 2048 bits") == true)
    }
}

import OPRF
import Passwords
import Secrets
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import Endorsement
@testable import VaultClient

func secret(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: bytes.span) }
func shared(_ byte: UInt8) -> SharedSecret { SharedSecret(secret([UInt8](repeating: byte, count: 32))) }
/// Whether a secret is 32 times this byte.
func holds(_ secret: SharedSecret?, _ byte: UInt8) -> Bool {
    secret?.bytes.isEqual(to: shared(byte).bytes) == true
}
func password(_ text: String) throws -> Password { try Password(utf8: secret(Array(text.utf8))) }

/// One vault and one recipe with fixed values, none of them from a chip.
enum Fixture {
    static let endorsement = "000b323c5d49e1bca54a58550afb09e70233b4df8bfbf275d4bc54384e89f990c507"
    static let id = Array(UInt8(0)..<16)

    static func name() throws -> Name { try Name(parsing: hex(endorsement)) }
    static func account() throws -> Account { try Account("alice") }
    static func enrollment() throws -> EnrollmentID { try #require(EnrollmentID(id)) }

    /// A chip whose parent is the generator, and whose endorsement key nobody has.
    static func vault() throws -> TrustedVault {
        var endorsementKey = EndorsementTemplate.p256.publicArea
        let point = try Scalar.random().publicKey()
        endorsementKey.body = .ecc(curve: .p256, symmetric: .aes128, scheme: .null, x: point.x, y: point.y)
        var parent = ParentProfile.template
        parent.body = .ecc(
            curve: .p256, symmetric: .aes128, scheme: .null, x: Element.generator.x, y: Element.generator.y)
        return TrustedVault(
            endorsementKey: endorsementKey, endorsementName: try name(), parent: parent,
            authority: try AuthorityProfile(largestDigest: 64, endorsementName: name()),
            chip: try ChipFacts(answer: hex(makerAnswer)), certificate: certificate, emulation: [], isNew: false)
    }

    /// An emulated chip's answer, from a recorded session.
    static let makerAnswer =
        "0100000006000000080000010549424d000000010653572020000001072054504d000001080000000000000109000000000000010a"
        + "000000010000010b201910230000010c00163636"

    static let certificate = VerifiedEndorsement(
        chip: ChipName.none, certifiedKey: .rsa(modulus: [], exponent: 0), subject: "", issuer: "", rootFingerprint: [])

    static func recipe() throws -> Recipe {
        Recipe(
            account: try account(), enrollment: try enrollment(), generation: 1, memory: 65536, passes: 3,
            vaults: [
                Recipe.Entry(
                    endorsementName: Bytes(hex(endorsement)), parentName: Bytes(try vault().parent.name.bytes),
                    authorityHash: "sha512", slot: 0x0188_0000, limit: 10,
                    evaluationKeyName: Bytes([0, 0x0B] + [UInt8](repeating: 0x22, count: 32)))
            ])
    }

    static func link(to connection: any VaultConnection, repetitions: Int = 2) throws -> VaultLink {
        VaultLink(
            vault: try vault(),
            courier: Courier(
                TestDialer(connection: connection), retryDelays: [Duration](repeating: .zero, count: repetitions)),
            onStep: { _ in })
    }
}

extension ChipName {
    static let none = ChipName(manufacturer: ManufacturerID(rawValue: 0), model: "", version: "")
}

/// Always the same connection.
struct TestDialer: VaultDialer {
    let address = "unix:/test"
    let connection: any VaultConnection
    func connect() async throws(VaultClientError) -> any VaultConnection { connection }
}

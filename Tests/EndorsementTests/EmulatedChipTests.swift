import Crypto
import Endorsement
import EndorsementTestSupport
import Foundation
import TPM
import TestSupport
import Testing

@Suite("The endorsement certificates of an emulated TPM")
struct EmulatedChipTests {
    @Test(
        "chain to its authority's root, name the chip and certify its key",
        arguments: [("0x1c00002", "0x81010001"), ("0x1c00016", "0x81010016")])
    func verified(index: String, handle: String) async throws {
        try await withSwtpm { chip in
            let authorities = try chip.authorities()
            let root = try #require(authorities.first { $0.isSelfIssued })
            let certificate = try await chip.certificate(at: index)
            let result = try await certificate.verify(
                roots: [root], intermediates: authorities.filter { !$0.isSelfIssued }, at: Date())

            #expect(result.rootFingerprint == root.fingerprint)
            #expect(result.chip.manufacturer == ManufacturerID(rawValue: 0x1014))
            #expect(result.chip.manufacturer.description == "00001014")
            #expect(result.chip.model == "swtpm")
            #expect(result.chip.version.hasPrefix("id:"))
            #expect(result.issuer == "CN=swtpm-localca")

            for other in ["0x81010001", "0x81010016"] {
                try await chip.tpm2("readpublic", "-c", other, "-o", "area")
                let area = try PublicArea(tpm2b: Array(Data(contentsOf: chip.folder.appending(path: "area"))))
                #expect(result.certifiedKey.isKey(of: area) == (other == handle))
            }
            try await chip.tpm2("readpublic", "-c", handle, "-f", "der", "-o", "key.der")
            let key = [UInt8](try Data(contentsOf: chip.folder.appending(path: "key.der")))
            switch result.certifiedKey {
            case .rsa(let modulus, let exponent):
                #expect(handle == "0x81010001")
                #expect(modulus.count == 256 && exponent == 65537)
                // RSAPublicKey ends with INTEGER 65537.
                #expect(Array(key.suffix(261)) == modulus + [0x02, 0x03, 0x01, 0x00, 0x01])
            case .ec(let curve, let point):
                #expect(handle == "0x81010016")
                #expect(curve == .p384 && Array(key.suffix(97)) == point)
            }
        }
    }

    @Test("are not believed without the intermediate, nor under another chip's root")
    func unverified() async throws {
        let strange = try PaperAuthority("swtpm-localca-rootca").authority
        try await withSwtpm { chip in
            let authorities = try chip.authorities()
            let certificate = try await chip.certificate(at: "0x1c00016")
            await #expect(throws: EndorsementError.untrusted([])) {
                try await certificate.verify(
                    roots: authorities.filter(\.isSelfIssued), intermediates: [], at: Date())
            }
            await #expect(throws: EndorsementError.untrusted([])) {
                try await certificate.verify(
                    roots: [strange], intermediates: authorities.filter { !$0.isSelfIssued }, at: Date())
            }
        }
    }
}

extension Swtpm {
    fileprivate func authorities() throws -> [AuthorityCertificate] {
        let file = try Data(contentsOf: #require(trustRoot))
        let list = try AuthorityCertificate.list(file: Array(file))
        #expect(list.count == 2)
        return list
    }

    fileprivate func certificate(at index: String) async throws -> EndorsementCertificate {
        try await tpm2("nvread", index, "-o", "leaf.der")
        let contents = try Data(contentsOf: folder.appending(path: "leaf.der"))
        return try EndorsementCertificate(der: Array(contents))
    }
}

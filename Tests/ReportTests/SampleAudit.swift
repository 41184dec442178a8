import Audit
import Crypto
import TPM
import VaultAPI

/// An audit of a vault that nobody runs: real structures, made up numbers, and the names that hurt most.
enum SampleAudit {
    static let hostile = "<script>alert(1)</script>&\"'\u{202E}txt.exe"

    /// `accounts` live enrollments; the first ones are used up, nearly used up, granted more, and hostile.
    static func evidence(accounts: Int) throws -> VaultEvidence {
        var endorsement = EndorsementTemplate.p384.publicArea
        endorsement.body = .ecc(
            curve: .p384, symmetric: .aes256, scheme: .null, x: .init(repeating: 1, count: 48),
            y: .init(repeating: 2, count: 48))
        let authority = try AuthorityProfile(largestDigest: 64, endorsementName: endorsement.name)
        let counts: [(UInt32, UInt32)] = [(14, 14), (9, 11), (3, 40), (1, 11)]
        var evidence = VaultEvidence(
            header: EvidenceHeader(date: 1_795_000_000, nonce: Bytes(.init(repeating: 7, count: 32))),
            chip: ChipEvidence(
                endorsementKey: Bytes(endorsement.bytes), certificate: Bytes([]), intermediates: [],
                parent: Bytes(ParentProfile.template.bytes), attestationKey: nil, properties: [],
                provisionedDigest: 64, capacity: 931))
        for number in 0..<accounts {
            let names = ["alice", hostile, String(repeating: "W", count: 128), "bob@example.org"]
            var row = EnrollmentEvidence(
                id: Bytes(.init(repeating: UInt8(number), count: 16)),
                account: number < names.count ? names[number] : "account-\(number)", state: "live",
                createdAt: 1_790_000_000, slot: 0x0180_0000 + UInt32(number))
            let count = counts[min(number, counts.count - 1)]
            row.limit = 10
            row.contents = Bytes(
                Writer.bytes { writer in
                    writer.integer(count.0)
                    writer.integer(count.1)
                })
            let (limitKey, openKey) = (try usable(authority), try usable(authority))
            row.limitKey = Bytes(limitKey.sec1)
            row.openKey = Bytes(openKey.sec1)
            row.evaluationKey = Bytes(P256Point(P256.Signing.PrivateKey().publicKey).sec1)
            row.bundle = Bytes(
                try BundleProfile.publicArea(
                    openKey: openKey, authority: authority, unique: .init(repeating: 9, count: 32)
                ).tpm2b)
            evidence.enrollments.append(row)
        }
        return evidence
    }

    /// A key whose Name the profile uses.
    private static func usable(_ authority: AuthorityProfile) throws -> P256Point {
        let point = P256Point(P256.Signing.PrivateKey().publicKey)
        guard (try? authority.name(of: point)) != nil else { return try usable(authority) }
        return point
    }

    /// One finding of each severity, one of them accepted.
    static func findings(_ evidence: VaultEvidence) -> [Finding] {
        func subject(_ number: Int, _ name: String) -> Finding.Subject {
            let row = evidence.enrollments[number]
            return Finding.Subject(
                name, account: row.account, enrollment: row.id.bytes.hexadecimal, handle: Handle(row.slot).description)
        }
        var accepted = Finding(.chipEmulated, .chip, expected: "a chip of hardware", found: "an emulated one")
        accepted.isAccepted = true
        return [
            Finding(
                .ceilingUnexplained, subject(1, "slot"), expected: "at most 11", found: "a ceiling of 4000000000"),
            Finding(.hierarchyOwner, .chip, expected: "a value", found: "an empty one"), accepted,
            Finding(.guessesUsedUp, subject(0, "slot"), expected: "a guess left", found: "none"),
        ]
    }
}

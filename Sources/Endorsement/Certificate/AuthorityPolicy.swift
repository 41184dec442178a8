import SwiftASN1
import X509

/// What swift-certificates' RFC 5280 policy leaves open about the authorities of a chain, whose first one has issued the
/// endorsement certificate.
struct AuthorityPolicy: VerifierPolicy {
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [.X509ExtensionID.extendedKeyUsage]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        let authorities = Array(chain)
        // The endorsement certificate is not in this chain, so path lengths are counted from here (RFC 5280 §4.2.1.9).
        var below = 0
        for (index, authority) in authorities.enumerated() {
            if let flaw = Self.flaw(of: authority, isRoot: index == authorities.count - 1, below: below) {
                return .failsToMeetPolicy(reason: "\(printable(authority.subject.description)) \(flaw)")
            }
            if index > 0, Self.weak.contains(authorities[index - 1].signatureAlgorithm) {
                let signed = printable(authorities[index - 1].subject.description)
                return .failsToMeetPolicy(reason: "\(signed) is signed with SHA-1")
            }
            if authority.subject != authority.issuer { below += 1 }
        }
        return .meetsPolicy
    }

    /// Somebody who finds two certificates with one SHA-1 gets the second one for free.
    private static let weak: Set<Certificate.SignatureAlgorithm> = [.sha1WithRSAEncryption]

    /// What forbids an authority to issue, or `nil`.
    private static func flaw(of authority: Certificate, isRoot: Bool, below: Int) -> String? {
        let extensions = authority.extensions
        do {
            // The RFC 5280 policy takes any version 1 certificate for an authority, and the first of a chain for anything:
            // 1. a maker once issued one to somebody; 2. that key signs an endorsement certificate; 3. the chain holds.
            switch try extensions.basicConstraints {
            case .isCertificateAuthority(let length?) where length < below: return "has too many authorities under it"
            case .isCertificateAuthority: break
            case .notCertificateAuthority, nil:
                guard isRoot, authority.version == .v1 else { return "is not marked as an authority" }
            }
            // It does not look at key usage either.
            if let usage = try extensions.keyUsage, !usage.keyCertSign { return "may not sign certificates" }
            if let purposes = try extensions.extendedKeyUsage {
                guard purposes.contains(.init(oid: .endorsementPurpose)) || purposes.contains(.any) else {
                    return "is an authority for other purposes"
                }
            }
        } catch {
            return "has an unreadable extension"
        }
        // The endorsement certificate's names are not in this chain.
        if extensions[oid: .X509ExtensionID.nameConstraints] != nil { return "limits names, which is not checked" }
        if let key = try? RSAPublicKey(derEncoded: Array(authority.publicKey.subjectPublicKeyInfoBytes)) {
            if key.modulus.count < 256 { return "has an RSA key below 2048 bits" }
            if ROCA.hasFingerprint(key.modulus) { return "has an RSA key with the ROCA flaw" }
        }
        return nil
    }
}

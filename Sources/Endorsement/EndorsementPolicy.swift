import SwiftASN1
import X509

/// What swift-certificates' RFC 5280 policy leaves open, and what makes a certificate an endorsement certificate
/// (TCG EK Credential Profile 2.5 §3).
struct EndorsementPolicy: VerifierPolicy {
    /// Both are read below and refused when they do not say what they must.
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
    ]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        let certificates = Array(chain)
        // A leaf that is a trust root itself would pass as a chain of one.
        guard certificates.count >= 2 else {
            return .failsToMeetPolicy(reason: "a root cannot be an endorsement certificate")
        }
        do throws(EndorsementError) {
            try Self.check(leaf: certificates[0])
        } catch {
            return .failsToMeetPolicy(reason: "not an endorsement certificate")
        }
        for (index, issuer) in certificates.enumerated().dropFirst() {
            if let flaw = Self.flaw(ofIssuer: issuer, isRoot: index == certificates.count - 1) {
                return .failsToMeetPolicy(reason: "\(printable(issuer.subject.description)) \(flaw)")
            }
            let signed = certificates[index - 1]
            // Somebody who finds two certificates with one SHA-1 gets the second one for free.
            if signed.signatureAlgorithm == .sha1WithRSAEncryption {
                return .failsToMeetPolicy(reason: "\(printable(signed.subject.description)) is signed with SHA-1")
            }
        }
        return .meetsPolicy
    }

    /// The leaf: not an authority, for endorsement, for taking in secrets, naming a chip.
    static func check(leaf: Certificate) throws(EndorsementError) {
        guard leaf.version == .v3 else { throw .malformed }
        do {
            if case .isCertificateAuthority = try leaf.extensions.basicConstraints {
                throw EndorsementError.isAuthority
            }
            guard try leaf.extensions.extendedKeyUsage?.contains(.init(oid: .endorsementPurpose)) == true else {
                throw EndorsementError.notForEndorsement
            }
            if let usage = try leaf.extensions.keyUsage {
                guard usage.keyEncipherment || usage.keyAgreement, !usage.keyCertSign else {
                    throw EndorsementError.wrongKeyUsage
                }
            }
        } catch let error as EndorsementError {
            throw error
        } catch {
            throw .malformed
        }
        _ = try ChipName(leaf)
    }

    /// What forbids an issuer to issue, or `nil`.
    private static func flaw(ofIssuer issuer: Certificate, isRoot: Bool) -> String? {
        do {
            // The RFC 5280 policy takes any version 1 certificate for an authority:
            // 1. a maker once issued one to somebody; 2. that key signs an endorsement certificate; 3. the chain holds.
            if !isRoot {
                guard issuer.version == .v3, case .isCertificateAuthority = try issuer.extensions.basicConstraints
                else {
                    return "is not marked as an authority"
                }
            }
            // It does not look at key usage either.
            if let usage = try issuer.extensions.keyUsage, !usage.keyCertSign { return "may not sign certificates" }
            if let purposes = try issuer.extensions.extendedKeyUsage {
                guard purposes.contains(.init(oid: .endorsementPurpose)) || purposes.contains(.any) else {
                    return "is an authority for other purposes"
                }
            }
            return nil
        } catch {
            return "has an unreadable extension"
        }
    }
}

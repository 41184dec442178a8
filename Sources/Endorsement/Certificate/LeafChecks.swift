import SwiftASN1
import X509

extension LeafCertificate {
    /// The critical extensions that are read below, and refused when they do not say what they must.
    private static let understood: Set<ASN1ObjectIdentifier> = [
        .X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage, .X509ExtensionID.extendedKeyUsage,
        .X509ExtensionID.subjectAlternativeName,
    ]

    /// What makes it an endorsement certificate (TCG EK Credential Profile 2.6 §3.2): not an authority's, for
    /// endorsement, for taking in secrets, naming a chip; and nothing in it that must be understood and is not.
    func check() throws(EndorsementError) {
        guard try !isAuthority() else { throw .isAuthority }
        guard let purposes = try? extensions.extendedKeyUsage, purposes.contains(.init(oid: .endorsementPurpose)) else {
            throw .notForEndorsement
        }
        do {
            if let usage = try extensions.keyUsage {
                guard usage.keyEncipherment || usage.keyAgreement, !usage.keyCertSign else {
                    throw EndorsementError.wrongKeyUsage
                }
            }
        } catch let error as EndorsementError {
            throw error
        } catch {
            throw .malformed
        }
        guard extensions.allSatisfy({ !$0.critical || Self.understood.contains($0.oid) }) else {
            throw .unknownCriticalExtension
        }
        _ = try ChipName(extensions)
        if case .rsa(let modulus, _) = key, ROCA.hasFingerprint(modulus) { throw .rocaKey }
    }

    /// BasicConstraints (RFC 5280 §4.2.1.9), whose FALSE may stand there.
    private func isAuthority() throws(EndorsementError) -> Bool {
        guard let constraints = extensions[oid: .X509ExtensionID.basicConstraints] else { return false }
        guard let node = try? DER.parse(Array(constraints.value)), node.identifier == .sequence else {
            throw .malformed
        }
        guard let first = node.children.first else { return false }
        guard let flag = first.boolean else { throw .malformed }
        return flag
    }
}

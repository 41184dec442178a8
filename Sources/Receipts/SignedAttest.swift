import Crypto
import TPM

/// What a chip certified of an NV index, with the signature over it.
public struct SignedAttest: Hashable, Sendable {
    /// Contents of TPM2B_ATTEST, as the chip gave them.
    public let attest: [UInt8]
    public let signature: Signature

    public init(attest: [UInt8], signature: Signature) {
        self.attest = attest
        self.signature = signature
    }

    /// Checks that the attestation key with this point signed it, over `qualifyingData`.
    public func check(by key: P256Point, qualifyingData: [UInt8]) throws(ReceiptFlaw) -> Attest {
        guard let publicKey = try? P256.Signing.PublicKey(x963Representation: key.x963),
            let ecdsa = try? P256.Signing.ECDSASignature(rawRepresentation: signature.p1363),
            publicKey.isValidSignature(ecdsa, for: SHA256.hash(data: attest))
        else { throw .signature }
        let parsed: Attest
        do throws(WireError) {
            parsed = try Attest(parsing: attest)
        } catch {
            throw .attest(error)
        }
        // As a primary of the endorsement hierarchy: for any other place the chip obfuscates resets and firmware version.
        guard parsed.qualifiedSigner == AttestationProfile.qualifiedName(key) else { throw .otherSigner }
        guard parsed.extraData == qualifyingData else { throw .otherStatement }
        return parsed
    }
}

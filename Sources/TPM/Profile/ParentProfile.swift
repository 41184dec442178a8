/// The parent: the chip's own key to which devices seal, and which can do nothing but take in and load.
///
/// It is never the endorsement key. 1. A device seals to the endorsement key; 2. root satisfies that key's policy, as
/// importing needs anyway; 3. TPM2_Rewrap to TPM_RH_NULL answers with the sealed object in plaintext, whatever its
/// policy. The parent's policy names Import and Load, so Rewrap is refused every way.
public enum ParentProfile {
    /// Import and Load, and no other command.
    public static let policy = Policy(.or([Policy(.commandCode(.import)), Policy(.commandCode(.load))]))

    /// The template of the primary in the owner hierarchy; it gives the same key until TPM2_Clear.
    public static let template = PublicArea(
        nameAlgorithm: .sha256,
        attributes: [
            .fixedTPM, .fixedParent, .sensitiveDataOrigin, .adminWithPolicy, .noDA, .restricted, .decrypt,
        ],
        authPolicy: policy.digest(),
        body: .ecc(curve: .p256, symmetric: .aes128, scheme: .null, x: [], y: []))

    /// Whether `area` is the template but for a point on the curve: all that a device accepts as a parent.
    public static func accepts(_ area: PublicArea) -> Bool {
        area.template == template && area.point != nil
    }
}

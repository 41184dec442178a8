/// The attestation key: the chip's own key that certifies slots, for receipts that others can check.
///
/// A primary in the endorsement hierarchy, so that resets, restarts and firmware version stand in a receipt as they are: for
/// a key of the owner's hierarchy the chip obfuscates them (TPM 2.0 Part 2 §10.12.12). The same template gives the same key for as
/// long as the endorsement keys last, so nothing is kept.
public enum AttestationProfile {
    /// NV_Certify, and ActivateCredential that binds it to the endorsement key; no Quote, no Sign, no other command.
    ///
    /// Anyone at the chip may use it, for any index and at any time. The attack: 1. the operator defines an index of its own
    /// and fills it as it likes; 2. has it certified; 3. shows that as a person's slot. So whoever checks a receipt compares the
    /// index's Name with the slot's, and the nonce with its own. The structure itself cannot be made up: the key is restricted.
    public static let policy = Policy(
        .or([Policy(.commandCode(.nvCertify)), Policy(.commandCode(.activateCredential))]))

    /// The template of the primary in the endorsement hierarchy.
    public static let template = PublicArea(
        nameAlgorithm: .sha256,
        attributes: [.fixedTPM, .fixedParent, .sensitiveDataOrigin, .adminWithPolicy, .noDA, .restricted, .sign],
        authPolicy: policy.digest(),
        body: .ecc(curve: .p256, symmetric: nil, scheme: .ecdsa(.sha256), x: [], y: []))

    /// The public area of the key with this point.
    public static func publicArea(_ key: P256Point) -> PublicArea {
        var area = template
        area.body = .ecc(curve: .p256, symmetric: nil, scheme: .ecdsa(.sha256), x: key.x, y: key.y)
        return area
    }

    /// Whether `area` is the template but for a point on the curve.
    public static func accepts(_ area: PublicArea) -> Bool {
        area.template == template && area.point != nil
    }

    /// The CreatePrimary that gives the key.
    public static let createCommand = Command.createPrimary(template, in: .endorsement)

    /// What stands in a receipt for the key with this point: its Qualified Name, as a primary of the endorsement hierarchy.
    public static func qualifiedName(_ key: P256Point) -> Name {
        .qualified(publicArea(key).name, in: .endorsement, .sha256)
    }
}

extension SlotProfile {
    /// The uncounted NV_Certify of count and ceiling.
    public func certifyCommand(by key: Command.Entity, qualifyingData: [UInt8]) -> Command {
        .nvCertify(entity(written: true), by: key, qualifyingData: qualifyingData, size: 8)
    }
}

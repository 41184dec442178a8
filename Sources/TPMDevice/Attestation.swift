import TPM

extension Chip {
    /// Makes the attestation key, which is the same one each time, and lends it with its public area.
    public func withAttestationKey<R>(
        _ body: (Command.Entity, PublicArea) throws(ChipError) -> R
    ) throws(ChipError) -> R {
        try withTransient(AttestationProfile.createCommand, authorizedBy: endorsement) { (handle) throws(ChipError) in
            let area = try publicArea(of: handle)
            return try body(Command.Entity(handle, area.name), area)
        }
    }

    /// Has count and ceiling of a written slot certified, through its uncounted branch: the contents of TPM2B_ATTEST, and
    /// the signature over them. `qualifyingData` has at most 64 bytes.
    public func certify(
        _ slot: SlotProfile, by key: Command.Entity, qualifyingData: [UInt8]
    ) throws(ChipError) -> (attest: [UInt8], signature: Signature) {
        try withPolicy(slot.policy, for: .nvCertify) { (reader) throws(ChipError) in
            try certify(slot.certifyCommand(by: key, qualifyingData: qualifyingData), reading: reader)
        }
    }

    /// Runs an NV_Certify with the attestation key, the index read by `reader`.
    func certify(
        _ command: Command, reading reader: Authorization
    ) throws(ChipError) -> (attest: [UInt8], signature: Signature) {
        let response = try withPolicy(AttestationProfile.policy, for: .nvCertify) { (signer) throws(ChipError) in
            try run(command, authorizedBy: signer, reader)
        }
        return try parse(response, to: .nvCertify) { (reader: inout Reader) throws(WireError) in
            (attest: try reader.sized(limit: 1024), signature: try Signature(&reader))
        }
    }

    /// What `credential` holds, where it was made for `key` and this chip's `endorsementKey`.
    public func activate(
        _ credential: Credential, of key: Command.Entity, by endorsementKey: Command.Entity,
        template: EndorsementTemplate
    ) throws(ChipError) -> [UInt8] {
        let command = Command.activateCredential(credential, of: key, by: endorsementKey)
        let response = try withPolicy(AttestationProfile.policy, for: .activateCredential) {
            (admin) throws(ChipError) in
            guard let policy = template.usePolicy else { return try run(command, authorizedBy: admin, .password()) }
            return try withPolicy(policy, for: .activateCredential) { (user) throws(ChipError) in
                try run(command, authorizedBy: admin, user)
            }
        }
        return try parse(response, to: .activateCredential) { (reader: inout Reader) throws(WireError) in
            try reader.sized(limit: 64)
        }
    }
}

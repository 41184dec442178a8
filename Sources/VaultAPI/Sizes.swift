// The sizes that byte strings may have. A message beyond them is refused before anything goes to the chip:
// 1. somebody sends a salt of 4 KiB; 2. the command does not fit the chip, which drops the connection; 3. everybody's
// sessions are gone with it.

extension VaultMethod {
    public var hasProfileSizes: Bool { true }
}

extension StartSession {
    /// RSA-4096's ciphertext is the largest salt.
    public var hasProfileSizes: Bool { encryptedSalt.bytes.count <= 512 && nonceCaller.bytes.count == 32 }
}

extension Prove {
    public var hasProfileSizes: Bool { authorization.hasProfileSizes }
}

extension Define {
    public var hasProfileSizes: Bool {
        limitKey.bytes.count <= 256 && slot.bytes.count <= 256 && evaluationKey.hasProfileSizes
    }
}

extension WriteSlot {
    public var hasProfileSizes: Bool {
        nonceTPM.bytes.count <= 64 && signature.bytes.count == 64 && authorization.hasProfileSizes
            && granted.map { $0.mac.bytes.count == 32 } ?? true
    }
}

extension Commit {
    public var hasProfileSizes: Bool {
        confirmation.bytes.count == 32 && openKey.bytes.count <= 256 && bundle.hasProfileSizes
            && olderKeys.bytes.count <= 4096
    }
}

extension Evaluate {
    /// Both of session and authorization, or neither; and the session audits, and does nothing else.
    ///
    /// The attack: 1. a device has the point encrypted for itself; 2. the vault cannot read what the chip says, takes the chip for
    /// broken and connects anew; 3. everybody's sessions are gone with it.
    public var hasProfileSizes: Bool {
        guard let authorization else { return session == nil }
        return session != nil && authorization.hasProfileSizes && authorization.attributes == 0x80
    }
}

extension Open {
    public var hasProfileSizes: Bool { nonceTPM.bytes.count <= 64 && signature.bytes.count == 64 }
}

extension Certify {
    /// The blob is an HMAC and a secret of at most 64 bytes each; RSA-4096's ciphertext is the largest seed.
    public var hasProfileSizes: Bool {
        qualifyingData.bytes.count == 32
            && credential.map { $0.blob.bytes.count <= 132 && $0.encryptedSeed.bytes.count <= 512 } ?? true
    }
}

extension Carried {
    var hasProfileSizes: Bool { nonceCaller.bytes.count <= 64 && hmac.bytes.count <= 64 }
}

extension SealedObject {
    var hasProfileSizes: Bool {
        publicArea.bytes.count <= 256 && duplicate.bytes.count <= 512 && encryptedSeed.bytes.count <= 256
    }
}

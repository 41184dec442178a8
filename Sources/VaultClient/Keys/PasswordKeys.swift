import OPRF
import Secrets
import TPM
import VaultAPI

/// What a password and the chip's evaluation give together (suite `tenpin-1`). Nothing here depends on the OPRF's
/// output without Argon2id.
struct PasswordKeys: ~Copyable, Sendable {
    private let prk: SecretBytes
    private let context: [UInt8]

    /// Stretches `output`, 32 bytes of Finalize, in a thread of its own.
    init(output: borrowing SecretBytes, recipe: CheckedRecipe, onStep: StepHook) async throws(VaultClientError) {
        context = recipe.context
        onStep(.stretching(recipe.parameters))
        defer { onStep(.stretched) }
        let stretched = try await Stretching.derive(
            from: SharedSecret(output.duplicate()), salt: Array(context.prefix(Argon2id.saltSize)),
            parameters: recipe.parameters)
        self.prk = Self.extract(output, stretched.bytes)
    }

    private static func extract(_ output: borrowing SecretBytes, _ stretched: borrowing SecretBytes) -> SecretBytes {
        let both = SecretBytes(count: output.count + stretched.count) { (bytes: inout MutableSpan<UInt8>) in
            var offset = 0
            output.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
            stretched.withBytes { (part: Span<UInt8>) in bytes.append(part, at: &offset) }
        }
        return HKDF.extract(salt: [], secret: both)
    }

    /// 32 bytes that tell the right password from a wrong one.
    var confirmation: SecretBytes {
        HKDF.expand(prk, info: keyLabel("confirmation", context), count: 32)
    }

    /// Encrypts the bundle of the vault with this endorsement Name.
    func bundleKey(at name: Name) -> SecretBytes {
        HKDF.expand(prk, info: keyLabel("bundle", context, name.bytes), count: 32)
    }

    /// The open key's scalar at that vault.
    func openKey(at name: Name, _ authority: AuthorityProfile) throws(VaultClientError) -> SecretBytes {
        try AuthorityKey.derive(from: prk, label: keyLabel("open", context, name.bytes), authority: authority)
    }
}

/// What comes from the limit seed of one enrollment.
enum LimitKeys {
    /// The limit key of an enrollment on the chip with this endorsement Name.
    static func limitKey(
        seed: borrowing SecretBytes, enrollment: EnrollmentID, endorsementName: Name, authority: AuthorityProfile
    ) throws(VaultClientError) -> AuthorityKey {
        let prk = HKDF.extract(salt: [], secret: seed)
        let label = keyLabel("limit", enrollment.bytes, endorsementName.bytes)
        return try AuthorityKey(scalar: AuthorityKey.derive(from: prk, label: label, authority: authority))
    }

    /// The key of the MAC over what was granted.
    static func grantKey(
        seed: borrowing SecretBytes, enrollment: EnrollmentID, endorsementName: Name
    ) -> SecretBytes {
        HKDF.derive(from: seed, info: keyLabel("granted", enrollment.bytes, endorsementName.bytes))
    }
}

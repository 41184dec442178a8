import Audit
import Secrets
import TPM
import VaultAPI

/// Keyed hashes in place of accounts' names: the same account has the same one in each evidence that is written with the same
/// key, and who has the key alone can tell whose it is.
public struct Pseudonyms: ~Copyable {
    private let key: SecretBytes

    /// The smallest key in bytes, and the largest that is read.
    public static let keySizes = 16...1024

    public init(key: consuming SecretBytes) { self.key = key }

    /// 32 hexadecimal digits of HMAC-SHA-256.
    func name(of account: String) -> String {
        HMACSHA256.tag(of: Array("tenpin-1 pseudonym".utf8) + Array(account.utf8), key: key).prefix(16).hexadecimal
    }

    /// Renames a row, and the recipe in it.
    func hide(_ row: inout EnrollmentEvidence) {
        row.account = name(of: row.account)
        guard let recipe = row.recipe, let account = try? Account(name(of: recipe.account.id)) else { return }
        row.recipe?.account = account
    }
}

import Secrets
import TestSupport

/// A secret from hexadecimal digits.
func secret(_ digits: String) -> SecretBytes { SecretBytes(copying: hex(digits).span) }

/// The hexadecimal digits of a secret that is none.
func digits(_ secret: borrowing SecretBytes) -> String {
    secret.withBytes { (bytes: Span<UInt8>) in hex(bytes.indices.map { bytes[$0] }) }
}

import OPRF
import Secrets

func secret(_ text: String) -> SecretBytes { SecretBytes(copying: Array(text.utf8).span) }
func secret(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: bytes.span) }

struct NotAScalar: Error {}

/// The scalar of 32 bytes; `#require` does not take move-only values.
func scalar(_ bytes: [UInt8]) throws -> Scalar {
    guard let scalar = Scalar(bigEndian: secret(bytes)) else { throw NotAScalar() }
    return scalar
}

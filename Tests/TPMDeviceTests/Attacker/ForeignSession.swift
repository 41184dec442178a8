import Crypto
import TPM
import Testing

/// A session of the courier's: neither salted nor bound, so its key is empty and everyone can compute what it covers.
struct ForeignSession {
    let handle: Handle
    let nonceTPM: [UInt8]

    /// Type 0 is HMAC, 1 policy, 3 trial.
    init(_ courier: Courier, type: UInt8 = 0) throws {
        let response = try courier.send(
            .startSession(type: type, nonce: [UInt8](repeating: 0x55, count: 32)), [])
        handle = try #require(response.handle)
        var reader = Reader(response.parameters)
        nonceTPM = try reader.sized()
    }

    /// Its authorization of `command`.
    func authorization(_ command: RawCommand, attributes: SessionAttributes) -> Authorization {
        let nonceCaller = [UInt8](repeating: 0x66, count: 32)
        let message = command.cpHash() + nonceCaller + nonceTPM + [attributes.rawValue]
        let hmac = HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: [UInt8]()))
        return Authorization(session: handle, nonceCaller: nonceCaller, attributes: attributes, hmac: Array(hmac))
    }
}

import Crypto
import Secrets

/// What a device finds wrong with an answer in its session: the chip did not give it.
public enum SessionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The HMAC over the answer is wrong: it was altered, or comes from elsewhere.
    case notFromTheChip
    /// The nonce has not exactly 32 bytes, or is zero.
    case badNonce
    /// The answer's parameters do not parse.
    case malformed(WireError)

    public var description: String {
        switch self {
        case .notFromTheChip: "the answer was not made by the chip that holds the endorsement key"
        case .badNonce: "the chip's nonce has not 32 bytes of randomness"
        case .malformed(let error): "the chip's answer cannot be read: \(error)"
        }
    }
}

/// A session between device and chip that the courier carries and cannot forge: salted to the endorsement key, unbound,
/// SHA-256. The device computes each command's HMAC and checks each answer's. TPM 2.0 Part 1 §19.6.
public struct DeviceSession: ~Copyable {
    /// The chip's latest nonce, 32 bytes.
    public private(set) var nonceTPM: [UInt8]
    private let key: SecretBytes
    private var nonceCaller: [UInt8]

    /// The session that StartAuthSession with this salt and these nonces made; `nonceCaller` has 32 bytes.
    public init(salt: borrowing SecretBytes, nonceCaller: [UInt8], nonceTPM: [UInt8]) throws(SessionError) {
        try Self.check(nonceTPM)
        // Part 1 §19.6.8: an unbound, salted session has no authValue in its key.
        key = KDF.a(.sha256, key: salt, label: "ATH", contextU: nonceTPM, contextV: nonceCaller, bits: 256)
        self.nonceTPM = nonceTPM
        self.nonceCaller = nonceCaller
    }

    /// Refuses nonces that are not the chip's randomness.
    ///
    /// 1. A vault presents an empty nonce; 2. the device signs over it; 3. PolicySigned with an empty nonce takes that
    /// signature in every session, for ever.
    public static func check(_ nonce: [UInt8]) throws(SessionError) {
        guard nonce.count == 32, nonce.contains(where: { $0 != 0 }) else { throw .badNonce }
    }

    /// The HMAC for one command, with a fresh nonce. `session` is left out: only the courier knows the handle.
    public mutating func authorize(_ command: Command, attributes: SessionAttributes) -> CarriedAuthorization {
        nonceCaller = SecretBytes(random: 32).published
        return authorize(command, attributes: attributes, nonceCaller: nonceCaller)
    }

    /// As above with a given nonce, so that recorded exchanges can be recomputed.
    package mutating func authorize(
        _ command: Command, attributes: SessionAttributes, nonceCaller: [UInt8]
    ) -> CarriedAuthorization {
        self.nonceCaller = nonceCaller
        let message = command.cpHash() + nonceCaller + nonceTPM + [attributes.rawValue]
        return CarriedAuthorization(nonceCaller: nonceCaller, attributes: attributes, hmac: authenticate(message))
    }

    /// Checks the chip's answer to `command` and gives its parameters, the first decrypted where `attributes`
    /// asked for it. The session goes on with the answer's nonce.
    public mutating func open(
        _ answer: Response.SessionAnswer, parameters: [UInt8], to command: Command, attributes asked: SessionAttributes
    ) throws(SessionError) -> [UInt8] {
        try Self.check(answer.nonceTPM)
        let message = command.rpHash(parameters) + answer.nonceTPM + nonceCaller + [answer.attributes.rawValue]
        let expected = SecretBytes(copying: authenticate(message).span)
        guard expected.isEqual(to: SecretBytes(copying: answer.hmac.span)),
            answer.attributes.subtracting(.auditExclusive) == asked
        else { throw .notFromTheChip }
        nonceTPM = answer.nonceTPM
        guard asked.contains(.encrypt) else { return parameters }
        do throws(WireError) {
            return try decryptFirst(of: parameters)
        } catch {
            throw .malformed(error)
        }
    }

    private func authenticate(_ message: [UInt8]) -> [UInt8] {
        HashAlgorithm.sha256.hmac(key.symmetricKey, message).published
    }

    /// Part 1 §21.3: key and vector from the session key and both nonces, the newer first.
    private func decryptFirst(of parameters: [UInt8]) throws(WireError) -> [UInt8] {
        let material = KDF.a(.sha256, key: key, label: "CFB", contextU: nonceTPM, contextV: nonceCaller, bits: 256)
        let aesKey = material.withBytes { (bytes: Span<UInt8>) in SecretBytes(copying: bytes.extracting(first: 16)) }
        let iv = material.withBytes { (bytes: Span<UInt8>) in (16..<32).map { bytes[$0] } }
        var reader = Reader(parameters)
        let plain = try AESCFB.decrypt(try reader.sized(), key: aesKey, iv: iv)
        return Writer.bytes { writer in
            writer.sized(plain)
            writer.raw(reader.remaining)
        }
    }
}

/// A device's authorization as it crosses the socket; the courier adds the session's handle.
public struct CarriedAuthorization: Hashable, Sendable {
    public let nonceCaller: [UInt8]
    public let attributes: SessionAttributes
    public let hmac: [UInt8]

    public init(nonceCaller: [UInt8], attributes: SessionAttributes, hmac: [UInt8]) {
        self.nonceCaller = nonceCaller
        self.attributes = attributes
        self.hmac = hmac
    }

    /// The entry of the command's authorization area.
    public func authorization(in session: Handle) -> Authorization {
        Authorization(session: session, nonceCaller: nonceCaller, attributes: attributes, hmac: hmac)
    }
}

import TPM

/// What shows that a receipt's attestation key is on the chip of its endorsement key. Without either a receipt says nothing:
/// anyone can make a key that looks like it.
public enum ReceiptBinding: String, Hashable, Sendable {
    /// The chip opened a challenge that the checker made: credential activation.
    case challenge
    /// The chip made the key in a session of the checker's own device, earlier.
    case session
}

/// A key that a chip proved to this device.
public struct ProvenAttestationKey: Hashable, Sendable {
    public let endorsementName: Name
    public let attestationName: Name

    public init(endorsementName: Name, attestationName: Name) {
        self.endorsementName = endorsementName
        self.attestationName = attestationName
    }
}

extension CheckedReceipt {
    /// The last of the checks.
    ///
    /// - Parameters:
    ///   - challenge: what the checker made for this chip and key. A receipt with another one, or none, is refused: its
    ///     answer was perhaps known before, and it may be older than the checker's challenge.
    ///   - proven: the keys that chips proved to this device.
    public func binding(
        challenge: ReceiptChallenge?, proven: Set<ProvenAttestationKey>
    ) throws(ReceiptFlaw) -> ReceiptBinding {
        if let challenge {
            guard statement.challenge == challenge else { throw .otherChallenge }
            return .challenge
        }
        // A challenge that came with the receipt shows nothing: who made it knew the answer.
        let key = ProvenAttestationKey(endorsementName: endorsementName, attestationName: attestationName)
        guard proven.contains(key) else { throw .unbound }
        return .session
    }
}

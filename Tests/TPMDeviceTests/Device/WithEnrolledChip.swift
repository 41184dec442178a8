import Crypto
import TPM
import TPMDevice
import TestSupport
import Testing

/// Lends a chip with one enrollment, written with `limit` unless that is `nil`, and sees that nothing is left in it.
func withEnrolledChip(
    limit: UInt32? = 10, parent: EnrolledChip.ParentKind = .persistent, endorsement: EndorsementTemplate = .p384,
    sourceLocation: SourceLocation = #_sourceLocation, _ body: (EnrolledChip) async throws -> Void
) async throws {
    try await withSwtpm { swtpm in
        let courier = try Courier(swtpm)
        let key = try Endorsement(endorsement, courier)
        let enrolled = try EnrolledChip(courier, parent: parent, endorsement: key)
        if let limit { try enrolled.write(.first(limit: limit)) }
        try await body(enrolled)
        for handle in [enrolled.parent.handle, key.handle] where handle.isTransient { courier.flush(handle) }
        #expect(try courier.held().isEmpty, "something was left in the chip", sourceLocation: sourceLocation)
    }
}

extension Chip {
    /// TPM2_PolicyGetDigest.
    func policyDigest(of session: Handle) throws -> [UInt8] {
        let response = try run(.policyGetDigest(session))
        return try parse(response, to: .policyGetDigest) { (reader: inout Reader) throws(WireError) in
            try reader.sized()
        }
    }
}

extension P256Point {
    /// A point that nobody prepared.
    static var someone: P256Point { P256Point(P256.Signing.PrivateKey().publicKey) }
}

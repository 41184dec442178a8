import Receipts
import TPM

/// The chip's word that the journal had this head when its counter had this count.
public struct JournalAnchor: Hashable, Sendable {
    /// The counter's value.
    public var count: UInt64
    /// The number of the last line that it covers; 0 of an empty journal.
    public var line: Int
    /// Contents of TPM2B_ATTEST.
    public var attest: [UInt8]
    /// `r || s`, 64 bytes.
    public var signature: [UInt8]

    public init(count: UInt64, line: Int, attest: [UInt8], signature: [UInt8]) {
        self.count = count
        self.line = line
        self.attest = attest
        self.signature = signature
    }

    /// Checks that the chip signed this head with this count of this counter.
    ///
    /// - Parameter key: the chip's attestation key. Whether it is that is for the caller to know.
    func check(_ head: JournalHead, _ counter: Name, by key: P256Point) -> Verdict {
        let certificate: Attest
        do {
            certificate = try SignedAttest(attest: attest, signature: Signature(p1363: signature)).check(
                by: key, qualifyingData: head.qualifyingData)
        } catch ReceiptFlaw.otherStatement {
            return .otherHead
        } catch {
            return .foreign
        }
        let isCounted = certificate.index == counter && certificate.offset == 0 && certificate.counted == count
        return isCounted ? .holds : .foreign
    }

    enum Verdict {
        case holds
        /// The chip signed something else with it.
        case otherHead
        /// It is not about this counter with this count, or not by this key.
        case foreign
    }
}

extension Attest {
    /// What a counter had when it was certified.
    public var counted: UInt64? {
        try? Reader.parse(contents) { (reader: inout Reader) throws(WireError) in try reader.integer(UInt64.self) }
    }
}

import FoundationEssentials
import SwiftASN1
import X509

/// An endorsement certificate's contents (RFC 5280 §4.1), as makers write them.
///
/// X509 reads authorities' certificates; it does not read every maker's endorsement certificate: Infineon's and ST's older
/// ones name RSAES-OAEP as the key's algorithm, Intel's write FALSE where DER leaves it out, and Nuvoton's do not
/// sort the chip's attributes. Nothing of that is looser than what is signed, so it is read here, once for all makers.
struct LeafCertificate: Sendable {
    /// What the issuer signed.
    let signedBytes: [UInt8]
    /// The issuer's Name as it is encoded, to be compared with an authority's subject.
    let issuer: [UInt8]
    /// Issuer and subject in printable ASCII.
    let issuerText: String
    let subjectText: String
    let validity: ClosedRange<Date>
    let key: CertifiedKey
    let extensions: Certificate.Extensions
    let signature: LeafSignature

    /// Reads one certificate with nothing after it. Only version 3 has the extensions that make it one of a TPM.
    init(der: [UInt8]) throws(EndorsementError) {
        do {
            let outer = try DER.parse(der)
            let parts = outer.children
            guard outer.identifier == .sequence, parts.count == 3 else { throw NotDER() }
            var fields = parts[0].children[...]
            guard parts[0].identifier == .sequence, let version = fields.popFirst(), version.isTagged(0),
                let number = version.children.first, version.children.count == 1, number.value.elementsEqual([2]),
                fields.count >= 6
            else { throw NotDER() }
            let tail = fields.dropFirst(6)
            fields = fields.prefix(6)
            let (serial, algorithm, issuer, period, subject, key) = (
                fields[fields.startIndex], fields[fields.startIndex + 1], fields[fields.startIndex + 2],
                fields[fields.startIndex + 3], fields[fields.startIndex + 4], fields[fields.startIndex + 5]
            )
            // The algorithm stands twice, and only one of them is signed (RFC 5280 §4.1.1.2).
            guard serial.identifier == .integer, algorithm.encodedBytes == parts[1].encodedBytes,
                issuer.identifier == .sequence, subject.identifier == .sequence
            else { throw NotDER() }
            signedBytes = Array(parts[0].encodedBytes)
            self.issuer = Array(issuer.encodedBytes)
            issuerText = issuer.distinguishedName
            subjectText = subject.distinguishedName
            validity = try Self.validity(period)
            self.key = try CertifiedKey(subjectPublicKeyInfo: key)
            extensions = try Self.extensions(tail)
            signature = try LeafSignature(algorithm: algorithm, bits: parts[2])
        } catch let error as EndorsementError {
            throw error
        } catch {
            throw .malformed
        }
    }

    private static func validity(_ node: ASN1Node) throws -> ClosedRange<Date> {
        let times = try node.children.map(date)
        guard node.identifier == .sequence, times.count == 2, times[0] <= times[1] else { throw NotDER() }
        return times[0]...times[1]
    }

    /// UTCTime or GeneralizedTime. RFC 5280 §4.1.2.5.
    private static func date(_ node: ASN1Node) throws -> Date {
        if node.identifier == .utcTime {
            let time = try UTCTime(derEncoded: node)
            return date(time.year, time.month, time.day, time.hours * 3600 + time.minutes * 60 + time.seconds)
        }
        let time = try GeneralizedTime(derEncoded: node)
        return date(time.year, time.month, time.day, time.hours * 3600 + time.minutes * 60 + time.seconds)
    }

    /// Days are counted from 1 March of the year 0, so that the leap day is a year's last.
    private static func date(_ year: Int, _ month: Int, _ day: Int, _ seconds: Int) -> Date {
        let year = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let days = 365 * year + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
        return Date(timeIntervalSince1970: Double(days * 86400 + seconds))
    }

    /// The extensions in `[3]`, after the unique identifiers in `[1]` and `[2]` that nobody uses. Each only once, or
    /// two readers could read two certificates.
    private static func extensions(_ nodes: ArraySlice<ASN1Node>) throws -> Certificate.Extensions {
        guard let tagged = nodes.last, tagged.isTagged(3), tagged.children.count == 1,
            nodes.dropLast().allSatisfy({ $0.isTagged(1) || $0.isTagged(2) }), nodes.count <= 3
        else { throw NotDER() }
        let list = try tagged.children[0].children.map { node in
            var parts = node.children[...]
            guard let name = parts.popFirst(), let value = parts.popLast(), parts.count <= 1 else { throw NotDER() }
            var critical = false
            if let flag = parts.first {
                guard let value = flag.boolean else { throw NotDER() }
                critical = value
            }
            return Certificate.Extension(
                oid: try ASN1ObjectIdentifier(derEncoded: name), critical: critical,
                value: try ASN1OctetString(derEncoded: value).bytes)
        }
        return try Certificate.Extensions(list)
    }
}

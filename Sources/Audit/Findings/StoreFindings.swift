import TPM
import VaultAPI

extension VaultEvidence {
    /// What shows only when rows are held side by side.
    var storeFindings: [Finding] {
        var all = damagedRows.map {
            Finding(
                .storeRow, .init("row", enrollment: $0.bytes.hexadecimal), expected: "a row of the vault's",
                found: "one that cannot be read")
        }
        // Of each value that two rows have, all but the first are named.
        func repeated<V: Hashable>(_ rows: [EnrollmentEvidence], _ value: (EnrollmentEvidence) -> V?)
            -> [EnrollmentEvidence]
        {
            var seen: Set<V> = []
            return rows.filter { row in value(row).map { !seen.insert($0).inserted } ?? false }
        }
        all += repeated(enrollments.filter { $0.state == "live" }) { Array($0.account.utf8) }.map {
            Finding(.accountSeveral, $0.subject("account"), expected: "one live enrollment", found: "another one")
        }
        all += repeated(enrollments, \.slot).map {
            Finding(
                .slotShared, $0.subject("slot", onChip: true), expected: "a slot of its own",
                found: "another row names it too")
        }
        all += repeated(enrollments, \.limitKey).map {
            Finding(
                .limitKeyReused, $0.subject("limit key"), expected: "a key of its own",
                found: "another enrollment has it too")
        }
        // The y coordinate's sign is the other half of the same secret.
        all += repeated(enrollments) { $0.evaluationKey.map { $0.bytes.dropFirst() } }.map {
            Finding(
                .evaluationKeyReused, $0.subject("evaluation key"), expected: "a key of its own",
                found: "another enrollment has it too")
        }
        return all
    }

    /// Indexes in the range of slots that no row names.
    var indexFindings: [Finding] {
        indexes.map { index in
            let subject = Finding.Subject("index", handle: Handle(index.handle).description)
            let area = try? NVPublic(contents: index.publicArea.bytes)
            guard let area, area.attributes.type == NVAttributes.pinPass else {
                return Finding(.indexForeign, subject, expected: "slots alone", found: "an index of another kind")
            }
            return Finding(
                .slotOrphan, subject, expected: "a row that names it",
                found: area.attributes.contains(.written) ? "none; it is written" : "none; it is not written")
        }
    }
}

extension NVAttributes {
    /// TPM_NT, in place. TPM 2.0 Part 2 §13.2.
    var type: NVAttributes { intersection(NVAttributes(rawValue: 0xF0)) }
}

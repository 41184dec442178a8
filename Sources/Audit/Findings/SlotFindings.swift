import TPM
import VaultAPI

extension JudgedEnrollment {
    /// The index on the chip, bit by bit, against the profile's.
    var slotFindings: [Finding] {
        guard let slot else {
            guard row.isKept || row.limitKey != nil else { return [] }
            return [
                finding(
                    .limitKeyUnusable, "limit key", expected: "a point on P-256 whose Name is used",
                    found: row.limitKey.map { $0.bytes.hexadecimal } ?? "none")
            ]
        }
        guard let raw = row.slotPublic else {
            guard row.isKept else { return [] }
            return [finding(.slotMissing, "slot", onChip: true, expected: "a slot", found: "no index at its handle")]
        }
        guard let index = row.index else {
            return [
                finding(
                    .slotShape, "slot", onChip: true, expected: "a Name with SHA-256, 8 bytes",
                    found: "a public area of a kind not known here: \(raw.bytes.hexadecimal)")
            ]
        }
        if row.isKept, index == slot.publicArea(written: false) {
            return [
                finding(.slotUnwritten, "slot", onChip: true, expected: "a written slot", found: "one never written")
            ]
        }
        let all = differences(of: index, from: slot.publicArea(written: index.attributes.contains(.written)))
        if all.isEmpty, row.isKept, row.count == nil {
            return [
                finding(.slotUnreadable, "slot", onChip: true, expected: "count and ceiling", found: "none readable")
            ]
        }
        return all
    }

    private func differences(of index: NVPublic, from wanted: NVPublic) -> [Finding] {
        var all: [Finding] = []
        func found(_ kind: FindingKind, expected: String, _ found: String) {
            all.append(finding(kind, "slot", onChip: true, expected: expected, found: found))
        }
        if index.attributes != wanted.attributes {
            let changed = index.attributes.symmetricDifference(wanted.attributes)
            found(
                .slotAttributes, expected: wanted.attributes.digits,
                "\(index.attributes.digits): "
                    + changed.names.map { "\($0.name) is \(index.attributes.contains($0.bit) ? "set" : "clear")" }
                    .joined(separator: ", "))
        }
        if index.authPolicy != wanted.authPolicy {
            found(
                .slotPolicy, expected: wanted.authPolicy.hexadecimal,
                index.authPolicy.isEmpty ? "none" : index.authPolicy.hexadecimal)
        }
        if index.nameAlgorithm != wanted.nameAlgorithm || index.dataSize != wanted.dataSize
            || index.index != wanted.index
        {
            found(
                .slotShape, expected: "\(wanted.nameAlgorithm.label), \(wanted.dataSize) bytes at \(wanted.index)",
                "\(index.nameAlgorithm.label), \(index.dataSize) bytes at \(index.index)")
        }
        return all
    }
}

extension NVAttributes {
    var digits: String { Handle(rawValue).description }

    /// The standard's names of the bits that are set; TPM_NT is one field.
    var names: [(bit: NVAttributes, name: String)] {
        let fields = (0..<32).filter { !(4...7).contains($0) }.map { NVAttributes(rawValue: 1 << $0) }
        var names = fields.filter(contains).map { (bit: $0, name: Self.known[$0] ?? "a reserved bit") }
        if !type.isEmpty { names.insert((type, "the type's TPM_NT 0x\(String(type.rawValue >> 4, radix: 16))"), at: 0) }
        return names
    }

    private static let known: [NVAttributes: String] = [
        .ppWrite: "PPWRITE", .ownerWrite: "OWNERWRITE", .authWrite: "AUTHWRITE", .policyWrite: "POLICYWRITE",
        .policyDelete: "POLICY_DELETE", .writeLocked: "WRITELOCKED", .writeAll: "WRITEALL",
        .writeDefine: "WRITEDEFINE", .writeSTClear: "WRITE_STCLEAR", .globalLock: "GLOBALLOCK", .ppRead: "PPREAD",
        .ownerRead: "OWNERREAD", .authRead: "AUTHREAD", .policyRead: "POLICYREAD", .noDA: "NO_DA",
        .orderly: "ORDERLY", .clearSTClear: "CLEAR_STCLEAR", .readLocked: "READLOCKED", .written: "WRITTEN",
        .platformCreate: "PLATFORMCREATE", .readSTClear: "READ_STCLEAR",
    ]
}

import TPM

extension VaultEvidence {
    /// Hierarchies without an authorization, and how the chip answers wrong ones. TPM 2.0 Part 2 §8.6 and Part 1 §19.8.
    var hierarchyFindings: [Finding] {
        var all: [Finding] = []
        func found(_ kind: FindingKind, _ name: String, expected: String, _ found: String) {
            all.append(Finding(kind, .init(name), expected: expected, found: found))
        }
        let permanent = chip.property(ChipEvidence.Tag.permanent) ?? 0
        for (bit, kind, name): (UInt32, FindingKind, String) in [
            (1 << 0, .hierarchyOwner, "owner hierarchy"), (1 << 1, .hierarchyEndorsement, "endorsement hierarchy"),
            (1 << 2, .hierarchyLockout, "lockout hierarchy"),
        ] where permanent & bit == 0 {
            found(kind, name, expected: "an authorization value", "an empty one")
        }
        let failures = chip.property(ChipEvidence.Tag.maximumFailures) ?? 0
        let interval = chip.property(ChipEvidence.Tag.lockoutInterval) ?? 0
        let settings = "\(failures) failures, one forgotten in \(interval) s"
        if interval == 0 {
            found(.dictionaryOff, "dictionary attacks", expected: "a recovery time above 0", settings)
        } else if UInt64(failures) + 86400 / UInt64(interval) > 1000 {
            found(.dictionaryWeak, "dictionary attacks", expected: "at most 1000 attempts in a day", settings)
        }
        if permanent & 1 << 9 != 0 {
            let counter = chip.property(ChipEvidence.Tag.lockoutCounter) ?? 0
            found(
                .dictionaryLockout, "dictionary attacks", expected: "no lockout", "locked out after \(counter) failures"
            )
        }
        return all
    }

    /// Room for new enrollments, where provisioning measured how much there is.
    var capacityFindings: [Finding] {
        guard let capacity = chip.capacity else { return [] }
        let taken = enrollments.count { $0.state != "reserved" }
        let free = capacity - taken - indexes.count
        guard free < max(capacity / 20, 2) else { return [] }
        return [
            Finding(
                free < 1 ? .chipFull : .chipFewFree, .chip, expected: "at least \(max(capacity / 20, 2)) free slots",
                found: "\(max(free, 0)) of \(capacity) free")
        ]
    }
}

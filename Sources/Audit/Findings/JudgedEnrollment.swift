import TPM
import VaultAPI

/// One enrollment beside what the profile makes of its keys. Nothing is compared with a stored digest: the structures are built
/// anew from endorsement Name, handle and points, by the functions that devices build them with.
struct JudgedEnrollment {
    let row: EnrollmentEvidence
    let chip: ChipEvidence
    let authority: AuthorityProfile
    let header: EvidenceHeader
    /// `nil` when the row's limit key is none that the profile uses.
    let slot: SlotProfile?

    init(
        _ row: EnrollmentEvidence, _ chip: ChipEvidence, _ authority: AuthorityProfile, _ header: EvidenceHeader
    ) {
        self.row = row
        self.chip = chip
        self.authority = authority
        self.header = header
        slot = row.slotProfile(authority)
    }

    func finding(
        _ kind: FindingKind, _ name: String, onChip: Bool = false, expected: String, found: String
    ) -> Finding {
        Finding(kind, row.subject(name, onChip: onChip), expected: expected, found: found)
    }

    private static let states = ["reserved", "defined", "armed", "live", "replaced", "removing"]
    /// How long an armed enrollment may wait for its last message, and how long the others may be under way, in seconds.
    private static let armedLifetime: Int64 = 7 * 86400
    private static let lifetime: Int64 = 3600

    /// The row itself, and its recipe.
    func rowFindings(_ terms: AuditTerms) -> [Finding] {
        var all: [Finding] = []
        if !Self.states.contains(row.state) {
            all.append(finding(.storeRow, "row", expected: "a known state", found: printable(row.state)))
        }
        if !Handle.slots.contains(row.slot) {
            all.append(finding(.slotHandle, "slot", onChip: true, expected: "a slot's handle", found: "another"))
        }
        let age = Int64(clamping: header.date).subtractingReportingOverflow(row.createdAt).partialValue
        if row.state == "armed" ? age > Self.armedLifetime : !row.isCommitted && age > Self.lifetime {
            all.append(
                finding(
                    .enrollmentHalfMade, "enrollment", expected: "live, or taken away",
                    found: "\(row.state) for \(age / 3600) hours"))
        }
        if row.state == "replaced", row.count?.isBurnt == false, row.count?.guessesLeft != 0 {
            all.append(
                finding(
                    .enrollmentReplaced, "slot", onChip: true, expected: "a burnt slot, or none",
                    found: "\(row.count?.guessesLeft ?? 0) guesses left"))
        }
        return all + limitFindings(terms) + recipeFindings
    }

    private func limitFindings(_ terms: AuditTerms) -> [Finding] {
        guard let limit = row.limit else {
            return row.isKept
                ? [finding(.limitRange, "limit", expected: "1 to 1000 guesses", found: "none in the row")] : []
        }
        var all: [Finding] = []
        if !SlotProfile.limits.contains(limit) {
            all.append(finding(.limitRange, "limit", expected: "1 to 1000 guesses", found: "\(limit)"))
        }
        if let maximum = terms.maximumLimit, limit > maximum {
            all.append(
                finding(.limitMaximum, "limit", expected: "at most \(maximum) guesses", found: "\(limit)"))
        }
        return all
    }

    private var recipeFindings: [Finding] {
        guard row.isCommitted else { return [] }
        guard let recipe = row.recipe else {
            return [finding(.recipeMissing, "recipe", expected: "a recipe", found: "none, or one that cannot be read")]
        }
        var wrong: [String] = []
        if !recipe.account.id.utf8.elementsEqual(row.account.utf8) { wrong.append("account") }
        if recipe.enrollment.bytes != row.id.bytes { wrong.append("enrollment") }
        let endorsement = chip.endorsementArea?.name.bytes
        let entry = recipe.vaults.first { $0.endorsementName.bytes == endorsement }
        if let entry {
            if entry.parentName.bytes != chip.parentArea?.name.bytes { wrong.append("parent") }
            if entry.authorityHash != authority.hash.label { wrong.append("authority hash") }
            if entry.slot != row.slot { wrong.append("slot") }
            // 1. Somebody destroys a slot and defines another at its handle, under a limit key of their own; 2. the row names
            // that key. The evaluation key's Name in the recipe holds the right one.
            if let slot, row.evaluationArea(slot)?.name.bytes != entry.evaluationKeyName.bytes {
                wrong.append("evaluation key or limit key")
            }
        } else {
            wrong.append("endorsement Name")
        }
        var all: [Finding] = []
        if !wrong.isEmpty {
            all.append(
                finding(
                    .recipeMismatch, "recipe", expected: "the row's and the chip's own facts",
                    found: "another " + wrong.joined(separator: ", ")))
        }
        if let entry, entry.limit != row.limit {
            all.append(
                finding(
                    .limitMismatch, "limit", expected: "\(entry.limit), as the recipe has it",
                    found: row.limit.map { "\($0) in the row" } ?? "none in the row"))
        }
        if recipe.memory < 64 * 1024 || recipe.passes < 3 {
            all.append(
                finding(
                    .recipeWeak, "recipe", expected: "64 MiB and 3 passes or more",
                    found: "\(recipe.memory) KiB and \(recipe.passes) passes"))
        }
        return all
    }
}

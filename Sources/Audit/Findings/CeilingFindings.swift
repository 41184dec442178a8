import TPM
import VaultAPI

extension JudgedEnrollment {
    /// Count and ceiling against what the limit key signed.
    ///
    /// The bound that is checked is the design's: a ceiling is at most the limit, the evaluations made, and the grants.
    var ceilingFindings: [Finding] {
        guard row.isKept, let slot, let limit = row.limit, let count = row.count else { return [] }
        var all: [Finding] = []
        func found(_ kind: FindingKind, expected: String, _ found: String) {
            all.append(finding(kind, "ceiling", onChip: true, expected: expected, found: found))
        }
        // The first write's signature is over this limit, and the recipe names it; later ones are kept in the store.
        var explained = limit
        if let signed = row.signedCeiling {
            if isSigned(signed, slot) {
                explained = signed
                let most = UInt64(limit) + UInt64(count.count) + UInt64(row.granted ?? 0)
                if !count.isBurnt, UInt64(signed) > most {
                    found(
                        .ceilingExcessive,
                        expected: "at most \(most) (limit \(limit), \(count.count) made, \(row.granted ?? 0) granted)",
                        "\(signed)")
                }
            } else {
                found(
                    .ceilingSignature, expected: "the limit key's signature over the ceiling \(signed)",
                    "none, or one that is wrong")
            }
        }
        // A burnt slot has a count above every ceiling.
        guard !count.isBurnt else { return all }
        if count.ceiling > explained {
            found(.ceilingUnexplained, expected: "at most \(explained)", "\(count.ceiling)")
        } else if count.ceiling < explained {
            found(.ceilingBehind, expected: "\(explained), as it was signed", "\(count.ceiling)")
        }
        if count.guessesLeft == 0, row.state == "live" {
            found(.guessesUsedUp, expected: "a count below the ceiling \(count.ceiling)", "\(count.count)")
        }
        return all
    }

    private func isSigned(_ ceiling: UInt32, _ slot: SlotProfile) -> Bool {
        guard let nonce = row.ceilingNonce, let bytes = row.ceilingSignature,
            let signature = try? Signature(p1363: bytes.bytes),
            let act = try? SignedAct(.ceiling(ceiling), of: slot, nonceTPM: nonce.bytes)
        else { return false }
        return act.isSigned(signature, by: slot.limitKey)
    }
}

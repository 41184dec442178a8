import Audit
import TPM

/// What an account has left of its guesses.
struct Guesses {
    let account: String
    let state: String
    let limit: UInt32
    let count: SlotCount

    /// The evaluations that the chip would still make.
    var left: UInt32 { count.guessesLeft }
    /// Guesses gone that nobody gave back; a grant can make more than the limit be left.
    var used: UInt32 { limit > left ? limit - left : 0 }

    /// One an enrollment whose slot could be read, the fewest left first.
    static func all(_ evidence: VaultEvidence) -> [Guesses] {
        evidence.enrollments.compactMap { row in
            guard let count = row.count, !count.isBurnt else { return nil }
            return Guesses(
                account: row.account, state: row.state, limit: max(row.limit ?? count.ceiling, 1), count: count)
        }.sorted { ($0.left, $1.used, $0.account) < ($1.left, $0.used, $1.account) }
    }

    var row: HTML {
        let share = min(100, Int(used) * 100 / Int(limit))
        let level = left == 0 ? "none" : left <= 3 ? "few" : "many"
        let note: HTML = state == "live" ? "" : " <small>\(state)</small>"
        return """
            <div class="account \(level)">
            <div class="who">\(account)\(note)</div>
            <div class="bar" role="img" aria-label="\(used) of \(limit) guesses used"><i style="width:\(share)%"></i></div>
            <div class="left"><b>\(left)</b> left of \(limit) <small>count \(count.count), ceiling \(count.ceiling)</small></div>
            </div>
            """
    }
}

import Audit
import Explain
import Foundation
import TPM

/// An audit as one page to look at: no script, nothing from elsewhere, light and dark, fit for a phone and for paper.
public struct AuditPage {
    private let report: AuditReport
    private let guesses: [Guesses]
    private let explanations: [Explanation]

    /// The page of what was found in `evidence`.
    public init(_ report: AuditReport, of evidence: VaultEvidence) {
        self.report = report
        guesses = Guesses.all(evidence)
        explanations = evidence.explanations
    }

    /// The whole document.
    public var html: String {
        let page: HTML = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>Tenpin audit: \(headline)</title>
            <style>\(PageStyle.css)</style>
            </head>
            <body>
            <main>
            \(verdict)
            \(facts)
            \(findings)
            \(bars)
            \(policies)
            \(foot)
            </main>
            </body>
            </html>

            """
        return page.markup
    }

    private var counted: [AuditReport.Entry] { report.findings.filter { !$0.accepted } }

    private var headline: String {
        switch report.verdict {
        case "clean": report.findings.isEmpty ? "Clean" : "Clean, but for what you accepted"
        case "note": "Nothing urgent"
        case "warning": "Protection is weaker than it should be"
        default: "Act now"
        }
    }

    private var verdict: HTML {
        let counts = Severity.allCases.reversed().map { severity -> HTML in
            let count = counted.count { $0.severity == severity }
            return "<li class=\"\(severity.rawValue)\"><b>\(count)</b> \(severity.rawValue)</li>"
        }
        let basis =
            report.basis == .chip
            ? "The chip signed each slot's count and Name over your challenge."
            : "By the word of the vault's host: nothing here is signed by the chip."
        return """
            <header class="verdict \(report.verdict)">
            <p class="kind">Tenpin audit · \(Self.day(report.date))</p>
            <h1>\(headline)</h1>
            <ul class="counts">\(counts)</ul>
            <p>\(basis)</p>
            </header>
            """
    }

    private var facts: HTML {
        let slots = report.capacity.map { "\(report.enrollments) of \($0)" } ?? "\(report.enrollments)"
        let left = guesses.filter { $0.left == 0 }.count
        return """
            <section class="facts">
            <div><span>Live enrollments</span><b>\(report.liveEnrollments)</b></div>
            <div><span>Slots in use</span><b>\(slots)</b></div>
            <div><span>Accounts without a guess left</span><b>\(left)</b></div>
            <div><span>Firmware</span><b>\(report.firmware)</b></div>
            <div class="wide"><span>Endorsement Name: which chip this is</span><code>\(report.endorsementName)</code></div>
            </section>
            """
    }

    private var findings: HTML {
        guard !report.findings.isEmpty else {
            return "<section><h2>Findings</h2><p>Nothing was found that is not as it should be.</p></section>"
        }
        let cards = report.findings.map { finding -> HTML in
            let accepted: HTML = finding.accepted ? "<span class=\"accepted\">accepted</span>" : ""
            return """
                <article class="\(finding.severity.rawValue)">
                <p class="mark"><span class="chip">\(finding.severity.rawValue)</span> <code>\(finding.id)</code> \(accepted)</p>
                <h3>\(finding.object.sentence)</h3>
                <p>\(finding.rule).</p>
                <dl>
                <dt>Expected</dt><dd>\(finding.expected)</dd>
                <dt>Found</dt><dd>\(finding.found)</dd>
                <dt>Why it matters</dt><dd>\(finding.why)</dd>
                <dt>What to do</dt><dd class="do">\(finding.advice)</dd>
                </dl>
                </article>
                """
        }
        return "<section><h2>Findings</h2>\(cards)</section>"
    }

    /// The most accounts whose bars stand there unfolded.
    private static let unfolded = 40

    private var bars: HTML {
        guard !guesses.isEmpty else { return "" }
        let rows = guesses.map(\.row)
        let rest = rows.dropFirst(Self.unfolded)
        let more: HTML =
            rest.isEmpty ? "" : "<details><summary>\(rest.count) more</summary>\(Array(rest))</details>"
        return """
            <section><h2>Guesses used</h2>
            <p>The fewest left come first. A guess is given back when the right password was typed, so count and ceiling only rise.</p>
            <div class="bars">\(Array(rows.prefix(Self.unfolded)))\(more)</div>
            </section>
            """
    }

    private var policies: HTML {
        guard !explanations.isEmpty else { return "" }
        return """
            <section><h2>Who can do what</h2>
            <p>Drawn for one enrollment. All others are made by the same rules, but for what is said under Findings.</p>
            \(explanations.map(\.card))
            </section>
            """
    }

    private var foot: HTML {
        """
        <footer>
        <p>This page holds no script and loads nothing. Identifiers of findings stay the same between versions.</p>
        </footer>
        """
    }

    private static func day(_ seconds: UInt64) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601.year().month().day())
    }
}

import Audit
import Foundation
import ProgramTestSupport
import Report
import TestSupport
import Testing

/// The page as a browser has it: Chromium without a window.
@Suite("The audit's page", .timeLimit(.minutes(5))) struct PageTests {
    private static func page(accounts: Int, clean: Bool = false) throws -> String {
        let evidence = try SampleAudit.evidence(accounts: accounts)
        let findings = clean ? [] : SampleAudit.findings(evidence)
        return AuditPage(AuditReport(findings, of: evidence, basis: .vault), of: evidence).html
    }

    private static func browse(_ desk: Desk, _ file: String, _ more: String...) async throws -> String {
        let ended = try await desk.run(
            [
                "chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--user-data-dir=\(desk("profile"))",
            ] + more + ["file://\(desk(file))"])
        #expect(ended.status == 0, "\(ended.errors)")
        return ended.output
    }

    /// A page that shows another in frames of these widths, and writes down how wide each became.
    private static func harness(_ page: String, widths: [Int]) -> String {
        let quoted = page.replacing("&", with: "&amp;").replacing("\"", with: "&quot;")
        let frames = widths.map { width in
            "<iframe width=\"\(width)\" height=\"30000\" frameborder=\"0\" srcdoc=\"\(quoted)\"></iframe>"
        }
        return """
            <!doctype html><meta charset="utf-8"><body>\(frames.joined())<script>
            addEventListener("load", () => {
              const seen = [...document.querySelectorAll("iframe")].map(frame => {
                const page = frame.contentDocument
                return page.documentElement.scrollWidth + "/" + page.querySelectorAll("script").length
                  + "/" + page.querySelectorAll("article").length + "/" + page.querySelectorAll(".account").length
              })
              document.body.innerHTML = "<p>seen " + seen.join(" ") + ".</p>"
            })
            </script>
            """
    }

    @Test("is never wider than a phone or a desk, and what was read becomes no markup")
    func widths() async throws {
        try await Desk.with { desk in
            desk.write(Self.harness(try Self.page(accounts: 60), widths: [390, 1280]), to: "harness.html")
            let seen = try await Self.browse(desk, "harness.html", "--dump-dom")
            // Width, scripts, findings and objects, accounts.
            #expect(seen.contains("seen 390/0/7/60 1280/0/7/60."), "\(seen.suffix(300))")
        }
    }

    @Test("prints, with what is folded on the screen")
    func prints() async throws {
        try await Desk.with { desk in
            desk.write(try Self.page(accounts: 3), to: "page.html")
            _ = try await Self.browse(desk, "page.html", "--print-to-pdf=\(desk("page.pdf"))")
            #expect(desk.bytes("page.pdf")?.starts(with: "%PDF-".utf8) == true)
        }
    }

    @Test("begins with the verdict, and says what was found and what to do")
    func contents() throws {
        let page = try Self.page(accounts: 5)
        let verdict = try #require(page.range(of: "<h1>Act now</h1>"))
        let findings = try #require(page.range(of: "<h2>Findings</h2>"))
        #expect(verdict.lowerBound < findings.lowerBound)
        for text in [
            "a ceiling of 4000000000", "Ask the person for `tenpin status`", "accepted", "<b>0</b> left of 10",
            "Only ECDH_ZGen may be authorized.", "The limit key (",
            "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;?txt",
        ] { #expect(page.contains(text), "\(text)") }
        #expect(!page.contains("http://") && !page.contains("https://"))
        #expect(try Self.page(accounts: 2, clean: true).contains("<h1>Clean</h1>"))
        // A vault without accounts has a page as well.
        #expect(try Self.page(accounts: 0, clean: true).contains("Nothing was found"))
    }
}

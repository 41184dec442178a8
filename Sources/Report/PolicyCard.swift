import Audit
import Explain
import TPM
import VaultAPI

extension VaultEvidence {
    /// The three objects of the first enrollment that has all of them.
    var explanations: [Explanation] {
        guard let endorsement = chip.endorsementArea?.name,
            let authority = try? AuthorityProfile(largestDigest: chip.provisionedDigest, endorsementName: endorsement)
        else { return [] }
        for row in enrollments {
            guard row.state == "live", let slot = row.slotProfile(authority),
                let openKey = row.openKey.flatMap({ try? P256Point(sec1: $0.bytes) }),
                let key = row.evaluationArea(slot).flatMap({ try? ObjectArea($0) }),
                let bundle = row.bundleArea.flatMap({ try? ObjectArea($0) }),
                let open = try? BundleProfile.policy(openKey: openKey, authority: authority),
                let openName = try? authority.name(of: openKey)
            else { continue }
            let area = slot.publicArea(written: true)
            let explainer = Explainer(
                candidates: [slot.policy, EvaluationKeyProfile.policy(slot: slot), open],
                glossary: Glossary([
                    slot.limitKeyName: "the limit key", area.name: "the slot", openName: "the open key",
                ]),
                counters: row.count.map { [area.name: PINCount(count: $0.count, limit: $0.ceiling)] } ?? [:],
                openValues: [area.name])
            return [
                explainer.explain(.index(area), title: "the slot, which counts"),
                explainer.explain(.object(key), title: "the evaluation key, whose each use costs a guess"),
                explainer.explain(.object(bundle), title: "the bundle, which holds the backup key encrypted"),
            ]
        }
        return []
    }
}

extension Explanation {
    /// Tree, ways and refusals of one object.
    var card: HTML {
        let uses = ways.map { way -> HTML in
            let needs = way.needs.map { need -> HTML in "<li>\(HTML.shortened(need))</li>" }
            return """
                <li><b>\(way.commands.joined(separator: ", "))</b><ul>\(needs)</ul><p class="often">\(way.often)</p></li>
                """
        }
        let refusals = impossible.map { refusal -> HTML in "<li><b>\(refusal.what)</b>: \(refusal.why)</li>" }
        let minds = remarks.map { remark -> HTML in "<li>\(HTML.shortened(remark))</li>" }
        let drawn: HTML = tree?.drawing ?? ""
        let mind: HTML = minds.isEmpty ? "" : "<h4>Mind</h4><ul>\(minds)</ul>"
        return """
            <article class="object">
            <h3>\(title.prefix(1).uppercased() + title.dropFirst())</h3>
            \(drawn)
            <details><summary>\(ways.count) ways to use it, and what is not possible</summary>
            <h4>Ways to use it</h4><ol>\(uses)</ol>
            <h4>Not possible</h4><ul>\(refusals)</ul>
            \(mind)
            </details>
            </article>
            """
    }
}

extension PolicyTree {
    /// The drawing: the policy's digest in full, and what is below it.
    fileprivate var drawing: HTML { "<ul class=\"tree\"><li><span>\(label)</span>\(below)</li></ul>" }

    private var item: HTML { "<li><span>\(HTML.shortened(label))</span>\(below)</li>" }
    private var below: HTML { children.isEmpty ? "" : "<ul>\(children.map(\.item))</ul>" }
}

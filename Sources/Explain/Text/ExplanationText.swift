/// The explanation for a terminal: plain text, the tree drawn with lines.
extension Explanation {
    public var text: String {
        let width = facts.map(\.name.count).max() ?? 0
        var lines = [title.prefix(1).uppercased() + title.dropFirst()]
        lines += facts.map { "  " + $0.name + String(repeating: " ", count: width - $0.name.count + 2) + $0.value }
        if let tree { lines += ["", "Policy", "  " + tree.label] + tree.branches.map { "  " + $0 } }
        if !ways.isEmpty {
            lines += ["", "Ways to use it"]
            for (number, way) in ways.enumerated() {
                lines.append("  \(number + 1)  \(way.commands.joined(separator: ", "))")
                lines += way.needs.map { "       needs  \($0)" }
                lines.append("       often  \(way.often)")
            }
        }
        if !impossible.isEmpty {
            lines += ["", "Not possible"] + impossible.map { "  -  \($0.what): \($0.why)" }
        }
        if !remarks.isEmpty { lines += ["", "Mind"] + remarks.map { "  !  \($0)" } }
        return lines.joined(separator: "\n")
    }
}

extension PolicyTree {
    /// The lines below the label.
    var branches: [String] {
        children.enumerated().flatMap { number, child in
            let isLast = number == children.count - 1
            return [(isLast ? "└─ " : "├─ ") + child.label] + child.branches.map { (isLast ? "   " : "│  ") + $0 }
        }
    }
}

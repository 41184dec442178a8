import Foundation

/// One thing measured in each round, or once.
struct Figure: Encodable, Sendable {
    let name: String
    let unit: String
    /// In the order of the rounds.
    var values: [Double]

    var median: Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// What a figure should come to.
struct Target: Encodable, Sendable {
    let name: String
    let measured: Double
    /// `atLeast` or `atMost`.
    let bound: Bound
    let goal: Double
    let held: Bool

    enum Bound: String, Encodable { case atLeast, atMost }

    init(_ name: String, _ measured: Double, _ bound: Bound, _ goal: Double) {
        self.name = name
        self.measured = measured
        self.bound = bound
        self.goal = goal
        held = bound == .atLeast ? measured >= goal : measured <= goal
    }

    /// What the vault's recoveries should come to beside the floor's; on a real chip where one is named.
    static func ofRecoveries(_ floor: Section, _ vault: Section, on chip: String? = nil) -> [Target] {
        let bare = floor.median("recovery")
        let place = chip.map { "\($0): " } ?? ""
        return [
            Target(
                "\(place)throughput with 16 devices, of the floor's",
                vault.median("recovery, 16 devices: rate") * bare / 1000, .atLeast, 0.95),
            Target(
                "\(place)one device's time, of the floor's",
                vault.median("recovery, 1 device: median") / bare, .atMost, 1.15),
            Target(
                "\(place)vault's processor, of the chip's time",
                vault.median("recovery, 16 devices: vault's processor") / bare, .atMost, 0.05),
        ]
    }
}

/// A table of a part's figures.
struct Section: Encodable, Sendable {
    let title: String
    private(set) var figures: [Figure] = []

    init(_ title: String) { self.title = title }

    /// Adds a value to the figure of this name, which is the table's next where it is new.
    mutating func add(_ name: String, _ unit: String, _ value: Double) {
        if let place = figures.firstIndex(where: { $0.name == name }) {
            figures[place].values.append(value)
        } else {
            figures.append(Figure(name: name, unit: unit, values: [value]))
        }
    }

    /// The median of a figure; 0 where there is none.
    func median(_ name: String) -> Double { figures.first { $0.name == name }?.median ?? 0 }

    /// As Markdown: the median of the rounds, and from the least to the most.
    var table: String {
        let rows = figures.map { figure in
            let spread =
                figure.values.count < 2
                ? "" : "\(formatted(figure.values.min() ?? 0)) to \(formatted(figure.values.max() ?? 0))"
            return "| \(figure.name) | \(formatted(figure.median)) \(figure.unit) | \(spread) |"
        }
        return (["### \(title)", "", "| | median | rounds |", "|---|---|---|"] + rows).joined(separator: "\n")
    }
}

/// All that was measured.
struct Report: Encodable, Sendable {
    let machine: Machine
    var sections: [Section] = []
    var targets: [Target] = []

    var text: String {
        let rows = targets.map { target in
            let bound = target.bound == .atLeast ? "at least" : "at most"
            return "| \(target.name) | \(formatted(target.measured)) | \(bound) \(formatted(target.goal)) |"
                + " \(target.held ? "yes" : "no") |"
        }
        let goals = ["### Targets", "", "| | measured | target | held |", "|---|---|---|---|"] + rows
        return ([machine.text] + sections.map(\.table) + [goals.joined(separator: "\n")]).joined(separator: "\n\n")
    }
}

/// Three significant digits, and no more than are needed.
func formatted(_ value: Double) -> String {
    guard value != 0, value.isFinite else { return "0" }
    let digits = max(0, 2 - Int(log10(abs(value)).rounded(.down)))
    let rounded = String(format: "%.\(digits)f", value)
    return rounded.contains(".") ? String(rounded.trimmingSuffix("0").trimmingSuffix(".")) : rounded
}

extension StringProtocol {
    fileprivate func trimmingSuffix(_ character: Character) -> Substring {
        var rest = Substring(self)
        while rest.last == character { rest.removeLast() }
        return rest
    }
}

/// Some times in order.
struct Percentiles: Sendable {
    private let sorted: [Duration]

    init(_ times: [Duration]) { sorted = times.sorted() }

    /// In milliseconds, nearest rank; 0 where there is none.
    func callAsFunction(_ percent: Int) -> Double {
        guard !sorted.isEmpty else { return 0 }
        return sorted[max(1, (sorted.count * percent + 99) / 100) - 1] / .milliseconds(1)
    }
}

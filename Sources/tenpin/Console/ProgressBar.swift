import CommandOptions
import Foundation

/// How far long work is, on a terminal: bytes, rate and the time left. In a pipe it says nothing.
final class ProgressBar {
    private let verb: String
    private let start = ContinuousClock.now
    private let isShown = isatty(STDERR_FILENO) == 1
    private var lastDrawn: ContinuousClock.Instant?

    /// The shortest time between two drawings.
    private static let interval = Duration.milliseconds(100)

    init(_ verb: String) { self.verb = verb }

    /// Draws the bar, unless it was drawn a moment ago.
    func update(done: UInt64, total: UInt64?) {
        let now = ContinuousClock.now
        guard isShown, lastDrawn.map({ now - $0 >= Self.interval }) ?? true else { return }
        lastDrawn = now
        let seconds = Double((now - start) / .milliseconds(1)) / 1000
        let rate = seconds > 0 ? Double(done) / seconds : 0
        var line = "\(verb) \(Self.size(Double(done)))"
        if let total { line += " of \(Self.size(Double(total)))" }
        line += ", \(Self.size(rate))/s"
        if let total, total > 0 {
            let share = min(1, Double(done) / Double(total))
            let filled = Int(share * 20)
            line += " [" + String(repeating: "#", count: filled) + String(repeating: " ", count: 20 - filled) + "]"
            if rate > 0, total > done { line += " \(Self.time(Double(total - done) / rate)) left" }
        }
        StandardError.write("\r\u{1B}[K\(line)")
    }

    /// Takes the bar away.
    func finish() {
        guard isShown, lastDrawn != nil else { return }
        StandardError.write("\r\u{1B}[K")
    }

    static func size(_ bytes: Double) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var value = bytes
        var unit = 0
        while value >= 1024 && unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return unit == 0 ? "\(Int(value)) B" : String(format: "%.1f %@", value, units[unit])
    }

    static func time(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded(.up))
        return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }
}

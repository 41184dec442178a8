import TPM
import TPMDevice

/// Sees whether a chip does what the guess limit relies on, with a throwaway slot, key and bundle.
///
/// It makes nothing persistent but one NV index at 0x01BFFF00, which is gone when it ends; one that was killed leaves it
/// to the next run. It writes the chip's memory about a hundred times.
public struct SelfTest {
    let chip: Chip
    /// How many evaluations in a row are watched.
    let stress: Int
    private let isStopped: () -> Bool

    public static let defaultStress = 8

    /// `isStopped` is asked between two properties: true ends the test, with nothing left on the chip.
    public init(_ chip: Chip, stress: Int = defaultStress, isStopped: @escaping () -> Bool = { false }) {
        self.chip = chip
        self.stress = stress
        self.isStopped = isStopped
    }

    /// Tests all properties, or some. `report` is told each one's outcome.
    public func run(
        _ properties: [ChipProperty] = ChipProperty.all, report: (SelfTestReport.Property) -> Void = { _ in }
    ) throws -> SelfTestReport {
        try measured {
            let bench = try workbench(.test)
            let needed = Set(ChipProperty.needed.map(\.id))
            // Why nothing more can be tested.
            var obstacle: String?
            do {
                let results = try properties.map { property in
                    guard !isStopped() else { throw SelfTestError.stopped }
                    let (outcome, seen) =
                        if let obstacle { (ChipProperty.Outcome.notTestable, obstacle) } else {
                            try property.test(on: bench)
                        }
                    if outcome == .failed, needed.contains(property.id) {
                        obstacle = "the chip lacks what the test needs"
                    } else if outcome == .failed, try chip.answer(to: .getRandom(1)) == .failure {
                        // What was made is there until somebody restarts the chip and runs this again.
                        obstacle = "the chip is in failure mode and wants a restart"
                    }
                    let result = SelfTestReport.Property(
                        id: property.id, claim: property.claim, outcome: outcome, seen: seen)
                    report(result)
                    return result
                }
                if obstacle == nil { try bench.clear() }
                return results
            } catch {
                try? bench.clear()
                throw error
            }
        }
    }

    /// Takes away what earlier runs left, and looks whether the handle is free.
    func workbench(_ place: Throwaway.Place) throws -> Workbench {
        try chip.flushLeftovers()
        try Throwaway.clear([place], on: chip)
        guard try !chip.isDefined(Handle(place.rawValue)) else {
            throw SelfTestError.occupied(Handle(place.rawValue))
        }
        return try Workbench(chip, place: place, stress: stress)
    }

    /// The report of what `body` finds, with the times of the commands that it ran.
    func measured(
        _ body: () throws -> [SelfTestReport.Property]
    ) throws -> SelfTestReport {
        let begun = ContinuousClock.now
        let kind = try SelfTestReport.Chip(chip)
        let before = chip.times
        chip.times = CommandTimes()
        defer { chip.times = before }
        let properties = try body()
        return SelfTestReport(
            chip: kind, properties: properties,
            commands: (chip.times ?? CommandTimes()).summary.map(SelfTestReport.CommandTime.init),
            seconds: (ContinuousClock.now - begun).inSeconds)
    }
}

/// Why a self-test did not come to its end.
public enum SelfTestError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Somebody else's index stands where the throwaway slot would.
    case occupied(Handle)
    /// It was told to stop.
    case stopped
    /// Not one slot fits.
    case noRoom
    /// No slot waits for --after-reboot.
    case notBegun
    /// The chip was not restarted since --before-reboot.
    case notRestarted
    /// The chip does not have these properties.
    case failed([String])

    public var description: String {
        switch self {
        case .occupied(let handle):
            "The NV index at \(handle) is not a self-test's and was left alone; the test needs that handle."
        case .noRoom:
            "The TPM has no room for another NV index, not even a throwaway one: take something away from it first."
        case .stopped: "The self-test was stopped, and what it made is gone from the chip."
        case .notBegun: "Nothing waits for --after-reboot on this chip; run selftest --before-reboot first."
        case .notRestarted:
            "The chip was not restarted since selftest --before-reboot; restart the machine, then try again."
        case .failed(let ids):
            "This TPM fails \(ids.joined(separator: ", ")): guesses at a password would not be limited by it, so use"
                + " another chip."
        }
    }
}

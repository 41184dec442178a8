import ChipWitness
import Foundation
import Synchronization
import TestSupport

/// The recording layer between vault and chip: hands the raw stream to the witness, and lends the way to the chip to the
/// witness's own eye and to the operator.
final class Recorder: Sendable {
    let relay: ChipRelay
    private let kept = Mutex(Witness())
    private let isLooking = Mutex(false)

    init(_ chip: Swtpm) throws {
        relay = try ChipRelay(chip)
        relay.watch { [self] command, said in
            let isKept = !isLooking.withLock { $0 }
            kept.withLock { $0.see(Witness.Exchange(command: command, said: said), isKept: isKept) }
        }
    }

    /// What was witnessed so far.
    var witness: Witness { kept.withLock { $0 } }

    /// The chip was started anew, with what it had been told to keep or without.
    func powerWasCut(suspended: Bool) { kept.withLock { $0.see(suspended ? .suspension : .powerCut) } }

    /// Looks at every slot that is on the chip, or was, and tells the witness.
    func look(at handles: some Sequence<UInt32>) -> [UInt32: SlotReading] {
        isLooking.withLock { $0 = true }
        defer { isLooking.withLock { $0 = false } }
        let branches = kept.withLock { $0.branches }
        var readings: [UInt32: SlotReading] = [:]
        for handle in handles {
            let reading = chip.read(handle, branches)
            kept.withLock { $0.see(reading, at: handle) }
            readings[handle] = reading
        }
        return readings
    }

    /// The chip as root on the host has it.
    var chip: RawChip { RawChip { [relay] in try relay.inject($0) } }
}

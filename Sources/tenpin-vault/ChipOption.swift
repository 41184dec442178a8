import ArgumentParser
import Foundation
import Synchronization

/// The TPM that is not yet any vault's.
struct ChipOption: ParsableArguments {
    @Option(help: "The TPM as tpm2-tss knows it: device:/dev/tpmrm0, swtpm:path=…, swtpm:port=… [$TENPIN_TCTI]")
    var tcti = ProcessInfo.processInfo.environment["TENPIN_TCTI"] ?? "device:/dev/tpmrm0"
}

/// SIGINT and SIGTERM to a command that has something to take off the chip before it ends. The second one ends it at once.
enum StopSignal {
    private static let wasGiven = Atomic(false)

    /// From here on a signal is only remembered.
    static func watch() {
        wasGiven.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                StopSignal.wasGiven.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }

    static var isGiven: Bool { wasGiven.load(ordering: .relaxed) }
}

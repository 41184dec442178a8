import Foundation
import Glibc
import TestSupport

/// What a process took of the machine.
struct ProcessUse {
    let identifier: pid_t

    /// The processor time of all its threads, in milliseconds.
    func processorTime() throws -> Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(identifier, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            throw HarnessError("no clock of the process \(identifier)")
        }
        return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
    }

    /// What it holds in memory, in MiB.
    func memory() throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kibibytes = line.split(separator: " ").dropLast().last.flatMap({ Double($0) })
        else { throw HarnessError("no VmRSS of \(identifier)") }
        return kibibytes / 1024
    }
}

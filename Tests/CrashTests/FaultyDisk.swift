import Foundation
import TestSupport

/// Counts what a program does to the disk below a folder and, at a chosen time, ends the program or has the disk full.
///
/// `DiskFaults` is preloaded into the real program; what it does is in its C file. It and this value share one record.
struct FaultyDisk: Sendable {
    /// What happens at the chosen write.
    enum Fault: Int32, CaseIterable, Sendable {
        case none = 0
        /// The program ends as SIGKILL ends it, half of the bytes written.
        case kill = 1
        /// ENOSPC, once.
        case fullOnce = 2
        /// ENOSPC from then on, until there is room again.
        case full = 3
        /// EIO at each close of a file that was written to.
        case close = 4
    }

    /// The environment of a program that is to have this disk.
    let environment: [String: String]
    private let record: String

    /// - Parameters:
    ///   - record: where to keep the shared record; outside of `folder`.
    ///   - folder: what is counted is below it. It must exist.
    init(record: String, below folder: String) throws {
        self.record = record
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let library = URL(filePath: bundle).deletingLastPathComponent().appending(path: "libDiskFaults.so").path()
        guard FileManager.default.fileExists(atPath: library) else { throw HarnessError("\(library) was not built") }
        environment = ["LD_PRELOAD": library, "TENPIN_FAULTS": record, "TENPIN_FAULTS_BELOW": folder]
        try arm(.none)
    }

    /// Counts from 0 again, and has `fault` happen at write `number`. The record stays the file that is mapped.
    func arm(_ fault: Fault, at number: Int = 0) throws {
        var bytes: [UInt8] = []
        for value in [0, Int64(number)] { bytes += withUnsafeBytes(of: value) { Array($0) } }
        bytes += withUnsafeBytes(of: Int64(fault.rawValue)) { Array($0) }
        let file = open(record, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        guard file >= 0, pwrite(file, bytes, bytes.count, 0) == bytes.count else {
            throw HarnessError("cannot write \(record)")
        }
    }

    /// How often the disk was written to since it was armed.
    var writes: Int {
        let data = FileManager.default.contents(atPath: record) ?? Data()
        return data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}

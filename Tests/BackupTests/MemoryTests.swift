import Foundation
import Testing

@testable import Backup

@Suite struct MemoryTests {
    @Test("memory stays flat over 256 MiB, both ways, for streams and trees")
    func flat() async {
        await #expect(processExitsWith: .success) {
            let scratch = Scratch()
            mkdir(scratch("in"), 0o700)
            close(open(scratch("in/large"), O_WRONLY | O_CREAT, 0o600))
            truncate(scratch("in/large"), 256 << 20)
            let start = peakKiB()

            let input = open(scratch("in/large"), O_RDONLY)
            _ = try BackupFile.write(
                .stream(input), to: .file(scratch("stream")), key: testKey(), generation: 1, stanzas: [])
            let null = open("/dev/null", O_WRONLY)
            try BackupFile(opening: .file(scratch("stream"))).restore(with: testKey(), to: .descriptor(null))
            unlink(scratch("stream"))

            _ = try BackupFile.write(
                .tree(scratch("in")), to: .file(scratch("tree")), key: testKey(), generation: 1, stanzas: [])
            try BackupFile(opening: .file(scratch("tree"))).restore(with: testKey(), to: .folder(scratch("out")))

            let grown = peakKiB() - start
            #expect(start > 0 && grown < 8 * 1024)
        }
    }
}

/// The most memory this process ever had (VmHWM), in KiB.
private func peakKiB() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
}

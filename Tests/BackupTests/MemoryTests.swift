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
            let start = kibibytes("VmHWM")

            let input = open(scratch("in/large"), O_RDONLY)
            _ = try BackupFile.write(
                .stream(input), to: .file(scratch("stream")), key: testKey(), generation: 1, stanzas: [])
            let null = open("/dev/null", O_WRONLY)
            try BackupFile(opening: .file(scratch("stream"))).restore(with: testKey(), to: .descriptor(null))
            unlink(scratch("stream"))

            _ = try BackupFile.write(
                .tree(scratch("in")), to: .file(scratch("tree")), key: testKey(), generation: 1, stanzas: [])
            try BackupFile(opening: .file(scratch("tree"))).restore(with: testKey(), to: .folder(scratch("out")))

            let grown = kibibytes("VmHWM") - start
            #expect(start > 0 && grown < 8 * 1024)
        }
    }

    @Test("a backup that is refused leaves no memory behind")
    func refused() async {
        await #expect(processExitsWith: .success) {
            let scratch = Scratch()
            let backup = try sealedStream([1, 2, 3])
            scratch.write(Array(backup.prefix(BackupHeader.minimumSize + 5)), to: "backup")
            func refuse() throws {
                #expect(throws: BackupError.truncated) {
                    try BackupFile(opening: .file(scratch("backup"))).verify(with: testKey())
                }
            }
            try refuse()
            let start = kibibytes("VmData")
            // One reader holds two chunks of 64 KiB, so what is left behind would be 64 MiB.
            for _ in 0..<500 { try refuse() }
            let grown = kibibytes("VmData") - start
            #expect(start > 0 && grown < 16 * 1024)
        }
    }
}

/// What the system says of this process: `VmHWM` is the most memory it ever had, `VmData` what it has asked for.
private func kibibytes(_ name: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
}

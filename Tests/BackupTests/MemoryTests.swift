import Foundation
import Testing

@testable import Backup

@Suite struct MemoryTests {
    @Test("256 MiB take no more memory than 16, both ways, for streams and trees")
    func flat() async {
        await #expect(processExitsWith: .success) {
            let rest = kibibytes("VmHWM")
            // The small round fills everything that goes round, and brings in the code.
            try backUpAndRestore(mebibytes: 16)
            let small = kibibytes("VmHWM")
            try backUpAndRestore(mebibytes: 256)
            let large = kibibytes("VmHWM")
            #expect(rest > 0 && small - rest < 12 * 1024, "\(rest), \(small) and \(large) KiB")
            #expect(large - small < 2 * 1024, "\(rest), \(small) and \(large) KiB")
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

/// Backs up and restores a file of that size twice: as a stream, and as the only file of a tree.
private func backUpAndRestore(mebibytes: Int) throws {
    let scratch = Scratch()
    mkdir(scratch("in"), 0o700)
    let input = open(scratch("in/large"), O_RDWR | O_CREAT, 0o600)
    defer { close(input) }
    guard ftruncate(input, mebibytes << 20) == 0 else { throw CocoaError(.fileWriteUnknown) }

    _ = try BackupFile.write(.stream(input), to: .file(scratch("stream")), key: testKey(), generation: 1, stanzas: [])
    let null = open("/dev/null", O_WRONLY)
    defer { close(null) }
    try BackupFile(opening: .file(scratch("stream"))).restore(with: testKey(), to: .descriptor(null))
    unlink(scratch("stream"))

    _ = try BackupFile.write(
        .tree(scratch("in")), to: .file(scratch("tree")), key: testKey(), generation: 1, stanzas: [])
    try BackupFile(opening: .file(scratch("tree"))).restore(with: testKey(), to: .folder(scratch("out")))
}

/// What the system says of this process: `VmHWM` is the most memory it ever had, `VmData` what it has asked for.
private func kibibytes(_ name: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
}

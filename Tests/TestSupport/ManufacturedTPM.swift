import Foundation
import Synchronization

/// What comes out of a TPM's factory: stored state with certified endorsement keys (RSA 2048 and P-384), and the
/// certificates of the authority that certified them.
struct ManufacturedTPM: Sendable {
    let state: Data
    let trustRoot: Data

    /// Made once in a test process, when the first chip wants it.
    static let shared = Task { try await make() }

    private static let others = Mutex<[Int: Task<ManufacturedTPM, any Error>]>([:])

    /// The one of this number, made when the first chip wants it.
    static func numbered(_ number: Int) -> Task<ManufacturedTPM, any Error> {
        others.withLock { others in
            let made = others[number] ?? Task { try await make() }
            others[number] = made
            return made
        }
    }

    /// Has this checkout's `swtpm-setup` make one, which takes some seconds.
    static func make() async throws -> ManufacturedTPM {
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "swtpm-setup")
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let child = try await ChildProcess.spawn(
            [script.path(percentEncoded: false), "new", "--dir", "chip"],
            in: folder, output: "setup.out", errors: "setup.err")
        let status = await child.status()
        guard status == 0 else {
            let message = try? String(contentsOf: folder.appending(path: "setup.err"), encoding: .utf8)
            throw HarnessError("swtpm-setup new ended with \(status): \(message ?? "")")
        }
        return ManufacturedTPM(
            state: try Data(contentsOf: folder.appending(path: "chip/state/tpm2-00.permall")),
            trustRoot: try Data(contentsOf: folder.appending(path: "chip/trust-root.pem")))
    }
}

/// A new folder with a short name, since a Unix socket's path ends at 107 bytes.
package func temporaryFolder() throws -> URL {
    var template = Array("/tmp/tenpin-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
        throw HarnessError("no temporary folder: \(String(cString: strerror(errno)))")
    }
    return URL(filePath: String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
}

import Foundation
import TPM
import TPMDevice

/// The sessions that a vault has saved out of a chip which it shares with other programs, one file each.
///
/// A resource manager ends the sessions of a program that dies, but not those that were saved out of the chip, and they would
/// take room from everybody until the machine restarts. Their handles alone do not tell whose they are; a context does, for
/// the chip loads it only as long as it is this very session.
struct SavedSessions: Sendable {
    private let folder: String

    init(home: String) {
        folder = Self.folder(home: home)
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    /// Keeps the context of a session. One that cannot be kept is left on the chip if the vault is killed: no reason to
    /// refuse a person.
    func keep(_ context: [UInt8], as number: Int) {
        _ = FileManager.default.createFile(
            atPath: path(number), contents: Data(context), attributes: [.posixPermissions: 0o600])
    }

    /// Takes away what was kept of a session.
    func forget(_ number: Int) {
        unsafe unlink(path(number))
    }

    /// Ends on the chip what a killed vault has left.
    func endAll(on chip: Chip) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            let path = folder + "/" + name
            if let context = FileManager.default.contents(atPath: path),
                let handle = try? chip.run(.contextLoad(Array(context))).handle
            {
                try? chip.flush(handle)
            }
            unsafe unlink(path)
        }
    }

    static func folder(home: String) -> String { home + "/sessions" }

    private func path(_ number: Int) -> String { "\(folder)/\(number)" }
}

import ArgumentParser
import Foundation

/// The owner hierarchy's authorization: from a file, a descriptor or systemd, never an argument, which everyone on the host can see.
struct OwnerOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the owner hierarchy's authorization value; a last newline is left out.", valueName: "file"))
    var ownerAuthFile: String?

    @Option(help: ArgumentHelp("An open descriptor to read that value from.", valueName: "number"))
    var ownerAuthFd: Int32?

    @Option(
        help: ArgumentHelp(
            "The systemd credential that holds it; without any of the three, \(Self.credential) where it is there.",
            valueName: "name"))
    var ownerAuthCredential: String?

    /// What a unit calls it: `LoadCredential=tenpin.owner-auth:/etc/tenpin/owner-auth`.
    static let credential = "tenpin.owner-auth"

    /// The largest authorization value that a chip takes is a digest.
    private static let limit = 64

    func validate() throws {
        guard [ownerAuthFile != nil, ownerAuthFd != nil, ownerAuthCredential != nil].count(where: { $0 }) <= 1 else {
            throw ValidationError("Give the owner's authorization in one way.")
        }
    }

    /// The value, empty when there is none.
    func read() throws -> [UInt8] {
        if let ownerAuthFile { return try read(ownerAuthFile, FileHandle(forReadingAtPath: ownerAuthFile)) }
        if let ownerAuthFd {
            let handle = FileHandle(fileDescriptor: ownerAuthFd, closeOnDealloc: false)
            return try read("descriptor \(ownerAuthFd)", handle)
        }
        let folder = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"] ?? ""
        guard let name = ownerAuthCredential else {
            let path = "\(folder)/\(Self.credential)"
            guard !folder.isEmpty, FileManager.default.fileExists(atPath: path) else { return [] }
            return try read(path, FileHandle(forReadingAtPath: path))
        }
        guard !name.isEmpty, !name.contains("/"), name != ".", name != ".." else {
            throw ValidationError("\(name) is not the name of a credential.")
        }
        guard !folder.isEmpty else {
            throw ValidationError("systemd gave this process no credentials ($CREDENTIALS_DIRECTORY is not set).")
        }
        return try read("\(folder)/\(name)", FileHandle(forReadingAtPath: "\(folder)/\(name)"))
    }

    private func read(_ name: String, _ handle: FileHandle?) throws -> [UInt8] {
        // A pipe will do as well.
        guard let data = try? handle?.read(upToCount: Self.limit + 2) ?? (handle == nil ? nil : Data()) else {
            throw ValidationError("The owner's authorization cannot be read from \(name).")
        }
        let value = Array(data.last == 0x0A ? data.dropLast() : data)
        guard value.count <= Self.limit else {
            throw ValidationError("The owner's authorization in \(name) has more than \(Self.limit) bytes.")
        }
        return value
    }
}

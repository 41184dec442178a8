import Secrets

/// How much Argon2id this device asks for in new enrollments, where it was set: a file of two lines, beside the pins.
public struct WorkSetting: Hashable, Sendable {
    public let parameters: Argon2id.Parameters

    public init(_ parameters: Argon2id.Parameters) { self.parameters = parameters }

    /// Reads the setting; `nil` where there is none.
    public init?(home: DeviceHome) throws(DeviceStateError) {
        let path = home.workSettingPath
        guard let contents = try PrivateFile.read(path, limit: 4096) else { return nil }
        try self.init(parsing: String(decoding: contents.published, as: UTF8.self), path: path)
    }

    /// Writes the setting, in place of the one before.
    public func save(in home: DeviceHome) throws(DeviceStateError) {
        try PrivateFile.makeFolder(home.path)
        let lock = try FolderLock(home.path)
        try PrivateFile.write(SecretBytes(copying: Array(text.utf8).span), to: "argon2id", in: home.path)
        _ = consume lock
    }

    var text: String {
        """
        # How much Argon2id a new enrollment on this device asks for; see `tenpin tune --help`.
        memory-KiB \(parameters.memoryKiB)
        passes \(parameters.passes)

        """
    }

    init(parsing text: String, path: String) throws(DeviceStateError) {
        var values: [Substring: UInt32] = [:]
        for line in text.unicodeScalars.split(separator: "\n") where line.first != "#" {
            let words = Substring(line).split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2, words[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let value = UInt32(words[1]), values.updateValue(value, forKey: words[0]) == nil
            else { throw .badSetting(path) }
        }
        // Out of range, it would be less work for a guesser than any enrollment may have, or more memory than the device has.
        guard values.count == 2, let memory = values["memory-KiB"], let passes = values["passes"],
            let parameters = try? Argon2id.Parameters(memoryKiB: memory, passes: passes)
        else { throw .badSetting(path) }
        self.parameters = parameters
    }
}

extension DeviceHome {
    /// The setting of `tenpin tune --save`.
    public var workSettingPath: String { "\(path)/argon2id" }
}

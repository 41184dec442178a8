/// Something that is not in the backup as it is on the disk. The backup is complete but for this.
public enum BackupWarning: Hashable, Sendable, CustomStringConvertible {
    /// A socket, a device or a pipe: skipped.
    case specialFile(name: String)
    /// Gone between listing and reading: skipped.
    case vanished(name: String)
    /// Written to while it was read: in the backup as it was read, filled up with zeros where it had shrunk.
    case changed(name: String)
    /// Has contents but says that its size is 0, as the kernel's own files do: in the backup as an empty file.
    case saysEmpty(name: String)
    /// The backup file itself, which lies inside the folder: skipped.
    case ownOutput(name: String)

    public var description: String {
        switch self {
        case .specialFile(let name): "\(name) is neither a file, a folder nor a link and was left out."
        case .vanished(let name): "\(name) vanished while the backup was made and was left out."
        case .changed(let name): "\(name) changed while it was read; back it up again when nothing writes to it."
        case .saysEmpty(let name):
            "\(name) says that it is empty, but is not, and went in as empty; copy it to a usual file and back that up."
        case .ownOutput(let name): "\(name) is this backup itself and was left out."
        }
    }
}

/// A file's name for a person to read: control characters and bytes that are no UTF-8 are written as `\xNN`.
///
/// The attack: 1. a file's name holds escape sequences; 2. the message about it commands the terminal.
func printable(_ name: [UInt8]) -> String {
    var text = ""
    var rest = name[...]
    while let first = rest.first {
        let size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        if let character = String(validating: rest.prefix(size), as: UTF8.self)?.unicodeScalars.first,
            character.properties.generalCategory != .control, character.properties.generalCategory != .format
        {
            text.unicodeScalars.append(character)
            rest = rest.dropFirst(size)
        } else {
            text += "\\x" + (first < 16 ? "0" : "") + String(first, radix: 16)
            rest = rest.dropFirst()
        }
    }
    return text
}

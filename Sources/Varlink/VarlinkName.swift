/// Names of the Varlink interface language (varlink.org, Interface Definition).
enum VarlinkName {
    /// Splits `org.example.Ping` into interface and member, or gives `nil` if it is not the name of a method or error.
    static func split(_ name: String) -> (interface: String, member: String)? {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        let interface = String(name[..<dot])
        let member = String(name[name.utf8.index(after: dot)...])
        guard isInterface(interface), isMember(member) else { return nil }
        return (interface, member)
    }

    /// Reverse-domain: at least two parts of ASCII letters, digits and inner hyphens, the first letter a letter.
    static func isInterface(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count >= 2, let first = name.utf8.first, isLetter(first) else { return false }
        return parts.allSatisfy { part in
            guard let first = part.first, let last = part.last, isAlphanumeric(first), isAlphanumeric(last) else {
                return false
            }
            return part.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// An upper-case ASCII letter, then letters and digits.
    static func isMember(_ name: String) -> Bool {
        guard let first = name.utf8.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return false }
        return name.utf8.allSatisfy(isAlphanumeric)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

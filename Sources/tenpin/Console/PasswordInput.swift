import ArgumentParser
import Foundation
import Passwords
import Secrets

/// Where a password comes from: a prompt without echo, a file, or a descriptor; never an argument.
struct PasswordOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read the password from this file; a last newline is left out.", valueName: "file"))
    var passwordFile: String?

    @Option(help: ArgumentHelp("Read the password from this open descriptor.", valueName: "number"))
    var passwordFd: Int32?

    var source: SecretSource { SecretSource(file: passwordFile, descriptor: passwordFd) }
}

/// Where the new password comes from, when there is an old one too.
struct NewPasswordOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read the new password from this file.", valueName: "file"))
    var newPasswordFile: String?

    @Option(help: ArgumentHelp("Read the new password from this open descriptor.", valueName: "number"))
    var newPasswordFd: Int32?

    var source: SecretSource { SecretSource(file: newPasswordFile, descriptor: newPasswordFd) }
}

/// A file, a descriptor, or the person.
struct SecretSource {
    let file: String?
    let descriptor: Int32?

    /// The password that was chosen before.
    func password(_ question: String = "Password: ") throws -> Password {
        try Password(utf8: read(question))
    }

    /// A password that is chosen now: asked for twice.
    func newPassword() throws -> Password {
        let first = try read("New password: ")
        if file == nil && descriptor == nil {
            let second = try Console.secret("New password again: ")
            guard first.isEqual(to: second) else { throw InputError.differ }
        }
        return try Password(utf8: first)
    }

    /// The bytes, without a last newline.
    func read(_ question: String) throws(InputError) -> SecretBytes {
        switch (file, descriptor) {
        case (nil, nil): return try Console.secret(question)
        case (.some, .some): throw .bothGiven
        case (let file?, nil):
            let opened = unsafe open(file, O_RDONLY | O_CLOEXEC)
            guard opened >= 0 else { throw .unreadable(file) }
            defer { close(opened) }
            return try drain(opened, named: file)
        case (nil, let descriptor?):
            return try drain(descriptor, named: "descriptor \(descriptor)")
        }
    }

    private static let capacity = 4096

    private func drain(_ descriptor: Int32, named name: String) throws(InputError) -> SecretBytes {
        var size = 0
        let buffer = try SecretBytes(count: Self.capacity + 1) {
            (bytes: inout MutableSpan<UInt8>) throws(InputError) in
            while size <= Self.capacity {
                let count = unsafe bytes.withUnsafeMutableBytes { raw in
                    guard let start = raw.baseAddress else { return 0 }
                    return unsafe Glibc.read(descriptor, start + size, raw.count - size)
                }
                if count == 0 { break }
                guard count > 0 else {
                    if errno == EINTR { continue }
                    throw .unreadable(name)
                }
                size += count
            }
            guard size <= Self.capacity else { throw .tooLong }
            if size > 0 && bytes[size - 1] == 0x0A { size -= 1 }
        }
        return buffer.withBytes { (bytes: Span<UInt8>) in SecretBytes(copying: bytes.extracting(first: size)) }
    }
}

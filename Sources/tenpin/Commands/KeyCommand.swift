import ArgumentParser
import Backup
import Foundation
import Secrets
import VaultClient

struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "The mode without a vault: 64 digits to write down.",
        discussion: """
            Backups made on this device from then on open with the digits, on any device, beside what else opens them.

              tenpin key new
              tenpin key show
              tenpin key import --digits-file digits.txt
            """,
        subcommands: [New.self, Show.self, Import.self])
}

extension KeyCommand {
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make 64 digits, and a backup key if there is none.",
            discussion: """
                Write the digits on paper; they stay on this device too, so that backups can name them.

                  tenpin key new
                """)
        @OptionGroup var device: DeviceOptions
        @Flag(help: "Make new digits in place of the ones this device has.") var replace = false

        func run() throws {
            var device = try device.open()
            guard device.state.digits == nil || replace else {
                throw ValidationError(
                    "This device has digits already; show them with `tenpin key show`, or make others with --replace."
                        + " The old ones keep opening the backups made with them.")
            }
            if device.state.key == nil {
                try device.keep(GenerationKey(generation: 1, key: SharedSecret(BackupKey().secret.duplicate())))
            }
            let digits = DigitsKey()
            try device.keepDigits(SharedSecret(digits.secret.duplicate()))
            Console.say("Write these 64 digits down; whoever has them opens the backups made from now on:")
            try printDigits(digits)
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the digits that this device has.", discussion: "  tenpin key show")
        @OptionGroup var device: DeviceOptions

        func run() throws {
            let device = try device.open()
            guard let digits = device.state.digits.flatMap({ DigitsKey($0.bytes.duplicate()) }) else {
                throw ValidationError("This device has no digits; make some with `tenpin key new`.")
            }
            try printDigits(digits)
        }
    }

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take digits over from paper.",
            discussion: """
                Spaces, dashes and line ends do not matter. With --backup they are tried on that backup first, and its \
                backup key is kept too.

                  tenpin key import --backup pictures.tenpin
                  tenpin key import --digits-file digits.txt --backup pictures.tenpin
                """)
        @OptionGroup var device: DeviceOptions
        @OptionGroup var digits: DigitsOptions
        @Option(help: ArgumentHelp("A backup that the digits open.", valueName: "file")) var backup: String?

        func run() throws {
            var device = try device.open()
            let digits = try digits.read()
            if let backup {
                let header = try BackupFile(opening: .file(backup)).header
                let key = try header.open(with: digits)
                try header.check(key)
                if !device.holdsKey(for: header) {
                    try device.keep(
                        GenerationKey(generation: header.generation, key: SharedSecret(key.secret.duplicate())),
                        wasBehindPassword: header.namesVault)
                }
            } else if device.state.key == nil {
                try device.keep(GenerationKey(generation: 1, key: SharedSecret(BackupKey().secret.duplicate())))
            }
            try device.keepDigits(SharedSecret(digits.secret.duplicate()))
            print("Took the digits over.")
        }
    }
}

/// Where 64 digits come from.
struct DigitsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read the 64 digits from this file.", valueName: "file"))
    var digitsFile: String?

    @Option(help: ArgumentHelp("Read the 64 digits from this open descriptor.", valueName: "number"))
    var digitsFd: Int32?

    var areGiven: Bool { digitsFile != nil || digitsFd != nil }

    func read() throws -> DigitsKey {
        try DigitsKey(parsing: SecretSource(file: digitsFile, descriptor: digitsFd).read("The 64 digits: "))
    }
}

/// Writes the digits to standard output without making a string of them.
private func printDigits(_ digits: borrowing DigitsKey) throws(BackupError) {
    let text = digits.formatted()
    let written = text.withBytes { (bytes: Span<UInt8>) in
        unsafe bytes.withUnsafeBytes { raw in unsafe write(STDOUT_FILENO, raw.baseAddress, raw.count) == raw.count }
    }
    guard written else { throw .io(code: errno, doing: "Writing to standard output") }
    print()
}

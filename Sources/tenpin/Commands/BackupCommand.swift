import ArgumentParser
import Backup
import Foundation
import Secrets
import VaultAPI
import VaultClient

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Encrypt a file, a folder or standard input with the backup key.",
        discussion: """
            The file opens with the backup key alone: from this device, from the vault with the password, or with the \
            64 digits, whichever there are.

              tenpin backup ~/Pictures --output pictures.tenpin
              pg_dump photos | tenpin backup - --output photos.tenpin
            """)

    @OptionGroup var device: DeviceOptions

    @Argument(help: "A file, a folder, or - for standard input.")
    var source: String

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The backup to write, or - for standard output.", valueName: "file"))
    var output: String

    func run() throws {
        let device = try device.open()
        guard let current = device.state.key, let key = BackupKey(current.key.bytes.duplicate()) else {
            throw Outcome.noKey(account: device.account.id)
        }
        let (generation, stanzas) = (current.generation, device.stanzas(for: key))
        // Other commands for the account need not wait for as long as this may take.
        _ = consume device
        let bar = ProgressBar("Backing up")
        defer { bar.finish() }
        let interrupt = Interrupt()
        let warnings: [BackupWarning]
        do throws(BackupError) {
            warnings = try BackupFile.write(
                source == "-" ? .stream(STDIN_FILENO) : .tree(source),
                to: output == "-" ? .descriptor(STDOUT_FILENO) : .file(output), key: key, generation: generation,
                stanzas: stanzas
            ) { (progress) throws(BackupError) in
                try interrupt.check()
                bar.update(done: progress.bytesDone, total: progress.bytesTotal)
            }
        } catch {
            throw IncompleteOutput.saying(error, of: output)
        }
        bar.finish()
        for warning in warnings { Console.say("tenpin: \(warning)") }
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Decrypt a backup.",
        discussion: """
            The target appears complete or not at all. On standard output wait for exit code 0 before you use what came.

              tenpin restore pictures.tenpin --into ~/Pictures
              tenpin restore photos.tenpin --output photos.sql
              tenpin restore pictures.tenpin --into ~/Pictures --digits-file digits.txt
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var digits: DigitsOptions

    @Argument(help: "The backup, or - for standard input.")
    var file: String

    @Option(help: ArgumentHelp("The folder to restore into: new, or empty.", valueName: "folder"))
    var into: String?

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The file to restore to, or - for standard output.", valueName: "file"))
    var output: String?

    func validate() throws {
        guard (into == nil) != (output == nil) else { throw ValidationError("Give either --into or --output.") }
    }

    func run() throws {
        let backup = try BackupFile(opening: file == "-" ? .descriptor(STDIN_FILENO) : .file(file))
        let key =
            if digits.areGiven { try backup.header.open(with: digits.read()) } else {
                try device.open().key(for: backup.header)
            }
        let target: BackupFile.Target =
            if let into { .folder(into) } else if let output, output != "-" { .file(output) } else {
                .descriptor(STDOUT_FILENO)
            }
        let bar = ProgressBar("Restoring")
        defer { bar.finish() }
        let interrupt = Interrupt()
        do throws(BackupError) {
            try backup.restore(with: key, to: target) { (progress) throws(BackupError) in
                try interrupt.check()
                bar.update(done: progress.bytesDone, total: progress.bytesTotal)
            }
        } catch {
            throw IncompleteOutput.saying(error, of: output)
        }
    }
}

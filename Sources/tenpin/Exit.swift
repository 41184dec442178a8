import ArgumentParser
import Backup
import Foundation
import Passwords
import Receipts
import TPM
import VaultAPI
import VaultClient

/// How the program ends: one sentence on standard error, and a code that says of what kind it is.
enum Exit: Int32 {
    case failed = 1
    case wrongPassword = 10
    case lockedOut = 11
    case unreachable = 12
    case notTrusted = 13
    case badBackup = 14
    case refused = 15
    case notBelieved = 16
    case usage = 64

    /// Prints what went wrong in a command, in one line, and gives the error to exit with.
    static func code(of error: any Error) -> any Error {
        switch error {
        // Help that was asked for.
        case _ where Tenpin.exitCode(for: error).isSuccess: return error
        case let error as VaultClientError: return Exit(error.plainReason).say(error)
        case let error as BackupError: return Exit(error).say(error)
        case let error as IncompleteOutput: return Exit(error.reason).say(error)
        case is ReceiptFlaw: return Exit.notBelieved.say(error)
        case let outcome as Outcome: return outcome.exit.say(outcome)
        case InputError.cancelled: return Exit.failed.say(error)
        case is ValidationError, is DigitsKeyError, is PasswordError, is InputError: return Exit.usage.say(error)
        default: return Exit.failed.say(error)
        }
    }

    private func say(_ error: any Error) -> ExitCode {
        // A file's name may hold anything, line ends and a terminal's commands too.
        var line = String("tenpin: \(error)".map { $0.isControl ? "?" : $0 })
        // What does not speak of guesses happened on this device alone.
        if !line.contains(/\bguess/) { line += " No guess was spent." }
        Console.say(line)
        return ExitCode(rawValue)
    }

    private init(_ reason: VaultClientError.Reason) {
        self =
            switch reason {
            case .unreachable, .connectionLost, .slow, .tooFew: .unreachable
            case .wrongOrLied: .wrongPassword
            case .notTrusted, .serverNotProven, .session, .brokenReply, .evaluationNotCounted, .falseAnswer, .notJudged:
                .notTrusted
            case .fault(.lockedOut): .lockedOut
            case .fault, .access, .recipe, .bundle, .wire, .burnt: .refused
            case .badAddress, .profile, .sameVault, .guesses: .usage
            case .notTheKey: .badBackup
            case .receipt: .notBelieved
            default: .failed
            }
    }

    private init(_ error: BackupError) {
        self =
            switch error {
            case .notABackup, .unsupportedVersion, .damaged, .truncated, .trailingBytes, .wrongKey, .unsafeEntry:
                .badBackup
            default: .failed
            }
    }
}

extension Character {
    fileprivate var isControl: Bool { unicodeScalars.contains { $0.properties.generalCategory == .control } }
}

/// What is no error of the program and yet not what the person wanted.
enum Outcome: Error, CustomStringConvertible {
    case wrongPassword(guessesLeft: UInt32)
    case lockedOut
    case noKey(account: String)
    case notThisBackups
    /// The vault says that there was nothing to burn.
    case goneByClaim
    /// The vault's journal does not fit the chip, or what this device saw before.
    case journalDoubted(HistoryDoubt)
    /// So many of several vaults have not burnt their slots that they are enough to guess with.
    case tooManyUnburnt(Int)
    /// A receipt that a program can have made.
    case emulatedReceipt
    /// A receipt of another chip than the one named.
    case otherChipsReceipt(Name)
    /// A receipt of another enrollment than the one that a backup names.
    case otherBackupsReceipt

    var exit: Exit {
        switch self {
        case .wrongPassword: .wrongPassword
        case .lockedOut: .lockedOut
        case .noKey: .failed
        case .notThisBackups: .badBackup
        case .goneByClaim, .tooManyUnburnt: .refused
        case .journalDoubted: .notTrusted
        case .emulatedReceipt, .otherChipsReceipt, .otherBackupsReceipt: .notBelieved
        }
    }

    var description: String {
        switch self {
        case .wrongPassword(0):
            "The password is wrong and a guess was spent; there is no guess left."
        case .wrongPassword(let left):
            "The password is wrong and a guess was spent; there \(left == 1 ? "is 1 guess" : "are \(left) guesses") left"
                + " by the vault's word."
        case .lockedOut:
            "The chip refuses further guesses, for the right password too; a device that still has the key can grant more"
                + " with `tenpin grant`. Without one the backups cannot be opened any more, and `tenpin enroll --replace`"
                + " starts afresh. No guess was spent."
        case .noKey(let account):
            "This device has no backup key for the account \(account); name another one with --account, or run"
                + " `tenpin recover`, `tenpin enroll` or `tenpin key new` first. No guess was spent."
        case .notThisBackups:
            "No key on this device opens this backup; check --account, recover its key with `tenpin recover`, or give its"
                + " digits with --digits-file. No guess was spent."
        case .goneByClaim:
            "The vault says that there is nothing left to burn, which it cannot prove: the old password may still work there;"
                + " this device tries again whenever it meets the vault. No guess was spent."
        case .journalDoubted(let doubt):
            "\(doubt) Ask the vault's operator, and change the password. No guess was spent."
        case .tooManyUnburnt(let count):
            "\(count) of the vaults have not proven that they burnt their slots, and together they are enough to guess with:"
                + " the old password may still work there; run this again when they answer. No guess was spent."
        case .emulatedReceipt:
            "The receipt's TPM is emulated, so its host can write any receipt; for a trial, allow it with"
                + " --allow-emulated. No guess was spent."
        case .otherChipsReceipt(let shown):
            "The receipt is by the chip \(shown.fingerprint), and not by the one you named. No guess was spent."
        case .otherBackupsReceipt:
            "The receipt is not for the enrollment that this backup names, or names none. No guess was spent."
        }
    }
}

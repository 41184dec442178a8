import ArgumentParser
import Backup
import Foundation
import Passwords
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
    case usage = 64

    /// Prints what went wrong where the argument parser would not, and gives the error to exit with.
    static func code(of error: any Error) -> any Error {
        guard let exit = Exit(error) else { return error }
        Console.say("tenpin: \(error)")
        return ExitCode(exit.rawValue)
    }

    private init?(_ error: any Error) {
        switch error {
        case let error as VaultClientError: self.init(error.reason)
        case let error as BackupError: self = Self.isTheBackups(error) ? .badBackup : .failed
        case let outcome as Outcome: self = outcome.exit
        case is DigitsKeyError, is PasswordError, is InputError, is AccountMissing: self = .usage
        case is DeviceStateError: self = .failed
        default: return nil
        }
    }

    private init(_ reason: VaultClientError.Reason) {
        self =
            switch reason {
            case .unreachable, .connectionLost: .unreachable
            case .notTrusted, .session, .brokenReply, .evaluationNotCounted: .notTrusted
            case .fault(.lockedOut): .lockedOut
            case .fault, .recipe, .bundle, .wire, .burnt: .refused
            case .badAddress, .profile: .usage
            default: .failed
            }
    }

    private static func isTheBackups(_ error: BackupError) -> Bool {
        switch error {
        case .notABackup, .unsupportedVersion, .damaged, .truncated, .trailingBytes, .wrongKey, .unsafeEntry: true
        default: false
        }
    }
}

/// What is no error of the program and yet not what the person wanted.
enum Outcome: Error, CustomStringConvertible {
    case wrongPassword(guessesLeft: UInt32)
    case lockedOut
    case noKey
    case notThisBackups

    var exit: Exit {
        switch self {
        case .wrongPassword: .wrongPassword
        case .lockedOut: .lockedOut
        case .noKey: .failed
        case .notThisBackups: .badBackup
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
                + " with `tenpin grant`, or start afresh with `tenpin enroll --replace`. No guess was spent."
        case .noKey:
            "This device has no backup key for the account; run `tenpin recover`, `tenpin enroll` or `tenpin key new`"
                + " first. No guess was spent."
        case .notThisBackups:
            "No key on this device opens this backup; recover it with `tenpin recover`, or give its digits with"
                + " --digits-file. No guess was spent."
        }
    }
}

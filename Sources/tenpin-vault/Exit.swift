import ArgumentParser
import Audit
import CommandOptions
import Foundation
import Receipts
import TPM
import TPMDevice
import Vault
import VaultAPI
import Varlink

/// One sentence on standard error, and an exit code that says of what kind the failure is.
enum Exit {
    /// Prints what went wrong in a command, in one line, and gives the error to exit with.
    static func code(of error: any Error) -> any Error {
        // Help that was asked for.
        guard !TenpinVault.exitCode(for: error).isSuccess, !(error is ExitCode) else { return error }
        let status: Int32 =
            switch error {
            case is ChipError: EX_UNAVAILABLE
            case let error as JournalNotClean: error.severity.exitCode
            case is HomeError, is VaultError: EX_CONFIG
            case StoreError.locked: EX_TEMPFAIL
            case is StoreError, VaultFault.storeUnavailable, is EvidenceFlaw, is ReceiptFlaw: EX_DATAERR
            case VaultFault.chipUnavailable, is VarlinkClientError: EX_UNAVAILABLE
            case is ValidationError: EX_USAGE
            case is TLSFault: EX_CONFIG
            default: EXIT_FAILURE
            }
        let sentence = (error as? ChipError)?.advice ?? "\(error)"
        let line = String(sentence.map { $0.isNewline ? " " : $0 })
        StandardError.write("tenpin-vault: \(line)\n")
        return ExitCode(status)
    }
}

extension ChipError {
    /// What happened and what to do, one sentence.
    fileprivate var advice: String {
        switch self {
        case .unreachable(let reason):
            "The TPM does not answer (\(reason)); check that --tcti names it and that this user may open it."
        case .refused(_, let code) where isWrongAuthorization:
            "The TPM wants its owner's authorization value (\(code)); give it with --owner-auth-file, --owner-auth-fd or a"
                + " systemd credential."
        case .refused(let command, let code):
            "The TPM refused \(command) with \(code); restart it, and if that does not help, use another chip."
        case .malformed, .unsatisfiable, .oversized:
            "The TPM does not do what a TPM 2.0 does (\(self)); use another chip."
        }
    }
}

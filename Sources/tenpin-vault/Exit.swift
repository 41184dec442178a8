import ArgumentParser
import Foundation
import TPMDevice
import Vault
import Varlink

/// One sentence on standard error, and an exit code that says of what kind the failure is.
enum Exit {
    /// Prints what went wrong where the argument parser would not, and gives the error to exit with.
    static func code(of error: any Error) -> any Error {
        let status: Int32? =
            switch error {
            case is ChipError: EX_UNAVAILABLE
            case is HomeError, is VaultError: EX_CONFIG
            case is ProvisionError, is VarlinkServerError: EXIT_FAILURE
            default: nil
            }
        guard let status else { return error }
        FileHandle.standardError.write(Data("tenpin-vault: \(error)\n".utf8))
        return ExitCode(status)
    }
}

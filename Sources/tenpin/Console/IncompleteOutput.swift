import Backup

/// Why what came on standard output is not all of it: unlike a file, it cannot be taken back.
struct IncompleteOutput: Error, CustomStringConvertible {
    let reason: BackupError

    var description: String {
        switch reason {
        case .interrupted: "Stopped as you asked; discard what came on standard output, it is incomplete."
        case .noSpace:
            "The disk or your quota is full; discard what came on standard output, free some space and start again."
        // Before anything came.
        case .wrongKey, .damaged(.header): reason.description
        default: "\(reason) Discard what came on standard output, it is incomplete."
        }
    }

    /// What to say of an error in writing to `output`, where `-` is standard output.
    static func saying(_ error: BackupError, of output: String?) -> any Error {
        output == "-" ? IncompleteOutput(reason: error) : error
    }
}

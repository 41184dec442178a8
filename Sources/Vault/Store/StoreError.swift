import GRDB

/// Why a store cannot be opened.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A later version has changed its tables.
    case laterVersion(String)
    case damaged(String)
    /// Another program writes to it.
    case locked(String)

    init?(_ error: DatabaseError, _ path: String) {
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .locked(path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged(path)
        default: return nil
        }
    }

    public var description: String {
        switch self {
        case .laterVersion(let path): "\(path) was written by a later version of tenpin-vault; use that one."
        case .damaged(let path): "\(path) is damaged; restore it from a copy."
        case .locked(let path): "\(path) is locked by another program; end that, and try again."
        }
    }
}

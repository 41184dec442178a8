import Glibc

/// Files with more names than a backup has met so far.
///
/// The fault: 1. a file with two names is read under one of them; 2. both are removed; 3. a new file with two names gets
/// its number, and would be backed up as one more name of the old contents. So size and time count too: a file that
/// was written to meanwhile is one of its own as well.
struct LinkedFiles {
    private struct State: Hashable {
        let identity: FileIdentity
        let size: off_t
        let seconds: Int
        let nanoseconds: Int
    }

    /// The first name met, and how many are left.
    private var known: [State: (name: [UInt8], left: UInt)] = [:]

    /// The name under which this file is in the archive already. A file of one name takes no memory here.
    mutating func firstName(of status: stat, elseKeeping name: [UInt8]) -> [UInt8]? {
        guard status.st_nlink > 1 else { return nil }
        let state = State(
            identity: status.identity, size: status.st_size, seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec)
        guard let first = known[state] else {
            known[state] = (name, UInt(status.st_nlink) - 1)
            return nil
        }
        known[state] = first.left > 1 ? (first.name, first.left - 1) : nil
        return first.name
    }
}

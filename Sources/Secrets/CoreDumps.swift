import CSodium
import Glibc

/// What becomes of this process's memory when it dies.
public enum CoreDumps {
    /// Why core dumps could not be switched off: the `errno` of the call that refused.
    public struct Refused: Error, Equatable, CustomStringConvertible {
        public let code: Int32
        public var description: String {
            "Core dumps cannot be switched off (error \(code)); run the program where prctl and setrlimit are allowed."
        }
    }

    /// Keeps this process from dumping core and from being read by a debugger of the same user.
    ///
    /// The attack: 1. the process is made to crash; 2. the dump, with every buffer that held a password, is on the disk.
    /// A limit of zero alone does not stop it: the kernel ignores the limit when dumps go to a pipe (core(5)).
    public static func forbid() throws(Refused) {
        guard tenpin_forbid_dumps() == 0 else { throw Refused(code: errno) }
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) == 0 else {
            throw Refused(code: errno)
        }
    }
}

import CSodium

/// Overwrites the bytes of `bytes` with zeros and leaves it empty (`sodium_memzero`).
///
/// It wipes this array's memory only: a second variable that holds the same array keeps its contents.
public func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { raw in
        if let start = raw.baseAddress { unsafe sodium_memzero(start, raw.count) }
    }
    bytes = []
}

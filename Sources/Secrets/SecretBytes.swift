import CSodium

/// Bytes that must not be copied, printed, swapped out or left behind.
///
/// The bytes live in libsodium's guarded memory (`sodium_malloc`: between guard pages, locked, left out of core dumps),
/// the value is move-only, and its end wipes them. `withBytes` is the one way in, so a search for it is the review.
@safe public struct SecretBytes: ~Copyable {
    /// The number of bytes.
    public let count: Int
    private let base: UnsafeMutableRawPointer

    /// Allocates `count` bytes and lets `fill` write them; they start as zeros.
    ///
    /// If `fill` throws, the memory is wiped and freed before the error goes on.
    public init<E: Error>(count: Int, fill: (inout MutableSpan<UInt8>) throws(E) -> Void) throws(E) {
        precondition(count >= 0, "a secret has no negative size")
        precondition(Self.libraryIsReady, "libsodium did not initialize")
        guard let base = unsafe sodium_malloc(max(count, 1)) else {
            preconditionFailure("no memory for a secret of \(count) bytes")
        }
        unsafe sodium_memzero(base, max(count, 1))
        self.count = count
        unsafe self.base = base
        var span = unsafe MutableSpan<UInt8>(
            _unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count)
        try fill(&span)
    }

    /// `count` bytes from libsodium's random generator.
    public init(random count: Int) {
        self.init(count: count) { (bytes: inout MutableSpan<UInt8>) in
            unsafe bytes.withUnsafeMutableBytes { raw in
                if let start = raw.baseAddress { unsafe randombytes_buf(start, raw.count) }
            }
        }
    }

    /// A copy of bytes that somebody else holds; wiping those is the caller's work.
    public init(copying source: Span<UInt8>) {
        self.init(count: source.count) { (bytes: inout MutableSpan<UInt8>) in
            for index in source.indices { bytes[index] = source[index] }
        }
    }

    /// Takes over the contents of `source` and overwrites them there.
    public init(wiping source: inout [UInt8]) {
        self.init(copying: source.span)
        wipe(&source)
    }

    deinit { unsafe sodium_free(base) }

    /// Lends the bytes for the length of `body`. Nothing in `body` may keep or copy them into unwiped memory.
    public func withBytes<R: ~Copyable, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let span = unsafe Span<UInt8>(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count)
        return try body(span)
    }

    /// Compares in a time that depends on the sizes alone (`sodium_memcmp`).
    public func isEqual(to other: borrowing SecretBytes) -> Bool {
        unsafe count == other.count && sodium_memcmp(base, other.base, count) == 0
    }

    /// A second secret with the same bytes.
    public func duplicate() -> SecretBytes {
        withBytes { (bytes: Span<UInt8>) in SecretBytes(copying: bytes) }
    }

    /// The bytes as ordinary memory, where they stop being a secret: an HMAC or a nonce on its way to others.
    public var published: [UInt8] {
        withBytes { (bytes: Span<UInt8>) in bytes.indices.map { bytes[$0] } }
    }

    /// Lends the memory to a call of libsodium that reads it. Never outside this module.
    @unsafe func withPointer<R: ~Copyable>(_ body: (UnsafePointer<UInt8>) -> R) -> R {
        unsafe body(UnsafePointer(base.assumingMemoryBound(to: UInt8.self)))
    }

    /// Lends the memory to a call of libsodium that writes it. Never outside this module.
    @unsafe mutating func withMutablePointer<R: ~Copyable>(_ body: (UnsafeMutablePointer<UInt8>) -> R) -> R {
        unsafe body(base.assumingMemoryBound(to: UInt8.self))
    }

    private static let libraryIsReady = sodium_init() >= 0
}

extension SecretBytes: @unchecked Sendable {}  // one value owns the pointer, and only a mutation of it writes there

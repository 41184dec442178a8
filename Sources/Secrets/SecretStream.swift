import CSodium

/// A chain of encrypted messages that cannot be reordered, dropped or cut short
/// (libsodium's `crypto_secretstream_xchacha20poly1305`).
public enum SecretStream {
    /// The key's size in bytes.
    public static let keySize = 32
    /// The size of the public header that starts a stream.
    public static let headerSize = 24
    /// What sealing adds to the size of a message.
    public static let overhead = 17

    /// Whether a message is the last one.
    public enum Tag: UInt8, Sendable {
        case message = 0x00
        case final = 0x03
    }

    /// The sending end. Its state is wiped at the end of its life.
    public struct Push: ~Copyable {
        private var state: SecretBytes
        /// 24 public bytes that the receiving end starts from.
        public let header: [UInt8]

        /// Starts a stream with a random header. A key of 32 bytes may serve for many streams.
        public init(key: borrowing SecretBytes) {
            precondition(key.count == keySize, "a stream's key has \(keySize) bytes")
            var state = newState()
            var header = [UInt8](repeating: 0, count: headerSize)
            unsafe key.withPointer { key in
                unsafe withState(&state) { state in
                    _ = unsafe crypto_secretstream_xchacha20poly1305_init_push(state, &header, key)
                }
            }
            self.state = state
            self.header = header
        }

        /// Seals one message into the first bytes of `sealed`: as many as the message has, and 17 more.
        public mutating func push(
            _ message: Span<UInt8>, tag: Tag, associatedData: [UInt8], into sealed: inout MutableSpan<UInt8>
        ) {
            precondition(sealed.count >= message.count + overhead, "a sealed message is \(overhead) bytes longer")
            unsafe message.withUnsafeBufferPointer { message in
                unsafe sealed.withUnsafeMutableBufferPointer { sealed in
                    unsafe withState(&state) { state in
                        _ = unsafe crypto_secretstream_xchacha20poly1305_push(
                            state, sealed.baseAddress, nil, message.baseAddress, UInt64(message.count),
                            associatedData, UInt64(associatedData.count), tag.rawValue)
                    }
                }
            }
        }
    }

    /// The receiving end. Its state is wiped at the end of its life.
    public struct Pull: ~Copyable {
        private var state = newState()

        /// Starts from the header of 24 bytes that the sending end made.
        public init(key: borrowing SecretBytes, header: [UInt8]) {
            precondition(key.count == keySize, "a stream's key has \(keySize) bytes")
            precondition(header.count == headerSize, "a stream's header has \(headerSize) bytes")
            unsafe key.withPointer { key in
                unsafe withState(&state) { state in
                    _ = unsafe crypto_secretstream_xchacha20poly1305_init_pull(state, header, key)
                }
            }
        }

        /// Opens the next message into the first bytes of `message`: as many as `sealed` has, but for 17.
        ///
        /// A message that does not open leaves the stream where it was and nothing of itself in `message`.
        public mutating func pull(
            _ sealed: Span<UInt8>, associatedData: [UInt8], into message: inout MutableSpan<UInt8>
        ) throws(AEADError) -> Tag {
            guard sealed.count >= overhead else { throw .notAuthentic }
            precondition(message.count >= sealed.count - overhead, "an opened message is \(overhead) bytes shorter")
            var rawTag: UInt8 = 0
            var status: Int32 = -1
            unsafe sealed.withUnsafeBufferPointer { sealed in
                unsafe message.withUnsafeMutableBufferPointer { message in
                    unsafe withState(&state) { state in
                        status = unsafe crypto_secretstream_xchacha20poly1305_pull(
                            state, message.baseAddress, nil, &rawTag, sealed.baseAddress, UInt64(sealed.count),
                            associatedData, UInt64(associatedData.count))
                    }
                }
            }
            guard status == 0, let tag = Tag(rawValue: rawTag) else { throw .notAuthentic }
            return tag
        }
    }

    private static func newState() -> SecretBytes {
        SecretBytes(random: MemoryLayout<crypto_secretstream_xchacha20poly1305_state>.size)
    }

    private static func withState(
        _ bytes: inout SecretBytes,
        _ body: (UnsafeMutablePointer<crypto_secretstream_xchacha20poly1305_state>) -> Void
    ) {
        unsafe bytes.withMutablePointer { bytes in
            unsafe bytes.withMemoryRebound(
                to: crypto_secretstream_xchacha20poly1305_state.self, capacity: 1, body)
        }
    }
}

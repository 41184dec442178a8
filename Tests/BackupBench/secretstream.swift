// libsodium's secret stream and nothing else: SIZE bytes out of one buffer, in chunks as Tenpin's. Prints the seconds that
// sealing them and opening them took.
//
//     secretstream SIZE
import CSodium

let chunk = 65_536
let overhead = Int(crypto_secretstream_xchacha20poly1305_abytes())
guard sodium_init() >= 0, CommandLine.arguments.count == 2, let size = Int(CommandLine.arguments[1]) else { exit(64) }

let contents = UnsafeMutablePointer<UInt8>.allocate(capacity: chunk)
let sealed = UnsafeMutablePointer<UInt8>.allocate(capacity: chunk + overhead)
let associatedData = [UInt8](repeating: 7, count: 32)
var key = [UInt8](repeating: 0, count: 32)
var header = [UInt8](repeating: 0, count: 24)
var state = crypto_secretstream_xchacha20poly1305_state()
crypto_secretstream_xchacha20poly1305_keygen(&key)
randombytes_buf(contents, chunk)

let clock = ContinuousClock()
let sealing = clock.measure {
    _ = crypto_secretstream_xchacha20poly1305_init_push(&state, &header, key)
    for _ in 0..<size / chunk {
        _ = crypto_secretstream_xchacha20poly1305_push(
            &state, sealed, nil, contents, UInt64(chunk), associatedData, 32, 0)
    }
}

// The same chunk is opened each time, by a state that is put back: opening is what costs.
_ = crypto_secretstream_xchacha20poly1305_init_push(&state, &header, key)
_ = crypto_secretstream_xchacha20poly1305_push(&state, sealed, nil, contents, UInt64(chunk), associatedData, 32, 0)
var start = crypto_secretstream_xchacha20poly1305_state()
_ = crypto_secretstream_xchacha20poly1305_init_pull(&start, header, key)
let opening = clock.measure {
    for _ in 0..<size / chunk {
        state = start
        var tag: UInt8 = 0
        let opened = crypto_secretstream_xchacha20poly1305_pull(
            &state, contents, nil, &tag, sealed, UInt64(chunk + overhead), associatedData, 32)
        guard opened == 0 else { exit(1) }
    }
}
print(sealing / .seconds(1), opening / .seconds(1))

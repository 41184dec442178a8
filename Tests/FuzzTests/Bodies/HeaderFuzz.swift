import Secrets

@testable import Backup

/// A backup's header. Inputs that only lack their MAC get it, so that hostile headers by who has the key are tried too.
enum HeaderFuzz: FuzzBody {
    static let largest = 2048
    private static let keyID = BackupInput.key.id
    private static let headerKey = BackupInput.key.headerKey

    static func take(_ bytes: [UInt8]) throws(Finding) {
        try read(bytes, hasMAC: false)
        guard bytes.count > HMACSHA256.size else { return }
        let body = Array(bytes.dropLast(HMACSHA256.size))
        try read(body + HMACSHA256.tag(of: body, key: headerKey), hasMAC: true)
    }

    private static func read(_ bytes: [UInt8], hasMAC: Bool) throws(Finding) {
        guard let backup = attempt({ () throws(BackupError) in try BackupInput.open(bytes) }) else { return }
        let header = backup.header
        let encoded = header.encoded
        try must(bytes.starts(with: encoded), "a header has one encoding")
        try must(header.stanzas.allSatisfy { $0.body.count <= Stanza.maximumBody }, "a stanza is bounded")
        let opens = attempt { () throws(BackupError) in try header.check(BackupInput.key) } != nil
        if opens { try mustEqual(header.keyID, keyID, "a header that opens names its key") }
        if hasMAC, encoded.count == bytes.count, header.keyID == keyID {
            try must(opens, "a header with its MAC opens")
            // Written anew from what was read, it differs in the random file id and in the MAC alone.
            guard
                let again = attempt({ () throws(BackupError) in
                    try BackupHeader(
                        content: header.content, key: BackupInput.key, generation: header.generation,
                        stanzas: header.stanzas)
                })
            else { throw Finding(description: "a header that was read cannot be written") }
            try must(
                again.encoded.count == encoded.count && again.encoded[..<48] == encoded[..<48]
                    && again.encoded.dropFirst(80).dropLast(32) == encoded.dropFirst(80).dropLast(32),
                "what a header says has one encoding")
        }
        try must(
            attempt { () throws(BackupError) in try header.check(BackupInput.otherKey) } == nil,
            "no header opens with another key")
    }

    static func seeds() throws -> [[UInt8]] {
        let id = [UInt8](repeating: 0x11, count: 16)
        let hash = [UInt8](repeating: 0x22, count: 32)
        func stanza(_ confirmation: [UInt8]?) -> Stanza? {
            VaultStanza(
                account: "käthe@example.org", enrollmentID: id, recipeHash: hash, confirmation: confirmation
            ).map(Stanza.vault)
        }
        guard let vault = stanza(hash), let old = stanza(nil) else { return [] }
        let digits = DigitsStanza(wrapping: BackupInput.key, under: DigitsKey())
        return try [
            [], [vault], [old, .digits(digits), .unknown(type: 999, body: [1, 2, 3])],
        ].map { stanzas in
            try BackupHeader(content: .stream, key: BackupInput.key, generation: 3, stanzas: stanzas).encoded
        }
    }
}

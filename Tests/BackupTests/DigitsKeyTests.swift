import Secrets
import TestSupport
import Testing

@testable import Backup

@Suite struct DigitsKeyTests {
    static let plain = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

    func parse(_ text: String) throws(DigitsKeyError) -> DigitsKey {
        try DigitsKey(parsing: SecretBytes(copying: Array(text.utf8).span))
    }

    func text(_ secret: borrowing SecretBytes) -> String {
        secret.withBytes { (bytes: Span<UInt8>) in
            String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        }
    }

    @Test("digits are shown in groups of four, four groups a line or all on one")
    func formatted() throws {
        let key = try parse(Self.plain)
        let lines = text(key.formatted())
        let line = text(key.formatted(.line))
        #expect(
            lines == """
                0001 0203 0405 0607
                0809 0a0b 0c0d 0e0f
                1011 1213 1415 1617
                1819 1a1b 1c1d 1e1f
                """)
        #expect(line == lines.split(separator: "\n").joined(separator: " "))
    }

    @Test("what is shown can be typed back, with spaces, dashes, line ends and capitals as one likes")
    func forgiving() throws {
        let key = DigitsKey()
        for shown in [
            text(key.formatted()), text(key.formatted(.line)), text(key.formatted()).uppercased(),
            text(key.formatted()).replacing(" ", with: "-"), text(key.formatted()).replacing(" ", with: ""),
            "  " + text(key.formatted(.line)).replacing(" ", with: "\t") + "\r\n",
        ] {
            let isSame = try parse(shown).secret.isEqual(to: key.secret)
            #expect(isSame)
        }
    }

    @Test("missing and superfluous digits are counted")
    func counted() {
        #expect(throws: DigitsKeyError.missing(64)) { _ = try parse("") }
        #expect(throws: DigitsKeyError.missing(1)) { _ = try parse(String(Self.plain.dropLast())) }
        #expect(throws: DigitsKeyError.missing(4)) { _ = try parse(String(Self.plain.dropFirst(4))) }
        #expect(throws: DigitsKeyError.tooMany(1)) { _ = try parse(Self.plain + "0") }
        #expect(DigitsKeyError.missing(4).description.hasPrefix("4 of the 64 digits are missing"))
    }

    @Test("a character that is no digit is named, with its group")
    func named() {
        #expect(throws: DigitsKeyError.notHexadecimal("o", afterDigits: 5)) { _ = try parse("0001 0o03") }
        #expect(throws: DigitsKeyError.notHexadecimal("é", afterDigits: 0)) { _ = try parse("é" + Self.plain) }
        #expect(throws: DigitsKeyError.notHexadecimal("_", afterDigits: 4)) { _ = try parse("0001_0203") }
        #expect(
            DigitsKeyError.notHexadecimal("o", afterDigits: 5).description
                == "“o” after digit 5 is none of 0 to 9 and a to f; look at group 2 of your note.")
        #expect(!DigitsKeyError.notHexadecimal("\u{1B}", afterDigits: 0).description.contains("\u{1B}"))
    }

    @Test("two sets of digits are not the same")
    func random() {
        let isSame = DigitsKey().secret.isEqual(to: DigitsKey().secret)
        #expect(!isSame)
    }

    func header(_ stanzas: [Stanza], key: UInt8 = 7) throws -> BackupHeader {
        let scratch = Scratch()
        let backup = try sealedStream([1], stanzas: stanzas, key: key)
        return try BackupFile(opening: .file(scratch.write(backup, to: "backup"))).header
    }

    @Test("the digits open the backup key, whichever stanza they belong to")
    func open() throws {
        let one = DigitsKey()
        let two = DigitsKey()
        let header = try header([
            .unknown(type: 77, body: []), .digits(DigitsStanza(wrapping: testKey(), under: one)),
            .digits(DigitsStanza(wrapping: testKey(), under: two)),
        ])
        for id in [try header.open(with: one).id, try header.open(with: two).id] { #expect(id == testKey().id) }
    }

    @Test("one wrong digit is a wrong key, and so are the digits of another backup")
    func wrong() throws {
        let digits = try parse(Self.plain)
        let header = try header([.digits(DigitsStanza(wrapping: testKey(), under: digits))])
        let mistyped = try parse("1" + Self.plain.dropFirst())
        #expect(throws: BackupError.wrongKey) { _ = try header.open(with: mistyped) }
        #expect(throws: BackupError.wrongKey) { _ = try header.open(with: DigitsKey()) }
        let without = try self.header([])
        #expect(throws: BackupError.wrongKey) { _ = try without.open(with: digits) }
    }

    @Test("a stanza moved to a file of another key does not open there")
    func moved() throws {
        let digits = try parse(Self.plain)
        let stanza = DigitsStanza(wrapping: testKey(7), under: digits)
        let header = try header([.digits(stanza)], key: 8)
        #expect(throws: BackupError.wrongKey) { _ = try header.open(with: digits) }
    }

    @Test("the digits are not the backup key, and what wraps it does not show either")
    func separate() throws {
        let digits = try parse(Self.plain)
        let stanza = DigitsStanza(wrapping: testKey(), under: digits)
        #expect(stanza.wrapped.count == 72)
        let again = DigitsStanza(wrapping: testKey(), under: digits)
        #expect(stanza != again)
        let isSame = try header([.digits(stanza)]).open(with: digits).secret.isEqual(to: digits.secret)
        #expect(!isSame)
    }

    @Test("a backup key has 32 bytes")
    func keySize() {
        let short = BackupKey(SecretBytes(random: 31)) == nil
        let right = BackupKey(SecretBytes(random: 32)) != nil
        #expect(short && right)
    }
}

import Foundation
import TPM
import TestSupport
import Testing

@testable import VaultClient

@Suite struct KnownVaultsTests {
    static func name(_ byte: UInt8) throws -> Name {
        try Name(parsing: [0, 0x0B] + [UInt8](repeating: byte, count: 32))
    }

    static func known() throws -> KnownVaults {
        KnownVaults([
            .init(name: try name(1), address: "unix:/one", date: "2025-01-31", comment: "the first one"),
            .init(name: try name(2), address: "unix:/a place/100%", date: "2025-02-01"),
        ])
    }

    @Test("a pinned vault is known at its address and elsewhere, a new one is unknown")
    func standing() throws {
        let known = try Self.known()
        #expect(known.standing(of: try Self.name(1), at: "unix:/one") == .pinned)
        #expect(known.standing(of: try Self.name(1), at: "unix:/moved") == .pinned)
        #expect(known.standing(of: try Self.name(3), at: "unix:/new") == .unknown)
    }

    @Test("another vault at a pinned address is refused, even one that is pinned elsewhere")
    func changed() throws {
        let known = try Self.known()
        #expect(known.standing(of: try Self.name(3), at: "unix:/one") == .changed([try Self.name(1)]))
        #expect(known.standing(of: try Self.name(2), at: "unix:/one") == .changed([try Self.name(1)]))
        let text = TrustRefusal.changed(
            address: "unix:/one", pinned: [try Self.name(1)], shown: try Self.name(3)
        ).description
        #expect(text.contains("01010101") && text.contains("03030303"))
    }

    @Test("the file gives back what was pinned and removed")
    func file() throws {
        try DeviceStateTests.withHome { home in
            #expect(try KnownVaults(home: home).entries.isEmpty)
            let known = try Self.known()
            try KnownVaults.update(in: home) { file in for entry in known.entries { file.pin(entry) } }
            #expect(try KnownVaults(home: home) == known)
            var removed = [false, false]
            let (first, absent) = (try Self.name(1), try Self.name(9))
            try KnownVaults.update(in: home) { removed = [$0.remove(first), $0.remove(absent)] }
            #expect(removed == [true, false])
            #expect(try KnownVaults(home: home).entries.map(\.name) == [try Self.name(2)])
        }
    }

    @Test("a line that is not a pinned vault is named, and the file is left as it is")
    func badLine() throws {
        let name = try Self.name(1).description
        for line in [
            "hello", name, "\(name) unix:/one", "\(name)00 unix:/one 2025-01-31", "zz unix:/one 2025-01-31",
            "\(name) unix:/one 2025-01-31 over\u{C}here", "\(name) unix:/one 2025-01-31\r",
        ] {
            #expect(throws: DeviceStateError.badLine("file", 2)) {
                _ = try KnownVaults(parsing: "# comment\n\(line)\n", path: "file")
            }
        }
    }

    @Test("no line end hides in a character, so that a pin is not read as the comment of another")
    func lineEnds() throws {
        let (one, two) = (try Self.name(1), try Self.name(2))
        let marked = "\(one) unix:/one 2025-01-31 a\n\u{301}\n\(two) unix:/two 2025-01-31\n"
        #expect(throws: DeviceStateError.badLine("file", 2)) { _ = try KnownVaults(parsing: marked, path: "file") }
        let windows = "\(one) unix:/one 2025-01-31\r\n\(two) unix:/two 2025-01-31\r\n"
        #expect(throws: DeviceStateError.badLine("file", 1)) { _ = try KnownVaults(parsing: windows, path: "file") }
    }

    @Test("a comment with control characters is written without them, and reads back")
    func controlCharacters() throws {
        let known = KnownVaults([
            .init(
                name: try Self.name(1), address: "unix:/a\nb", date: "2025-01-31",
                comment: "at\u{C} home\n\u{85}\u{2028}")
        ])
        let read = try KnownVaults(parsing: known.text, path: "file")
        #expect(read.entries.map(\.comment) == ["at home\u{2028}"])
        #expect(read.entries.map(\.address) == ["unix:/a\nb"])
        #expect(try KnownVaults(parsing: read.text, path: "file") == read)
    }

    @Test("a fingerprint is the Name's digits and reads back")
    func fingerprint() throws {
        let name = try Fixture.name()
        #expect(name.fingerprint.filter { $0 != " " } == Fixture.endorsement)
        #expect(Name(digits: name.fingerprint) == name)
        #expect(Name(digits: Fixture.endorsement.uppercased()) == name)
        for text in ["", "000b", "0", "000b+1", String(Fixture.endorsement.dropLast(2))] {
            #expect(Name(digits: text) == nil)
        }
    }
}

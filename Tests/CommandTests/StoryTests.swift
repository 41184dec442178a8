import Foundation
import ProgramTestSupport
import Testing

/// The story that the README tells, played by the programs.
@Suite(.timeLimit(.minutes(5))) struct StoryTests {
    static let password = "Tränen & 10 pins"
    static let later = "another-sentence-for-later"

    @Test("a person gets the backup back with the password, through every command, and nothing secret shows")
    func story() async throws {
        try await Stage.bare { stage in
            let desk = stage.desk
            let first = try json(try await stage.provision("--json"))
            let again = try json(try await stage.provision("--json"))
            #expect(NSDictionary(dictionary: first) == NSDictionary(dictionary: again))
            #expect(first["emulated"] as? Bool == true)
            let serving = try await stage.serve()
            #expect(serving.errors == "ready: serving on \(stage.socket)\n")
            #expect(try mode(stage.socket) == 0o600)

            // Enroll, and back up.
            let enrolled = try json(
                try await stage.at(
                    "phone", "enroll", password: Self.password, "--memory", "64", "--passes", "3", "--limit", "5",
                    "--json"))
            #expect(enrolled["account"] as? String == "alice")
            #expect(enrolled["generation"] as? Int == 1)
            #expect(enrolled["limit"] as? Int == 5)
            #expect(enrolled["emulated"] as? Bool == true)
            #expect(enrolled["endorsementName"] as? String == first["endorsementName"] as? String)
            #expect((enrolled["enrollment"] as? String)?.count == 32)
            try await makeTree(desk)
            let backup = try await desk.done(
                .tenpin, ["backup", "originals", "--output", "cloud.tenpin", "--home", "phone", "--account", "alice"])
            #expect(backup.bytes.isEmpty && backup.errors.isEmpty)
            #expect(try mode(desk("cloud.tenpin")) == 0o600)

            // Lose the phone; another one has only the file and the password.
            try FileManager.default.moveItem(atPath: desk("phone"), toPath: desk("lost-phone"))
            expectFailure(
                try await desk.run(
                    .tenpin, ["restore", "cloud.tenpin", "--into", "x", "--home", "new", "--account", "alice"]),
                1, "no backup key for the account alice", "tenpin recover")
            expectFailure(try await stage.at("new", "recover", password: "guess"), 10, "was spent", "4 guesses left")
            let recovered = try json(
                try await stage.at("new", "recover", password: Self.password, "--backup", "cloud.tenpin", "--json"))
            #expect(recovered["generation"] as? Int == 1)
            #expect(recovered["guessesLeft"] as? Int == 4)
            #expect(recovered["refunded"] as? Bool == true)
            #expect(recovered["olderKeys"] as? Int == 0)
            try await restoreAndCompare(desk, "cloud.tenpin", home: "new", into: "restored")

            // How it stands; more guesses; a new password.
            let status = try json(try await stage.at("new", "status", "alice", password: nil, "--json"))
            #expect(status["count"] as? Int == 3)
            #expect(status["ceiling"] as? Int == 7)
            #expect(status["guessesLeft"] as? Int == 4)
            #expect(status["proven"] as? Bool == true)
            #expect(status["notProvenYours"] as? Int == 1)
            let granted = try json(
                try await stage.at("new", "grant", "alice", password: nil, "--guesses", "2", "--yes", "--json"))
            #expect(granted["guessesLeft"] as? Int == 6)
            let changed = try json(
                try await stage.at(
                    "new", "change-password", password: Self.later, "--memory", "64", "--passes", "3", "--json"))
            #expect(changed["generation"] as? Int == 2)
            expectFailure(try await stage.at("third", "recover", password: Self.password), 10, "9 guesses left")
            let third = try await stage.at("third", "recover", password: Self.later)
            #expect(third.status == 0, "\(third.errors)")
            #expect(
                third.output.hasPrefix("Recovered backup key 2 of alice; 9 guesses left.\nThe vault's TPM: EMULATED: "))
            try await restoreAndCompare(desk, "cloud.tenpin", home: "third", into: "restored again")

            // And the end.
            let forgotten = try await stage.at("third", "forget", "alice", password: nil, "--yes")
            #expect(forgotten.output == "The vault has forgotten alice.\n", "\(forgotten.errors)")
            expectFailure(try await stage.at("fourth", "recover", password: Self.later), 15, "keeps nothing", "enroll")
            #expect(try await stage.stop().status == 0)
            #expect(!FileManager.default.fileExists(atPath: stage.socket))

            for home in ["lost-phone", "new", "third"] { try expectPrivate(desk, home) }
            try expectPrivate(desk, "vault")
            try expectNothingSecretShown(desk, homes: ["lost-phone", "new", "third"])
        }
    }

    @Test("the guesses end with the limit, for the right password too, and the device says so")
    func lockedOut() async throws {
        try await Stage.with { stage in
            try await stage.enroll("phone", password: Self.password, limit: 1)
            expectFailure(try await stage.at("thief", "recover", password: "a"), 10, "there is no guess left")
            expectFailure(try await stage.at("thief", "recover", password: "b"), 11, "refuses further guesses")
            expectFailure(try await stage.at("phone", "recover", password: Self.password), 11, "tenpin grant")
            // Who has the key can say that there may be more.
            let granted = try await stage.at("phone", "grant", "alice", password: nil, "--guesses", "1", "--yes")
            #expect(granted.status == 0, "\(granted.errors)")
            let recovered = try await stage.at("new", "recover", password: Self.password)
            #expect(recovered.status == 0, "\(recovered.errors)")
            // On a terminal or not, a person with one guess left is told what to do.
            #expect(recovered.errors.contains("tenpin change-password"))
        }
    }

    /// A folder with what folders have.
    private func makeTree(_ desk: Desk) async throws {
        let ended = try await desk.run([
            "bash", "-c",
            """
            set -e
            mkdir -p 'originals/empty folder' originals/private
            head -c 300000 /dev/urandom >originals/photo.raw
            printf 'Grüße' >$'originals/Ünïcode\\non two lines'
            printf 'a sentence nobody else may read' >originals/private/diary
            ln -s private/diary originals/link; ln -s /nowhere 'originals/dangling link'
            chmod 0444 originals/photo.raw; chmod 0600 originals/private/diary
            touch -d '1999-12-31 23:59:59.25 UTC' originals/private/diary
            chmod 0500 originals/private
            touch -d '2001-02-03 04:05:06 UTC' originals/private 'originals/empty folder'
            """,
        ])
        try #require(ended.status == 0, "\(ended.errors)")
    }

    private func restoreAndCompare(_ desk: Desk, _ backup: String, home: String, into target: String) async throws {
        let restored = try await desk.done(
            .tenpin, ["restore", backup, "--into", target, "--home", home, "--account", "alice"])
        #expect(restored.bytes.isEmpty && restored.errors.isEmpty)
        let difference = try await desk.run(["diff", "-r", "--no-dereference", "originals", target])
        #expect(difference.status == 0, "\(difference.output)\(difference.errors)")
        var lists: [String] = []
        for folder in ["originals", target] {
            let list =
                "find . -mindepth 1 -type f,l -printf '%P|%m|%T@|%l\\n'; find . -mindepth 1 -type d -printf '%P|%m|%T@\\n'"
            lists.append(try await desk.run(["bash", "-c", "cd \"$0\"; { \(list); } | sort", folder]).output)
        }
        #expect(lists[0] == lists[1])
        #expect(lists[0].contains("diary|600|946684799.25"))
    }

    /// Files and folders for their owner alone.
    private func expectPrivate(_ desk: Desk, _ home: String) throws {
        for name in [home] + desk.tree(home).map({ "\(home)/\($0)" }) {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: desk(name), isDirectory: &isFolder)
            #expect(try mode(desk(name)) == (isFolder.boolValue ? 0o700 : 0o600), "\(name)")
        }
    }

    /// No password and no key in anything that was printed, in a file's name, or at the vault.
    private func expectNothingSecretShown(_ desk: Desk, homes: [String]) throws {
        var secrets: [(name: String, bytes: [UInt8])] = [Self.password, Self.later].map { ($0, Array($0.utf8)) }
        for home in homes {
            let state = try #require(desk.tree(home).first { $0.hasSuffix("/state") })
            let keys = try Self.keys(in: try #require(desk.bytes("\(home)/\(state)")))
            #expect(!keys.isEmpty)
            for (index, key) in keys.enumerated() { secrets.append(("key \(index) of \(home)", key)) }
        }
        #expect(secrets.count > 6)
        let names = desk.tree("").filter { !$0.hasPrefix("originals") && !$0.hasPrefix("restored") }
        let vault = desk.tree("vault").compactMap { desk.bytes("vault/\($0)") }
        for (name, bytes) in secrets {
            let forms = [
                bytes, Array(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined().utf8),
                Array(Data(bytes).base64EncodedString().utf8),
            ]
            for form in forms {
                for place in desk.everythingShown + vault + names.map({ Array($0.utf8) }) {
                    #expect(Data(place).range(of: Data(form)) == nil, "\(name)")
                }
            }
        }
    }

    /// The secrets of a device's state file: magic, the size of a JSON text, the text, 32 bytes each, a checksum.
    static func keys(in state: [UInt8]) throws -> [[UInt8]] {
        let magic = Array("tenpin device 1\n".utf8)
        try #require(state.starts(with: magic))
        let size = state[magic.count..<magic.count + 4].reduce(0) { $0 << 8 | Int($1) }
        let secrets = state[(magic.count + 4 + size)...].dropLast(32)
        return stride(from: secrets.startIndex, to: secrets.endIndex, by: 32).map { Array(secrets[$0..<$0 + 32]) }
    }
}

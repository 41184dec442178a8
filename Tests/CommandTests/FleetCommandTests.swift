import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// Three vaults and the commands of a person, played by the programs.
@Suite(.timeLimit(.minutes(5))) struct FleetCommandTests {
    static let password = "one sentence for three"
    static let later = "another sentence for three"

    @Test("a person goes through every command with three vaults, and one of them is lost on the way")
    func story() async throws {
        try await Fleet.with { fleet in
            // Enroll: all of them are needed now, and it is said what the numbers mean.
            fleet[1].kill()
            expectFailure(
                try await fleet.at("phone", "enroll", password: Self.password, Fleet.quick), 12, "vault-1.sock",
                "Nobody answers")
            try await fleet[1].serve()
            let told = try await fleet.at(
                "phone", "enroll", password: Self.password, Fleet.quick + ["--even-if-one-chip-is-broken", "--json"])
            let enrolled = try json(told)
            #expect(enrolled["threshold"] as? Int == 2 && (enrolled["vaults"] as? [Any])?.count == 3)
            #expect(enrolled["limit"] as? Int == 7, "\(enrolled)")
            let twice = try await fleet.at("phone", "enroll", password: Self.password, Fleet.quick)
            expectFailure(twice, 15, "enrolled already")

            // A backup names the enrollment, and the recovery holds to it.
            fleet.desk.write("a photo", to: "photo")
            try await fleet.desk.done(
                .tenpin, ["backup", "photo", "--output", "cloud.tenpin", "--home", "phone", "--account", "alice"])
            fleet[2].kill()
            let wrong = try await fleet.at("tablet", "recover", password: "a guess")
            expectFailure(wrong, 10, "unless one of the vaults lies", "4 guesses left")
            let recovered = try json(
                try await fleet.at(
                    "tablet", "recover", password: Self.password, ["--backup", "cloud.tenpin", "--json"]))
            #expect(recovered["refunded"] as? Bool == true && recovered["guessesLeft"] as? Int == 4)
            let vaults = try #require(recovered["vaults"] as? [[String: Any]])
            #expect(vaults.count == 3 && vaults.count { $0["trouble"] != nil } == 1)
            // One that is down is not waited for.
            #expect((vaults.last?["trouble"] as? String)?.contains("Nobody answers") == true, "\(vaults)")
            try await fleet.desk.done(
                .tenpin, ["restore", "cloud.tenpin", "--into", "restored", "--home", "tablet", "--account", "alice"])
            #expect(fleet.desk.text("restored/photo") == "a photo")

            // How it stands, with one of them gone.
            let status = try await fleet.at("tablet", "status")
            #expect(
                status.status == 0 && status.output.contains("2 of 3 vaults needed, 2 of them answer"),
                "\(status.errors)")
            #expect(status.output.contains("not one more may be lost"))
            let standing = try json(try await fleet.at("tablet", "status", ["--json"]))
            #expect(standing["answering"] as? Int == 2 && standing["guessesLeft"] as? Int == 4)
            try await fleet[2].serve()
            let whole = try json(try await fleet.at("tablet", "status", ["--json"]))
            #expect(whole["answering"] as? Int == 3 && (whole["warnings"] as? [Any])?.isEmpty == true)
            let each = try #require(whole["vaults"] as? [[String: Any]]).compactMap { $0["status"] as? [String: Any] }
            // The third one heard of neither guess nor recovery.
            #expect(each.map { $0["count"] as? Int } == [3, 3, 1] && each.map { $0["ceiling"] as? Int } == [7, 7, 6])
            #expect(
                each.map { $0["mistypedHere"] as? Int } == [1, 1, 0]
                    && each.allSatisfy { $0["notMadeByYou"] as? Int == 0 })

            expectFailure(
                try await fleet.at("other", "recover", password: Self.password, [], [0]), 12, "names 3 vaults",
                "name the others too")

            // Each has a journal of its own.
            let history = try json(try await fleet.at("tablet", "history", ["--json"]))
            let journals = try #require(history["vaults"] as? [[String: Any]]).compactMap {
                $0["history"] as? [String: Any]
            }
            #expect(journals.count == 3 && journals.allSatisfy { $0["unknownGuesses"] as? Int == 0 })
            #expect(journals.allSatisfy { ($0["doubts"] as? [Any])?.isEmpty == true })

            // A receipt is one vault's.
            expectMisuseOfSeveral(try await fleet.at("tablet", "receipt", ["--output", "one.receipt"]))
            let receipt = try await fleet.desk.run(
                .tenpin, ["receipt", "--output", "one.receipt", "--json"] + fleet.way("tablet", "alice", [1]))
            #expect(try json(receipt)["count"] as? Int == 3, "\(receipt.errors)")
            try await fleet.desk.done(
                .tenpin,
                [
                    "verify-receipt", "one.receipt", "--backup", "cloud.tenpin", "--home", "tablet",
                    "--trust-root", fleet.trustRoots, "--allow-emulated",
                ])

            let granted = try json(try await fleet.at("tablet", "grant", ["--guesses", "2", "--yes", "--json"]))
            #expect(granted["guessesLeft"] as? Int == 6)

            // A new password while one is gone is refused; without it, it is done, and the lost one's slot is named.
            fleet[0].kill()
            expectFailure(
                try await fleet.at("tablet", "change-password", password: Self.later, Fleet.quick), 12, "vault-0.sock")
            let changed = try json(
                try await fleet.at("tablet", "change-password", password: Self.later, Fleet.quick + ["--json"], [1, 2]))
            #expect(changed["generation"] as? Int == 2 && (changed["unburnt"] as? [Any])?.count == 1)
            try await fleet[0].serve()
            // Whoever names the lost one too is told; the old password is worth nothing.
            expectFailure(
                try await fleet.at("third", "recover", password: Self.later), 12, "name the account's own vaults")
            expectFailure(
                try await fleet.at("third", "recover", password: Self.password, [], [1, 2]), 10, "guess was spent")
            let third = try await fleet.at("third", "recover", password: Self.later, [], [1, 2])
            #expect(third.status == 0, "\(third.errors)")
            // When the lost one is met again, it is burnt.
            let met = try await fleet.at("tablet", "status", [], [0])
            #expect(
                met.output.contains("is burnt") && met.errors.contains("keeps nothing"), "\(met.output)\(met.errors)")

            let forgotten = try await fleet.at("tablet", "forget", ["--yes"], [1, 2])
            #expect(forgotten.output == "The vaults have forgotten alice.\n", "\(forgotten.errors)")
            expectFailure(
                try await fleet.at("fourth", "recover", password: Self.later, [], [1, 2]), 15, "keeps nothing")
        }
    }

    @Test("TENPIN_VAULT names several vaults with spaces between them, and one whose path has a space is one")
    func environment() async throws {
        try await Desk.with { desk in
            for (named, count) in [("unix:a unix:b  unix:c", 3), ("unix:a b", 1), ("a b", 1), ("unix:a b unix:c", 2)] {
                let ended = try await desk.run(
                    .tenpin, ["recover", "--account", "alice"], environment: ["TENPIN_VAULT": named])
                #expect(ended.errors.count(of: "Nobody answers") == count, "\(named): \(ended.errors)")
            }
        }
    }

    @Test("numbers of vaults and guesses that cannot be are refused with a reason, before anything is asked")
    func misuse() async throws {
        try await Desk.with { desk in
            func enroll(_ arguments: String...) async throws -> Ended {
                try await desk.run(.tenpin, ["enroll", "--account", "alice"] + arguments)
            }
            let three = ["--vault", "unix:a", "--vault", "unix:b", "--vault", "unix:c"]
            for (arguments, says) in [
                (three + ["--threshold", "1"], "at least 2"), (three + ["--threshold", "4"], "no more than there are"),
                (three + ["--limit", "1", "--even-if-one-chip-is-broken"], "not even one password"),
                (["--vault", "unix:a", "--even-if-one-chip-is-broken"], "name more vaults"),
                (["--vault", "unix:a", "--threshold", "2"], "2 of 1 vaults"),
                ((0..<10).flatMap { ["--vault", "unix:\($0)"] }, "1 to 9 vaults"),
                (three + ["--endorsement-name", "00"], "once for each vault"),
            ] as [([String], String)] {
                let ended = try await desk.run(.tenpin, ["enroll", "--account", "alice"] + arguments)
                #expect(ended.status == 64 && ended.errors.contains(says), "\(arguments): \(ended.errors)")
            }
        }
    }

    private func expectMisuseOfSeveral(_ ended: Ended) {
        #expect(ended.status == 64 && ended.errors.contains("one vault alone"), "\(ended.errors)")
    }
}

extension String {
    fileprivate func count(of part: String) -> Int { ranges(of: part).count }
}

/// Three stages, and one desk on which the devices' programs run.
private struct Fleet {
    static let quick = ["--memory", "64", "--passes", "3"]
    let stages: [Stage]
    let desk: Desk

    subscript(number: Int) -> Stage { stages[number] }

    static func with(_ body: (Fleet) async throws -> Void) async throws { try await gather([], body) }

    private static func gather(_ stages: [Stage], _ body: (Fleet) async throws -> Void) async throws {
        guard stages.count < 3 else {
            return try await Desk.with { desk in
                let fleet = Fleet(stages: stages, desk: desk)
                desk.write(
                    try stages.map { try String(contentsOfFile: $0.trustRoot, encoding: .utf8) }.joined(),
                    to: "roots.pem")
                for (number, stage) in stages.enumerated() {
                    try FileManager.default.createSymbolicLink(
                        atPath: desk("vault-\(number).sock"), withDestinationPath: stage.socket)
                }
                try await body(fleet)
            }
        }
        try await Stage.bare(.numbered(stages.count)) { stage in
            try await stage.provision()
            try await stage.serve()
            try await gather(stages + [stage], body)
        }
    }

    var trustRoots: String { desk("roots.pem") }

    func way(_ device: String, _ account: String, _ numbers: [Int]) -> [String] {
        numbers.flatMap { ["--vault", "unix:" + desk("vault-\($0).sock")] } + [
            "--home", desk(device), "--account", account, "--trust-root", trustRoots, "--allow-emulated",
            "--accept-new-vault",
        ]
    }

    /// Runs a command of alice's.
    func at(
        _ device: String, _ command: String, password: String? = nil, _ more: [String] = [],
        _ numbers: [Int] = [0, 1, 2]
    ) async throws -> Ended {
        var arguments = [command] + way(device, "alice", numbers) + more
        if let password {
            let file = "\(UUID().uuidString).password"
            desk.write(password + "\n", to: file)
            arguments += [command == "change-password" ? "--new-password-file" : "--password-file", desk(file)]
        }
        return try await desk.run(.tenpin, arguments)
    }
}

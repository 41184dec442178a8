import Foundation
import ProgramTestSupport
import TPM
import TPMDevice
import TestSupport
import Testing

@testable import Vault

@Suite("deprovision", .timeLimit(.minutes(8)))
struct DeprovisionTests {
    @Test("shows what it would remove, asks, removes exactly that, and leaves everybody else's things byte for byte")
    func exact() async throws {
        try await Stage.bare { stage in
            let relay = try ChipRelay(stage.chip)
            defer { relay.end() }
            let site = Site(chip: stage.chip, relay: relay, desk: stage.desk)
            try await site.fillWithForeign()
            let before = try await site.everything()
            try await stage.provision()
            try await stage.serve()
            try await stage.enroll("phone", "alice", password: "pw")
            try await stage.enroll("phone", "bob", password: "pw")
            let served = try await site.run("deprovision", "--yes")
            expectFailure(served, 78, "Another tenpin-vault works on")
            try await stage.stop()

            let plan = try json(try await site.run("deprovision", "--plan", "--json"))
            #expect(plan["accounts"] as? [String] == ["alice", "bob"])
            let slots = try #require(plan["slots"] as? [[String: Any]])
            #expect(slots.count == 2)
            let keys = (plan["keys"] as? [[String: Any]])?.compactMap { $0["handle"] as? String }
            #expect(keys == ["0x01bfff10", "0x81000101"])
            #expect((plan["left"] as? [String])?.count == 1)
            for answer in ["1\n", "", "yes\n"] {
                let input = stage.desk.write(answer, to: "answer")
                let refused = try await site.run("deprovision", shell: "< \(input)")
                expectFailure(refused, 64, "Nothing was removed")
            }
            expectFailure(try await site.run("deprovision", shell: "< /dev/null"), 64, "--yes", "Nothing was removed")
            #expect(try await site.run("deprovision", "--json").status == 64)
            let everything = try await site.chip.tpm2("getcap", "handles-nv-index")
            for slot in slots { #expect(everything.lowercased().contains(try handle(slot))) }

            let input = stage.desk.write("2\n", to: "answer")
            let done = try await site.run("deprovision", shell: "< \(input)")
            #expect(done.status == 0, "\(done.errors)")
            #expect(done.output.contains("Accounts  2") && done.output.contains("Stays     the endorsement key"))
            #expect(try await site.everything() == before)
            #expect(!stage.desk.names().contains("vault"))
            expectFailure(try await site.run("deprovision", "--yes"), 78, "There is no vault in")
            // The same chip again.
            try await stage.provision()
            try await stage.serve()
            try await stage.enroll("tablet", "alice", password: "pw")
        }
    }

    /// As tpm2-tools write it.
    private func handle(_ slot: [String: Any]) throws -> String {
        let text = try #require(slot["handle"] as? String)
        return "0x" + text.dropFirst(2).drop { $0 == "0" }
    }

    @Test("killed at any command it can be run again, and in between the vault is not served as if nothing were")
    func killed() async throws {
        try await Site.with { site in
            let before = try site.held()
            try site.provisionHere()
            site.relay.begin()
            try site.deprovisionHere()
            let length = site.relay.exchanges.count
            #expect(length > 10)
            var halves = 0
            for point in 1..<length {
                site.relay.begin()
                try site.provisionHere()
                site.relay.begin { $0.number < point ? .carry : $0.number == point ? .loseAnswer : .loseCommand }
                #expect(throws: (any Error).self) { try site.deprovisionHere() }
                site.relay.begin()
                let configuration = try VaultConfiguration.read(home: site.home)
                if configuration.isBeingRemoved == true {
                    halves += 1
                    #expect(throws: VaultError.beingRemoved) { try site.provisionHere() }
                }
                try site.deprovisionHere()
                #expect(try site.held() == before, "killed at \(point)")
                #expect(!site.desk.names().contains("vault"))
            }
            #expect(halves > 2)
        }
    }

    @Test("another chip, or one that was cleared, is refused, and home and chip stay as they are")
    func anotherChip() async throws {
        try await Site.with { site in
            try site.provisionHere()
            try await withSwtpm(.uncertified) { other in
                let ended = try await site.desk.run(
                    .vault, ["deprovision", "--yes", "--home", site.home, "--tcti", other.tcti])
                expectFailure(ended, 78, "not the chip that was provisioned")
            }
            let held = try site.held()
            try await site.chip.tpm2("clear", "-c", "p")
            expectFailure(try await site.run("deprovision", "--yes"), 78, "it was cleared")
            #expect(site.desk.names(in: "vault").contains("vault.json"))
            #expect(!held.isEmpty)
        }
    }

    @Test("what stands at the vault's handles and is not the vault's stays, and is named")
    func foreign() async throws {
        try await Stage.bare { stage in
            let relay = try ChipRelay(stage.chip)
            defer { relay.end() }
            let site = Site(chip: stage.chip, relay: relay, desk: stage.desk)
            try await stage.provision()
            try await stage.serve()
            try await stage.enroll("phone", "alice", password: "pw")
            try await stage.stop()
            let plan = try json(try await site.run("deprovision", "--plan", "--json"))
            let slot = try handle(try #require((plan["slots"] as? [[String: Any]])?.first))
            try await stage.chip.tpm2("nvundefine", slot)
            try await stage.chip.tpm2("nvdefine", slot, "-s", "8", "-g", "sha1", "-a", "ownerread|ownerwrite")
            let before = try await stage.chip.tpm2("nvreadpublic", slot)
            let done = try await site.run("deprovision", "--yes")
            #expect(done.status == 0, "\(done.errors)")
            #expect(done.output.contains("Stays     the NV index at 0x"))
            #expect(try await stage.chip.tpm2("nvreadpublic", slot) == before)
        }
    }
}

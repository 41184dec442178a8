import Foundation
import ProgramTestSupport
import TPM
import TestSupport
import Testing

@Suite("provision --plan", .timeLimit(.minutes(5)))
struct PlanTests {
    /// GetCapability, ReadPublic, NV_ReadPublic, NV_Read, Startup: all that a plan may send.
    static let reading: Set<UInt32> = [0x17A, 0x173, 0x169, 0x14E, 0x144]

    @Test("sends commands that only read, leaves chip and disk byte for byte as they were, and then comes true")
    func untouched() async throws {
        try await Site.with { site in
            try await site.fillWithForeign()
            let before = try Data(contentsOf: site.chip.stateFile)
            site.relay.begin()
            let planned = try await site.run("provision", "--plan", "--allow-emulated")
            #expect(planned.status == 0, "\(planned.errors)")
            #expect(planned.errors.isEmpty && planned.output.hasSuffix("Nothing was changed.\n"))
            let plan = try json(try await site.run("provision", "--plan", "--allow-emulated", "--json"))
            #expect(site.relay.exchanges.count > 10)
            #expect(Set(site.relay.exchanges.map(\.command.code)).subtracting(Self.reading) == [])
            #expect(try Data(contentsOf: site.chip.stateFile) == before)
            #expect(site.desk.names() == [])

            let steps = try #require(plan["steps"] as? [[String: Any]])
            let kinds = steps.compactMap { $0["kind"] as? String }
            #expect(kinds == ["check", "check", "passing", "keep", "make", "make", "passing", "write"])
            // The vault's own first handle is somebody else's key.
            #expect(steps[4]["handle"] as? String == "0x81000101")
            #expect(steps[5]["handle"] as? String == "0x01bfff10")
            #expect((plan["obstacles"] as? [Any])?.isEmpty == true)
            let kept = try Set(site.held())
            #expect(try await site.provision().status == 0)
            #expect(try Set(site.held()).subtracting(kept) == [Handle(0x8100_0101), Handle(0x01BF_FF10)])

            // Of what is a vault already.
            let provisioned = try Data(contentsOf: site.chip.stateFile)
            let files = site.desk.tree("vault")
            let contents = files.map { site.desk.bytes("vault/\($0)") }
            site.relay.begin()
            let again = try json(try await site.run("provision", "--plan", "--allow-emulated", "--json"))
            #expect(Set(site.relay.exchanges.map(\.command.code)).subtracting(Self.reading) == [])
            #expect(try Data(contentsOf: site.chip.stateFile) == provisioned)
            #expect(site.desk.tree("vault") == files)
            #expect(files.map { site.desk.bytes("vault/\($0)") } == contents)
            let kept2 = (again["steps"] as? [[String: Any]] ?? []).filter { $0["kind"] as? String == "keep" }
            #expect(kept2.compactMap { $0["handle"] as? String } == ["0x81010016", "0x81000101", "0x01bfff10"])
        }
    }

    @Test("says in plain words which authorizations are empty or set, and what that means")
    func authorizations() async throws {
        try await Site.with { site in
            let empty = try await site.run("provision", "--plan", "--allow-emulated").output
            #expect(empty.contains("Owner authorization: empty: whoever can reach this TPM can destroy accounts"))
            #expect(empty.contains("Lockout authorization: empty: whoever can reach this TPM can clear it"))
            #expect(empty.contains("gains no guess by it"))
            for hierarchy in ["owner", "lockout"] {
                try await site.chip.tpm2("changeauth", "-c", hierarchy, "sesame")
            }
            let refused = try await site.run("provision", "--plan", "--allow-emulated")
            expectFailure(refused, 1, "It cannot be done now", "owner's authorization is set", "--owner-auth-fd")
            #expect(refused.output.contains("Owner authorization: set"))
            #expect(refused.output.contains("Lockout authorization: set"))
            site.desk.write("sesame", to: "owner")
            let given = try await site.run(
                "provision", "--plan", "--allow-emulated", "--owner-auth-file", site.desk("owner"))
            #expect(given.status == 0, "\(given.errors)")
        }
    }

    @Test(
        "says what stands in the way: an emulated chip, no certificate, a chip that lacks something, another vault's home"
    )
    func obstacles() async throws {
        try await Site.with(.uncertified) { site in
            let ended = try await site.run("provision", "--plan")
            expectFailure(ended, 1, "This TPM is emulated", "no endorsement certificate")
            site.relay.begin(Lies.lacking(0x154))
            let lacking = try await site.run("provision", "--plan", "--json")
            expectFailure(lacking, 1, "It lacks the commands ECDH_ZGen")
            #expect((try json(lacking)["obstacles"] as? [String])?.count == 3)
            #expect(site.desk.names() == [])
        }
    }
}

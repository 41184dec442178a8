import Foundation
import ProgramTestSupport
import TPM
import TPMDevice
import TestSupport
import Testing

@testable import Vault

@Suite("provision", .timeLimit(.minutes(8)))
struct ProvisionTests {
    /// Without the time and the figures of its commands, which differ.
    private func configuration(_ site: Site) throws -> VaultConfiguration {
        try VaultConfiguration.read(home: site.home)
    }

    @Test("done twice it makes nothing more, and remembers what it made")
    func idempotent() async throws {
        try await Site.with { site in
            let before = try site.held()
            #expect(try await site.provision().status == 0)
            let (first, made) = (try configuration(site), try site.held())
            #expect(first.made == [0x8100_0100])
            #expect(Set(made).subtracting(before) == [Handle(0x8100_0100), Handle(Handle.counters.lowerBound)])
            #expect(try await site.provision().status == 0)
            #expect(try configuration(site) == first)
            #expect(try site.held() == made)
            #expect(site.desk.names(in: "vault") == ["lock", "selftest.json", "vault.json", "vault.sqlite"])
            // Another home finds what is there, and does not call it its own.
            let other = try Provision(tcti: site.relay.tcti, ownerAuthorization: []) { _ in }.run(
                home: site.desk("other"), endorsement: nil, measureCapacity: false, allowEmulated: true, properties: [])
            #expect(other.made == [] && other.parentHandle == first.parentHandle)
            // But for a counter of its own.
            #expect(Set(try site.held()).subtracting(made) == [Handle(Handle.counters.lowerBound + 1)])
        }
    }

    @Test("the report of the test that it ran lies beside the vault's file, and names no chip but its kind")
    func report() async throws {
        try await Site.with { site in
            #expect(try await site.provision().status == 0)
            let text = site.desk.text("vault/selftest.json")
            let report = try JSONDecoder().decode(SelfTestReport.self, from: Data(text.utf8))
            #expect(report.schema == "tenpin-selftest-1" && report.chip.emulated && report.failures == [])
            let configuration = try configuration(site)
            for secret in [configuration.endorsementKey, configuration.parent, configuration.certificate] {
                #expect(!text.contains(hex(secret.bytes.suffix(32))))
                #expect(!text.contains(Data(secret.bytes).base64EncodedString().suffix(24)))
            }
        }
    }

    @Test("a chip that fails a property is refused with its name, and nothing is kept on it")
    func refused() async throws {
        try await Site.with { site in
            let before = try site.held()
            site.relay.begin(Lies.evaluatingUncounted(from: 0))
            let ended = try await site.provision()
            expectFailure(ended, 1, "answered-is-counted", "use another chip", "Nothing persistent was made")
            #expect(ended.bytes.isEmpty)
            #expect(try site.held() == before)
            #expect(site.desk.names(in: "vault") == ["lock"])
            site.relay.begin(Lies.accepting(0x154, Lies.generator))
            let test = try await site.run("selftest")
            expectFailure(test, 1, "one-use", "use another chip")
            #expect(test.output.contains("FAILED        one-use"))
            #expect(try site.held() == before)
        }
    }

    /// All boundaries between two commands of `body`, or some of them: killed there, run again, the chip holds the same.
    private func killEverywhere(
        _ site: Site, step: Int, _ body: () throws -> Void, then undisturbed: () throws -> Void
    ) throws -> Int {
        site.relay.begin()
        try body()
        let length = site.relay.exchanges.count
        try undisturbed()
        for point in stride(from: 1, to: length, by: step) {
            // Nothing that would be done after a failure is done by a process that was killed.
            site.relay.begin { $0.number < point ? .carry : $0.number == point ? .loseAnswer : .loseCommand }
            #expect(throws: (any Error).self, "killed at \(point)") { try body() }
            site.relay.begin()
            try undisturbed()
        }
        return length
    }

    @Test("killed at any command and run again, or taken away again, the chip holds what it would have held")
    func killed() async throws {
        try await Site.with { site in
            // Neither key is persistent, so that both are made.
            try await site.chip.tpm2("evictcontrol", "-C", "o", "-c", "0x81010016")
            let before = try site.held()
            try site.provisionHere(endorsement: .p384)
            let after = try site.held()
            let made = try configuration(site).made
            #expect(made == [0x8101_0000, 0x8100_0100])
            try site.deprovisionHere()
            #expect(try site.held() == before)
            let length = try killEverywhere(site, step: 1) {
                try site.provisionHere(endorsement: .p384)
            } then: {
                try site.provisionHere(endorsement: .p384)
                #expect(try site.held() == after)
                #expect(try configuration(site).made == made)
                #expect(!site.desk.names(in: "vault").contains("provision.json"))
                try site.deprovisionHere()
                #expect(try site.held() == before)
                #expect(!site.desk.names().contains("vault"))
            }
            #expect(length > 50)
        }
    }

    @Test("half provisioned, it is taken away as well")
    func halfProvisioned() async throws {
        try await Site.with { site in
            let before = try site.held()
            try site.provisionHere()
            let length = site.relay.exchanges.count
            try site.deprovisionHere()
            var found = 0
            for point in 1..<length {
                site.relay.begin { $0.number < point ? .carry : $0.number == point ? .loseAnswer : .loseCommand }
                #expect(throws: (any Error).self) { try site.provisionHere() }
                site.relay.begin()
                do {
                    try site.deprovisionHere()
                    found += 1
                } catch HomeError.notProvisioned {
                    // Nothing persistent was begun; a session or object that was left goes with the next run.
                    try Chip(tcti: site.chip.tcti).flushLeftovers()
                    try Throwaway.clear([.test], on: try Chip(tcti: site.chip.tcti))
                }
                #expect(try site.held() == before, "killed at \(point)")
            }
            #expect(found > 3)
            // Killed while a file was written, its beginning lies beside it.
            try site.provisionHere()
            for name in ["vault.json.new", "provision.json.new"] { site.desk.write("{", to: "vault/\(name)") }
            try site.deprovisionHere()
            #expect(!site.desk.names().contains("vault"))
        }
    }

    /// The program itself, ended by SIGKILL while it waits for the chip; everywhere with TENPIN_SLOW_TESTS=1.
    @Test("the program, killed at a command and run again, makes the same")
    func process() async throws {
        try await Site.with { site in
            let before = try site.held()
            site.relay.begin()
            #expect(try await site.provision().status == 0)
            let length = site.relay.exchanges.count
            let after = try site.held()
            try site.deprovisionHere()
            let isSlow = ProcessInfo.processInfo.environment["TENPIN_SLOW_TESTS"] != nil
            let points = isSlow ? Array(1..<length) : [length / 3, length - 12, length - 4]
            for point in points {
                let reached = DispatchSemaphore(value: 0)
                let goOn = DispatchSemaphore(value: 0)
                site.relay.begin { command in
                    guard command.number == point else { return .carry }
                    return .carryThen {
                        reached.signal()
                        goOn.wait()
                    }
                }
                let running = try await site.desk.start(
                    .vault, ["provision", "--allow-emulated", "--skip-capacity"],
                    environment: ["TENPIN_TCTI": site.relay.tcti, "TENPIN_VAULT_HOME": site.home])
                try await eventually("the command \(point)") { reached.wait(timeout: .now()) == .success }
                running.signal(SIGKILL)
                #expect(try await running.ended().status == 128 + SIGKILL)
                goOn.signal()
                site.relay.begin()
                #expect(try await site.provision().status == 0)
                #expect(try site.held() == after, "killed at \(point) of \(length)")
                #expect(try configuration(site).made == [0x8100_0100])
                try site.deprovisionHere()
                #expect(try site.held() == before)
            }
        }
    }

    @Test("told to end while it tests the chip, it ends with nothing left")
    func terminated() async throws {
        try await Site.with { site in
            let before = try site.held()
            let waiting = Counter()
            site.relay.begin { command in
                // In the middle of the test.
                guard command.code == 0x149, waiting.next() == 3 else { return .carry }
                return .carryAfter { Thread.sleep(forTimeInterval: 1) }
            }
            let running = try await site.desk.start(
                .vault, ["selftest"], environment: ["TENPIN_TCTI": site.relay.tcti])
            try await eventually("the test has begun") { waiting.value > 3 }
            running.signal(SIGTERM)
            expectFailure(try await running.ended(), 1, "was stopped", "is gone from the chip")
            #expect(try site.held() == before)
        }
    }
}

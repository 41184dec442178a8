import Foundation
import ProgramTestSupport
import TestSupport
import Testing

@Suite("The owner's authorization", .timeLimit(.minutes(5)))
struct OwnerAuthorizationTests {
    @Test("comes from a file, a descriptor or a systemd credential, and shows nowhere")
    func ways() async throws {
        try await Site.with { site in
            try await site.chip.tpm2("changeauth", "-c", "owner", "sesame")
            let desk = site.desk
            desk.write("sesame\n", to: "tenpin.owner-auth")
            desk.write("sesame", to: "another")
            desk.write("wrong", to: "wrong")
            desk.write(Array(repeating: UInt8(ascii: "a"), count: 65), to: "long")
            let credentials = ["CREDENTIALS_DIRECTORY": desk.folder.path()]
            func plan(
                _ more: String..., environment: [String: String] = [:], shell: String = ""
            ) async throws -> Ended {
                var settings = ["TENPIN_TCTI": site.relay.tcti, "TENPIN_VAULT_HOME": site.home]
                settings.merge(environment) { _, given in given }
                return try await desk.run(
                    .vault, ["provision", "--plan", "--allow-emulated"] + more, shell: shell, environment: settings)
            }
            let good = [
                try await plan("--owner-auth-file", desk("another")),
                try await plan("--owner-auth-fd", "7", shell: "7< \(desk("another"))"),
                try await plan("--owner-auth-fd", "0", shell: "< \(desk("tenpin.owner-auth"))"),
                try await plan(environment: credentials),
                try await plan("--owner-auth-credential", "another", environment: credentials),
                // What is given goes before what lies there.
                try await plan(
                    "--owner-auth-file", desk("another"),
                    environment: ["CREDENTIALS_DIRECTORY": desk("nowhere")]),
            ]
            for ended in good { #expect(ended.status == 0, "\(ended.errors)") }

            expectFailure(try await plan(), 1, "owner's authorization is set")
            expectFailure(try await plan("--owner-auth-file", desk("wrong")), 1, "the one given is not it")
            expectFailure(try await plan("--owner-auth-file", desk("missing")), 64, "cannot be read from")
            expectFailure(try await plan("--owner-auth-file", desk("long")), 64, "more than 64 bytes")
            expectFailure(try await plan("--owner-auth-fd", "77"), 64, "descriptor 77")
            expectFailure(try await plan("--owner-auth-credential", "another"), 64, "gave this process no credentials")
            for name in ["../another", "..", ""] {
                expectFailure(
                    try await plan("--owner-auth-credential", name, environment: credentials), 64,
                    "not the name of a credential")
            }
            expectFailure(
                try await plan("--owner-auth-credential", "missing", environment: credentials), 64, "cannot be read")
            #expect(try await plan("--owner-auth-file", "x", "--owner-auth-fd", "0").status == 64)
            #expect(try await plan("--owner-auth", "sesame").status == 64)

            // The whole way with a credential, and what the chip keeps is the owner's as before.
            let environment = credentials.merging(
                ["TENPIN_TCTI": site.relay.tcti, "TENPIN_VAULT_HOME": site.home]) { first, _ in first }
            for command in [
                ["selftest"], ["provision", "--allow-emulated", "--skip-capacity"], ["status"],
                ["deprovision", "--yes"],
            ] {
                let ended = try await desk.run(.vault, command, environment: environment)
                #expect(ended.status == 0, "\(command): \(ended.errors)")
            }
            let refused = try await site.run("selftest")
            expectFailure(refused, 69, "wants its owner's authorization")
            for shown in desk.everythingShown { #expect(!String(decoding: shown, as: UTF8.self).contains("sesame")) }
        }
    }
}

import Foundation
import ProgramTestSupport
import TPM
import TPMDevice
import TestSupport
import Testing

@testable import Vault

/// A chip that belongs to others too, a desk, and the program between them, which reaches the chip through a relay.
struct Site {
    let chip: Swtpm
    let relay: ChipRelay
    let desk: Desk
    var home: String { desk("vault") }

    static func with(
        _ identity: Swtpm.Identity = .shared, _ body: (Site) async throws -> Void
    ) async throws {
        try await withSwtpm(identity) { chip in
            let relay = try ChipRelay(chip)
            defer { relay.end() }
            try await Desk.with { desk in try await body(Site(chip: chip, relay: relay, desk: desk)) }
        }
    }

    /// Runs a command of the vault's program on this chip and home.
    func run(_ arguments: String..., environment: [String: String] = [:], shell: String = "") async throws -> Ended {
        var environment = environment
        environment["TENPIN_TCTI"] = relay.tcti
        environment["TENPIN_VAULT_HOME"] = home
        return try await desk.run(.vault, arguments, shell: shell, environment: environment)
    }

    func provision(_ more: String...) async throws -> Ended {
        try await desk.run(
            .vault, ["provision", "--allow-emulated", "--skip-capacity"] + more,
            environment: ["TENPIN_TCTI": relay.tcti, "TENPIN_VAULT_HOME": home])
    }

    /// Provisions from within the test, looking at some properties of the chip only.
    @discardableResult
    func provisionHere(_ properties: [ChipProperty] = [], endorsement: EndorsementTemplate? = nil) throws
        -> VaultConfiguration
    {
        try Provision(tcti: relay.tcti, ownerAuthorization: []) { _ in }.run(
            home: home, endorsement: endorsement, measureCapacity: false, allowEmulated: true, properties: properties)
    }

    func deprovisionHere() throws {
        try Deprovision(home: home, tcti: relay.tcti, ownerAuthorization: []).run { _ in }
    }

    /// Every handle in use, past the relay.
    func held() throws -> [Handle] { try SelfTestTests.held(try Chip(tcti: chip.tcti)) }

    /// Puts others' things where a vault's would go, and gives what shows them.
    func fillWithForeign() async throws {
        try await chip.tpm2("createprimary", "-C", "o", "-G", "rsa2048", "-c", "foreign.ctx")
        try await chip.tpm2("evictcontrol", "-C", "o", "-c", "foreign.ctx", "0x81000100")
        try await chip.tpm2("flushcontext", "-t")
        for (handle, data) in [("0x1800123", "12345678"), ("0x1bff000", "abcdefgh"), ("0x1500016", "ABCDEFGH")] {
            try await chip.tpm2("nvdefine", handle, "-s", "8", "-a", "ownerread|ownerwrite|authread")
            try Data(data.utf8).write(to: chip.folder.appending(path: "data"))
            try await chip.tpm2("nvwrite", handle, "-C", "o", "-i", "data")
        }
    }

    /// What tpm2-tools say of everything on the chip: no code of the project's.
    func everything() async throws -> [String] {
        var all = [try await chip.tpm2("getcap", "properties-variable").lines(without: "_AVAIL")]
        let indexes = try await chip.tpm2("getcap", "handles-nv-index")
        let keys = try await chip.tpm2("getcap", "handles-persistent")
        all += [indexes, keys, try await chip.tpm2("nvreadpublic")]
        for index in indexes.handles {
            all.append(try await chip.run(["bash", "-c", "tpm2 nvread -C o \(index) | sha256sum"]))
        }
        for key in keys.handles { all.append(try await chip.tpm2("readpublic", "-c", key)) }
        return all
    }
}

extension String {
    fileprivate var handles: [String] {
        split(separator: "\n").map { String($0.drop { $0 == "-" || $0 == " " }) }.filter { $0.hasPrefix("0x") }
    }

    /// Without the lines of what changes by itself: sessions and objects that come and go.
    fileprivate func lines(without part: String) -> String {
        split(separator: "\n").filter { !$0.contains(part) }.joined(separator: "\n")
    }
}

/// A failure of the program: this code, and one last line that says these things.
func expectFailure(
    _ ended: Ended, _ code: Int32, _ says: String..., location: SourceLocation = #_sourceLocation
) {
    #expect(ended.status == code, "\(ended.errors)", sourceLocation: location)
    let last = String(ended.lines.last ?? "")
    #expect(last.contains("tenpin-vault: "), "\(ended.errors)", sourceLocation: location)
    for phrase in says {
        #expect(last.contains(phrase), "\(phrase) is not in: \(ended.errors)", sourceLocation: location)
    }
}

func json(_ ended: Ended) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(ended.bytes)) as? [String: Any], "\(ended.errors)")
}

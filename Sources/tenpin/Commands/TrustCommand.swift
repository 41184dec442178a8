import ArgumentParser
import Foundation
import TPM
import VaultClient

struct TrustCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trust",
        abstract: "Show, pin and remove the vaults that this device trusts, and the roots behind them.",
        discussion: """
              tenpin trust list
              tenpin trust show --vault unix:/run/tenpin/vault.sock --trust-root maker.pem
              tenpin trust add 000b3f… --vault unix:/run/tenpin/vault.sock
              tenpin trust remove 000b3f…
              tenpin trust roots
            """,
        subcommands: [List.self, Show.self, Add.self, Remove.self, Roots.self])

    /// Where the pins are; an account is not needed.
    struct HomeOption: ParsableArguments {
        @Option(help: ArgumentHelp("The folder of this device's keys and pins. [$TENPIN_HOME]", valueName: "folder"))
        var home = defaultHome

        var deviceHome: DeviceHome { DeviceHome(written: home) }
    }
}

extension TrustCommand {
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the pinned vaults.", discussion: "  tenpin trust list --json")
        @OptionGroup var home: HomeOption
        @Flag(help: "Print the result as JSON.") var json = false

        func run() throws {
            let known = try KnownVaults(home: home.deviceHome)
            if json {
                return try printJSON(
                    known.entries.map { ["name": $0.name.description, "address": $0.address, "date": $0.date] })
            }
            if known.entries.isEmpty { print("No vault is pinned on this device.") }
            for entry in known.entries {
                print("\(entry.name.fingerprint)\n    \(entry.address), pinned \(entry.date) \(entry.comment)")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a vault proves of itself, and pin nothing.",
            discussion: """
                Compare the endorsement Name with the one that the operator gave you by another way.

                  tenpin trust show --vault unix:/run/tenpin/vault.sock --trust-root maker.pem
                """)
        @OptionGroup var home: HomeOption
        @OptionGroup var vault: VaultOptions

        func run() async throws {
            let address = try vault.only()
            var policy = try vault.policy(home.deviceHome)
            policy.confirm = { _ in true }
            policy.allowEmulated = true
            let link = try await VaultLink.open(try PinnedDialer(address, try vault.network.read()), trust: policy)
            await link.close()
            print(describe(link.vault))
            print(
                link.vault.isNew ? "This vault is not pinned on this device." : "This vault is pinned on this device.")
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pin a vault by the endorsement Name that its operator gave.",
            discussion: "  tenpin trust add 000b3f… --comment office")
        @OptionGroup var home: HomeOption
        @Argument(help: "The endorsement Name's hexadecimal digits, with or without spaces.") var name: [String]
        @Option(help: ArgumentHelp("The vault: unix:/path or tls:host:port. [$TENPIN_VAULT]", valueName: "address"))
        var vault = defaultVaults.first ?? ""
        @Option(help: "A word of your own.") var comment = ""

        func run() throws {
            guard let name = Name(digits: name.joined()) else {
                throw ValidationError("The Name is not the hexadecimal digits that `tenpin-vault status` shows.")
            }
            let address = try PinnedDialer(vault, NetworkCredentials()).address
            try KnownVaults.update(in: home.deviceHome) { known in
                known.pin(.init(name: name, address: address, date: VaultOptions.today, comment: comment))
            }
            print("Pinned \(name.fingerprint) at \(address).")
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove the pins of a vault.", discussion: "  tenpin trust remove 000b3f…")
        @OptionGroup var home: HomeOption
        @Argument(help: "The endorsement Name's hexadecimal digits, with or without spaces.") var name: [String]

        func run() throws {
            guard let name = Name(digits: name.joined()) else {
                throw ValidationError("The Name is not the hexadecimal digits that `tenpin trust list` shows.")
            }
            var wasThere = false
            try KnownVaults.update(in: home.deviceHome) { known in wasThere = known.remove(name) }
            guard wasThere else { throw ValidationError("No such vault is pinned on this device.") }
            print("Removed \(name.fingerprint).")
        }
    }
}

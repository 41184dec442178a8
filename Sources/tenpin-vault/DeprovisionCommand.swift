import ArgumentParser
import Audit
import CommandOptions
import Foundation
import Vault

struct DeprovisionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deprovision",
        abstract: "Take a vault off its TPM: its slots, the keys and the counter it made, and its files.",
        discussion: """
            Every account of the vault ends for good. It first shows what it would remove, and asks for the number of \
            accounts. Keys that were there before the vault, other NV indexes, and the TPM's settings stay as they \
            are; the TPM is not cleared. Interrupted, it can be run again. A second vault in another folder on the \
            same TPM uses the same keys: take that one away first.

              tenpin-vault deprovision --home /var/lib/tenpin --plan
              tenpin-vault deprovision --home /var/lib/tenpin
              tenpin-vault deprovision --home ./vault --yes --json
            """)

    @OptionGroup var home: HomeOption
    @OptionGroup var owner: OwnerOption

    @Option(help: "Another way to the same TPM than the one it was provisioned by.")
    var tcti: String?

    @Flag(help: "Only show what would be removed.")
    var plan = false

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Print what is removed as JSON; needs --yes or --plan.")
    var json = false

    func validate() throws {
        guard !json || yes || plan else { throw ValidationError("With --json give --yes or --plan as well.") }
    }

    func run() throws {
        let deprovision = try Deprovision(home: home.home, tcti: tcti, ownerAuthorization: owner.read())
        let inventory = try deprovision.inventory()
        if !json { print(inventory.text(home: home.home)) }
        if !plan {
            guard try yes || confirms(inventory.accounts.count) else {
                throw ValidationError("Nothing was removed: the answer was not \(inventory.accounts.count).")
            }
            try deprovision.run { say($0) }
        }
        if json { print(String(decoding: try JSONText.encode(inventory), as: UTF8.self)) }
    }

    /// Whether the operator knows how many accounts end.
    private func confirms(_ accounts: Int) throws -> Bool {
        StandardError.write(
            "This ends \(accounts == 1 ? "1 account" : "\(accounts) accounts") for good. Type the number: ")
        guard let line = readLine() else {
            throw ValidationError("Nobody answered; to go on without a question give --yes. Nothing was removed.")
        }
        return line.filter { !$0.isWhitespace } == "\(accounts)"
    }
}

extension Deprovision.Inventory {
    func text(home: String) -> String {
        var lines = ["Accounts  \(accounts.count)"]
        lines += slots.map { "Slot      \($0.handle)  \($0.state)  \(printable($0.account))" }
        lines += keys.map { "Key       \($0.handle)  \($0.what), made by provision" }
        lines += files.map { "File      \(home)/\($0)" }
        lines += left.map { "Stays     \($0)" }
        return lines.joined(separator: "\n")
    }
}

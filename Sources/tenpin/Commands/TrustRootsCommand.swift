import ArgumentParser
import CommandOptions
import Endorsement
import TPM

extension TrustCommand {
    /// The makers whose word is taken.
    struct Roots: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the TPM makers' roots that this device pins.",
            discussion: """
                A vault's chip is genuine where its certificate leads to one of these roots, by SHA-256, and the root is its own \
                maker's. A file restricts them by vendor or SHA-256, and extends them:

                  {"only": ["IFX", "STM"],
                   "add": [{"sha256": "…", "vendor_ids": ["NTC"], "name": "…"}]}

                It is given with --roots or TENPIN_ROOTS to every command that meets a vault.

                  tenpin trust roots --roots ours.json --json
                """)
        @OptionGroup var pins: PinOptions
        @Flag(help: "Print the result as JSON.") var json = false

        func run() throws {
            let roots = try pins.read().roots
            if json { return try printJSON(roots.map(Shown.init)) }
            if roots.isEmpty { print("No root is pinned.") }
            for root in roots {
                print("\(root.vendorIDs.joined(separator: ", "))  \(root.vendor): \(root.name), \(root.source)")
                print("    \(root.fingerprint.hexadecimal)")
            }
        }

        private struct Shown: Encodable {
            let sha256: String
            let vendorIDs: [String]
            let vendor: String
            let name: String
            let url: String?
            let source: String

            init(_ root: RootPins.Root) {
                sha256 = root.fingerprint.hexadecimal
                vendorIDs = root.vendorIDs
                vendor = root.vendor
                name = root.name
                url = root.url
                source = root.source
            }
        }
    }
}

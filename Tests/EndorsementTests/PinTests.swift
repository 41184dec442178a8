import Endorsement
import Foundation
import Testing

@Suite("The pinned roots")
struct PinTests {
    private static let some = String(repeating: "ab", count: 32)

    @Test("are the makers' eighteen, each with one maker that it vouches for")
    func builtIn() {
        let roots = RootPins.builtIn.roots
        #expect(roots.count == 18 && Set(roots.map(\.fingerprint)).count == 18)
        #expect(roots.allSatisfy { $0.fingerprint.count == 32 && $0.source == "built in" && $0.url != nil })
        #expect(Set(roots.flatMap(\.vendorIDs)) == ["AMD", "IFX", "INTC", "MSFT", "NSG", "STM"])
        let infineon = roots.filter { $0.vouches(for: ManufacturerID(rawValue: 0x4946_5800)) }
        #expect(infineon.count == 4 && infineon.allSatisfy { $0.vendor == "Infineon" })
        // ST fills up with a space.
        #expect(roots.filter { $0.vouches(for: ManufacturerID(rawValue: 0x5354_4D20)) }.count == 6)
        #expect(!roots.contains { $0.vouches(for: ManufacturerID(rawValue: 0x1014)) })
    }

    @Test("are restricted by vendor and by SHA-256, and extended, by a file")
    func file() throws {
        var pins = RootPins.builtIn
        let intel = try #require(pins.roots.first { $0.vendorIDs == ["INTC"] })
        let digits = intel.fingerprint.map { String(format: "%02X", $0) }.joined()
        try pins.apply(
            read(
                """
                {"only": ["IFX", "\(digits)"],
                 "add": [{"sha256": "\(Self.some)", "vendor_ids": ["NTC", "WEC"], "name": "Nuvoton \\u001b[1m"}]}
                """))
        #expect(pins.roots.count == 6)
        let added = try #require(pins.root([UInt8](repeating: 0xAB, count: 32)))
        #expect(added.vendorIDs == ["NTC", "WEC"] && added.name == "Nuvoton ?[1m" && added.source == "ours.json")
        #expect(pins.root(intel.fingerprint) == intel)
        #expect(!pins.roots.contains { $0.vendorIDs == ["STM"] })
        try pins.apply(read(#"{"only": []}"#))
        #expect(pins == .none)
        // What is added stands for what was built in.
        pins = .builtIn
        try pins.apply(read(#"{"add": [{"sha256": "\#(digits)", "vendor_ids": ["QCOM"], "name": "x"}]}"#))
        #expect(pins.roots.count == 18 && pins.root(intel.fingerprint)?.vendorIDs == ["QCOM"])
    }

    @Test("are not changed by a file that means something else, or whose words are misspelt")
    func badFiles() {
        for text in ["", "[]", "{", #"{"only": "IFX"}"#, #"{"add": [{}]}"#] {
            #expect(throws: RootsFileError.unreadable("ours.json"), "\(text)") { try read(text) }
        }
        let entries = [
            #"{"onyl": ["IFX"]}"#, #"{"only": ["Infineon"]}"#, #"{"only": [""]}"#,
            #"{"add": [{"sha256": "\#(Self.some)", "vendor_ids": ["NTC"], "name": "x", "vendors": []}]}"#,
            #"{"add": [{"sha256": "\#(Self.some)0", "vendor_ids": ["NTC"], "name": "x"}]}"#,
            #"{"add": [{"sha256": "\#(Self.some)", "vendor_ids": [], "name": "x"}]}"#,
        ]
        for text in entries {
            let error = #expect(throws: RootsFileError.self, "\(text)") { try read(text) }
            guard case .entry = error else {
                #expect(Bool(false), "\(text)")
                continue
            }
        }
    }

    private func read(_ text: String) throws -> RootsFile { try RootsFile(Array(text.utf8), path: "ours.json") }
}

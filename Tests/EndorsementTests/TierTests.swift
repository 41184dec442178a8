import Testing

@testable import Endorsement

@Suite("The trust tier of a chip")
struct TierTests {
    private static func chip(
        _ vendor: String, _ text: String = "", model: String? = nil, issuer: String = "CN=Maker"
    ) -> ChipIdentity {
        var bytes = Array(vendor.utf8) + [0, 0, 0, 0]
        bytes.removeLast(bytes.count - 4)
        let id = ManufacturerID(rawValue: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        return ChipIdentity(
            manufacturer: id, vendorString: text, firmware: [0, 0],
            name: model.map { ChipName(manufacturer: id, model: $0, version: "id:1") }, issuer: issuer)
    }

    @Test(
        "is its maker's kind",
        arguments: [
            ("IFX", TrustTier.discrete), ("STM ", .discrete), ("NTC", .discrete), ("AMD", .firmware),
            ("INTC", .firmware), ("QCOM", .firmware), ("XYZ", .unknown), ("", .unknown),
        ])
    func makers(vendor: String, tier: TrustTier) {
        #expect(Self.chip(vendor, model: "any").claimedTier == tier)
    }

    @Test("is emulated by the maker's name, by the chip's text or by the certificate's model, hypervisors included")
    func emulated() {
        let chips = [
            Self.chip("IBM"), Self.chip("GOOG", "xCG fTPM"), Self.chip("VMW", "VMware TPM"), Self.chip("AMZN"),
            Self.chip("IFX", "SW   TPM"), Self.chip("IFX", model: "swtpm"), Self.chip("STM", model: "Virtual TPM"),
            Self.chip("MSFT", "xCG fTPM", issuer: "CN=Azure Virtual TPM"),
        ]
        for chip in chips { #expect(chip.claimedTier == .emulated, "\(chip)") }
        #expect(Self.chip("MSFT", issuer: "CN=Microsoft Pluton Root CA 2021").claimedTier == .firmware)
        // swtpm's certificates have IBM's PCI number.
        let swtpm = ManufacturerID(rawValue: 0x1014)
        #expect(swtpm.isSameVendor(as: ManufacturerID(rawValue: 0x4942_4D00)) && swtpm.vendor == "IBM")
        #expect(!swtpm.isSameVendor(as: ManufacturerID(rawValue: 0x4946_5800)))
    }

    @Test("says what it withstands, each tier in one sentence of its own")
    func sentences() {
        let sentences = TrustTier.allCases.map(\.withstands)
        #expect(Set(sentences).count == 4)
        for sentence in sentences { #expect(sentence.hasSuffix(".") && sentence.dropLast().contains(".") == false) }
    }
}

@Suite("The table of firmware flaws")
struct FlawTests {
    private static func names(_ vendor: UInt32, _ version: (UInt32, UInt32, UInt32, UInt32)) -> [String] {
        let firmware = [version.0 << 16 | version.1, version.2 << 16 | version.3]
        return FirmwareFlaw.known.filter { $0.affects(ManufacturerID(rawValue: vendor), firmware: firmware) }.map {
            $0.isUndecided ? $0.name + "?" : $0.name
        }
    }

    @Test("names TPM-FAIL of Intel and ST, ROCA of Infineon and faulTPM of AMD, each with its sources")
    func table() {
        #expect(FirmwareFlaw.known.map(\.name) == ["ROCA", "TPM-FAIL", "TPM-FAIL", "TPM-FAIL", "faulTPM"])
        #expect(Set(FirmwareFlaw.known.map(\.vendorID)) == ["IFX", "STM", "INTC", "AMD"])
        for flaw in FirmwareFlaw.known {
            #expect(flaw.sources.allSatisfy { $0.hasPrefix("https://") } && !flaw.sources.isEmpty)
            #expect(flaw.warning.contains(flaw.name) && flaw.warning.contains(flaw.id) && flaw.warning.hasSuffix("."))
        }
    }

    @Test("warns of the versions that its sources name, and of no others")
    func versions() {
        let (ifx, stm, stmZero, intel, amd): (UInt32, UInt32, UInt32, UInt32, UInt32) =
            (0x4946_5800, 0x5354_4D20, 0x5354_4D00, 0x494E_5443, 0x414D_4400)
        for version: (UInt32, UInt32, UInt32, UInt32) in [(5, 61, 9999, 0), (7, 40, 0, 0), (133, 32, 1, 2)] {
            #expect(Self.names(ifx, version) == ["ROCA"], "\(version)")
        }
        for version: (UInt32, UInt32, UInt32, UInt32) in [
            (5, 62, 0, 0), (7, 62, 3126, 0), (7, 85, 0, 0), (15, 23, 0, 0),
        ] {
            #expect(Self.names(ifx, version).isEmpty, "\(version)")
        }
        #expect(Self.names(stm, (73, 4, 0x4400, 0)) == ["TPM-FAIL"])
        #expect(Self.names(stmZero, (74, 16, 0, 0)) == ["TPM-FAIL"])
        for version: (UInt32, UInt32, UInt32, UInt32) in [
            (73, 20, 0, 0), (71, 16, 0, 0), (1, 258, 0, 0), (73, 6, 0, 0),
        ] {
            #expect(Self.names(stm, version).isEmpty, "\(version)")
        }
        #expect(Self.names(intel, (11, 8, 50, 3425)) == ["TPM-FAIL"])
        #expect(Self.names(intel, (12, 0, 34, 1)) == ["TPM-FAIL"])
        #expect(Self.names(intel, (11, 8, 65, 0)).isEmpty && Self.names(intel, (600, 18, 0, 0)).isEmpty)
        #expect(Self.names(intel, (403, 1, 0, 0)) == ["TPM-FAIL?"])
        #expect(Self.names(amd, (3, 37, 0, 5)) == ["faulTPM"] && Self.names(amd, (6, 24, 0, 6)).isEmpty)
        // A version is its own maker's.
        #expect(Self.names(stm, (5, 61, 0, 0)).isEmpty && Self.names(ifx, (3, 0, 0, 0)) == ["ROCA"])
    }
}

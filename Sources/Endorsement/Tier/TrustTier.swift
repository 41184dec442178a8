/// What kind of thing holds the keys, and so what it withstands.
public enum TrustTier: String, Codable, Hashable, Sendable, CaseIterable {
    /// A chip of its own, made to keep keys from who holds it.
    case discrete
    /// A program in a processor's protected part.
    case firmware
    /// A program whose host can copy its state.
    case emulated
    /// Anything else, and every chip that no pinned root of its maker vouches for.
    case unknown

    /// One sentence for whoever looks.
    public var withstands: String {
        switch self {
        case .discrete:
            "a chip of its own: withstands root on its host and theft of the machine, not a laboratory that opens chips."
        case .firmware:
            "part of a processor: withstands root on its host, not flaws in the processor's firmware, nor somebody who"
                + " has the machine for hours."
        case .emulated: "EMULATED: withstands nobody on its host, who can copy its state and guess without limit."
        case .unknown:
            "of unknown kind: no pinned root of its maker vouches for it, so nothing is promised."
        }
    }

    /// `discrete, a chip of its own: …`, for one line.
    public var sentence: String { self == .emulated ? withstands : "\(rawValue), \(withstands)" }
}

/// What a chip says of itself, and what its certificate says: enough to tell its tier.
public struct ChipIdentity: Hashable, Sendable {
    /// TPM_PT_MANUFACTURER.
    public let manufacturer: ManufacturerID
    /// TPM_PT_VENDOR_STRING_1 to _4.
    public let vendorString: String
    /// TPM_PT_FIRMWARE_VERSION_1 and _2.
    public let firmware: [UInt32]
    /// From the certificate; `nil` where none was read.
    public let name: ChipName?
    /// The issuer of the certificate, in printable ASCII.
    public let issuer: String

    public init(
        manufacturer: ManufacturerID, vendorString: String, firmware: [UInt32], name: ChipName?, issuer: String
    ) {
        self.manufacturer = manufacturer
        self.vendorString = vendorString
        self.firmware = firmware
        self.name = name
        self.issuer = issuer
    }

    /// The tier, as far as what the chip says is true. A device takes `discrete` and `firmware` only where a pinned root of
    /// the maker vouches.
    public var claimedTier: TrustTier {
        if !emulation.isEmpty { return .emulated }
        let vendor = manufacturer.vendor
        if Self.discrete.contains(vendor) { return .discrete }
        return Self.firmware.contains(vendor) || vendor == "MSFT" ? .firmware : .unknown
    }

    /// Why it is held to be a program whose host can copy its state; a hypervisor's is one too, for its host is the
    /// hypervisor.
    public var emulation: [EmulationSign] {
        var signs: [EmulationSign] = []
        for vendor in Set([manufacturer.vendor, name?.manufacturer.vendor ?? ""]).sorted()
        where Self.emulators.contains(vendor) {
            signs.append(.manufacturer(vendor))
        }
        // libtpms and the reference code say "SW  " and " TPM"; hypervisors' say "xCG fTPM".
        if vendorString.hasPrefix("SW ") || vendorString.contains(" TPM") { signs.append(.vendorString(vendorString)) }
        if let model = name?.model, Self.words.contains(where: model.lowercased().contains) {
            signs.append(.certificate(model))
        }
        // Microsoft makes Pluton, a part of processors, and Hyper-V's and Azure's, which are programs.
        if manufacturer.vendor == "MSFT", !issuer.contains("Pluton") { signs.append(.manufacturer("MSFT")) }
        return signs
    }

    /// TCG Vendor ID Registry 1.06. Vendors that are in no list are unknown.
    private static let discrete: Set<String> = [
        "ATML", "BRCM", "IFX", "NSG", "NSM", "NTC", "NTZ", "SMSC", "SNS", "STM", "TXN", "WEC",
    ]
    private static let firmware: Set<String> = ["AMD", "HISI", "INTC", "QCOM", "ROCC"]
    private static let emulators: Set<String> = ["IBM", "GOOG", "VMW", "AMZN"]
    private static let words = ["swtpm", "emulat", "virtual", "vtpm", "simulat"]
}

/// A sign that a chip is a program whose host can copy its state.
public enum EmulationSign: Hashable, Sendable, CustomStringConvertible {
    case itsClaim
    case manufacturer(String)
    case vendorString(String)
    case certificate(String)

    public var description: String {
        switch self {
        case .itsClaim: "the vault says so"
        case .manufacturer(let name): "the chip states the maker \(printable(name))"
        case .vendorString(let text): "the chip calls itself \(printable(text))"
        case .certificate(let model): "its certificate names the model \(printable(model))"
        }
    }
}

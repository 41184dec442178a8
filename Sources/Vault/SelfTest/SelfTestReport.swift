import TPM
import TPMDevice

/// What a self-test found, for people and for comparing chips. No serial number, no key, no Name is in it.
public struct SelfTestReport: Codable, Hashable, Sendable {
    /// The layout of this report.
    public var schema = "tenpin-selftest-1"
    /// The version of tenpin-vault.
    public var version = VaultVersion.text
    public var chip: Chip
    public var properties: [Property]
    public var commands: [CommandTime]
    /// How long it all took.
    public var seconds: Double

    /// What kind of chip it is, in its own words.
    public struct Chip: Codable, Hashable, Sendable {
        public var manufacturer: String
        public var model: String
        public var firmware: String
        /// The revision of the TPM 2.0 specification, such as 1.38; the errata of 2019 are in 1.59.
        public var specification: String
        /// The size of the largest hash in bytes.
        public var largestDigest: Int
        public var emulated: Bool
    }

    /// One property of `ChipProperty.all`.
    public struct Property: Codable, Hashable, Sendable {
        public var id: String
        public var claim: String
        public var outcome: ChipProperty.Outcome
        /// What was seen, or why it could not be.
        public var seen: String
    }

    /// What the successful runs of one command took, in milliseconds.
    public struct CommandTime: Codable, Hashable, Sendable {
        public var command: String
        public var count: Int
        public var minimum: Double
        public var median: Double
        public var maximum: Double
    }

    /// The properties that the chip does not have.
    public var failures: [Property] { properties.filter { $0.outcome == .failed } }
}

extension SelfTestReport.CommandTime {
    init(_ summary: CommandTimes.Summary) {
        command = summary.command.description
        count = summary.count
        minimum = summary.minimum.milliseconds
        median = summary.median.milliseconds
        maximum = summary.maximum.milliseconds
    }
}

extension SelfTestReport.Chip {
    init(_ chip: TPMDevice.Chip) throws {
        let maker = try ChipRequirements.maker(of: chip)
        manufacturer = maker.manufacturer
        model = maker.vendor
        firmware = maker.firmware
        let revision = try chip.property(ChipRequirements.Property.revision) ?? 0
        specification = "\(revision / 100).\(revision % 100 < 10 ? "0" : "")\(revision % 100)"
        largestDigest = try chip.largestDigest
        emulated = maker.isEmulated
    }
}

extension Duration {
    /// To a microsecond.
    fileprivate var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds * 1_000_000 + attoseconds / 1_000_000_000_000) / 1000
    }

    /// To a millisecond.
    var inSeconds: Double { milliseconds.rounded() / 1000 }
}

extension SelfTestReport {
    /// Keeps it beside `vault.json`, to be shown to whoever asks what was tested.
    func write(home: String) throws(HomeError) {
        do {
            try DurableFile.write(try JSONText.encode(self), to: Self.path(home: home))
        } catch {
            throw .cannotWrite(home)
        }
    }

    static func path(home: String) -> String { home + "/selftest.json" }
}

import FoundationEssentials

/// Whose word for a chip is believed: the pinned roots of its maker, and authorities of the checker's own.
public struct Authorities: Sendable {
    /// The makers' roots that are believed, wherever their certificates come from.
    public var pins: RootPins
    /// Certificates that the checker gave: self-issued ones are believed as roots, the others help to reach one.
    public var own: [AuthorityCertificate]

    public init(pins: RootPins = .builtIn, own: [AuthorityCertificate]) {
        self.pins = pins
        self.own = own
    }

    /// The most certificates that may be shown beside the chip's: a chain and its root.
    private static let maximumShown = EndorsementCertificate.maximumIntermediates + 1

    /// Verifies a certificate (DER, with padding behind it or not) with what was shown beside it, all valid at `time`.
    public func verify(
        _ certificate: [UInt8], shown ders: [[UInt8]], at time: Date
    ) async throws(EndorsementError) -> VerifiedEndorsement {
        guard ders.count <= Self.maximumShown else { throw .tooManyIntermediates }
        var shown: [AuthorityCertificate] = []
        for der in ders { shown.append(try AuthorityCertificate(der: der)) }
        // A root that is shown is one only by its pin; one that is not pinned helps nobody.
        let anchors = own.filter(\.isSelfIssued) + (own + shown).filter { pins.root($0.fingerprint) != nil }
        let helpers = (own + shown).filter { !$0.isSelfIssued && pins.root($0.fingerprint) == nil }
        let verified = try await EndorsementCertificate(der: certificate).verify(
            roots: anchors, intermediates: helpers, at: time)
        // 1. One maker's authority is broken, or certifies what it likes; 2. it names a chip of the most trusted maker.
        if let root = pins.root(verified.rootFingerprint), !root.vouches(for: verified.chip.manufacturer) {
            throw .rootOfAnotherMaker(root: root.name, certificate: verified.chip.manufacturer.vendor)
        }
        return verified
    }
}

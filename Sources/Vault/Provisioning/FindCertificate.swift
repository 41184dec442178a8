import Endorsement
import TPM
import TPMDevice
import VaultAPI

/// Certificates that the operator gave, where the chip does not hold them: AMD and Intel publish theirs.
public struct SuppliedCertificates: Sendable {
    /// The endorsement certificate with authorities' behind it.
    public var chain: EndorsementChain?
    /// Further authorities' certificates, up to the maker's root.
    public var authorities: [AuthorityCertificate]

    public init(chain: EndorsementChain? = nil, authorities: [AuthorityCertificate] = []) {
        self.chain = chain
        self.authorities = authorities
    }
}

extension Provision {
    /// An endorsement certificate, the key that it should be for, and what leads from it towards a root.
    struct FoundEndorsement {
        let template: EndorsementTemplate
        let certificate: EndorsementCertificate
        let authorities: [AuthorityCertificate]
    }

    /// The operator's certificate, or else the first one of the chip's, or the one for the key that is wanted. Only reads.
    func findCertificate(_ wanted: EndorsementTemplate?) throws -> FoundEndorsement {
        if let chain = supplied.chain {
            let template = wanted ?? EndorsementTemplate(lowestFor: chain.certificate.certifiedKey)
            guard let template else { throw ProvisionError.unusableKey("a kind that no endorsement key has") }
            return try found(chain.certificate, template, chain.authorities)
        }
        for template in wanted.map({ [$0] }) ?? EndorsementTemplate.allCases {
            guard let index = try chip.nvPublic(of: template.certificateIndex) else { continue }
            return try found(EndorsementCertificate(der: try chip.readByOwner(index)), template, [])
        }
        for (index, key) in EndorsementTemplate.unusableIndexes where try chip.isDefined(index) {
            throw ProvisionError.unusableKey(key)
        }
        throw ProvisionError.noCertificate
    }

    private func found(
        _ certificate: EndorsementCertificate, _ template: EndorsementTemplate, _ authorities: [AuthorityCertificate]
    ) throws -> FoundEndorsement {
        let chain = EndorsementChain(certificate, from: authorities + supplied.authorities + (try chipAuthorities()))
        return FoundEndorsement(template: template, certificate: certificate, authorities: chain.authorities)
    }

    /// The authorities' certificates in the chip's NV: concatenated, and cut where an index is full.
    /// TCG EK Credential Profile 2.6 §2.2.1.5.2.
    private func chipAuthorities() throws -> [AuthorityCertificate] {
        let range: ClosedRange<UInt32> = 0x01C0_0100...0x01C0_01FF
        var contents: [UInt8] = []
        for handle in try chip.handles(from: range.lowerBound) where range.contains(handle.rawValue) {
            guard contents.count < EndorsementChain.maximumBytes, let index = try chip.nvPublic(of: handle) else {
                break
            }
            do throws(ChipError) {
                contents += try chip.readByOwner(index)
            } catch {
                // One that the owner may not read leaves the chain to the operator's file.
                guard case .refused = error else { throw error }
                break
            }
        }
        return EndorsementChain.authorities(concatenated: contents)
    }

    /// Why the key that the chip makes from the template is not the one that is certified.
    func mismatch(_ found: FoundEndorsement) throws -> ProvisionError {
        for handle in try chip.handles(from: Handle.ownerPersistent.lowerBound) {
            guard let area = try chip.knownObject(at: handle), found.certificate.certifiedKey.isKey(of: area) else {
                continue
            }
            do throws(TemplateDifference) {
                let template = try EndorsementTemplate.matching(area)
                return .certificateIsFor(template.rawValue)
            } catch {
                return .template("\(handle)", error)
            }
        }
        for index in found.template.ownTemplateIndexes where try chip.isDefined(index) {
            return .ownTemplate("\(index)")
        }
        return .certificateOfAnotherKey(found.template.rawValue)
    }
}

extension EndorsementTemplate {
    /// The template that such a key is made from where nothing says otherwise: of low and high range, the low one.
    fileprivate init?(lowestFor key: CertifiedKey) {
        switch key {
        case .ec(.p256, _): self = .p256
        case .ec(.p384, _): self = .p384
        case .rsa(let modulus, _):
            switch modulus.count {
            case 256: self = .rsa2048
            case 384: self = .rsa3072
            case 512: self = .rsa4096
            default: return nil
            }
        }
    }
}

extension Chip {
    /// What the chip says of itself, and what the certificate calls it.
    func identity(_ certificate: EndorsementCertificate?) throws(ChipError) -> ChipIdentity {
        func words(_ tags: ClosedRange<UInt32>) throws(ChipError) -> [UInt32] {
            var values: [UInt32] = []
            for tag in tags { values.append(try property(tag) ?? 0) }
            return values
        }
        let manufacturer = try property(ChipRequirements.Property.manufacturer) ?? 0
        let text = try words(ChipRequirements.Property.vendorStrings)
            .flatMap { word in Writer.bytes { $0.integer(word) } }.filter { (0x20...0x7E).contains($0) }
        return ChipIdentity(
            manufacturer: ManufacturerID(rawValue: manufacturer), vendorString: String(decoding: text, as: UTF8.self),
            firmware: try words(ChipRequirements.Property.firmware), name: certificate?.chipName,
            issuer: certificate?.issuer ?? "")
    }
}

/// What a vault's operator is told of the chip, by its own word and its certificate's: a device believes neither.
public struct ChipStanding: Codable, Hashable, Sendable {
    public var tier: TrustTier
    /// What a chip of that tier withstands; one sentence.
    public var withstands: String
    /// Published attacks on its firmware, a sentence each.
    public var warnings: [String]
    /// Whether the certificates that devices are shown end at a root that is pinned in the product.
    public var endsAtPinnedRoot: Bool

    init(_ identity: ChipIdentity, _ authorities: [AuthorityCertificate]) {
        tier = identity.claimedTier
        withstands = tier.withstands
        warnings = FirmwareFlaw.known.filter { $0.affects(identity.manufacturer, firmware: identity.firmware) }
            .map(\.warning)
        endsAtPinnedRoot = authorities.contains { RootPins.builtIn.root($0.fingerprint) != nil }
    }
}

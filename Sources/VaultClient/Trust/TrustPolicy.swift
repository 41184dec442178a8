import Endorsement
import Foundation
import TPM
import VaultAPI

/// On what terms this device trusts a vault.
public struct TrustPolicy: Sendable {
    /// Whose endorsement certificates are believed.
    public var authorities: Authorities
    /// The pinned vaults.
    public var known: KnownVaults
    /// The Name given beforehand, instead of a question.
    public var expectedName: Name?
    /// Whether an emulated chip is allowed, for trials.
    public var allowEmulated: Bool
    /// The time at which certificates must be valid.
    public var now: @Sendable () -> Date
    /// Asked once about a vault that is not pinned, when it has proven everything else.
    public var confirm: @Sendable (TrustedVault) async -> Bool

    public init(
        authorities: Authorities, known: KnownVaults, expectedName: Name? = nil, allowEmulated: Bool = false,
        now: @escaping @Sendable () -> Date = Date.init,
        confirm: @escaping @Sendable (TrustedVault) async -> Bool
    ) {
        self.authorities = authorities
        self.known = known
        self.expectedName = expectedName
        self.allowEmulated = allowEmulated
        self.now = now
        self.confirm = confirm
    }

    /// From what a vault says to what it proved. The person is asked last, so that what they are
    /// shown is proven and nobody is asked about a vault that would be refused anyway.
    func establish(through courier: Courier, onStep: StepHook) async throws(VaultClientError) -> TrustedVault {
        let conversation = try await courier.converse()
        let claim = try await courier.call(Describe(), in: conversation)
        guard claim.suite == Recipe.suite else { throw .notTrusted(.suite(claim.suite)) }

        guard let key = try? PublicArea(tpm2b: claim.endorsementKey.bytes) else { throw .notTrusted(.endorsementKey) }
        do throws(TemplateDifference) {
            _ = try EndorsementTemplate.matching(key)
        } catch {
            throw .notTrusted(.template(error))
        }
        let standing = try standing(of: key.name, at: courier.address)

        let certificate = try await verify(claim, key)

        onStep(.proving)
        var session = try await CarriedSession.start(
            .hmac, through: courier, in: conversation, endorsementKey: key)
        let created = try await session.prove(
            .parent, .createPrimary(ParentProfile.template, in: .owner), attributes: [.audit, .continueSession])
        let digest = try await session.prove(
            .largestDigest, ChipFacts.largestDigestCommand, attributes: [.audit, .continueSession])
        // The last one: the session ends with it and leaves its place to others.
        let maker = try await session.prove(.maker, ChipFacts.makerCommand, attributes: [.audit])

        let vault: TrustedVault
        do throws(TrustRefusal) {
            let chip = try ChipFacts(answer: maker)
            guard chip.manufacturerID.isSameVendor(as: certificate.chip.manufacturer) else {
                throw .anotherMaker(certificate: certificate.chip.manufacturer.vendor, chip: chip.manufacturer)
            }
            vault = TrustedVault(
                endorsementKey: key, endorsementName: key.name, parent: try Self.parent(created),
                authority: try Self.authority(digest, key.name), chip: chip, certificate: certificate,
                emulation: chip.identity(certificate).emulation + (claim.emulated ? [.itsClaim] : []),
                isNew: standing != .pinned, pinnedRoot: authorities.pins.root(certificate.rootFingerprint))
            guard !vault.isEmulated || allowEmulated else { throw .emulated(vault.emulation) }
        } catch {
            throw .notTrusted(error)
        }
        if standing == .stranger {
            guard await confirm(vault) else { throw .notTrusted(.notConfirmed(key.name)) }
        }
        return vault
    }

    /// The certificate's chain, and that it is this very key's.
    private func verify(
        _ claim: Describe.Reply, _ key: PublicArea
    ) async throws(VaultClientError) -> VerifiedEndorsement {
        let verified: VerifiedEndorsement
        do throws(EndorsementError) {
            verified = try await authorities.verify(
                claim.certificate.bytes, shown: claim.intermediates.map(\.bytes), at: now())
        } catch {
            throw .notTrusted(.certificate(error))
        }
        guard verified.certifiedKey.isKey(of: key) else { throw .notTrusted(.certifiesAnotherKey) }
        return verified
    }

    private enum Standing { case pinned, named, stranger }

    /// How this device knows the Name; refused when it knows better.
    private func standing(of name: Name, at address: String) throws(VaultClientError) -> Standing {
        if let expectedName, expectedName != name {
            throw .notTrusted(.notTheNamed(expected: expectedName, shown: name))
        }
        switch known.standing(of: name, at: address) {
        case .changed(let pinned): throw .notTrusted(.changed(address: address, pinned: pinned, shown: name))
        case .pinned: return .pinned
        case .unknown: return expectedName == nil ? .stranger : .named
        }
    }

    /// The public area in CreatePrimary's answer. The answer is covered in its encrypted form, so a courier's own
    /// session could garble it: only the template with a point on the curve is taken.
    private static func parent(_ answer: [UInt8]) throws(TrustRefusal) -> PublicArea {
        var reader = Reader(answer)
        guard let area = try? PublicArea(tpm2b: &reader), ParentProfile.accepts(area) else { throw .parent }
        return area
    }

    private static func authority(_ answer: [UInt8], _ name: Name) throws(TrustRefusal) -> AuthorityProfile {
        let size = try ChipFacts.largestDigest(answer: answer)
        do throws(ProfileError) {
            return try AuthorityProfile(largestDigest: size, endorsementName: name)
        } catch {
            throw .largestDigest(error)
        }
    }
}

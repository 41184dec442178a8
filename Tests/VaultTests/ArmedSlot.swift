import Crypto
import Foundation
import Secrets
import TPM
import TPMDevice
import Varlink
import VaultAPI
import VaultTestSupport

@testable import Vault

/// What a device makes for an enrollment, without checking anything of the vault.
struct PaperDevice {
    static let limit: UInt32 = 10
    /// The generator of P-256, SEC 1 compressed.
    static let someBlinded = Bytes([
        0x03, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2, 0x77,
        0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96,
    ])

    let authority: AuthorityProfile
    let parent: Command.Entity
    let slot: SlotProfile
    let evaluationArea: PublicArea
    let sealed: Sealed
    private let limitKey: P256.Signing.PrivateKey

    init(_ configuration: VaultConfiguration, slot handle: Handle) throws {
        authority = try AuthorityProfile(
            largestDigest: configuration.largestDigest,
            endorsementName: PublicArea(tpm2b: configuration.endorsementKey.bytes).name)
        let parentArea = try PublicArea(tpm2b: configuration.parent.bytes)
        parent = Command.Entity(Handle(configuration.parentHandle), parentArea.name)
        limitKey = Self.signingKey(for: authority)
        slot = try SlotProfile(handle: handle, authority: authority, limitKey: P256Point(limitKey.publicKey))
        let key = P256.KeyAgreement.PrivateKey()
        let raw = Array(key.publicKey.rawRepresentation)
        evaluationArea = EvaluationKeyProfile.publicArea(
            try P256Point(x: Array(raw.prefix(32)), y: Array(raw.suffix(32))), slot: slot)
        let scalar = SecretBytes(copying: Array(key.rawRepresentation).span)
        sealed = try Sealed(Sensitive(privateKey: scalar), of: evaluationArea, to: parentArea)
    }

    var limitArea: PublicArea { authority.publicArea(slot.limitKey) }

    func sign(_ write: SlotProfile.Write, nonceTPM: [UInt8]) throws -> (act: SignedAct, signature: Signature) {
        let act = try SignedAct(write, of: slot, nonceTPM: nonceTPM)
        let signature = try limitKey.signature(for: SHA256.hash(data: act.message))
        return (act, try Signature(p1363: Array(signature.rawRepresentation)))
    }

    /// The message of step 2.
    func define(_ account: Account, _ enrollment: EnrollmentID) -> Define {
        Define(
            account: account, enrollment: enrollment, limitKey: Bytes(limitArea.tpm2b),
            slot: Bytes(slot.publicArea(written: false).tpm2b),
            evaluationKey: SealedObject(
                publicArea: Bytes(evaluationArea.tpm2b), duplicate: Bytes(sealed.duplicate),
                encryptedSeed: Bytes(sealed.encryptedSeed)))
    }

    private static func signingKey(for authority: AuthorityProfile) -> P256.Signing.PrivateKey {
        while true {
            let key = P256.Signing.PrivateKey()
            if (try? authority.name(of: P256Point(key.publicKey))) != nil { return key }
        }
    }
}

/// An armed enrollment made behind the vault's back: slot defined and written, evaluation key imported, row in the store.
/// The vault must be stopped meanwhile.
struct ArmedSlot: Sendable {
    let account: Account
    let enrollment: EnrollmentID
    let handle: Handle
    let device: PaperDevice

    init(
        of account: Account, on served: ServedVault, state: EnrollmentRecord.State = .armed, begun: Date = Date()
    ) throws {
        let chip = try Chip(tcti: served.chip.tcti)
        handle = Handle(UInt32.random(in: 0x0180_0000..<0x01BF_0000))
        device = try PaperDevice(try VaultConfiguration.read(home: served.home), slot: handle)
        let slot = device.slot
        try chip.run(.nvDefineSpace(slot.publicArea(written: false)), authorizedBy: chip.owner)
        let session = try chip.startSession(.policy)
        let (act, signature) = try device.sign(.first(limit: PaperDevice.limit), nonceTPM: session.nonceTPM)
        try chip.satisfy(
            slot.policy, for: .nvWrite, in: session.handle,
            evidence: .signed(act, by: device.limitArea, signature))
        try chip.run(slot.command(.first(limit: PaperDevice.limit)), authorizedBy: .policy(session.handle))

        self.account = account
        enrollment = .random
        var record = EnrollmentRecord(id: enrollment, account: account, replaces: nil, slot: handle, now: begun)
        record.limitKey = Data(slot.limitKey.sec1)
        record.evaluationKey = device.evaluationArea.point.map { Data($0.sec1) }
        record.evaluationPrivate = Data(
            try chip.take(device.sealed, of: device.evaluationArea, under: device.parent))
        record.limit = PaperDevice.limit
        record.state = state
        try served.store.insert(record)
    }
}

extension EnrollmentID {
    static var random: EnrollmentID {
        while true {
            if let id = EnrollmentID((0..<16).map { _ in UInt8.random(in: 0...255) }) { return id }
        }
    }
}

extension ServedVault {
    /// The vault's store, opened beside it.
    var store: Store {
        get throws { try Store(path: VaultConfiguration.storePath(home: home)) }
    }

    /// An enrollment's state in the store; `nil` when there is no such row.
    func state(of enrollment: EnrollmentID) throws -> EnrollmentRecord.State? {
        try store.enrollment(enrollment)?.state
    }

    /// Whether anything stands at an NV handle; the vault must be stopped, or the chip must be between two commands.
    func holds(_ handle: Handle) throws -> Bool { try Chip(tcti: chip.tcti).isDefined(handle) }
}

extension VarlinkClient {
    /// Calls a method of the vault, and gives the fault's name and cost, or `nil` where it succeeded.
    func fault<Method: VaultMethod>(of call: Method) async -> (name: String, guess: String)? {
        do throws(VarlinkClientError) {
            _ = try await self.call("\(VaultInterface.name).\(Method.name)", call, returning: Method.Reply.self)
            return nil
        } catch {
            guard case .remote(let name, let parameters) = error,
                let cost = try? JSONDecoder().decode(FaultParameters.self, from: parameters)
            else { return ("\(error)", "") }
            return (name, cost.guess)
        }
    }

    /// Calls a method of the vault.
    func ask<Method: VaultMethod>(_ call: Method) async throws -> Method.Reply {
        try await self.call("\(VaultInterface.name).\(Method.name)", call, returning: Method.Reply.self)
    }
}

import Endorsement
import Crypto
import Foundation
import Receipts
import TPM
import TPMDevice
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// Receipts that an operator makes who has the chip, every authorization of it, and a person's receipt as a model.
@Suite(.timeLimit(.minutes(3))) struct ForgeryTests {
    /// The flaw of a receipt with this statement and what `certify` gave for it.
    private func flaw(
        _ scene: Scene, _ model: Receipt, _ statement: ReceiptStatement, _ attest: [UInt8], _ signature: Signature
    ) async throws -> ReceiptFlaw? {
        let receipt = try #require(
            Receipt(
                statement: statement, attest: attest, signature: signature,
                evaluationKey: statement.recipe == nil ? nil : model.evaluationKey, answer: nil))
        do throws(ReceiptFlaw) {
            _ = try await scene.check(Receipt(file: receipt.bytes))
            return nil
        } catch {
            return error
        }
    }

    /// Runs an NV_Certify with the chip's attestation key, or the one that the template gives in another hierarchy.
    private static func certify(
        _ command: (Command.Entity) -> Command, on chip: Chip, in hierarchy: Handle = .endorsement, slot: Policy? = nil
    ) throws(ChipError) -> (attest: [UInt8], signature: Signature) {
        let create = Command.createPrimary(AttestationProfile.template, in: hierarchy)
        return try chip.withTransient(create, authorizedBy: .password()) { (handle) throws(ChipError) in
            let key = Command.Entity(handle, try chip.publicArea(of: handle).name)
            let response = try chip.withPolicy(AttestationProfile.policy, for: .nvCertify) {
                (signer) throws(ChipError) in
                guard let slot else { return try chip.run(command(key), authorizedBy: signer, .password()) }
                return try chip.withPolicy(slot, for: .nvCertify) { (reader) throws(ChipError) in
                    try chip.run(command(key), authorizedBy: signer, reader)
                }
            }
            return try chip.parse(response, to: .nvCertify) { (reader: inout Reader) throws(WireError) in
                (attest: try reader.sized(), signature: try Signature(&reader))
            }
        }
    }

    @Test("the chip's word on another index, on a part of the slot, or by a key of another hierarchy is no receipt")
    func otherThings() async throws {
        try await Scene.with { scene in
            let model = try await scene.receipt()
            let (statement, slot) = (model.statement, model.slot)
            let qualifyingData = statement.qualifyingData
            let tcti = scene.served.chip.tcti
            let (other, part, ownerKey, owners) = try await scene.served.whileStopped {
                let chip = try Chip(tcti: tcti)
                var area = NVPublic(
                    index: Handle(0x0188_0010), nameAlgorithm: .sha256, attributes: [.authRead, .authWrite, .noDA],
                    authPolicy: [], dataSize: 8)
                try chip.run(.nvDefineSpace(area), authorizedBy: chip.owner)
                let fresh: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 6]
                try chip.run(.nvWrite(.init(area.index, area.name), fresh, offset: 0), authorizedBy: .password())
                area.attributes.insert(.written)
                let index = Command.Entity(area.index, area.name)
                let other = try Self.certify(
                    { .nvCertify(index, by: $0, qualifyingData: qualifyingData, size: 8) }, on: chip)
                try chip.run(.nvUndefineSpace(index), authorizedBy: chip.owner)
                let part = try Self.certify(
                    {
                        .nvCertify(
                            slot.entity(written: true), by: $0, qualifyingData: qualifyingData, size: 4, offset: 4)
                    }, on: chip, slot: slot.policy)

                var ownersStatement = statement
                let create = Command.createPrimary(AttestationProfile.template, in: .owner)
                ownersStatement.attestationKey = try #require(
                    try chip.withTransient(create, authorizedBy: .password()) { (handle) throws(ChipError) in
                        try chip.publicArea(of: handle).point
                    })
                let owners = try Self.certify(
                    { [data = ownersStatement.qualifyingData] in slot.certifyCommand(by: $0, qualifyingData: data) },
                    on: chip, in: .owner, slot: slot.policy)
                return (other, part, ownersStatement, owners)
            }
            let receipt = model.receipt
            #expect(try await flaw(scene, receipt, statement, other.attest, other.signature) == .otherIndex)
            #expect(try await flaw(scene, receipt, statement, part.attest, part.signature) == .contents)
            #expect(try await flaw(scene, receipt, ownerKey, owners.attest, owners.signature) == .otherSigner)
        }
    }

    @Test("a slot that the operator defined anew, with a limit key of its own, is not the one of the person's recipe")
    func ownSlot() async throws {
        try await Scene.with { scene in
            try await scene.operatorGuesses(3)
            let model = try await scene.receipt()
            var statement = model.statement
            let (handle, authority, used) = (model.slot.handle, model.slot.authority, model.slot)
            let key = P256.Signing.PrivateKey()
            let fresh = try SlotProfile(handle: handle, authority: authority, limitKey: P256Point(key.publicKey))
            statement.limitKey = fresh.limitKey
            let data = statement.qualifyingData
            var unnamed = statement
            unnamed.recipe = nil
            let unnamedData = unnamed.qualifyingData
            let tcti = scene.served.chip.tcti
            let (named, bare) = try await scene.served.whileStopped {
                let chip = try Chip(tcti: tcti)
                try chip.run(.nvUndefineSpace(used.entity(written: true)), authorizedBy: chip.owner)
                try chip.run(.nvDefineSpace(fresh.publicArea(written: false)), authorizedBy: chip.owner)
                let session = try chip.startSession(.policy)
                let act = try SignedAct(.first(limit: Scene.limit), of: fresh, nonceTPM: session.nonceTPM)
                let signature = try key.signature(for: SHA256.hash(data: act.message))
                try chip.satisfy(
                    fresh.policy, for: .nvWrite, in: session.handle,
                    evidence: .signed(
                        act, by: authority.publicArea(fresh.limitKey),
                        Signature(p1363: Array(signature.rawRepresentation))))
                try chip.run(fresh.command(.first(limit: Scene.limit)), authorizedBy: .policy(session.handle))
                func certify(_ data: [UInt8]) throws -> (attest: [UInt8], signature: Signature) {
                    try Self.certify(
                        { fresh.certifyCommand(by: $0, qualifyingData: data) }, on: chip, slot: fresh.policy)
                }
                return (try certify(data), try certify(unnamedData))
            }
            #expect(try await flaw(scene, model.receipt, statement, named.attest, named.signature) == .recipe)
            // Without a recipe it is a true receipt of some slot: it names nobody, and shows nothing of anybody.
            #expect(try await flaw(scene, model.receipt, unnamed, bare.attest, bare.signature) == nil)
        }
    }

    @Test("a key of the operator's own signs what it likes, and no chip answers for it")
    func ownKey() async throws {
        try await Scene.with { scene in
            let model = try await scene.receipt()
            let key = P256.Signing.PrivateKey()
            var statement = model.statement
            statement.attestationKey = P256Point(key.publicKey)
            func sign(_ statement: ReceiptStatement, type: UInt16) throws -> (attest: [UInt8], signature: Signature) {
                let attest = Writer.bytes { writer in
                    writer.integer(UInt32(0xFF54_4347))
                    writer.integer(type)
                    writer.sized(AttestationProfile.qualifiedName(statement.attestationKey).bytes)
                    writer.sized(statement.qualifyingData)
                    writer.raw([UInt8](repeating: 0, count: 16))
                    writer.raw([1])
                    writer.integer(UInt64(0x2019_1023_0016_3636))
                    writer.sized(model.slot.publicArea(written: true).name.bytes)
                    writer.integer(UInt16(0))
                    writer.sized([0, 0, 0, 0, 0, 0, 0, 6])
                }
                let signature = try key.signature(for: SHA256.hash(data: attest))
                return (attest, try Signature(p1363: Array(signature.rawRepresentation)))
            }
            // TPM_ST_ATTEST_QUOTE.
            let quote = try sign(statement, type: 0x8018)
            #expect(
                try await flaw(scene, model.receipt, statement, quote.attest, quote.signature)
                    == .attest(.unexpected("the certificate's type", value: 0x8018)))

            let forged = try sign(statement, type: 0x8014)
            let receipt = try #require(
                Receipt(
                    statement: statement, attest: forged.attest, signature: forged.signature,
                    evaluationKey: model.receipt.evaluationKey, answer: nil))
            let checked = try await scene.check(receipt)
            #expect(checked.count.count == 0)
            let proven = ProvenAttestationKey(
                endorsementName: model.endorsementName, attestationName: model.attestationName)
            #expect(throws: ReceiptFlaw.unbound) { try checked.binding(challenge: nil, proven: [proven]) }

            // The chip does not open a challenge for that key, and the operator guesses no answer.
            let challenge = try checked.freshChallenge()
            let error = await #expect(throws: VaultClientError.self) {
                _ = try await scene.receipt(challenge: challenge)
            }
            #expect(error?.reason == .fault(.refusedByChip) && error?.guess == .notSpent)
            statement.challenge = challenge
            let again = try sign(statement, type: 0x8014)
            let answered = try #require(
                Receipt(
                    statement: statement, attest: again.attest, signature: again.signature,
                    evaluationKey: model.receipt.evaluationKey, answer: [UInt8](repeating: 7, count: 32)))
            await #expect(throws: ReceiptFlaw.answer) { try await scene.check(answered) }
            // Nor does an answer for the chip's own key serve the other one.
            let genuine = try await scene.receipt(challenge: model.freshChallenge()).receipt
            statement.challenge = genuine.statement.challenge
            let mixed = try sign(statement, type: 0x8014)
            let stolen = try #require(
                Receipt(
                    statement: statement, attest: mixed.attest, signature: mixed.signature,
                    evaluationKey: model.receipt.evaluationKey, answer: genuine.answer))
            await #expect(throws: ReceiptFlaw.answer) { try await scene.check(stolen) }
        }
    }

    @Test("a receipt is believed for the roots that are believed, and only while its certificate is valid")
    func certificate() async throws {
        try await Scene.with { scene in
            let receipt = try await scene.receipt().receipt
            let early = Date(timeIntervalSince1970: 0)
            await #expect(throws: ReceiptFlaw.certificate(.outsideValidity)) {
                try await receipt.check(by: Authorities(own: scene.roots), at: early)
            }
            await #expect(throws: ReceiptFlaw.certificate(.untrusted([]))) {
                try await receipt.check(by: Authorities(own: []), at: Date())
            }
        }
    }
}

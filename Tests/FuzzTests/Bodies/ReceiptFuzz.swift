import Crypto
import VaultAPI

@testable import Receipts
@testable import TPM

/// Receipts and the challenges that they answer: files that people send to each other.
enum ReceiptFuzz: FuzzBody {
    static let largest = 4096

    static func take(_ bytes: [UInt8]) throws(Finding) {
        if let receipt = attempt({ () throws(ReceiptFlaw) in try Receipt(file: bytes) }) {
            try mustEqual(receipt.bytes, bytes, "a receipt has one encoding")
            let whole = Receipt(
                statement: receipt.statement, attest: receipt.attest, signature: receipt.signature,
                evaluationKey: receipt.evaluationKey, answer: receipt.answer)
            try must(whole == receipt, "a receipt has what its statement calls for")
            _ = (receipt.statement.qualifyingData, EndorsementTemplate(of: receipt.statement.endorsementKey))
            try certificate(receipt.attest)
        }
        guard let challenge = attempt({ () throws(ReceiptFlaw) in try ReceiptChallenge(file: bytes) }) else { return }
        try mustEqual(challenge.file, bytes, "a challenge has one encoding")
        try must(!challenge.isAnswered(by: challenge.commitment), "a commitment answers itself")
    }

    /// What the signature would be over, and anyone with a key of their own can sign.
    private static func certificate(_ bytes: [UInt8]) throws(Finding) {
        guard let attest = attempt({ () throws(WireError) in try Attest(parsing: bytes) }) else { return }
        let again = written(
            signer: attest.qualifiedSigner, over: attest.extraData, clock: attest.clock,
            firmware: attest.firmwareVersion, index: attest.index, offset: attest.offset, contents: attest.contents)
        try mustEqual(again, bytes, "a TPMS_ATTEST has one encoding")
        _ = try? SlotCount(contents: attest.contents)
    }

    /// TPMS_ATTEST of an NV index, which nothing in the product writes. TPM 2.0 Part 2 §10.12.12.
    private static func written(
        signer: Name, over extraData: [UInt8], clock: Attest.ClockInfo, firmware: UInt64, index: Name,
        offset: UInt16, contents: [UInt8]
    ) -> [UInt8] {
        Writer.bytes { writer in
            writer.integer(UInt32(0xFF54_4347))
            writer.integer(UInt16(0x8014))
            writer.sized(signer.bytes)
            writer.sized(extraData)
            writer.integer(clock.milliseconds)
            writer.integer(clock.resetCount)
            writer.integer(clock.restartCount)
            writer.integer(UInt8(clock.isSafe ? 1 : 0))
            writer.integer(firmware)
            writer.sized(index.bytes)
            writer.integer(offset)
            writer.sized(contents)
        }
    }

    static func seeds() throws -> [[UInt8]] {
        guard let id = EnrollmentID([UInt8](repeating: 7, count: 16)) else { return [] }
        let point = P256Point(P256.Signing.PrivateKey().publicKey)
        var chip = EndorsementTemplate.p256.publicArea
        chip.body = .ecc(curve: .p256, symmetric: .aes128, scheme: .null, x: point.x, y: point.y)
        let challenge = try ReceiptChallenge(endorsementKey: chip, attestationKey: point)
        var statement = try ReceiptStatement(
            endorsementKey: chip, certificate: [0x30, 0], intermediates: [[0x30, 1, 2]], attestationKey: point,
            authorityHash: .sha512, slot: Handle(0x0180_0000), limitKey: point, recipe: nil, date: 1_750_000_000,
            nonce: [UInt8](repeating: 8, count: 32), challenge: nil)
        func file() throws -> [UInt8] {
            let attest = written(
                signer: AttestationProfile.qualifiedName(point), over: statement.qualifyingData,
                clock: Attest.ClockInfo(milliseconds: 1, resetCount: 2, restartCount: 3, isSafe: true), firmware: 4,
                index: chip.name, offset: 0, contents: [0, 0, 0, 1, 0, 0, 0, 11])
            return Receipt(
                statement, attest, try Signature(p1363: [UInt8](repeating: 9, count: 64)),
                statement.recipe.map { _ in point }, statement.challenge.map { _ in [UInt8](repeating: 6, count: 32) }
            ).bytes
        }
        let bare = try file()
        statement.recipe = RecipeFuzz.example(try Account("käthe"), id)
        statement.challenge = challenge
        return [bare, try file(), challenge.file]
    }
}

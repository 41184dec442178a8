import Crypto
import DeviceTestSupport
import Foundation
import Receipts
import TPM
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

@Suite(.timeLimit(.minutes(3))) struct ReceiptTests {
    @Test("tpm2-tools and openssl read in a receipt what the device reads, with no code of ours")
    func independentEyes() async throws {
        try await Scene.with { scene in
            try await scene.operatorGuesses(2)
            let checked = try await scene.receipt()
            #expect(checked.count == SlotCount(count: 3, ceiling: Scene.limit + 1))
            #expect(checked.statement.recipe?.account == scene.account)

            let chip = scene.served.chip
            func write(_ bytes: [UInt8], _ name: String) throws {
                try Data(bytes).write(to: chip.folder.appending(path: name))
            }
            let receipt = checked.receipt
            try write(receipt.attest, "attest")
            try write(
                Array(P256.Signing.ECDSASignature(rawRepresentation: receipt.signature.p1363).derRepresentation),
                "signature")
            try write(
                Array(
                    try P256.Signing.PublicKey(x963Representation: checked.statement.attestationKey.x963)
                        .pemRepresentation.utf8), "key.pem")
            let verified = try await chip.run(
                ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "attest"])
            #expect(verified == "Verified OK\n")
            // Field by field, with what the chip's tools say of Name, firmware and clock.
            let slot = checked.slot
            let (shown, fixed, clock) = try await scene.served.whileStopped {
                (
                    try await chip.tpm2("nvreadpublic", slot.handle.description),
                    try await chip.tpm2("getcap", "properties-fixed"), try await chip.tpm2("readclock")
                )
            }
            func number(_ text: String, after label: String) throws -> UInt32 {
                let rest = try #require(text.range(of: label)).upperBound
                let digits = text[rest...].drop { $0 == " " }.prefix { !$0.isWhitespace }
                return try #require(digits.hasPrefix("0x") ? UInt32(digits.dropFirst(2), radix: 16) : UInt32(digits))
            }
            func bytes(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
            let name = try #require(shown.firstMatch(of: /name: ([0-9a-f]{68})/)).1
            let key =
                [0x00, 0x0B] + SHA256.hash(data: AttestationProfile.publicArea(checked.statement.attestationKey).bytes)
            let qualified = [0x00, 0x0B] + SHA256.hash(data: [0x40, 0x00, 0x00, 0x0B] + key)
            let head =
                hex("ff544347801400") + [0x22] + qualified + [0x00, 0x20] + checked.statement.qualifyingData
            let resets =
                bytes(try number(clock, after: "reset_count:")) + bytes(try number(clock, after: "restart_count:"))
            let versions =
                bytes(try number(fixed, after: "TPM2_PT_FIRMWARE_VERSION_1:\n  raw:"))
                + bytes(try number(fixed, after: "TPM2_PT_FIRMWARE_VERSION_2:\n  raw:"))
            let tail = [0x00, 0x22] + hex(String(name)) + [0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, UInt8(Scene.limit + 1)]
            let attest = receipt.attest
            #expect(Array(attest.prefix(head.count)) == head)
            #expect(Array(attest.dropFirst(head.count + 8)) == resets + [1] + versions + tail)
            #expect(checked.clock.isSafe && bytes(checked.clock.resetCount) == Array(resets.prefix(4)))
        }
    }

    @Test("a stranger far away believes a receipt that answers the stranger's own challenge, and no other")
    func byMail() async throws {
        try await Scene.with { scene in
            let first = try await scene.receipt()
            let far = try await scene.check(Receipt(file: first.receipt.bytes))
            #expect(throws: ReceiptFlaw.unbound) { try far.binding(challenge: nil, proven: []) }

            // By mail, as files.
            let mine = try ReceiptChallenge(file: far.freshChallenge().file)
            let answered = try await scene.receipt(challenge: ReceiptChallenge(file: mine.file)).receipt.bytes
            let second = try await scene.check(Receipt(file: answered))
            #expect(try second.binding(challenge: mine, proven: []) == .challenge)
            #expect(second.count == first.count)

            // What answers somebody else's challenge, or none, shows me nothing.
            let another = try far.freshChallenge()
            #expect(throws: ReceiptFlaw.otherChallenge) { try second.binding(challenge: another, proven: []) }
            #expect(throws: ReceiptFlaw.otherChallenge) { try far.binding(challenge: mine, proven: []) }
            #expect(throws: ReceiptFlaw.unbound) { try second.binding(challenge: nil, proven: []) }
            // To the device that had the key proven, both are good.
            let proven = ProvenAttestationKey(
                endorsementName: first.endorsementName, attestationName: first.attestationName)
            for checked in [far, second] { #expect(try checked.binding(challenge: nil, proven: [proven]) == .session) }
        }
    }

    @Test("a receipt of which any byte was changed, cut off or added is not believed")
    func everyByte() async throws {
        try await Scene.with { scene in
            let first = try await scene.receipt()
            let mine = try first.freshChallenge()
            let bytes = try await scene.receipt(challenge: mine).receipt.bytes
            #expect(try Receipt(file: bytes).bytes == bytes)
            var believed: [Int] = []
            var flaws: Set<String> = []
            for index in bytes.indices {
                var altered = bytes
                altered[index] ^= [1, 0x80, 0xFF][index % 3]
                do throws(ReceiptFlaw) {
                    let receipt = try Receipt(file: altered)
                    #expect(receipt.bytes == altered, "byte \(index) has two encodings")
                    _ = try await scene.check(receipt).binding(challenge: mine, proven: [])
                    believed.append(index)
                } catch {
                    flaws.insert("\(error)".prefix(24).description)
                }
            }
            #expect(believed == [])
            // Not all for one reason: the parser, the signature, the statement's hash, evaluation key and answer.
            #expect(flaws.count >= 5, "\(flaws)")
            for size in bytes.indices {
                #expect(throws: ReceiptFlaw.self) { try Receipt(file: Array(bytes[..<size])) }
            }
            #expect(throws: ReceiptFlaw.malformed(.trailingBytes(1))) { try Receipt(file: bytes + [0]) }
            let challenge = mine.file
            for size in challenge.indices {
                #expect(throws: ReceiptFlaw.self) { try ReceiptChallenge(file: Array(challenge[..<size])) }
            }
        }
    }

    @Test("a receipt without account holds neither account nor enrollment, and one of a burnt slot says so")
    func anonymousAndBurnt() async throws {
        try await Scene.with { scene in
            let recipe = try #require(try scene.device().state.enrollment).recipe
            let named = Data(try await scene.receipt().receipt.bytes)
            let anonymous = try await scene.receipt(namesEnrollment: false)
            let bytes = Data(anonymous.receipt.bytes)
            for secret in [Array(recipe.account.id.utf8), recipe.enrollment.bytes] {
                #expect(named.range(of: Data(secret)) != nil)
                #expect(bytes.range(of: Data(secret)) == nil)
            }
            #expect(try await scene.check(Receipt(file: Array(bytes))).count == anonymous.count)

            // Burnt, and not forgotten.
            let live = try #require(try scene.device().state.enrollment)
            let link = try await scene.link()
            try await #require(live.tickets.first).burn(scene.account, through: link)
            await link.close()
            let burnt = try await scene.receipt()
            #expect(burnt.count.isBurnt && burnt.count.guessesLeft == 0)
        }
    }

    @Test("whatever a courier changes on the way to a receipt, the device finds out")
    func courier() async throws {
        try await Scene.with { scene in
            let challenge = try await scene.receipt().freshChallenge()
            func flip(_ method: String, _ path: [String], _ index: Int) async throws -> VaultClientError? {
                do {
                    _ = try await scene.receipt(challenge: challenge) { call in
                        let isIt =
                            method == "Prove" ? call.parameters[["fact"]] == .text("attestationKey") : true
                        guard call.method == method, isIt else { return .carry }
                        return .alter { reply in reply.flipping(path, index) }
                    }
                    return nil
                } catch let error as VaultClientError {
                    return error
                }
            }
            let cases: [(String, [String], Int)] = [
                ("Prove", ["parameters"], 90), ("Prove", ["hmac"], 0), ("Certify", ["attest"], 60),
                ("Certify", ["attest"], -1), ("Certify", ["signature"], 5), ("Certify", ["evaluationKey"], 0),
                ("Certify", ["activated"], 3), ("Certify", ["activated"], -1),
            ]
            for (method, path, index) in cases {
                let error = try await flip(method, path, index)
                #expect(error != nil, "\(method) \(path) \(index)")
                #expect(error?.guess == .notSpent)
            }
        }
    }

    @Test("a receipt spends no guess and writes nothing into the chip")
    func cost() async throws {
        try await Scene.with { scene in
            let before = try await scene.receipt().count
            for _ in 0..<5 { #expect(try await scene.receipt().count == before) }
            #expect(try await scene.receipt().clock.resetCount == scene.receipt().clock.resetCount)
        }
    }
}

extension JSONValue {
    /// The same with one bit of a base64 value turned; -1 is the last byte.
    fileprivate func flipping(_ path: [String], _ index: Int) -> JSONValue {
        guard case .text(let text)? = self[path], var data = Data(base64Encoded: text) else { return self }
        data[index < 0 ? data.count + index : index] ^= 1
        return setting(path, to: .text(data.base64EncodedString()))
    }
}

import Crypto
import Foundation
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// What crosses the socket.
@Suite struct TrafficTests {
    @Test(
        "no message of an enrollment, a recovery and a change of password holds a secret, raw, in base64 or in digits")
    func secrets() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let (first, second) = ("correct horse battery", "another staple entirely")
            let courier = try world.courier()
            let link = try await world.link(courier)
            var device = try world.device(alice)
            try await device.enroll(at: link, password: password(first), choice: .floor())
            guard let live = device.state.enrollment, let slotKey = device.state.key else { throw Missing.enrollment }
            var secrets = [live.limitSeed.bytes.published, slotKey.key.bytes.published]
            var another = try world.device(alice)
            guard case .recovered = try await another.recover(at: link, password: password(first)) else {
                throw Missing.key
            }
            try await device.changePassword(at: link, to: password(second), choice: .floor())
            guard let changed = device.state.enrollment else { throw Missing.enrollment }
            secrets += [changed.limitSeed.bytes.published, try device.key()]
            try await device.forget(at: link)
            await link.close()

            let calls = courier.calls
            #expect(Set(calls.map(\.method)).count == 12)
            let texts = try calls.flatMap { call in
                try [call.parameters, call.reply ?? .null].map {
                    String(decoding: try JSONEncoder().encode($0), as: UTF8.self)
                }
            }
            let everything = texts.joined(separator: "\n")
            let blobs = calls.flatMap { call in
                [call.parameters, call.reply ?? .null].flatMap { value in
                    value.leaves.compactMap { value[$0]?.bytes }
                }
            }
            // The window is found where there is one: an id that does cross.
            #expect(Self.isIn(live.recipe.enrollment.bytes, everything, blobs))
            for secret in secrets + [Array(first.utf8), Array(second.utf8)] {
                #expect(!Self.isIn(secret, everything, blobs))
            }

            // Private keys are known by their public ones, which the device sent.
            var publicKeys: Set<[UInt8]> = []
            for call in calls {
                for path in [["limitKey"], ["openKey"], ["evaluationKey", "publicArea"]] {
                    guard let bytes = call.parameters[path]?.bytes else { continue }
                    publicKeys.insert(try #require(try PublicArea(tpm2b: bytes).point).x)
                }
            }
            #expect(publicKeys.count == 6)
            var windows: Set<[UInt8]> = []
            for blob in blobs where blob.count >= 32 {
                for start in 0...(blob.count - 32) { windows.insert(Array(blob[start..<start + 32])) }
            }
            #expect(windows.count > 3000)
            for window in windows {
                guard let key = try? P256.Signing.PrivateKey(rawRepresentation: window) else { continue }
                #expect(!publicKeys.contains(Array(key.publicKey.x963Representation[1..<33])))
            }
        }
    }

    private static func isIn(_ secret: [UInt8], _ text: String, _ blobs: [[UInt8]]) -> Bool {
        let digits = secret.hexadecimal
        let base64 = Data(secret).base64EncodedString().trimmingCharacters(in: ["="]).dropLast()
        return text.contains(base64) || text.lowercased().contains(digits)
            || text.contains(String(decoding: secret, as: UTF8.self))
            || blobs.contains { Data($0).firstRange(of: Data(secret)) != nil }
    }
}

import DeviceTestSupport
import Synchronization
import TPM
import Testing
import VaultAPI

@testable import VaultClient

/// Every field of every answer, altered one at a time. What the device goes on with is what the chip said, or nothing.
@Suite struct AlteredAnswerTests {
    /// One field of one answer.
    struct Field: Hashable, Sendable, CustomStringConvertible {
        let call: Int
        let method: String
        let path: JSONValue.Path
        var description: String { "\(call) \(method) \(path.joined(separator: "."))" }
    }

    /// The fields of the answers that `courier` carried.
    private static func fields(_ courier: HostileCourier) -> [Field] {
        courier.calls.flatMap { call in
            (call.reply?.leaves ?? []).filter { !$0.isEmpty }.map {
                Field(call: call.number, method: call.method, path: $0)
            }
        }
    }

    private static func alter(_ field: Field, on courier: HostileCourier) {
        courier.begin { call in
            guard call.number == field.call else { return .carry }
            return .alter { reply in
                guard let value = reply[field.path] else { return reply }
                return reply.setting(field.path, to: value.altered)
            }
        }
    }

    @Test("a vault whose first answers were altered anywhere is not trusted, but for its mere claims")
    func trust() async throws {
        try await World.with { world in
            let courier = try world.courier()
            let honest = try await world.link(courier)
            await honest.close()
            let fields = Self.fields(courier)
            #expect(fields.count == 20)
            var harmless: Set<String> = []
            for field in fields {
                Self.alter(field, on: courier)
                do {
                    let link = try await world.link(courier)
                    let (seen, known) = (link.vault, honest.vault)
                    #expect(seen.endorsementKey == known.endorsementKey && seen.parent == known.parent, "\(field)")
                    #expect(seen.authority == known.authority && seen.chip == known.chip, "\(field)")
                    #expect(seen.certificate == known.certificate && seen.isEmulated, "\(field)")
                    harmless.insert(field.path.joined(separator: "."))
                    await link.close()
                } catch let error as VaultClientError {
                    #expect(error.guess == .notSpent)
                }
            }
            // The parent and the kind of chip are believed in a session only.
            #expect(harmless == ["emulated", "freeSlots", "parent"])
        }
    }

    @Test("an answer of an enrollment that was altered anywhere ends it, or changes nothing")
    func enroll() async throws {
        try await World.with { world in
            let courier = try world.courier()
            let first = try await world.link(courier)
            courier.begin()
            var undisturbed = try world.device(account("undisturbed"))
            try await undisturbed.enroll(at: first, password: password("a password"), choice: .floor())
            await first.close()
            let fields = Self.fields(courier)
            #expect(fields.count > 24)
            var harmless: Set<String> = []
            for (number, field) in fields.enumerated() {
                let person = try account("person \(number)")
                let link = try await world.link(courier)
                Self.alter(field, on: courier)
                var device = try world.device(person)
                let error = try await failure {
                    try await device.enroll(at: link, password: password("a password"), choice: .floor())
                }
                if error == nil {
                    harmless.insert("\(field.method) \(field.path.joined(separator: "."))")
                    #expect(try await device.status(at: link).proven?.slot == SlotCount(count: 1, ceiling: 11))
                    #expect(try await world.recover(person, "a password") == .recovered(device.key()))
                } else {
                    #expect(device.state.enrollment == nil, "\(field)")
                    // Past its last step an enrollment stays pending, or is remembered as exposed.
                    let isLate = courier.calls.contains { $0.method == Commit.name }
                    #expect((device.state.pending != nil || device.state.exposedLimit != nil) == isLate, "\(field)")
                }
                #expect(courier.firstWrites.allSatisfy { $0.value.count == 1 })
                await link.close()
            }
            #expect(harmless == ["Evaluate guessesLeft"])
        }
    }

    @Test("an answer of a recovery that was altered anywhere gives no other key, count or ceiling")
    func recover() async throws {
        try await World.with { world in
            let alice = try account("alice")
            let key: [UInt8]
            do {
                // With older keys, so that there are some to be altered.
                var device = try world.device(alice)
                let link = try await world.link()
                try await device.enroll(at: link, password: password("first password"), choice: .floor())
                try await device.changePassword(
                    at: link, to: password("a password"), choice: .floor(limit: 200))
                await link.close()
                key = try device.key()
            }
            // Once before, so that there is a record of a ceiling of this enrollment's that was raised.
            _ = try await world.recover(alice, "a password")
            let courier = try world.courier()
            let first = try await world.link(courier)
            courier.begin()
            var undisturbed = try world.device(alice)
            _ = try await undisturbed.recover(at: first, password: password("a password"))
            await first.close()
            let fields = Self.fields(courier)
            #expect(fields.count > 36)
            var ended: [String: String] = [:]
            for field in fields {
                let link = try await world.link(courier)
                Self.alter(field, on: courier)
                var device = try world.device(alice)
                let name = "\(field.method) \(field.path.joined(separator: "."))"
                do {
                    let outcome = try await device.recover(at: link, password: password("a password"))
                    switch outcome {
                    case .recovered(let recovered):
                        #expect(try device.key() == key, "\(field)")
                        if recovered.olderKeysFlaw == nil { #expect(device.olderKeys.count == 1) }
                        if case .given(let slot) = recovered.refund {
                            #expect(try await device.status(at: link).proven?.slot == slot, "\(field)")
                            ended[name] = recovered.olderKeysFlaw == nil ? "nothing" : "no older keys"
                        } else {
                            ended[name] = "no refund"
                        }
                    case .wrongPassword: ended[name] = "wrong password"
                    case .lockedOut: ended[name] = "locked out"
                    }
                } catch let error as VaultClientError {
                    ended[name] = "error"
                    #expect(!error.description.isEmpty)
                    #expect(device.state.key == nil, "\(field)")
                }
                await link.close()
            }
            let harmless = ended.filter { $0.value == "nothing" }.keys.sorted()
            #expect(
                harmless == [
                    "Evaluate guessesLeft", "LookUp ceiling", "LookUp ceilingRecord.ceiling",
                    "LookUp ceilingRecord.granted.guesses", "LookUp ceilingRecord.granted.mac",
                    "LookUp ceilingRecord.nonceTPM", "LookUp ceilingRecord.signature", "LookUp count",
                ])
            #expect(ended.filter { $0.value == "no older keys" }.keys.sorted() == ["LookUp olderKeys"])
            #expect(!ended.values.contains("locked out"))
        }
    }
}

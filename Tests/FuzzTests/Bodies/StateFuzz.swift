import Secrets
import TPM
import VaultAPI

@testable import VaultClient

/// The file in which a device keeps its keys, behind a checksum that is made to fit.
enum StateFuzz: FuzzBody {
    static let largest = 4096

    static func take(_ bytes: [UInt8]) throws(Finding) {
        let file = SecretBytes(copying: bytes.span)
        guard let state = attempt({ () throws(DeviceStateError) in try read(file) }) else { return }
        guard let once = attempt({ () throws(DeviceStateError) in try state.encoded() }),
            let again = attempt({ () throws(DeviceStateError) in try read(once.slice(0..<once.count - 32)) }),
            let twice = attempt({ () throws(DeviceStateError) in try again.encoded() })
        else { throw Finding(description: "a state that was read cannot be kept") }
        try must(once.isEqual(to: twice), "a state changes when it is kept")
    }

    private static func read(_ body: borrowing SecretBytes) throws(DeviceStateError) -> DeviceState {
        let body = body.duplicate()
        var code = HMACSHA256(key: SecretBytes(copying: Array("tenpin-1 device state".utf8).span))
        code.update(body)
        let sum = code.finish()
        let file = SecretBytes(copying: (body.published + sum.published).span)
        return try DeviceState(decoding: file, path: "state")
    }

    static func seeds() throws -> [[UInt8]] {
        guard let id = EnrollmentID([UInt8](repeating: 7, count: 16)) else { return [] }
        func secret(_ byte: UInt8) -> SharedSecret {
            SharedSecret(SecretBytes(copying: [UInt8](repeating: byte, count: 32).span))
        }
        let account = try Account("käthe")
        let recipe = RecipeFuzz.example(account, id)
        var state = DeviceState(account: account)
        var states = [state]
        state.key = GenerationKey(generation: 2, key: secret(1))
        state.olderKeys = [GenerationKey(generation: 1, key: secret(2))]
        state.enrollment = DeviceState.LiveEnrollment(recipe: recipe, confirmation: nil, limitSeed: secret(3))
        state.digits = secret(4)
        states.append(state)
        let bytes = Bytes([UInt8](repeating: 0xA5, count: 32))
        let ticket = BurnTicket(
            enrollment: id, slot: 0x0180_0000, authorityHash: "sha512", endorsementName: [1, 2], limitSeed: secret(5))
        let share = PendingEnrollment.Share(
            commit: Commit(
                recipe: recipe, confirmation: bytes, openKey: bytes,
                bundle: SealedObject(publicArea: bytes, duplicate: bytes, encryptedSeed: bytes), olderKeys: bytes),
            bundle: [1, 2, 3], openKey: secret(6), tickets: [ticket])
        state.pending = PendingEnrollment(
            recipe: recipe, shares: [share], backupKey: secret(7), limitSeed: secret(8),
            older: [GenerationKey(generation: 1, key: secret(9))])
        state.toBurn = [ticket]
        state.exposedLimit = 10
        state.enrollment = DeviceState.LiveEnrollment(recipe: recipe, confirmation: bytes, limitSeed: secret(3))
        states.append(state)
        return try states.map { state in
            let file = try state.encoded()
            return file.slice(0..<file.count - 32).published
        }
    }
}

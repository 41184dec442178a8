import Secrets
import TPM
import TPMDevice
import Testing

/// A device session on a live chip: the device's half, and the handle that only the courier needs.
final class CarriedSession {
    let handle: Handle
    var device: DeviceSession
    private let courier: Courier

    /// Salted to the endorsement key.
    init(_ kind: SessionKind, to endorsement: Endorsement, _ courier: Courier) throws {
        let salt = try Salt(for: endorsement.area)
        let nonceCaller = (0..<32).map { _ in UInt8.random(in: 0...255) }
        let started = try courier.chip.start(
            .startAuthSession(
                kind, saltedTo: endorsement.entity, encryptedSalt: salt.encrypted, nonceCaller: nonceCaller,
                parameterEncryption: true))
        handle = started.handle
        device = try DeviceSession(salt: salt.secret, nonceCaller: nonceCaller, nonceTPM: started.nonceTPM)
        self.courier = courier
    }

    /// Runs a command with the courier's authorizations and then the device's, and gives what the device accepts.
    func run(
        _ command: Command, after authorizations: [Authorization] = [],
        attributes: SessionAttributes = [.continueSession, .audit]
    ) throws -> [UInt8] {
        let carried = device.authorize(command, attributes: attributes)
        let response = try courier.send(RawCommand(command), authorizations + [carried.authorization(in: handle)])
        guard response.code.isSuccess else { throw ChipError.refused(command.code, response.code) }
        return try device.open(
            try #require(response.sessions.last), parameters: response.parameters, to: command, attributes: attributes)
    }

    /// Shows that the chip's nonce belongs to the device's key.
    func prove() throws {
        let random = try run(.getRandom(16), attributes: [.continueSession, .encrypt])
        try #require(random.count == 18)
    }
}

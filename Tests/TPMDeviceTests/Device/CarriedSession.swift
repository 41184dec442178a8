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

/// An endorsement key at a handle.
struct Endorsement {
    let area: PublicArea
    let handle: Handle
    var entity: Command.Entity { .init(handle, area.name) }

    /// Whatever a courier says that it is.
    init(area: PublicArea, handle: Handle) {
        self.area = area
        self.handle = handle
    }

    /// One that the chip keeps, or else a new one from the template.
    init(_ template: EndorsementTemplate, _ courier: Courier) throws {
        switch template {
        case .rsa2048: try self.init(at: Handle(0x8101_0001), courier)
        case .p384: try self.init(at: Handle(0x8101_0016), courier)
        case .p256, .p256High, .rsa2048High:
            let response = try courier.chip.run(
                .createPrimary(template.publicArea, in: .endorsement), authorizedBy: .password())
            try self.init(at: try #require(response.handle), courier)
        }
        try #require(EndorsementTemplate(of: area) == template)
    }

    private init(at handle: Handle, _ courier: Courier) throws {
        self.init(area: try courier.chip.publicArea(of: handle), handle: handle)
    }
}

extension Handle {
    /// Whether this is a transient object (handle type 80).
    var isTransient: Bool { rawValue >> 24 == 0x80 }
}

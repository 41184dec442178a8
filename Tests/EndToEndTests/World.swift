import DeviceTestSupport
import Endorsement
import Foundation
import OPRF
import Passwords
import Secrets
import Synchronization
import TPM
import TPMDevice
import TestSupport
import VaultAPI
import VaultTestSupport

@testable import Vault
@testable import VaultClient

/// A vault, and the people with their devices who trust it.
struct World: Sendable {
    let served: ServedVault
    private let trust: TrustPolicy

    static func with<R: Sendable>(
        writesPerDay: Int = 1000, _ body: @Sendable (World) async throws -> R
    ) async throws -> R {
        try await ServedVault.with(capacity: 900, writesPerDay: writesPerDay) { served in
            try await body(World(served))
        }
    }

    private init(_ served: ServedVault) throws {
        self.served = served
        let roots = try AuthorityCertificate.list(
            file: served.chip.trustRoot.map { Array(try Data(contentsOf: $0)) } ?? [])
        trust = TrustPolicy(authorities: Authorities(own: roots), known: KnownVaults(), allowEmulated: true) { _ in true
        }
    }

    /// The way to the vault's socket.
    func dialer() throws -> SocketDialer { try SocketDialer(served.socket) }

    /// A courier that does as `plan` says.
    func courier(_ plan: @escaping HostileCourier.Plan = { _ in .carry }) throws -> HostileCourier {
        HostileCourier(try dialer(), plan: plan)
    }

    /// A link through `dialer`, or straight to the socket; lost replies are asked again at once, `retries` times.
    func link(
        _ dialer: (any VaultDialer)? = nil, retries: Int = 0, onStep: @escaping StepHook = { _ in }
    ) async throws -> VaultLink {
        try await VaultLink.open(
            dialer ?? self.dialer(), trust: trust, retryDelays: Array(repeating: .zero, count: retries), onStep: onStep)
    }

    /// A folder for one more device.
    func home() -> DeviceHome { DeviceHome(served.chip.folder.path + "/home-" + UUID().uuidString.prefix(8)) }

    /// A copy of a device's files as they are just now.
    func copy(of home: DeviceHome) throws -> DeviceHome {
        let copy = self.home()
        if FileManager.default.fileExists(atPath: home.path) {
            try FileManager.default.copyItem(atPath: home.path, toPath: copy.path)
        }
        return copy
    }

    /// A new device of the account's.
    func device(_ account: Account, _ home: DeviceHome? = nil) throws -> Device {
        try Device(account, in: home ?? self.home())
    }

    /// Enrolls on a new device, honestly.
    func enroll(_ account: Account, _ typed: String, limit: UInt32 = 10) async throws -> Device {
        var device = try device(account)
        let link = try await link()
        try await device.enroll(at: link, password: password(typed), choice: .floor(limit: limit))
        await link.close()
        return device
    }

    /// Recovers on a new device.
    func recover(_ account: Account, _ typed: String, through dialer: (any VaultDialer)? = nil) async throws -> Ending {
        var device = try device(account)
        let link = try await link(dialer)
        let outcome = try await device.recover(at: link, password: password(typed))
        await link.close()
        return Ending(outcome)
    }
}

/// A recovery's outcome as a test compares it.
enum Ending: Equatable {
    case recovered([UInt8])
    case wrongPassword(guessesLeft: UInt32)
    case lockedOut

    init(_ outcome: RecoverOutcome) {
        self =
            switch outcome {
            case .recovered(let recovered): .recovered(recovered.key.key.bytes.published)
            case .wrongPassword(let left): .wrongPassword(guessesLeft: left)
            case .lockedOut: .lockedOut
            }
    }
}

func password(_ typed: String) throws -> Password {
    try Password(utf8: SecretBytes(copying: Array(typed.utf8).span))
}

func account(_ name: String) throws -> Account { try Account(name) }

extension EnrollmentChoice {
    /// The least work that the device allows.
    static func floor(limit: UInt32 = 10) throws -> EnrollmentChoice {
        EnrollmentChoice(limit: limit, parameters: try Argon2id.Parameters(memoryKiB: 65_536, passes: 3))
    }
}

extension Device {
    /// The backup key in use.
    func key() throws -> [UInt8] {
        guard let key = state.key else { throw Missing.key }
        return key.key.bytes.published
    }

    /// The keys of earlier generations.
    var olderKeys: [[UInt8]] { state.olderKeys.map { $0.key.bytes.published } }

    /// The enrollment that is live, by this device's knowledge.
    func enrollment() throws -> EnrollmentID {
        guard let live = state.enrollment else { throw Missing.enrollment }
        return live.recipe.enrollment
    }
}

/// What a test needs and is not there.
enum Missing: Error { case key, enrollment, row, call }

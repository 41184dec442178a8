import ChipWitness
import DeviceTestSupport
import Endorsement
import Foundation
import ProgramTestSupport
import Secrets
import TestSupport
import VaultAPI
import VaultClient

/// One program's world: the vault's real program behind its socket, a chip of its own behind the recorder, the people, and
/// what the operator has gathered. Used by one task.
final class Scene {
    let stage: Stage
    let recorder: Recorder
    let trust: TrustPolicy
    var people: [Person]
    var ledger = Ledger()
    /// Every message that a device sent, to be sent again.
    var messages: [HostileCourier.Call] = []
    /// Couriers that hold messages back.
    var holding: [HostileCourier] = []
    /// Saved contexts of sessions in which a guess is spent, with the key that they serve.
    var hoard: [(context: [UInt8], key: Name)] = []
    /// Copies of the store.
    var stores: [String] = []
    /// Whether the owner cleared the chip: then no vault can be served any more.
    var isCleared = false

    struct Person {
        let account: Account
        /// The device that the person uses.
        var home: DeviceHome
        /// The device that recovered last.
        var recovered: DeviceHome?
        /// What the person would type.
        var password = "nothing yet"
        var model = AccountModel.absent
        /// The enrollment that the device has as the live one.
        var live: [UInt8]?
        /// Whether the device has nothing left to finish.
        var isSettled = true
        var passwords = 0
    }

    private init(_ stage: Stage) throws {
        self.stage = stage
        recorder = try Recorder(stage.chip)
        let roots = try AuthorityCertificate.list(
            file: stage.chip.trustRoot.map { Array(try Data(contentsOf: $0)) } ?? [])
        trust = TrustPolicy(authorities: Authorities(own: roots), known: KnownVaults(), allowEmulated: true) { _ in true
        }
        people = try (0..<Generator.people).map { number in
            Person(account: try Account("person-\(number)"), home: DeviceHome(stage.desk("device-\(number)")))
        }
    }

    static func with<R>(_ body: (Scene) async throws -> R) async throws -> R {
        try await Stage.bare { stage in
            try await stage.provision()
            try liftDailyCap(stage)
            let scene = try Scene(stage)
            defer { scene.recorder.relay.end() }
            try await scene.serve()
            return try await body(scene)
        }
    }

    /// A search makes more writes than an account may in a day.
    private static func liftDailyCap(_ stage: Stage) throws {
        let file = URL(filePath: stage.home).appending(path: "vault.json")
        guard var facts = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] else {
            throw HarnessError("vault.json is no object")
        }
        facts["writesPerDay"] = 1_000_000
        try JSONSerialization.data(withJSONObject: facts).write(to: file)
    }

    func serve() async throws {
        try await stage.serve("--tcti", recorder.relay.tcti)
    }

    /// Cuts the chip's power and starts it on what it had stored.
    ///
    /// - Parameter suspending: behind TPM2_Shutdown(STATE), so that saved sessions outlive it, those of the operator too.
    func cutPower(suspending: Bool = false) async throws {
        // TPM_SU_STATE.
        let isKept = suspending && (try? recorder.chip.code(0x145, [], [], field(UInt16(1)))) == 0
        try await stage.chip.restart(resuming: isKept)
        recorder.powerWasCut(suspended: isKept)
        recorder.relay.giveUpWay()
        if !isKept { hoard = [] }
    }

    /// Brings up what was killed, and has the vault notice that its chip was away.
    func repair(powerWasCut: Bool = false, suspending: Bool = false) async throws {
        if powerWasCut { try await cutPower(suspending: suspending) }
        guard !isCleared else { return }
        if !stage.isServed {
            stage.kill()
            try await serve()
        } else if powerWasCut {
            _ = try await call("LookUp", ["account": .text(people[0].account.id)])
        }
    }

    /// A message of anybody's on a connection of its own, and the answer as the socket gives it.
    @discardableResult
    func call(_ method: String, _ parameters: [String: JSONValue]) async throws -> [String: Any]? {
        guard let peer = try? Peer(stage.socket) else { return nil }
        let message = JSONValue.object([
            "method": .text("\(VaultInterface.name).\(method)"), "parameters": .object(parameters),
        ])
        try await peer.send(String(decoding: try JSONEncoder().encode(message), as: UTF8.self))
        return try await peer.receive()
    }
}

import Endorsement
import Foundation
import Journal
import OPRF
import Passwords
import ProgramTestSupport
import Secrets
import Synchronization
import TPM
import TestSupport
import Vault
import VaultAPI

@testable import VaultClient

/// The real program `tenpin-vault serve` between a relay to its chip and people's devices, on a disk that may fail.
final class Bench: Sendable {
    let stage: Stage
    let relay: ChipRelay
    /// The disk of the vault's home.
    let disk: FaultyDisk
    let ledger = Ledger()
    private let trust: TrustPolicy
    private let current = Mutex<Running?>(nil)

    static func with(_ body: @Sendable (Bench) async throws -> Void) async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            let relay = try ChipRelay(stage.chip)
            defer { relay.end() }
            let bench = try Bench(stage, relay)
            relay.watch { command, said in bench.ledger.enter(command, said) }
            try await bench.start()
            try await body(bench)
            bench.kill()
        }
    }

    private init(_ stage: Stage, _ relay: ChipRelay) throws {
        self.stage = stage
        self.relay = relay
        disk = try FaultyDisk(record: stage.desk("faults"), below: stage.home)
        var configuration = try VaultConfiguration.read(home: stage.home)
        // A sweep has one account do in a minute what a person does in years.
        configuration.writesPerDay = 1_000_000
        try configuration.write(home: stage.home)
        let roots = try AuthorityCertificate.list(
            file: stage.chip.trustRoot.map { Array(try Data(contentsOf: $0)) } ?? [])
        trust = TrustPolicy(authorities: Authorities(own: roots), known: KnownVaults(), allowEmulated: true) { _ in true
        }
    }

    // MARK: - The vault

    /// Serves; returns when it is ready.
    func start() async throws {
        let running = try await stage.serve("--tcti", relay.tcti, "--verbose", environment: disk.environment)
        current.withLock { $0 = running }
    }

    /// Ends it as SIGKILL does, and returns when it is dead.
    func kill() { stage.kill() }

    func restart() async throws {
        kill()
        try await start()
    }

    /// Whether the program still runs.
    var isAlive: Bool { current.withLock { $0.map { !$0.child.hasEnded } ?? false } }

    /// What the vault has logged since it was started.
    var log: String { current.withLock { $0?.errors ?? "" } }

    // MARK: - People

    /// A trusted link over a new connection.
    func link(retries: Int = 0) async throws -> VaultLink {
        try await VaultLink.open(
            SocketDialer(stage.address), trust: trust, retryDelays: Array(repeating: .zero, count: retries))
    }

    /// Runs `body` with a link, and returns when the vault has noticed that it is closed.
    func withLink<R>(
        isolation: isolated (any Actor)? = #isolation, _ body: (VaultLink) async throws -> R
    ) async throws -> R {
        let link = try await link()
        do {
            let result = try await body(link)
            await link.close()
            return result
        } catch {
            await link.close()
            throw error
        }
    }

    func newHome() -> DeviceHome { DeviceHome(stage.desk("device-\(UUID().uuidString.prefix(8))")) }

    /// Enrolls somebody new.
    func person(limit: UInt32 = 10) async throws -> Person {
        let person = Person(account: try Account("person \(UUID().uuidString.prefix(8))"), home: newHome())
        try await withLink { link in
            var device = try Device(person.account, in: person.home)
            try await device.enroll(at: link, password: password(Person.first), choice: .floor(limit: limit))
        }
        return person
    }

    // MARK: - What an independent eye sees

    /// The handles in use from `first` on that have its type, as the chip says on a channel of the test's own.
    func handles(from first: UInt32) throws -> [UInt32] {
        var all: [UInt32] = []
        var next = first
        while true {
            let command = TPM.Command.getCapability(.handles, from: next, count: 254)
            var reader = Reader(try Response(relay.inject(command.bytes()), to: command).parameters)
            let more = try reader.raw(1)
            _ = try reader.integer(UInt32.self)
            for _ in 0..<(try reader.integer(UInt32.self)) { all.append(try reader.integer()) }
            guard more == [1], let last = all.last, last >> 24 == first >> 24 else {
                return all.filter { $0 >> 24 == first >> 24 }
            }
            next = last + 1
        }
    }

    /// The slots on the chip, whoever's.
    func slots() throws -> Set<UInt32> {
        Set(try handles(from: Handle.slots.lowerBound).filter { Handle.slots.contains($0) })
    }

    /// What is on the chip and should not be while nobody uses it.
    func leftovers() throws -> [UInt32] {
        try handles(from: 0x8000_0000) + handles(from: 0x0200_0000) + handles(from: 0x0300_0000)
    }

    /// The store's rows, as `tenpin-vault status` reads them.
    func rows() throws -> [VaultReport.Entry] { try VaultReport.read(home: stage.home, chip: nil).accounts }

    /// What is wrong with the journal: its chain, or what it says of the account's live slot. Lines that wait to be certified
    /// are none of it.
    func journalFlaws(of account: Account) throws -> [JournalFlaw] {
        var check = try JournalCheck.read(home: stage.home, chip: nil)
        if let row = try rows().first(where: { $0.account == account.id && $0.state == "live" }),
            let id = EnrollmentID(hex(row.enrollment))
        {
            check.slots[id] = .init(try count(account), lines: check.head.number)
        }
        return check.flaws()
    }

    /// Count and ceiling of the account's live slot, read through its uncounted branch.
    func count(_ account: Account) throws -> SlotCount {
        guard let row = try rows().first(where: { $0.account == account.id && $0.state == "live" }),
            let slot = UInt32(row.slot.dropFirst(2), radix: 16)
        else { throw Missing.row }
        func run(_ command: TPM.Command, _ authorizations: Authorization...) throws -> Response {
            let response = try Response(
                relay.inject(command.bytes(authorizations: authorizations)), to: command)
            guard response.code.isSuccess else { throw HarnessError("\(command.code): \(response.code)") }
            return response
        }
        guard
            let session = try run(.startAuthSession(.policy, nonceCaller: [UInt8](repeating: 0, count: 32))).handle
        else { throw Missing.row }
        try _ = run(.policyCommandCode(session, .nvRead))
        try _ = run(.policyOR(session, row.branches.map { hex($0) }))
        let index = TPM.Command.Entity(Handle(slot))
        let read = try run(.nvRead(index, authority: index, size: 8), .policy(session))
        return try SlotCount(readParameters: read.parameters)
    }
}

/// Somebody with a device.
struct Person: Sendable {
    static let first = "the first password"
    static let second = "the second password"
    let account: Account
    let home: DeviceHome
}

/// What a test needs and is not there.
enum Missing: Error { case key, row }

/// What the chip itself did, by the relay's record: how many guesses it counted, and how many it answered.
final class Ledger: Sendable {
    private let numbers = Mutex((counted: 0, answered: 0))

    func enter(_ command: [UInt8], _ said: [UInt8]?) {
        guard let said, said.count >= 10, ChipRelay.integer(said[6..<10]) == 0 else { return }
        switch ChipRelay.integer(command[6..<10]) {
        case CommandCode.policyNV.rawValue: numbers.withLock { $0.counted += 1 }
        case CommandCode.ecdhZGen.rawValue: numbers.withLock { $0.answered += 1 }
        default: break
        }
    }

    /// Evaluations counted and answered so far.
    var now: (counted: Int, answered: Int) { numbers.withLock { $0 } }
}

func password(_ typed: String) throws -> Password {
    try Password(utf8: SecretBytes(copying: Array(typed.utf8).span))
}

extension EnrollmentChoice {
    /// The least work that the device allows.
    static func floor(limit: UInt32 = 10) throws -> EnrollmentChoice {
        EnrollmentChoice(limit: limit, parameters: try Argon2id.Parameters(memoryKiB: 65_536, passes: 3))
    }
}

import Foundation
import ProgramTestSupport
import TestSupport
import Testing
import VaultAPI

@testable import VaultClient

/// The vault's disk at every write of its store: the process killed in the middle of it, or no room for it.
@Suite("At every write of the store") struct StoreWriteTests {
    /// The conversations that write.
    static let talks: [Talk] = [.enroll, .recover, .guess, .grant, .change, .forget]

    @Test("killed, half of the bytes written", arguments: talks)
    func kill(talk: Talk) async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(talk, at: bench)
            let length = try await sweep.honest().writes
            #expect(length > 6)
            for number in Sweep.points(length, few: talk.few) {
                let what = "killed at write \(number)"
                try await sweep.disturbed(what) {
                    try bench.disk.arm(.kill, at: number)
                } mend: {
                    try await eventually("the vault is dead at write \(number) of \(length)") { !bench.isAlive }
                    try await bench.restart()
                    try sweep.checkRows("\(what), and started again")
                }
            }
        }
    }

    @Test("the disk full, once or until there is room again", arguments: talks)
    func full(talk: Talk) async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(talk, at: bench)
            let length = try await sweep.honest().writes
            for point in Sweep.points(2 * length, few: talk.few) {
                let (number, fault) = (point / 2, point % 2 == 0 ? FaultyDisk.Fault.fullOnce : .full)
                try await sweep.disturbed("\(fault) at write \(number)") {
                    try bench.disk.arm(fault, at: number)
                } mend: {
                    #expect(bench.isAlive)
                } judge: { error in
                    guard let error, talk == .guess || talk == .grant else { return }
                    #expect(error.reason == .fault(.storeUnavailable), "\(talk), \(fault) at write \(number)")
                    #expect(bench.log.contains("the store failed"))
                }
            }
        }
    }

    @Test("started on a full disk, it serves or says why not, and the accounts are there when there is room")
    func start() async throws {
        try await Bench.with { bench in
            let sweep = try await Sweep(.guess, at: bench)
            let length = try await sweep.honest().writes
            for number in Sweep.points(length, few: 3) {
                try await sweep.disturbed("killed at write \(number), started on a full disk") {
                    try bench.disk.arm(.kill, at: number)
                } mend: {
                    bench.kill()
                    try bench.disk.arm(.full)
                    do {
                        try await bench.start()
                    } catch let error as HarnessError {
                        #expect(error.description.contains("tenpin-vault: "), "\(error)")
                    }
                    try bench.disk.arm(.none)
                    if !bench.isAlive { try await bench.restart() }
                }
            }
        }
    }
}

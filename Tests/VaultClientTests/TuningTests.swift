import Secrets
import Synchronization
import Testing

@testable import VaultClient

/// The search for parameters, against machines of which the speed is known.
@Suite struct TuningTests {
    /// A machine that fills so many MiB a second, and takes this long besides.
    private func tune(
        _ target: Duration, mebibytesASecond rate: Double, overhead: Double = 0, limit: UInt32 = 1 << 20
    ) async throws -> Tuning {
        try await Tuning(target: target, memoryLimitKiB: limit) { (parameters) throws(VaultClientError) in
            .seconds(overhead + Double(parameters.memoryKiB) / 1024 * Double(parameters.passes) / rate)
        }
    }

    @Test(
        "as much memory as fits into the time, and then as many passes",
        arguments: [
            (500.0, UInt32(160), UInt32(3)), (1500, 496, 3), (3500, 1024, 3), (5000, 1024, 4), (9000, 1024, 8),
            (100_000, 1024, 10),
        ])
    func fits(rate: Double, memory: UInt32, passes: UInt32) async throws {
        let tuning = try await tune(.seconds(1), mebibytesASecond: rate)
        #expect(tuning.suggestion.parameters == (try .init(memoryKiB: memory * 1024, passes: passes)))
        #expect(tuning.suggestion.duration <= .seconds(1))
        #expect(tuning.measurements.count <= 3)
    }

    @Test("a slow device is given the floor, and no less")
    func slow() async throws {
        let tuning = try await tune(.seconds(1), mebibytesASecond: 50)
        #expect(tuning.suggestion.parameters == (try .init(memoryKiB: 65_536, passes: 3)))
        #expect(tuning.suggestion.duration > .seconds(3))
        #expect(tuning.measurements.count == 1)
    }

    @Test("a device with little memory takes more passes instead", arguments: [UInt32(0), 65_535, 200_000, 524_288])
    func littleMemory(limit: UInt32) async throws {
        let tuning = try await tune(.seconds(1), mebibytesASecond: 1500, limit: limit)
        let memory = max(65_536, limit / 16_384 * 16_384)
        #expect(tuning.suggestion.parameters.memoryKiB == min(memory, 507_904))
        #expect(tuning.suggestion.parameters.passes == min(10, max(3, 1500 * 1024 / memory)))
    }

    @Test("a machine that slows down with more memory is not believed at its first word")
    func slowingDown() async throws {
        // Four times slower from 256 MiB on, as beyond a cache or a limit of the system's.
        let tuning = try await Tuning(target: .seconds(1), memoryLimitKiB: 1 << 20) {
            (parameters) throws(VaultClientError) in
            let rate = parameters.memoryKiB < 262_144 ? 2000.0 : 500
            return .seconds(Double(parameters.memoryKiB) / 1024 * Double(parameters.passes) / rate)
        }
        #expect(tuning.suggestion.duration <= .seconds(1))
        #expect(tuning.suggestion.parameters.memoryKiB >= 131_072)
        #expect(tuning.measurements.contains { $0.duration > .seconds(1) })
        #expect(tuning.measurements.count <= 8)
    }

    @Test("whatever the clock says, the bounds hold and the search ends")
    func wildClock() async throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            var (count, greatest) = (0, UInt32(0))
            let tuning = try await Tuning(
                target: .seconds(1), memoryLimitKiB: .random(in: 0...4_000_000, using: &random)
            ) {
                (parameters) throws(VaultClientError) in
                count += 1
                greatest = max(greatest, parameters.passes)
                return .nanoseconds(Int64.random(in: 1...3_000_000_000, using: &random))
            }
            #expect(count == tuning.measurements.count && count <= 8 && greatest <= 10)
        }
    }

    @Test("a device without the memory says so")
    func noMemory() async throws {
        await #expect(throws: VaultClientError.self) {
            _ = try await Tuning(target: .seconds(1), memoryLimitKiB: 0) { (parameters) throws(VaultClientError) in
                throw VaultClientError(.argon2id(.noMemory(memoryKiB: parameters.memoryKiB)))
            }
        }
    }

    @Test("an evaluation on this device takes time")
    func real() async throws {
        #expect(try await Tuning.time(.init(memoryKiB: 65_536, passes: 3)) > .milliseconds(1))
    }
}

/// The file that `tenpin tune --save` writes.
@Suite struct WorkSettingTests {
    private func parse(_ text: String) throws -> Argon2id.Parameters {
        try WorkSetting(parsing: text, path: "argon2id").parameters
    }

    @Test("what is written is read")
    func roundTrip() throws {
        let parameters = try Argon2id.Parameters(memoryKiB: 507_904, passes: 4)
        #expect(try parse(WorkSetting(parameters).text) == parameters)
        #expect(try parse("passes 4\nmemory-KiB 507904") == parameters)
    }

    @Test(
        "anything else is refused, and never less work than the floor",
        arguments: [
            "", "memory-KiB 65536", "passes 3", "memory-KiB 65535\npasses 3", "memory-KiB 65536\npasses 2",
            "memory-KiB 1048577\npasses 3", "memory-KiB 65536\npasses 11", "memory-KiB 65536\npasses 3\npasses 3",
            "memory-KiB 65536\npasses 3\nlanes 1", "memory-KiB +65536\npasses 3", "memory-KiB 6５536\npasses 3",
            "memory-KiB  65536\npasses 3", "memory-KiB 99999999999\npasses 3", "memory-KiB 65536 passes 3",
        ])
    func refused(text: String) {
        #expect(throws: DeviceStateError.badSetting("argon2id")) { try parse(text) }
    }
}

import Secrets

/// How much Argon2id this device does in the time that a person will wait.
///
/// Memory comes first, for it is what makes a guesser's machine dear (RFC 9106 §4); more passes only when no more memory may
/// be taken. The bounds are those of every enrollment: 64 MiB to 1 GiB, 3 to 10 passes.
public struct Tuning: Sendable {
    /// One evaluation that was timed.
    public struct Measurement: Hashable, Sendable {
        public let parameters: Argon2id.Parameters
        public let duration: Duration
    }

    /// Times one evaluation.
    public typealias Clock = (Argon2id.Parameters) async throws(VaultClientError) -> Duration

    /// The most work that took no longer than the target; the least that is allowed, where even that takes longer.
    public private(set) var suggestion: Measurement
    /// All that was measured, in order.
    public private(set) var measurements: [Measurement]

    /// The steps of memory in KiB.
    private static let step: UInt32 = 16 * 1024
    /// The most evaluations: each takes about as long as the target.
    private static let mostMeasurements = 8

    /// Measures until the target is met within a tenth.
    ///
    /// - Parameters:
    ///   - target: how long one password may take.
    ///   - memoryLimitKiB: what the device can spare; below 64 MiB it counts as that.
    public init(
        target: Duration, memoryLimitKiB: UInt32, clock: Clock = Self.time
    ) async throws(VaultClientError) {
        var last = try await Self.measure(Self.parameters(doing: 0, memoryLimitKiB: memoryLimitKiB), with: clock)
        suggestion = last
        measurements = [last]
        var tooMuch = Double.infinity
        while measurements.count < Self.mostMeasurements {
            let work = min(last.parameters.work * (target / last.duration), tooMuch)
            let next = try Self.parameters(doing: work, memoryLimitKiB: memoryLimitKiB)
            guard next.work >= suggestion.parameters.work * 1.1, next.work < tooMuch else { return }
            last = try await Self.measure(next, with: clock)
            measurements.append(last)
            if last.duration <= target { suggestion = last } else { tooMuch = next.work }
        }
    }

    private static func measure(
        _ parameters: Argon2id.Parameters, with clock: Clock
    ) async throws(VaultClientError) -> Measurement {
        Measurement(parameters: parameters, duration: try await clock(parameters))
    }

    /// The parameters whose memory times passes comes to `work`, in KiB, or less, within the bounds.
    private static func parameters(
        doing work: Double, memoryLimitKiB: UInt32
    ) throws(VaultClientError) -> Argon2id.Parameters {
        let (memories, passes) = (Argon2id.Parameters.memoryRange, Argon2id.Parameters.passesRange)
        let most = max(memories.lowerBound, min(memoryLimitKiB, memories.upperBound) / step * step)
        let wanted = min(work, 1e9) / Double(passes.lowerBound)
        let memory = min(most, max(memories.lowerBound, UInt32(wanted) / step * step))
        let repeated = memory < most ? passes.lowerBound : UInt32(min(work, 1e9) / Double(memory))
        do throws(Argon2idError) {
            return try Argon2id.Parameters(
                memoryKiB: memory, passes: max(passes.lowerBound, min(passes.upperBound, repeated)))
        } catch {
            throw VaultClientError(.argon2id(error))
        }
    }

    /// Times one evaluation on this device, in a thread of its own.
    public static func time(_ parameters: Argon2id.Parameters) async throws(VaultClientError) -> Duration {
        let input = SharedSecret(SecretBytes(random: Argon2id.outputSize))
        let salt = [UInt8](repeating: 0, count: Argon2id.saltSize)
        let start = ContinuousClock.now
        _ = try await Stretching.derive(from: input, salt: salt, parameters: parameters)
        return ContinuousClock.now - start
    }
}

extension Argon2id.Parameters {
    /// KiB that are filled in all, which the time is nearly proportional to.
    fileprivate var work: Double { Double(memoryKiB) * Double(passes) }
}

/// How often peers of one network address may come: a bucket for each, which fills again with time.
///
/// The attack: 1. somebody connects, has this side make a TLS handshake's signature, and hangs up; 2. his place at the door
/// is free at once, so their number does not hold him back, and he does it again; 3. the machine does nothing else. Who has
/// very many addresses is not held back by this either, but then by the places.
struct ArrivalPace {
    private struct Bucket {
        /// Arrivals that have not been made up for yet.
        var debt: Double
        var since: ContinuousClock.Instant
    }

    private let burst: Double
    private let perSecond: Double
    private var buckets: [[UInt8]: Bucket] = [:]

    /// How many addresses are kept in mind. One whose bucket is full again is forgotten when there are more.
    private static let mostRemembered = 4096

    var remembered: Int { buckets.count }

    /// At most `burst` arrivals at once, and in the long run `perSecond`.
    init(burst: Int, perSecond: Double) {
        self.burst = Double(burst)
        self.perSecond = perSecond
    }

    /// Counts an arrival, and says whether it may come in. One that may not is not counted.
    mutating func admits(_ address: [UInt8], at now: ContinuousClock.Instant = .now) -> Bool {
        let owed = buckets[address].map { debt(of: $0, at: now) } ?? 0
        guard owed + 1 <= burst else { return false }
        if buckets.count >= Self.mostRemembered, buckets[address] == nil {
            buckets = buckets.filter { debt(of: $0.value, at: now) > 0 }
            // So many come at once that no single one of them counts.
            guard buckets.count < Self.mostRemembered else { return true }
        }
        buckets[address] = Bucket(debt: owed + 1, since: now)
        return true
    }

    private func debt(of bucket: Bucket, at now: ContinuousClock.Instant) -> Double {
        max(0, bucket.debt - (now - bucket.since) / .seconds(1) * perSecond)
    }
}

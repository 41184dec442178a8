import Crypto
import TPM
import TPMDevice

extension ChipProperty {
    /// Points off the curve are refused wherever a key of ours multiplies.
    ///
    /// The attack: 1. somebody gives a point of another curve of small order; 2. the chip multiplies it by its key, and the answer
    /// tells the key modulo that order; 3. some tens of such answers tell the key.
    static let points = [
        ChipProperty(
            "points-evaluation",
            "ECDH_ZGen with the evaluation key refuses what is no point of its curve, and the guess is spent."
        ) { bench in
            try bench.arm(UInt32(OffCurve.points.count) + 1)
            return try bench.withKey { key in
                var spent: UInt32 = 0
                for (what, x, y) in OffCurve.points {
                    try bench.withSession { session, _ in
                        try bench.spend(in: session)
                        try bench.refuses(
                            what, .ecdhZGen(key, uncheckedX: x, y: y), .policy(session), with: Refusal.noPoint)
                    }
                    spent += 1
                    try bench.expect(count: spent, after: "after \(what)")
                }
                return "\(OffCurve.points.count) of \(OffCurve.points.count) were refused"
            }
        },
        ChipProperty(
            "points-salt-evaluation-key",
            "StartAuthSession salted to the evaluation key, which costs no guess, refuses what is no point of its curve."
        ) { bench in try bench.withKey { key in try bench.refusesSalts(to: key, "the evaluation key") } },
        ChipProperty(
            "points-salt-parent", "StartAuthSession salted to the parent refuses what is no point of its curve."
        ) { bench in
            try bench.refusesSalts(to: try bench.objects().parent, "the parent")
        },
        ChipProperty(
            "points-salt-endorsement",
            "StartAuthSession salted to an endorsement key on P-256 refuses what is no point of its curve."
        ) { bench in
            let kept = try bench.chip.handles(from: Handle.ownerPersistent.lowerBound)
            for handle in kept {
                guard let area = try bench.chip.knownObject(at: handle), area.point != nil,
                    EndorsementTemplate(of: area) != nil
                else { continue }
                return try bench.refusesSalts(to: .init(handle, area.name), "the endorsement key")
            }
            throw NotTestable("no endorsement key on P-256 is persistent")
        },
        ChipProperty(
            "points-import",
            "Import under the parent refuses a seed that is no point of its curve, before it multiplies."
        ) { bench in try pointsImport(bench) },
    ]

    private static func pointsImport(_ bench: Workbench) throws -> String {
        let objects = try bench.objects()
        func takeIn(_ what: String, x: [UInt8], y: [UInt8], with codes: Set<UInt32>) throws {
            let sealed = Sealed(
                duplicate: objects.evaluationKey.sealed.duplicate,
                encryptedSeed: Writer.bytes { writer in
                    writer.sized(x)
                    writer.sized(y)
                })
            try bench.withSession { session, _ in
                try bench.chip.satisfy(ParentProfile.policy, for: .import, in: session)
                try bench.refuses(
                    what, .import(objects.evaluationKey.area, sealed: sealed, under: objects.parent),
                    .policy(session), with: codes)
            }
        }
        for (what, x, y) in OffCurve.points { try takeIn(what, x: x, y: y, with: Refusal.noPoint) }
        // INTEGRITY: somebody's point of the curve is multiplied, and found not to be the seed's.
        let other = P256Point.someone
        try takeIn("another seed", x: other.x, y: other.y, with: [0x09F])
        return "\(OffCurve.points.count) of \(OffCurve.points.count) were refused"
    }
}

/// Coordinates that are no point of P-256.
enum OffCurve {
    private static let generator = P256Point.generator
    private static let p: [UInt8] =
        [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 12) + [UInt8](repeating: 0xFF, count: 12)

    /// Beside the curve, of other curves, with a coordinate of p, and the identity as it may be written.
    static let points: [(what: String, x: [UInt8], y: [UInt8])] = {
        let (x, y) = (generator.x, generator.y)
        var beside = y
        beside[31] ^= 1
        let zero = [UInt8](repeating: 0, count: 32)
        return [
            ("a point beside the curve", x, beside), ("exchanged coordinates", y, x),
            ("the coordinates 0 and 0", zero, zero), ("the coordinates 1 and 1", [1], [1]), ("x = p", p, y),
            ("y = p", x, p), ("no coordinates", [], []),
        ]
    }()
}

extension P256Point {
    /// The base point. SEC 2 §2.4.2.
    fileprivate static var generator: P256Point {
        var one = [UInt8](repeating: 0, count: 32)
        one[31] = 1
        // 1 is a private key of every curve.
        guard let key = try? P256.Signing.PrivateKey(rawRepresentation: one) else { return .someone }
        return P256Point(key.publicKey)
    }
}

extension Workbench {
    /// StartAuthSession salted to `key` must refuse every point off the curve, and take one on it.
    func refusesSalts(to key: Command.Entity, _ name: String) throws -> String {
        func start(x: [UInt8], y: [UInt8]) -> Command {
            .startAuthSession(
                .hmac, saltedTo: key,
                encryptedSalt: Writer.bytes { writer in
                    writer.sized(x)
                    writer.sized(y)
                }, nonceCaller: [UInt8](repeating: 1, count: 32))
        }
        for (what, x, y) in OffCurve.points {
            let response: Response
            do throws(ChipError) {
                response = try chip.run(start(x: x, y: y))
            } catch {
                guard let code = error.responseCode else { throw error }
                guard Refusal.noPoint.contains(code.base) else {
                    throw ChipProperty.Broken(
                        "\(what) was refused with \(code), which comes after the check that is due")
                }
                continue
            }
            if let handle = response.handle { try? chip.flush(handle) }
            throw ChipProperty.Broken("\(what) was multiplied by \(name)")
        }
        let point = P256Point.someone
        let (handle, _) = try chip.start(start(x: point.x, y: point.y))
        try chip.flush(handle)
        return "\(OffCurve.points.count) of \(OffCurve.points.count) were refused"
    }
}

import Foundation
import Testing

/// Every fuzzer's body over its seeds, over what the fuzzers once found, and over damages of both. The fuzzers
/// themselves run for long: `./swtpm-setup fuzz`.
@Suite(.serialized) struct FuzzTests {
    enum Body: String, CaseIterable, Sendable {
        case framing, message, recipe, structure, certificate, header, stream, state, knownVaults, receipt

        var type: any FuzzBody.Type {
            switch self {
            case .framing: FramingFuzz.self
            case .message: MessageFuzz.self
            case .recipe: RecipeFuzz.self
            case .structure: StructureFuzz.self
            case .certificate: CertificateFuzz.self
            case .header: HeaderFuzz.self
            case .stream: StreamFuzz.self
            case .state: StateFuzz.self
            case .knownVaults: KnownVaultsFuzz.self
            case .receipt: ReceiptFuzz.self
            }
        }

        /// What the fuzzers found, one file each, kept beside this file.
        func regressions() throws -> [[UInt8]] {
            let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Regressions/\(rawValue)")
            guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
            return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .map { Array(try Data(contentsOf: $0)) }
        }
    }

    @Test(
        "what holds of every input holds of the seeds, of what once broke it, and of both cut short and changed",
        arguments: Body.allCases)
    func replay(body: Body) throws {
        let seeds = try body.type.seeds()
        #expect(!seeds.isEmpty)
        for seed in try seeds + body.regressions() {
            #expect(seed.count <= body.type.largest)
            #expect(throws: Never.self, "\(Array(seed.prefix(64)))") { try body.type.take(seed) }
            // At most 200 places, spread over the whole.
            for place in stride(from: 0, to: seed.count, by: max(1, seed.count / 200)) {
                var changed = seed
                changed[place] ^= 1 << UInt8(place % 8)
                #expect(throws: Never.self, "bit changed at \(place)") { try body.type.take(changed) }
                #expect(throws: Never.self, "cut at \(place)") { try body.type.take(Array(seed.prefix(place))) }
            }
        }
    }
}

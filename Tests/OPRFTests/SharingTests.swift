import Foundation
import Secrets
import TestSupport
import Testing

@testable import OPRF

/// Shares and their interpolation, against values made with Python's integers:
///
///     f(x) = (secret + c1 x + c2 x^2) mod n, lambda(i, x) = prod((x - j) * pow(i - j, -1, n) for j != i) mod n
@Suite struct SharingTests {
    static let places = [1, 2, 3, 4, 5]

    /// Shares of `secret`, and what each of them makes of the generator.
    static func shares(of secret: borrowing Scalar, threshold: Int, at places: [Int] = places) throws
        -> (bytes: [[UInt8]], samples: [Interpolation.Sample])
    {
        let polynomial = try SharingPolynomial(secret: secret, threshold: threshold)
        var bytes: [[UInt8]] = []
        var samples: [Interpolation.Sample] = []
        for x in places {
            let share = try polynomial.share(at: x)
            bytes.append(share.bigEndian.published())
            samples.append(.init(x: x, element: try share.publicKey()))
        }
        return (bytes, samples)
    }

    /// Every choice of `count` of the samples.
    static func subsets(_ count: Int, of samples: [Interpolation.Sample]) -> [[Interpolation.Sample]] {
        guard count > 0 else { return [[]] }
        guard let first = samples.first else { return [] }
        let rest = Array(samples.dropFirst())
        return subsets(count - 1, of: rest).map { [first] + $0 } + subsets(count, of: rest)
    }

    @Test(
        "every choice of as many shares as are needed gives the secret's multiple, and at each other place that share's",
        arguments: 1...5)
    func threshold(threshold: Int) throws {
        let secret = Scalar.random()
        let whole = try secret.publicKey()
        let samples = try Self.shares(of: secret, threshold: threshold).samples
        for subset in Self.subsets(threshold, of: samples) {
            #expect(try Interpolation.element(through: subset) == whole)
            for sample in samples {
                #expect(try Interpolation.element(at: sample.x, through: subset) == sample.element)
            }
        }
    }

    @Test("one share fewer gives another element, whichever are chosen", arguments: 2...5)
    func tooFew(threshold: Int) throws {
        let secret = Scalar.random()
        let whole = try secret.publicKey()
        for subset in Self.subsets(threshold - 1, of: try Self.shares(of: secret, threshold: threshold).samples) {
            #expect(try Interpolation.element(through: subset) != whole)
        }
    }

    @Test("with a threshold of one the share is the secret, at every place")
    func one() throws {
        let secret = Scalar.random()
        let shares = try Self.shares(of: secret, threshold: 1, at: [1, 7, 255]).bytes
        #expect(shares.allSatisfy { $0 == secret.bigEndian.published() })
    }

    @Test("Lagrange's coefficients are those of Python's integers, to the last byte")
    func coefficients() throws {
        func coefficient(_ place: Int, _ x: Int, _ places: [Int]) throws -> String {
            hex(try Interpolation.coefficient(of: place, at: x, among: places).bigEndian.published())
        }
        #expect(
            try coefficient(1, 0, [1, 2])
                == "0000000000000000000000000000000000000000000000000000000000000002")
        #expect(
            try coefficient(2, 0, [1, 2])
                == "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550")
        #expect(
            try coefficient(1, 0, [1, 3])
                == "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192aa")
        #expect(
            try coefficient(3, 0, [1, 3])
                == "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8")
        #expect(
            try coefficient(2, 0, [1, 2, 5])
                == "aaaaaaaa00000000aaaaaaaaaaaaaaaa7def51c91a0fbf034d26872ca84218df")
        #expect(
            try coefficient(5, 0, [1, 2, 5])
                == "d555555480000000d5555555555555551d6b263b6093aec4207028f7d2529f19")
        #expect(
            try coefficient(1, 4, [1, 2, 5])
                == "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8")
        #expect(
            try coefficient(2, 4, [1, 2, 5])
                == "0000000000000000000000000000000000000000000000000000000000000001")
        #expect(
            try coefficient(255, 0, [1, 254, 255])
                == "0000000000000000000000000000000000000000000000000000000000000001")
        #expect(
            try coefficient(7, 0, [7])
                == "0000000000000000000000000000000000000000000000000000000000000001")
    }

    @Test("shares are the polynomial's values by Python's integers, and Lagrange's sum over the scalars is the secret")
    func values() async throws {
        let secret = Scalar.random()
        let shares = try Self.shares(of: secret, threshold: 3).bytes
        let script = """
            import itertools, sys
            n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
            secret, *shares = [int(text, 16) for text in sys.argv[1:]]
            for chosen in itertools.combinations(range(1, 6), 3):
                for x, wanted in enumerate([secret] + shares):
                    total = 0
                    for i in chosen:
                        term = shares[i - 1]
                        for j in chosen:
                            if i != j: term = term * (x - j) * pow(i - j, -1, n) % n
                        total += term
                    assert total % n == wanted, (chosen, x)
            """
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let python = try await ChildProcess.spawn(
            ["python3", "-c", script, hex(secret.bigEndian.published())] + shares.map { hex($0) }, in: folder,
            output: "python.out", errors: "python.err")
        let status = await python.status()
        let said = try String(contentsOf: folder.appending(path: "python.err"), encoding: .utf8)
        #expect(status == 0, "\(said)")
    }

    @Test("two sharings of one secret have no share in common")
    func fresh() throws {
        let secret = Scalar.random()
        let all = try (0..<2).flatMap { _ in try Self.shares(of: secret, threshold: 2).bytes }
        #expect(Set(all).count == 10)
    }

    @Test("the place 0, a place twice, and places and thresholds out of range are refused")
    func refused() throws {
        func flaw(_ body: () throws -> Void) -> OPRFError? {
            do {
                try body()
                return nil
            } catch {
                return error as? OPRFError
            }
        }
        let secret = Scalar.random()
        let samples = try Self.shares(of: secret, threshold: 2).samples
        for x in [-1, 0, 256] {
            #expect(
                flaw {
                    let polynomial = try SharingPolynomial(secret: Scalar.random(), threshold: 2)
                    _ = try polynomial.share(at: x)
                } == .notASharing(.place(x)))
            let wrong = Interpolation.Sample(x: x, element: .generator)
            #expect(flaw { _ = try Interpolation.element(through: [samples[0], wrong]) } == .notASharing(.place(x)))
        }
        for threshold in [-1, 0, 256] {
            #expect(
                flaw { _ = try SharingPolynomial(secret: Scalar.random(), threshold: threshold) }
                    == .notASharing(.threshold))
        }
        #expect(flaw { _ = try Interpolation.element(through: [samples[0], samples[0]]) } == .notASharing(.twice))
        #expect(flaw { _ = try Interpolation.element(through: []) } == .notASharing(.threshold))
        #expect(flaw { _ = try Interpolation.element(at: 256, through: samples) } == .notASharing(.place(256)))
    }

    @Test("samples that were made up to cancel each other give the identity, which is no element")
    func identity() throws {
        // At 0, the line through 1 and 2 is twice the first less the second.
        let twice = try Element.generator.times(scalar([UInt8](repeating: 0, count: 31) + [2]))
        let samples = [Interpolation.Sample(x: 1, element: .generator), .init(x: 2, element: twice)]
        #expect(try Interpolation.element(through: samples) == nil)
    }
}

import Secrets
import TestSupport
import Testing

@testable import OPRF

@Suite struct OPRFTests {
    @Test(
        "both vectors of RFC 9497 A.3.1 hold",
        arguments: [
            (
                "00", "03723a1e5c09b8b9c18d1dcbca29e8007e95f14f4732d9346d490ffc195110368d",
                "030de02ffec47a1fd53efcdd1c6faf5bdc270912b8749e783c7ca75bb412958832",
                "a0b34de5fa4c5b6da07e72af73cc507cceeb48981b97b7285fc375345fe495dd"
            ),
            (
                "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
                "03cc1df781f1c2240a64d1c297b3f3d16262ef5d4cf102734882675c26231b0838",
                "03a0395fe3828f2476ffcd1f4fe540e5a8489322d398be3c4e5a869db7fcb7c52c",
                "c748ca6dd327f0ce85f4ae3a8cd6d4d5390bbb804c9e12dcf94f853fece3dcce"
            ),
        ])
    func vectors(input: String, blinded: String, evaluated: String, output: String) throws {
        try verify(
            key: "159749d750713afe245d2d39ccfaae8381c53ce92d098a9375ee70739c7ac0bf",
            blind: "3338fa65ec36e0290022b48eb562889d89dbfa691d1cde91517fa222ed7ad364",
            input: input, blinded: blinded, evaluated: evaluated, output: output)
    }

    @Test("the shared set of RFC 9497 vectors holds")
    func sharedVectors() throws {
        guard let set = SharedVectors.json("rfc/rfc9497_p256_sha256_mode0_oprf.json") else { return }
        let suite = try #require(set["suite"] as? [String: Any])
        let vectors = try #require(suite["vectors"] as? [[String: Any]])
        for vector in vectors {
            let text = vector.compactMapValues { $0 as? String }
            try verify(
                key: try #require(suite["skSm"] as? String), blind: try #require(text["Blind"]),
                input: try #require(text["Input"]), blinded: try #require(text["BlindedElement"]),
                evaluated: try #require(text["EvaluationElement"]), output: try #require(text["Output"]))
        }
        #expect(vectors.count == 2)
    }

    @Test("one input gives a new blinded element each time, and the same output")
    func freshBlinds() throws {
        let key = Scalar.random()
        let first = try OPRF.blind(input: secret("a password"))
        let second = try OPRF.blind(input: secret("a password"))
        #expect(first.blindedElement != second.blindedElement)
        let outputs = try [
            finish("a password", first, key: key), finish("a password", second, key: key),
        ]
        #expect(outputs[0] == outputs[1])
    }

    @Test("another key or another input gives another output")
    func dependence() throws {
        let key = Scalar.random()
        let output = try finish("a password", OPRF.blind(input: secret("a password")), key: key)
        #expect(try finish("a password", OPRF.blind(input: secret("a password")), key: .random()) != output)
        #expect(try finish("b password", OPRF.blind(input: secret("b password")), key: key) != output)
    }

    @Test("an empty input and one of 65535 bytes are taken, one byte more is refused")
    func inputSizes() throws {
        _ = try OPRF.blind(input: SecretBytes(random: 0))
        _ = try OPRF.blind(input: SecretBytes(random: 65535))
        #expect(throws: OPRFError.inputTooLong(65536)) {
            _ = try OPRF.blind(input: SecretBytes(random: 65536))
        }
    }

    private func finish(_ input: String, _ blind: consuming Blind, key: borrowing Scalar) throws -> [UInt8] {
        let evaluated = try OPRF.evaluate(key: key, blinded: blind.blindedElement)
        return try OPRF.finalize(input: secret(input), blind: blind, evaluated: evaluated).published()
    }

    private func verify(
        key: String, blind: String, input: String, blinded: String, evaluated: String, output: String
    ) throws {
        let key = try scalar(hex(key))
        let scalar = try scalar(hex(blind))
        let state = try OPRF.blind(input: secret(hex(input)), with: scalar)
        #expect(hex(state.blindedElement.sec1) == blinded)
        let answer = try OPRF.evaluate(key: key, blinded: state.blindedElement)
        #expect(hex(answer.sec1) == evaluated)
        let result = try OPRF.finalize(
            input: secret(hex(input)), blind: state, evaluated: Element(sec1: hex(evaluated)))
        #expect(hex(result.published()) == output)
    }
}

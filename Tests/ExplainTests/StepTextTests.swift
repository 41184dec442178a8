import Explain
import TPM
import Testing

@Suite("A policy as a list of steps")
struct StepTextTests {
    static let key = "000b" + String(repeating: "5a", count: 32)
    static let digest = String(repeating: "a5", count: 32)

    /// One line of every kind.
    static let lines = [
        "commandcode NV_Write", "signed \(key) ref 0102", "signed \(key)", "secret endorsement", "secret \(key) ref 0a",
        "authorize \(key) ref 01", "authorizenv \(key)", "nv \(key) uge 00 at 0", "nv \(key) bc 0102 at 4",
        "pcr sha256:0,7 digest \(digest)", "pcr sha1:16+sha256:0,7 values 00,01,02", "cphash \(digest)",
        "namehash \(digest)", "template \(digest)", "authvalue", "password", "nvwritten yes", "nvwritten no",
        "countertimer ult 0000000000001000 at 0", "duplicationselect \(key)", "duplicationselect \(key) object owner",
        "locality 9", "physicalpresence",
    ]

    @Test("is read and written, every kind of step", arguments: lines)
    func everyStep(line: String) throws {
        let policy = try StepText.read("# a comment\n  \(line) # another\n")
        #expect(policy.steps.count == 1)
        #expect(StepText.write(policy) == line + "\n")
    }

    @Test("has branches in braces, over many lines or in one")
    func branches() throws {
        let spread = """
            or {
                signed \(Self.key)
                commandcode NV_Write
            } {
                commandcode NV_Read
            }

            """
        let policy = try StepText.read(spread)
        #expect(StepText.write(policy) == spread)
        #expect(
            try StepText.read("or { signed \(Self.key); commandcode nv_write } { commandcode tpm2_nv_read }") == policy)
        guard case .or(let branches)? = policy.steps.first else { return try #require(Bool(false)) }
        #expect(branches.map(\.steps.count) == [2, 1])
    }

    @Test("says that steps before an OR are part of each of its branches, since the chip starts again from zero")
    func before() throws {
        let short = try StepText.read("authvalue\nor { commandcode Sign } { commandcode Quote }\nphysicalpresence")
        let long = try StepText.read(
            "or { authvalue; commandcode Sign } { authvalue; commandcode Quote }\nphysicalpresence")
        #expect(short == long)
        #expect(short.digest() != (try StepText.read("or { commandcode Sign } { commandcode Quote }")).digest())
    }

    @Test(
        "names the line that is wrong",
        arguments: [
            ("authvalue\nnonsense", 2, "nonsense is no step"), ("signed 000b5a", 1, "the key's Name"),
            ("commandcode Nothing", 1, "a command of TPM 2.0"), ("authvalue more", 1, "more is more than"),
            ("\n\nor { authvalue }", 3, "two to eight branches"), ("or { authvalue } { password", 1, "not closed"),
            ("authvalue }", 1, "} closes nothing"), ("pcr sha256:24 digest 00", 1, "registers"),
            ("pcr sha256:0,1 values 00", 1, "a value for each"), ("nv owner uge 0", 1, "the operand"),
        ])
    func wrong(text: String, line: Int, what: String) {
        #expect {
            try StepText.read(text)
        } throws: { error in
            guard case ExplainError.text(let found, let message) = error else { return false }
            return found == line && message.contains(what)
        }
    }

    @Test("is refused before it has more ways than anyone can read")
    func bounded() {
        let or = "or " + String(repeating: "{ authvalue } ", count: 8) + "\n"
        #expect(throws: ExplainError.self) { try StepText.read(String(repeating: or, count: 10)) }
        let deep = String(repeating: "or { authvalue } { ", count: 40) + String(repeating: "}", count: 40)
        #expect(throws: ExplainError.self) { try StepText.read(deep) }
    }
}

import Foundation
import ProgramTestSupport
import Testing

/// The 64-digit mode, without any vault.
@Suite(.timeLimit(.minutes(5))) struct DigitsTests {
    /// A desk with a phone that has digits, and a backup that they open.
    private func withBackup(_ body: (Desk, _ digits: String) async throws -> Void) async throws {
        try await Desk.with { desk in
            let made = try await desk.done(.tenpin, ["key", "new", "--home", "phone"], label: "key")
            #expect(made.lines.count == 1 && made.errors.contains("Write these 64 digits down"))
            #expect(made.output.wholeMatch(of: /(([0-9a-f]{4} ){3}[0-9a-f]{4}\n){4}/) != nil)
            let shown = try await desk.done(.tenpin, ["key", "show", "--home", "phone"], label: "key")
            #expect(shown.output == made.output && shown.errors.isEmpty)
            desk.write("kept without a vault", to: "diary")
            try await desk.done(
                .tenpin, ["backup", "-", "--output", "diary.tenpin", "--home", "phone"], shell: "<diary")
            try await body(desk, made.output)
            #expect(!desk.everythingShown.contains { Data($0).range(of: Data(made.output.prefix(19).utf8)) != nil })
        }
    }

    @Test("digits on paper open a backup on another device, however they are written down")
    func otherDevice() async throws {
        try await withBackup { desk, digits in
            let bare = digits.filter { !$0.isWhitespace }
            let dashed = digits.split(whereSeparator: \.isWhitespace).joined(separator: "-").uppercased()
            for (index, written) in [digits, bare, dashed, "  \(bare)\r\n\n"].enumerated() {
                desk.write(written, to: "paper")
                let home = "phone \(index)"
                try await desk.done(.tenpin, ["key", "import", "--digits-file", "paper", "--home", home])
                let restored = try await desk.done(
                    .tenpin, ["restore", "diary.tenpin", "--output", "-", "--home", home])
                #expect(restored.output == "kept without a vault" && restored.errors.isEmpty)
                // Without keeping anything on the device.
                let once = try await desk.done(
                    .tenpin, ["restore", "-", "--output", "-", "--digits-fd", "3", "--home", "none"],
                    shell: "<diary.tenpin 3<paper")
                #expect(once.output == "kept without a vault")
            }
            #expect(!desk.names().contains("none"))
            // A backup of the other device's opens with the same digits.
            try await desk.done(
                .tenpin, ["key", "import", "--digits-file", "paper", "--backup", "diary.tenpin", "--home", "next"])
            try await desk.done(.tenpin, ["backup", "diary", "--output", "later.tenpin", "--home", "next"])
            try await desk.done(
                .tenpin, ["restore", "later.tenpin", "--into", "later", "--digits-file", "paper", "--home", "phone"])
            #expect(desk.text("later/diary") == "kept without a vault")
        }
    }

    @Test("one wrong digit opens nothing: 14; missing, surplus and other characters are said to be such: 64")
    func wrongDigits() async throws {
        try await withBackup { desk, digits in
            func restore(_ written: String, _ code: Int32, _ says: String) async throws {
                desk.write(written, to: "paper")
                let more = ["--digits-file", "paper", "--home", "new"]
                let ended = try await desk.run(.tenpin, ["restore", "diary.tenpin", "--output", "out"] + more)
                expectFailure(ended, code, says, "No guess was spent")
                expectFailure(
                    try await desk.run(.tenpin, ["key", "import", "--backup", "diary.tenpin"] + more), code, says)
                #expect(!desk.names().contains("out"))
                #expect(!desk.tree("new").contains { $0.hasSuffix("state") })
            }
            let last = digits.last { !$0.isWhitespace }
            let wrong = digits.trimmingCharacters(in: .newlines).dropLast() + (last == "0" ? "1" : "0")
            try await restore(String(wrong), 14, "does not open this backup")
            try await restore(String(digits.dropLast(2)), 64, "1 of the 64 digits is missing")
            try await restore("", 64, "64 of the 64 digits are missing")
            try await restore(digits + "00", 64, "2 digits too many")
            try await restore("x" + digits.dropFirst(), 64, "none of 0 to 9 and a to f")
        }
    }

    @Test("digits that are there are not replaced unasked")
    func replace() async throws {
        try await withBackup { desk, digits in
            expectFailure(try await desk.run(.tenpin, ["key", "new", "--home", "phone"]), 64, "--replace")
            let other = try await desk.done(.tenpin, ["key", "new", "--replace", "--home", "phone"], label: "key")
            #expect(other.output != digits)
            // The key is the same: its earlier backups still open here.
            try await desk.done(.tenpin, ["restore", "diary.tenpin", "--output", "out", "--home", "phone"])
        }
    }
}

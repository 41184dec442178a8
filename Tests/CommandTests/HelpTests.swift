import Foundation
import ProgramTestSupport
import Testing

/// What the programs say of themselves.
@Suite(.timeLimit(.minutes(5))) struct HelpTests {
    /// Every command's words, from the parser's own description.
    private func commands(_ program: Program, _ desk: Desk) async throws -> [[String]] {
        func walk(_ command: [String: Any], _ path: [String]) -> [[String]] {
            let children = (command["subcommands"] as? [[String: Any]] ?? []).filter {
                $0["commandName"] as? String != "help"
            }
            return [path] + children.flatMap { walk($0, path + [$0["commandName"] as? String ?? "?"]) }
        }
        let dump = try json(try await desk.done(program, ["--experimental-dump-help"]))
        return walk(try #require(dump["command"] as? [String: Any]), [])
    }

    @Test(
        "every command has help that fits a terminal, shows an example of itself, and exits with 0",
        arguments: [(Program.tenpin, 23), (.vault, 10), (.audit, 3)])
    func help(_ program: Program, _ count: Int) async throws {
        try await Desk.with { desk in
            let commands = try await commands(program, desk)
            #expect(commands.count == count)
            for path in commands {
                let help = try await desk.done(program, path + ["--help"])
                #expect(help.errors.isEmpty)
                let lines = help.output.split(separator: "\n", omittingEmptySubsequences: false)
                let start = ([program.rawValue] + path).joined(separator: " ")
                let examples = lines.indices.filter { lines[$0].hasPrefix("  \(start) ") || lines[$0] == "  \(start)" }
                #expect(!examples.isEmpty, "\(start) has no example")
                for index in examples {
                    // A wrapped example cannot be copied, and wrapped prose has no short line in its middle.
                    let next = lines[index + 1]
                    #expect(next.isEmpty || next.hasPrefix("  "), "\(start): \(lines[index]) is wrapped")
                }
                let usage = try #require(lines.firstIndex { $0.hasPrefix("USAGE:") })
                for (line, next) in zip(lines[2..<usage], lines[3...usage]) where !line.hasPrefix(" ") && !next.isEmpty
                {
                    let word = next.split(separator: " ").first ?? ""
                    #expect(
                        next.hasPrefix(" ") || line.isEmpty || line.count + 1 + word.count > 79, "\(start): \(line)")
                }
                #expect(lines.filter { $0.count > 80 && !$0.hasPrefix("USAGE:") } == [])
                // The other way to ask.
                let asked = try await desk.done(program, ["help"] + path)
                #expect(asked.output == help.output)
            }
        }
    }

    @Test("the exit codes that tests expect are the ones that --help documents")
    func exitCodes() async throws {
        try await Desk.with { desk in
            let help = try await desk.done(.tenpin, ["--help"]).output
            for line in [
                " 0  done", " 1  failed", "10  wrong password, a guess was spent", "11  locked out",
                "12  vault unreachable", "13  vault not trusted", "14  backup damaged, or another key's",
                "15  the vault refused", "16  receipt not believed", "64  bad usage",
            ] { #expect(help.contains("\n  \(line)\n"), "\(line)") }
            let vault = try await desk.done(.vault, ["--help"]).output
            for line in [
                " 0  done", " 1  failed", "64  bad usage", "69  the TPM does not answer, or refuses",
                "78  not provisioned, in use, another chip, or its files cannot be used",
            ] { #expect(vault.contains("\n  \(line)\n"), "\(line)") }
        }
    }

    @Test("the version and completion scripts for bash, zsh and fish", arguments: [Program.tenpin, .vault])
    func version(_ program: Program) async throws {
        try await Desk.with { desk in
            #expect(try await desk.done(program, ["--version"]).output.contains(/^\d+\.\d+\.\d+\n$/))
            for shell in ["bash", "zsh", "fish"] {
                let script = try await desk.done(program, ["--generate-completion-script", shell])
                #expect(script.output.contains(program.rawValue) && script.errors.isEmpty)
                if shell == "bash" {
                    desk.write(script.output, to: "completion")
                    let checked = try await desk.run(["bash", "-n", "completion"])
                    #expect(checked.status == 0, "\(checked.errors)")
                }
            }
        }
    }
}

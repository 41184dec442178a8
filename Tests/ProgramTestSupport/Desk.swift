import Foundation
import Synchronization
import TestSupport

/// The programs that were built with this test, beside it.
package enum Program: String {
    case tenpin
    case vault = "tenpin-vault"
    case audit = "tenpin-audit"

    package var path: String {
        get throws {
            let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            let path = URL(filePath: bundle).deletingLastPathComponent().appending(path: rawValue).path()
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw HarnessError("\(path) was not built")
            }
            return path
        }
    }
}

/// A program that ended.
package struct Ended {
    /// The exit code, or 128 and the signal's number.
    package let status: Int32
    package let bytes: [UInt8]
    package let errors: String

    package var output: String { String(decoding: bytes, as: UTF8.self) }
    /// Standard error's lines.
    package var lines: [Substring] { errors.split(separator: "\n") }
}

/// A program that was started. It ends with the test process at the latest.
package struct Running: Sendable {
    package let child: ChildProcess
    fileprivate let desk: Desk
    fileprivate let name: String

    package var identifier: pid_t { child.identifier }
    /// Standard error as far as it came.
    package var errors: String { desk.text("\(name).err") }

    package func signal(_ number: Int32) { kill(identifier, number) }

    /// Waits until it ends, and ends it when the deadline has passed.
    package func ended(within deadline: Duration = .seconds(60)) async throws -> Ended {
        let last = ContinuousClock.now + deadline
        while !child.hasEnded {
            guard ContinuousClock.now < last else {
                child.end(SIGKILL)
                throw HarnessError("\(name) did not end: \(errors)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        return Ended(status: await child.status(), bytes: desk.bytes("\(name).out") ?? [], errors: errors)
    }
}

/// A folder of one test's own, where its programs run, with what each of them showed.
package final class Desk: Sendable {
    package let folder: URL
    private let started = Mutex<[ChildProcess]>([])
    private let count = Atomic(0)

    private init() throws { folder = try temporaryFolder() }

    /// Lends a desk, ends what is still running there, and clears it away.
    package static func with<R>(
        isolation: isolated (any Actor)? = #isolation, _ body: (Desk) async throws -> R
    ) async throws -> R {
        let desk = try Desk()
        defer { desk.clear() }
        return try await body(desk)
    }

    private func clear() {
        for child in started.withLock({ $0 }) where child.isOurs { child.end(SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// The path of a name on this desk.
    package func callAsFunction(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }

    @discardableResult
    package func write(_ bytes: some Sequence<UInt8>, to name: String, mode: Int = 0o600) -> String {
        _ = FileManager.default.createFile(
            atPath: self(name), contents: Data(bytes), attributes: [.posixPermissions: mode])
        return self(name)
    }

    @discardableResult
    package func write(_ text: String, to name: String) -> String { write(Array(text.utf8), to: name) }

    package func bytes(_ name: String) -> [UInt8]? {
        FileManager.default.contents(atPath: self(name)).map { Array($0) }
    }
    package func text(_ name: String) -> String { String(decoding: bytes(name) ?? [], as: UTF8.self) }

    /// The names directly in a folder of the desk, but for what programs showed.
    package func names(in folder: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self(folder))) ?? []).filter { !$0.hasPrefix("shown-") }
            .sorted()
    }

    /// Everything below a name, by path.
    package func tree(_ name: String) -> [String] {
        (FileManager.default.enumerator(atPath: self(name))?.compactMap { $0 as? String } ?? []).sorted()
    }

    /// What all programs wrote to standard output and standard error, but for the ones that show a key.
    package var everythingShown: [[UInt8]] {
        tree("").filter { $0.hasPrefix("shown-") && !$0.hasPrefix("shown-key") }.compactMap { bytes($0) }
    }

    /// Starts a program. `shell` is what a shell would take behind the command: redirections.
    package func start(
        _ command: [String], shell: String = "", environment: [String: String] = [:], label: String = ""
    ) async throws -> Running {
        let name = "shown-\(label)\(count.add(1, ordering: .relaxed).newValue)"
        var settings = ["HOME": self("person"), "TENPIN_HOME": "", "TENPIN_VAULT": "", "TENPIN_ACCOUNT": ""]
        for name in ["TENPIN_TRUST_ROOT", "TENPIN_TLS_CA", "TENPIN_TOKEN_FILE"] { settings[name] = "" }
        settings.merge(environment) { _, given in given }
        // For the program alone: built for a sanitizer, a library does not load into programs that were not.
        let preloading = settings.removeValue(forKey: "LD_PRELOAD").map { ["env", "LD_PRELOAD=\($0)"] } ?? []
        let child = try await ChildProcess.spawn(
            ["setpriv", "--pdeathsig", "KILL", "bash", "-c", "exec \"$@\" \(shell)", "bash"] + preloading
                + command,
            environment: settings, in: folder, output: "\(name).out", errors: "\(name).err")
        started.withLock { $0.append(child) }
        return Running(child: child, desk: self, name: name)
    }

    package func start(
        _ program: Program, _ arguments: [String], shell: String = "", environment: [String: String] = [:],
        label: String = ""
    ) async throws -> Running {
        try await start([try program.path] + arguments, shell: shell, environment: environment, label: label)
    }

    /// Runs a program to its end.
    @discardableResult
    package func run(
        _ program: Program, _ arguments: [String], shell: String = "", environment: [String: String] = [:],
        label: String = ""
    ) async throws -> Ended {
        try await start(program, arguments, shell: shell, environment: environment, label: label).ended()
    }

    @discardableResult
    package func run(_ command: [String], shell: String = "") async throws -> Ended {
        try await start(command, shell: shell).ended()
    }

    /// Runs a program that must succeed.
    @discardableResult
    package func done(
        _ program: Program, _ arguments: [String], shell: String = "", environment: [String: String] = [:],
        label: String = ""
    ) async throws -> Ended {
        let ended = try await run(program, arguments, shell: shell, environment: environment, label: label)
        guard ended.status == 0 else { throw HarnessError("\(arguments): \(ended.errors)") }
        return ended
    }
}

/// Waits for something that another process does.
package func eventually(
    _ what: String, within deadline: Duration = .seconds(20), _ condition: () throws -> Bool
) async throws {
    let last = ContinuousClock.now + deadline
    while try !condition() {
        guard ContinuousClock.now < last else { throw HarnessError("waited in vain: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

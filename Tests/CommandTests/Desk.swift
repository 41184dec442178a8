import Foundation
import Synchronization
import TestSupport
import Testing

/// The programs that were built with this test, beside it.
enum Program: String {
    case tenpin
    case vault = "tenpin-vault"

    var path: String {
        get throws {
            let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            let path = URL(filePath: bundle).deletingLastPathComponent().appending(path: rawValue).path()
            try #require(FileManager.default.isExecutableFile(atPath: path), "\(path) was not built")
            return path
        }
    }
}

/// A program that ended.
struct Ended {
    /// The exit code, or 128 and the signal's number.
    let status: Int32
    let bytes: [UInt8]
    let errors: String

    var output: String { String(decoding: bytes, as: UTF8.self) }
    /// Standard error's lines.
    var lines: [Substring] { errors.split(separator: "\n") }
}

/// A program that was started. It ends with the test process at the latest.
struct Running: Sendable {
    let child: ChildProcess
    fileprivate let desk: Desk
    fileprivate let name: String

    var identifier: pid_t { child.identifier }
    /// Standard error as far as it came.
    var errors: String { desk.text("\(name).err") }

    func signal(_ number: Int32) { kill(identifier, number) }

    /// Waits until it ends, and ends it when the deadline has passed.
    func ended(within deadline: Duration = .seconds(60)) async throws -> Ended {
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
final class Desk: Sendable {
    let folder: URL
    private let started = Mutex<[ChildProcess]>([])
    private let count = Atomic(0)

    private init() throws { folder = try temporaryFolder() }

    /// Lends a desk, ends what is still running there, and clears it away.
    static func with<R>(
        isolation: isolated (any Actor)? = #isolation, _ body: (Desk) async throws -> R
    ) async throws -> R {
        let desk = try Desk()
        defer { desk.clear() }
        return try await body(desk)
    }

    private func clear() {
        for child in started.withLock({ $0 }) where !child.hasEnded { child.end(SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// The path of a name on this desk.
    func callAsFunction(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }

    @discardableResult
    func write(_ bytes: some Sequence<UInt8>, to name: String, mode: Int = 0o600) -> String {
        _ = FileManager.default.createFile(
            atPath: self(name), contents: Data(bytes), attributes: [.posixPermissions: mode])
        return self(name)
    }

    @discardableResult
    func write(_ text: String, to name: String) -> String { write(Array(text.utf8), to: name) }

    func bytes(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: self(name)).map { Array($0) } }
    func text(_ name: String) -> String { String(decoding: bytes(name) ?? [], as: UTF8.self) }

    /// The names directly in a folder of the desk, but for what programs showed.
    func names(in folder: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self(folder))) ?? []).filter { !$0.hasPrefix("shown-") }
            .sorted()
    }

    /// Everything below a name, by path.
    func tree(_ name: String) -> [String] {
        (FileManager.default.enumerator(atPath: self(name))?.compactMap { $0 as? String } ?? []).sorted()
    }

    /// What all programs wrote to standard output and standard error, but for the ones that show a key.
    var everythingShown: [[UInt8]] {
        tree("").filter { $0.hasPrefix("shown-") && !$0.hasPrefix("shown-key") }.compactMap { bytes($0) }
    }

    /// Starts a program. `shell` is what a shell would take behind the command: redirections.
    func start(
        _ command: [String], shell: String = "", environment: [String: String] = [:], label: String = ""
    ) async throws -> Running {
        let name = "shown-\(label)\(count.add(1, ordering: .relaxed).newValue)"
        var settings = ["HOME": self("person"), "TENPIN_HOME": "", "TENPIN_VAULT": "", "TENPIN_ACCOUNT": ""]
        settings["TENPIN_TRUST_ROOT"] = ""
        settings.merge(environment) { _, given in given }
        let child = try await ChildProcess.spawn(
            ["setpriv", "--pdeathsig", "KILL", "bash", "-c", "exec \"$@\" \(shell)", "bash"] + command,
            environment: settings, in: folder, output: "\(name).out", errors: "\(name).err")
        started.withLock { $0.append(child) }
        return Running(child: child, desk: self, name: name)
    }

    func start(
        _ program: Program, _ arguments: [String], shell: String = "", environment: [String: String] = [:],
        label: String = ""
    ) async throws -> Running {
        try await start([try program.path] + arguments, shell: shell, environment: environment, label: label)
    }

    /// Runs a program to its end.
    @discardableResult
    func run(
        _ program: Program, _ arguments: [String], shell: String = "", environment: [String: String] = [:],
        label: String = ""
    ) async throws -> Ended {
        try await start(program, arguments, shell: shell, environment: environment, label: label).ended()
    }

    @discardableResult
    func run(_ command: [String], shell: String = "") async throws -> Ended {
        try await start(command, shell: shell).ended()
    }

    /// Runs a program that must succeed.
    @discardableResult
    func done(
        _ program: Program, _ arguments: [String], shell: String = "", environment: [String: String] = [:],
        label: String = "", _ location: SourceLocation = #_sourceLocation
    ) async throws -> Ended {
        let ended = try await run(program, arguments, shell: shell, environment: environment, label: label)
        try #require(ended.status == 0, "\(arguments): \(ended.errors)", sourceLocation: location)
        return ended
    }
}

/// Waits for something that another process does.
func eventually(
    _ what: String, within deadline: Duration = .seconds(20), _ condition: () throws -> Bool
) async throws {
    let last = ContinuousClock.now + deadline
    while try !condition() {
        guard ContinuousClock.now < last else { throw HarnessError("waited in vain: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A failure of either program: this code, nothing on standard output, and one line that says these things.
func expectFailure(
    _ ended: Ended, _ code: Int32, _ says: String..., of program: Program = .tenpin,
    _ location: SourceLocation = #_sourceLocation
) {
    #expect(ended.status == code, "\(ended.errors)", sourceLocation: location)
    #expect(ended.bytes.isEmpty, sourceLocation: location)
    #expect(ended.lines.count == 1, "\(ended.errors)", sourceLocation: location)
    #expect(ended.errors.hasPrefix("\(program.rawValue): "), "\(ended.errors)", sourceLocation: location)
    #expect(ended.errors.hasSuffix(".\n"), "\(ended.errors)", sourceLocation: location)
    if program == .tenpin { #expect(ended.errors.contains("guess"), "\(ended.errors)", sourceLocation: location) }
    for phrase in says {
        #expect(ended.errors.contains(phrase), "\(phrase) is not in: \(ended.errors)", sourceLocation: location)
    }
}

/// What the argument parser refuses: code 64, nothing on standard output, the message and the usage.
func expectMisuse(_ ended: Ended, _ says: String, _ location: SourceLocation = #_sourceLocation) {
    #expect(ended.status == 64, "\(ended.errors)", sourceLocation: location)
    #expect(ended.bytes.isEmpty, sourceLocation: location)
    #expect(ended.errors.hasPrefix("Error: "), "\(ended.errors)", sourceLocation: location)
    #expect(ended.errors.contains(says), "\(says) is not in: \(ended.errors)", sourceLocation: location)
    #expect(ended.errors.contains("Usage: "), "\(ended.errors)", sourceLocation: location)
}

/// A program's JSON.
func json(_ ended: Ended) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(ended.bytes)) as? [String: Any], "\(ended.output)")
}

/// Permissions of what is at a path.
func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(lstat(path, &status) == 0, "nothing at \(path)")
    return status.st_mode & 0o7777
}

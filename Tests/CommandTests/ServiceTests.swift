import Foundation
import ProgramTestSupport
import TestSupport
import Testing

/// The vault as systemd runs it.
@Suite("a vault as a service", .timeLimit(.minutes(5))) struct ServiceTests {
    private static let units = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/systemd").standardizedFileURL

    @Test("it serves on the socket handed over, says when it is ready and when it stops, and leaves the socket")
    func activated() async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            let manager = try Manager(stage.desk("notify.sock"))
            let activated = try await start(stage, telling: stage.desk("notify.sock"))
            try await eventually("a connection is taken") { (try? Peer(stage.socket)) != nil }
            try await eventually("the vault is ready") {
                try #require(!activated.child.hasEnded, "\(activated.errors)")
                return activated.errors.contains("ready: serving on \(stage.socket)")
            }
            try await eventually("the manager is told") { manager.next() == "READY=1" }
            try await stage.enroll("phone", password: "pw")
            #expect(try await stage.at("new", "recover", password: "pw").status == 0)

            activated.signal(SIGTERM)
            #expect(try await activated.ended().status == 0)
            #expect(manager.next() == "STOPPING=1")
            #expect(manager.next() == nil)
            #expect(FileManager.default.fileExists(atPath: stage.socket))
        }
    }

    @Test("a socket to which everybody may connect is not served: 1; --socket beside one that was handed over: 64")
    func refused() async throws {
        try await Stage.bare { stage in
            try await stage.provision()
            let open = try await start(stage)
            try await eventually("systemd listens") { chmod(stage.socket, 0o666) == 0 }
            try await eventually("a connection is taken") { (try? Peer(stage.socket)) != nil }
            let ended = try await open.ended()
            #expect(ended.status == 1)
            #expect(ended.errors.contains("tenpin-vault: Everybody may connect to"), "\(ended.errors)")

            try FileManager.default.removeItem(atPath: stage.socket)
            let both = try await start(stage, "--socket", stage.desk("other.sock"))
            try await eventually("a connection is taken") { (try? Peer(stage.socket)) != nil }
            #expect(try await both.ended().status == 64)

            let neither = try await stage.desk.run(.vault, ["serve", "--home", stage.home])
            expectFailure(neither, 64, "--socket", of: .vault)
        }
    }

    /// The program behind systemd's own tool, which listens and starts it with the first connection.
    private func start(
        _ stage: Stage, telling manager: String = "", _ more: String...
    ) async throws -> Running {
        // The last two say what the sanitizers are to look for, where the program was built for them.
        try await stage.desk.start(
            ["systemd-socket-activate", "-l", stage.socket, "-E", "ASAN_OPTIONS", "-E", "TSAN_OPTIONS"]
                + (manager.isEmpty ? [] : ["-E", "NOTIFY_SOCKET=\(manager)"])
                + ["--", try Program.vault.path, "serve", "--home", stage.home] + more)
    }

    @Test("systemd finds nothing wrong with the units, and little that the service is exposed to")
    func units() async throws {
        try await Desk.with { desk in
            for name in ["tenpin-vault.service", "tenpin-vault.socket"] {
                let text = try String(contentsOf: Self.units.appending(path: name), encoding: .utf8)
                desk.write(
                    text.replacing("/usr/local/bin/tenpin-vault", with: try Program.vault.path), to: name)
            }
            let units = [desk("tenpin-vault.service"), desk("tenpin-vault.socket")]
            let verified = try await desk.run(["systemd-analyze", "verify", "--man=no"] + units)
            #expect(verified.status == 0 && !verified.errors.contains("tenpin"), "\(verified.errors)")
            // Of 100, where an ordinary service has more than 90.
            let security = try await desk.run(
                ["systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=10", units[0]])
            #expect(security.status == 0, "\(security.output)")

            // On the network it is exposed to a little more.
            let dropIn = try String(contentsOf: Self.units.appending(path: "listen.conf"), encoding: .utf8)
            try FileManager.default.createDirectory(atPath: units[0] + ".d", withIntermediateDirectories: false)
            desk.write(
                dropIn.replacing("/usr/local/bin/tenpin-vault", with: try Program.vault.path),
                to: "tenpin-vault.service.d/listen.conf")
            let listening = try await desk.run(["systemd-analyze", "verify", "--man=no"] + units)
            #expect(listening.status == 0 && !listening.errors.contains("tenpin"), "\(listening.errors)")
        }
    }

    @Test("systemd makes the service's user, and puts it into the group that may open /dev/tpmrm0")
    func user() async throws {
        try await Desk.with { desk in
            try FileManager.default.createDirectory(atPath: desk("root/etc"), withIntermediateDirectories: true)
            let users = Self.units.appending(path: "tenpin.conf").path(percentEncoded: false)
            let made = try await desk.run(["systemd-sysusers", "--root=\(desk("root"))", users])
            #expect(made.status == 0, "\(made.errors)")
            let groups = desk.text("root/etc/group").split(separator: "\n")
            #expect(groups.contains { $0.hasPrefix("tss:") && $0.hasSuffix(":tenpin") }, "\(groups)")
            #expect(desk.text("root/etc/passwd").contains("tenpin:"))
        }
    }
}

/// The socket on which a service manager is told.
private final class Manager {
    private let socket: UnixSocket

    init(_ path: String) throws { socket = try UnixSocket.bound(to: path, .datagram) }

    /// What was said next, if anything was.
    func next() -> String? {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = recv(socket.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }
}

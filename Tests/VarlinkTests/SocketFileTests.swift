import Foundation
import Glibc
import NIOCore
import Testing

@testable import Varlink

@Suite("a server's socket file", .timeLimit(.minutes(5)))
struct SocketFileTests {
    static func start(at path: String, access: SocketAccess = .owner) async throws(VarlinkServerError) -> VarlinkServer
    {
        try await VarlinkServer.start(at: path, access: access, service: PingService.service) {
            PingService.Conversation(peer: $0, service: PingService())
        }
    }

    static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    @Test("it has mode 0600 from its first moment, even without a umask, and nobody connects before it listens")
    func noWindow() async throws {
        try await withFolder { folder in
            // The file gets its mode from `bind` alone: no later call narrows it.
            let before = umask(0)
            let bound = Result { () throws(VarlinkServerError) in
                try SocketFile.bind(folder + "/a", access: .owner)
            }
            umask(before)
            let (file, socket) = try bound.get()
            #expect(Self.status(folder + "/a").map { $0.st_mode & 0o7777 } == 0o600)
            #expect(throws: IOError.self) { try RawPeer.connect(to: folder + "/a") }
            close(socket)
            file.remove()
            #expect(Self.status(folder + "/a") == nil)
        }
    }

    @Test("shared with a group it has mode 0660 and the group")
    func group() async throws {
        try await withFolder { folder in
            // Root may give it to any group, others to their own.
            let group = getuid() == 0 ? getgid() + 1 : getgid()
            let server = try await Self.start(at: folder + "/a", access: .group(group))
            let status = try #require(Self.status(folder + "/a"))
            #expect(status.st_mode & 0o7777 == 0o660)
            #expect(status.st_gid == group)
            await server.shutdown(within: .seconds(5))
        }
    }

    @Test("a stale socket is replaced")
    func stale() async throws {
        try await withFolder { folder in
            let path = folder + "/socket"
            _ = try RawPeer.listen(at: path)
            #expect(Self.status(path) != nil)
            let server = try await Self.start(at: path)
            let peer = try RawPeer.connect(to: path)
            try await peer.send(ServerTests.ping + "\0")
            #expect(try await peer.receive() == ServerTests.pong)
            await server.shutdown(within: .seconds(5))
        }
    }

    @Test("a socket on which somebody answers is left alone, be it a server of this kind or another")
    func alive() async throws {
        try await withFolder { folder in
            let path = folder + "/socket"
            let server = try await Self.start(at: path)
            await #expect(throws: VarlinkServerError.alreadyServed(path: path)) { try await Self.start(at: path) }
            let peer = try RawPeer.connect(to: path)
            try await peer.send(ServerTests.ping + "\0")
            #expect(try await peer.receive() == ServerTests.pong)
            await server.shutdown(within: .seconds(5))

            let other = try RawPeer.listen(at: path)
            await #expect(throws: VarlinkServerError.alreadyServed(path: path)) { try await Self.start(at: path) }
            _ = try RawPeer.connect(to: path)
            #expect(try await other.accept().descriptor >= 0)
        }
    }

    @Test("a socket that is bound but does not listen yet is not taken for a stale one")
    func starting() async throws {
        try await withFolder { folder in
            let path = folder + "/socket"
            let (file, socket) = try SocketFile.bind(path, access: .owner)
            await #expect(throws: VarlinkServerError.alreadyServed(path: path)) { try await Self.start(at: path) }
            #expect(Self.status(path) != nil)
            close(socket)
            file.remove()
            await (try Self.start(at: path)).shutdown(within: .seconds(5))
        }
    }

    @Test("of many servers started at once exactly one serves")
    func race() async throws {
        try await withFolder { folder in
            let path = folder + "/socket"
            _ = try RawPeer.listen(at: path)
            let servers = await withTaskGroup { group in
                for _ in 0..<8 { group.addTask { try? await Self.start(at: path) } }
                return await group.reduce(into: [VarlinkServer]()) { all, server in
                    if let server { all.append(server) }
                }
            }
            #expect(servers.count == 1)
            for server in servers { await server.shutdown(within: .seconds(5)) }
        }
    }

    @Test("what is no socket is left alone, and so is a socket that somebody else put in place of this one")
    func foreign() async throws {
        try await withFolder { folder in
            let path = folder + "/socket"
            try Data("mine".utf8).write(to: URL(filePath: path))
            await #expect(throws: VarlinkServerError.notASocket(path: path)) { try await Self.start(at: path) }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
            #expect(unlink(path) == 0)

            let server = try await Self.start(at: path)
            #expect(rename(path, path + ".moved") == 0)
            let other = try RawPeer.listen(at: path)
            await server.shutdown(within: .seconds(5))
            #expect(Self.status(path) != nil)
            #expect(other.descriptor >= 0)
        }
    }

    @Test("a path the kernel cannot take is refused with its length")
    func longPath() async throws {
        try await withFolder { folder in
            let longest = folder + "/" + String(repeating: "x", count: 107 - folder.utf8.count - 1)
            let server = try await Self.start(at: longest)
            #expect(Self.status(longest) != nil)
            await server.shutdown(within: .seconds(5))
            for path in [longest + "x", "", folder + "/a\0b"] {
                await #expect(throws: VarlinkServerError.unusablePath(bytes: path.utf8.count)) {
                    try await Self.start(at: path)
                }
            }
            await #expect(throws: VarlinkServerError.system(call: "open", path: "/nowhere/a.lock", errno: ENOENT)) {
                try await Self.start(at: "/nowhere/a")
            }
        }
    }
}

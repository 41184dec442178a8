import Foundation
import Glibc
import Testing

@testable import Varlink

@Suite("a socket that a service manager left", .timeLimit(.minutes(5)))
struct InheritedSocketTests {
    private static func refusal(_ descriptor: CInt) -> VarlinkServerError? {
        do throws(VarlinkServerError) {
            _ = try InheritedSocket(dup(descriptor))
            return nil
        } catch {
            return error
        }
    }

    @Test("it is served on, what was sent before is answered, and its file outlives the server")
    func served() async throws {
        try await withFolder { folder in
            let path = folder + "/socket"
            let manager = try RawPeer.listen(at: path)
            chmod(path, 0o660)
            let early = try RawPeer.connect(to: path)
            try await early.send(ServerTests.ping + "\0")
            let inherited = try InheritedSocket(dup(manager.descriptor))
            #expect(inherited.path == path)
            let server = try await VarlinkServer.start(on: inherited, service: PingService.service) {
                PingService.Conversation(peer: $0, service: PingService())
            }
            #expect(try await early.receive() == ServerTests.pong)
            #expect(await server.shutdown(within: .seconds(5)))
            #expect(SocketFileTests.status(path).map { $0.st_mode & 0o7777 } == 0o660)
            #expect(SocketFileTests.status(path + ".lock") == nil)
            // The manager goes on listening, for the next start.
            _ = try RawPeer.connect(to: path)
        }
    }

    @Test("one to which everybody may connect is refused, and one that has no file")
    func open() async throws {
        try await withFolder { folder in
            let path = folder + "/socket"
            let manager = try RawPeer.listen(at: path)
            chmod(path, 0o666)
            #expect(Self.refusal(manager.descriptor) == .unusableInheritance(.openToAll(path)))
            chmod(path, 0o600)
            #expect(Self.refusal(manager.descriptor) == nil)

            let abstract = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(abstract) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let size = socklen_t(MemoryLayout<sa_family_t>.size)
            let bound = withUnsafePointer(to: &address) { pointer in
                // An address without a name makes the kernel choose one outside the file system (unix(7), autobind).
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(abstract, $0, size) }
            }
            try #require(bound == 0 && listen(abstract, 1) == 0)
            #expect(Self.refusal(abstract) == .unusableInheritance(.withoutFile))
        }
    }

    @Test("what is no listening Unix stream socket is refused")
    func others() throws {
        let kinds = [(AF_UNIX, SOCK_STREAM), (AF_UNIX, SOCK_DGRAM), (AF_INET, SOCK_STREAM)]
        for (family, kind) in kinds {
            let descriptor = socket(family, Int32(kind.rawValue), 0)
            defer { close(descriptor) }
            // A TCP socket listens without a name.
            if family == AF_INET { try #require(listen(descriptor, 1) == 0) }
            #expect(Self.refusal(descriptor) == .unusableInheritance(.notListening))
        }
        let file = Glibc.open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(Self.refusal(file) == .unusableInheritance(.notListening))
        #expect(Self.refusal(-1) == .unusableInheritance(.notListening))
    }
}

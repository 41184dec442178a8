import Foundation
import Synchronization
import Varlink

/// An interface to test with, its conversations and what they saw.
final class PingService: Sendable {
    static let interface = VarlinkInterface(
        name: "org.example.Ping",
        description: """
            # An interface to test with.
            interface org.example.Ping

            type Nested (list: []int, name: ?string)

            # Gives back what it gets.
            method Ping(ping: string) -> (pong: string)

            # Takes structured parameters.
            method Nest(nested: Nested) -> (sum: int)

            # Answers when the test says so.
            method Hold() -> ()

            # A text of this many bytes.
            method Large(bytes: int) -> (text: string)

            # Who asks.
            method Who() -> (uid: int, gid: int, pid: int)

            # Answers with what is not JSON.
            method Broken() -> ()

            # Gives the numbers up to this one: each in a reply of its own to a call with more, else the last.
            method Count(to: int, padding: ?int) -> (number: int, padding: string)

            # Always fails.
            method Fail(code: int) -> ()

            error Refused (code: int)

            """)

    static let service = VarlinkService(
        vendor: "Example", product: "Ping", version: "1", url: "https://example.org", interfaces: [interface])

    private struct State {
        var events: [String] = []
        var isOpen = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// What happened: `ping <text>`, `hold`, `ended`.
    var events: [String] { state.withLock { $0.events } }

    func note(_ event: String) { state.withLock { $0.events.append(event) } }

    /// Lets calls of `Hold` go on, now and later.
    func open() {
        let held = state.withLock { state in
            state.isOpen = true
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    func hold() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.held.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Waits until `event` has happened `count` times.
    func wait(for event: String, count: Int = 1) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while events.count(where: { $0 == event }) < count {
            guard ContinuousClock.now < end else { throw RawPeer.TookTooLong() }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    struct Conversation: VarlinkConversation {
        let peer: PeerCredentials
        let service: PingService

        func handle(_ call: VarlinkCall) async -> VarlinkReply {
            do throws(VarlinkInvalidParameter) {
                return try await answer(call)
            } catch {
                return error.reply
            }
        }

        private func answer(_ call: VarlinkCall) async throws(VarlinkInvalidParameter) -> VarlinkReply {
            switch call.member {
            case "Ping":
                let ping = try call.decode(Ping.self).ping
                service.note("ping \(ping)")
                return .encoding(["pong": ping])
            case "Nest":
                return .encoding(["sum": try call.decode(Nest.self).nested.list.reduce(0, +)])
            case "Hold":
                service.note("hold")
                await service.hold()
                return .empty
            case "Large":
                return .encoding(["text": String(repeating: "x", count: try call.decode(Large.self).bytes)])
            case "Who":
                return .encoding(["uid": Int(peer.uid), "gid": Int(peer.gid), "pid": Int(peer.pid)])
            case "Broken":
                return .parameters(Data("{}, \"error\": \"org.example.Ping.Refused\"".utf8))
            case "Count":
                let count = try call.decode(Count.self)
                return .encoding(Counted(count.to, count.padding))
            case "Fail":
                return .error("org.example.Ping.Refused", encoding: ["code": try call.decode(Fail.self).code])
            default:
                return .methodNotFound(call.method)
            }
        }

        func handle(_ call: VarlinkCall, ahead: VarlinkReplies) async -> VarlinkReply {
            guard call.member == "Count", let count = try? call.decode(Count.self) else { return await handle(call) }
            for number in 1..<max(1, count.to) {
                do throws(VarlinkReplies.Failure) {
                    try await ahead.send(Counted(number, count.padding))
                } catch {
                    service.note("\(error) at \(number)")
                    return .error("org.example.Ping.Refused", encoding: ["code": number])
                }
            }
            return .encoding(Counted(count.to, count.padding))
        }

        func ended() async { service.note("ended") }
    }

    struct Ping: Codable { var ping: String }
    struct Nest: Codable { var nested: Nested }
    struct Nested: Codable {
        var list: [Int]
        var name: String?
    }
    struct Count: Codable {
        var to: Int
        var padding: Int?
    }
    struct Counted: Codable {
        var number: Int
        var padding: String

        init(_ number: Int, _ padding: Int?) {
            self.number = number
            self.padding = String(repeating: "x", count: padding ?? 0)
        }
    }
    struct Large: Codable { var bytes: Int }
    struct Fail: Codable { var code: Int }
    struct Pong: Codable { var pong: String }
    struct Who: Codable, Equatable { var uid, gid, pid: Int }
}

/// Runs `body` with a server in a folder of its own, and shuts it down.
func withServer(
    limits: VarlinkLimits = VarlinkLimits(),
    access: SocketAccess = .owner,
    admitting: @escaping @Sendable (PeerCredentials) -> Bool = { _ in true },
    _ body: (VarlinkServer, PingService) async throws -> Void
) async throws {
    try await withFolder { folder in
        let service = PingService()
        let server = try await VarlinkServer.start(
            at: folder + "/socket", access: access, service: PingService.service, limits: limits, admitting: admitting
        ) { PingService.Conversation(peer: $0, service: service) }
        do {
            try await body(server, service)
        } catch {
            service.open()
            await server.shutdown(within: .seconds(5))
            throw error
        }
        service.open()
        await server.shutdown(within: .seconds(5))
    }
}

/// Runs `body` with a new folder and removes it.
func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "varlink-\(UInt32.random(in: .min ... .max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder.path)
}

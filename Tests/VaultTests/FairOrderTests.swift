import Testing
import VaultAPI

@testable import Vault

@Suite("The order of waiting calls")
struct FairOrderTests {
    /// An order whose calls are the names of who makes them.
    private struct Queue {
        let order: FairOrder<String>
        var served: [String] = []

        init(waitingPerAccount: Int = 1000) { order = FairOrder(waitingPerAccount: waitingPerAccount) }

        @discardableResult
        mutating func join(_ name: String, _ connection: UInt64, account: String? = nil) throws -> String? {
            order.join(name, of: try Self.caller(connection, account))
        }

        /// Serves up to this many calls, each of which takes as many milliseconds as `cost` says.
        mutating func serve(_ calls: Int = .max, cost: (String) -> Int = { _ in 10 }) {
            for _ in 0..<calls {
                guard let turn = order.next() else { return }
                served.append(turn.call)
                order.charge(.milliseconds(cost(turn.call)), to: turn)
            }
        }

        static func caller(_ connection: UInt64, _ account: String?) throws -> Caller {
            Caller(connection: ConnectionID(connection), account: try account.map { try Account($0) })
        }
    }

    @Test("one call waits for one of five hundred that an account has waiting on as many connections")
    func flood() throws {
        var queue = Queue()
        for connection in 0..<UInt64(500) { try queue.join("flood", connection, account: "mallory") }
        queue.serve(100)
        try queue.join("alice", 1000, account: "alice")
        queue.serve(2)
        #expect(queue.served.dropFirst(100).contains("alice"))
        queue.serve()
        #expect(queue.served.count == 501)
    }

    @Test("an account that floods gets its share and no more, and one that asks again and again gets as much")
    func shares() throws {
        var queue = Queue()
        for connection in 0..<UInt64(500) { try queue.join("flood", connection, account: "mallory") }
        let people: [String: UInt64] = ["alice": 1000, "bob": 1001, "carol": 1002]
        for (person, connection) in people { try queue.join(person, connection, account: person) }
        for _ in 0..<400 {
            queue.serve(1)
            if let last = queue.served.last, let connection = people[last] {
                try queue.join(last, connection, account: last)
            }
        }
        let counts = queue.served.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
        #expect(counts.values.allSatisfy { (95...105).contains($0) }, "\(counts)")
    }

    @Test("a connection that names another account in each call has one share")
    func manyNames() throws {
        var queue = Queue()
        try queue.join("crook", 1, account: "0")
        try queue.join("alice", 2, account: "alice")
        for number in 1...400 {
            queue.serve(1)
            if queue.served.last == "crook" {
                try queue.join("crook", 1, account: "\(number)")
            } else {
                try queue.join("alice", 2, account: "alice")
            }
        }
        #expect((190...210).contains(queue.served.count { $0 == "alice" }))
    }

    @Test("who takes long gets fewer turns, and as much time")
    func time() throws {
        var queue = Queue()
        for connection in 0..<UInt64(110) {
            try queue.join("long", connection, account: "mallory")
            try queue.join("short", 2000 + connection, account: "alice")
        }
        queue.serve(110) { $0 == "long" ? 100 : 10 }
        let (long, short) = (queue.served.count { $0 == "long" }, queue.served.count { $0 == "short" })
        #expect((8...12).contains(short / long), "\(short) short ones and \(long) long ones")
    }

    @Test("nobody starves behind callers who connect anew for each call")
    func newcomers() throws {
        var queue = Queue()
        var connection: UInt64 = 10
        for _ in 0..<20 {
            connection += 1
            try queue.join("new", connection)
        }
        try queue.join("alice", 1, account: "alice")
        var waits: [Int] = []
        var last = 0
        for turn in 1...2000 {
            queue.serve(1)
            if queue.served.last == "alice" {
                waits.append(turn - last)
                last = turn
                try queue.join("alice", 1, account: "alice")
            } else {
                connection += 1
                try queue.join("new", connection)
            }
        }
        // She is one of 21 who wait at any time.
        #expect(waits.count > 70)
        #expect(waits.allSatisfy { $0 <= 50 }, "\(waits)")
    }

    @Test("of an account that has too many waiting, a call of the connection that was served most goes")
    func refusal() throws {
        var queue = Queue(waitingPerAccount: 3)
        for call in 1...3 { try queue.join("busy \(call)", 1, account: "alice") }
        // Somebody else waits, so that what was served is remembered.
        try queue.join("bob", 9, account: "bob")
        queue.serve(1)
        #expect(queue.served == ["busy 1"])
        var refused: [String?] = []
        for (name, connection) in [("idle 1", 2), ("idle 2", 3), ("idle 3", 4), ("idle 4", 5)] as [(String, UInt64)] {
            refused.append(try queue.join(name, connection, account: "alice"))
        }
        #expect(refused == [nil, "busy 3", "busy 2", "idle 4"])
        var others = [try queue.join("carol", 6, account: "carol")]
        for connection in 100..<UInt64(200) { others.append(try queue.join("unnamed", connection)) }
        #expect(others.allSatisfy { $0 == nil })
    }

    @Test("while there is no room, calls that start a session wait and the others go on")
    func held() throws {
        let order = FairOrder<String>(waitingPerAccount: 8)
        let (alice, bob) = (try Queue.caller(1, "alice"), try Queue.caller(2, "bob"))
        _ = order.join("starts", of: alice, startsSession: true)
        _ = order.join("goes on", of: bob)
        let turn = order.next(startingSessions: false)
        #expect(turn?.call == "goes on")
        if let turn { order.charge(.milliseconds(10), to: turn) }
        let held = order.next(startingSessions: false)
        #expect(held == nil)
        #expect(order.count == 1)
        let last = order.next()?.call
        #expect(last == "starts")
    }

    /// A call of Alice's is between its two turns.
    private static func betweenTwo() throws -> (order: FairOrder<String>, first: FairOrder<String>.Turn) {
        let order = FairOrder<String>(waitingPerAccount: 8)
        _ = order.join("alice", of: try Queue.caller(1, "alice"))
        let turn = order.next()
        let first = try #require(turn)
        order.hold(first)
        return (order, first)
    }

    @Test("while a call is between two turns no other of its account has one, and others do")
    func between() throws {
        let held = try Self.betweenTwo()
        let order = held.order
        #expect(order.isHeld("alice") && !order.isHeld("bob"))
        _ = order.join("alice again", of: try Queue.caller(2, "alice"))
        _ = order.join("bob", of: try Queue.caller(3, "bob"))
        var calls = [order.next()?.call, order.next()?.call]
        #expect(calls == ["bob", nil])
        #expect(order.callers.count == 2)
        order.release(held.first)
        calls = [order.next()?.call]
        #expect(calls == ["alice again"])
    }

    @Test("who must be alone waits for those between two turns, and nothing begins meanwhile")
    func alone() throws {
        let held = try Self.betweenTwo()
        let order = held.order
        _ = order.join("audit", of: try Queue.caller(2, nil), isAlone: true)
        _ = order.join("bob", of: try Queue.caller(3, "bob"))
        var calls = [order.next()?.call]
        #expect(calls == [nil])
        order.release(held.first)
        calls = [order.next()?.call, order.next()?.call]
        #expect(calls == ["audit", "bob"])
    }

    @Test("a call that is at work when all others are over is not counted by the clock of before")
    func atWork() throws {
        let order = FairOrder<String>(waitingPerAccount: 1000)
        let (alice, bob) = (try Queue.caller(1, "alice"), try Queue.caller(2, "bob"))
        // A long time in which both wait.
        for _ in 0..<200 {
            _ = order.join("alice", of: alice)
            _ = order.join("bob", of: bob)
        }
        var (aliceLast, bobLast): (FairOrder<String>.Turn?, FairOrder<String>.Turn?)
        while let turn = order.next() {
            if turn.call == "alice", order.count == 1 {
                order.hold(turn)
                aliceLast = turn
            }
            if order.count == 0 { bobLast = turn } else { order.charge(.milliseconds(100), to: turn) }
        }
        let (over, atWork) = (try #require(aliceLast), try #require(bobLast))
        order.release(over)
        // Bob's call has further turns, and others come.
        order.hold(atWork)
        for connection in 3..<UInt64(103) { _ = order.join("others", of: try Queue.caller(connection, "carol")) }
        order.charge(.milliseconds(100), to: atWork)
        order.release(atWork)
        _ = order.join("bob", of: bob)
        var calls: [String] = []
        for _ in 0..<20 {
            guard let turn = order.next() else { break }
            calls.append(turn.call)
            order.charge(.milliseconds(10), to: turn)
        }
        #expect(calls.contains("bob"))
    }

    @Test("a call with turns to come is counted by the clock that it began by, though nobody waits meanwhile")
    func straddling() throws {
        let order = FairOrder<String>(waitingPerAccount: 1000)
        let (alice, bob) = (try Queue.caller(1, "alice"), try Queue.caller(2, "bob"))
        // A long time in which somebody waits.
        for _ in 0..<200 { _ = order.join("bob", of: bob) }
        _ = order.join("alice", of: alice)
        var held: FairOrder<String>.Turn?
        while let turn = order.next() {
            if turn.call == "alice", order.count > 0 {
                order.charge(.milliseconds(100), to: turn)
                _ = order.join("alice", of: alice)
                continue
            }
            if turn.call == "alice" {
                order.hold(turn)
                held = turn
            }
            order.charge(.milliseconds(100), to: turn)
        }
        let last = try #require(held)
        // Bob comes back while her further turn is under way.
        for _ in 0..<10 { _ = order.join("bob", of: bob) }
        order.charge(.milliseconds(100), to: last)
        order.release(last)
        _ = order.join("alice", of: alice)
        var calls: [String?] = []
        for _ in 0..<4 {
            let turn = order.next()
            calls.append(turn?.call)
            if let turn { order.charge(.milliseconds(100), to: turn) }
        }
        #expect(calls.contains("alice"), "\(calls)")
    }

    private static let isCostly = { @Sendable (caller: Caller, _: Bool) in caller.connection == ConnectionID(0) }

    @Test("a call that costs the chip more lets others go first, for a bounded time, and has its share in the end")
    func costly() throws {
        let order = FairOrder<UInt64>(waitingPerAccount: 8)
        func join(_ connection: UInt64) throws {
            #expect(order.join(connection, of: try Queue.caller(connection, "\(connection)")) == nil)
        }
        for connection in 0..<UInt64(12) { try join(connection) }
        var served: [UInt64] = []
        for _ in 0..<12_000 {
            let next = order.next(isCostly: Self.isCostly)
            let turn = try #require(next)
            served.append(turn.call)
            order.charge(.milliseconds(10), to: turn)
            try join(turn.call)
        }
        let waits = served.split(separator: 0, omittingEmptySubsequences: false).dropFirst().dropLast().map(\.count)
        // Eleven others, and 200 ms in which others are preferred.
        #expect(served.first != 0 && (waits.max() ?? 0) <= 11 + 20, "\(waits)")
        // It is behind at first, and from then on has as much as everybody.
        let (half, last) = (served.prefix(6000).count { $0 == 0 }, served.suffix(6000).count { $0 == 0 })
        #expect((250...500).contains(half) && (480...505).contains(last), "\(half) and \(last)")
    }

    @Test(
        "one that is preferred for being cheap is ahead by twice 200 ms of the chip's time at most, and then gets no more than the other"
    )
    func advance() throws {
        let order = FairOrder<UInt64>(waitingPerAccount: 8)
        let callers = try (0..<2).map { try Queue.caller($0, "\($0)") }
        for (number, caller) in callers.enumerated() { _ = order.join(UInt64(number), of: caller) }
        var ahead = 0
        var halfway = 0
        for round in 0..<500 {
            if round == 250 { halfway = ahead }
            let next = order.next(isCostly: Self.isCostly)
            let turn = try #require(next)
            ahead += turn.call == 0 ? -1 : 1
            #expect(ahead <= 41)
            order.charge(.milliseconds(10), to: turn)
            _ = order.join(turn.call, of: callers[Int(turn.call)])
        }
        #expect(ahead > 1 && abs(ahead - halfway) <= 1)
    }

    @Test("where a cheap call may come, a costly one waits for it a few milliseconds, and once")
    func deferral() throws {
        let order = FairOrder<UInt64>(waitingPerAccount: 8)
        let begun = ContinuousClock.now
        func next(after milliseconds: Int, mayCome: Bool = true) -> UInt64? {
            order.next(
                at: begun + .milliseconds(milliseconds), deferral: .milliseconds(5), cheapMayCome: { _ in mayCome },
                isCostly: Self.isCostly)?.call
        }
        let (alice, bob) = (try Queue.caller(0, "alice"), try Queue.caller(1, "bob"))
        _ = order.join(0, of: alice)
        #expect(next(after: 0) == nil && order.isDeferring)
        #expect(next(after: 4) == nil && order.isDeferring)
        _ = order.join(1, of: bob)
        #expect(next(after: 4) == 1 && !order.isDeferring)
        #expect(next(after: 5) == 0 && !order.isDeferring)
        _ = order.join(0, of: alice)
        #expect(next(after: 6, mayCome: false) == 0)
        #expect(next(after: 7) == nil && !order.isDeferring)
    }
}

import Foundation
import Glibc
import ProgramTestSupport
import Synchronization
import TestSupport

/// A vault that runs, and devices at it.
struct Served {
    let stage: Stage
    let vault: Running
    /// From starting the program to its first answer, in ms.
    let startUp: Double

    var process: ProcessUse { ProcessUse(identifier: vault.identifier) }

    func phone() async throws -> Phone { try await Phone.connect(to: stage.socket) }

    func phones(_ count: Int) async throws -> [Phone] {
        var phones: [Phone] = []
        for _ in 0..<count { phones.append(try await phone()) }
        return phones
    }

    /// Has so many devices recover one after another each, until the time is over.
    func recover(
        _ people: [Person], devices: Int, for stay: Duration, whenWarm: () -> Void = {}
    ) async throws -> Crowd {
        let phones = try await phones(devices)
        // Where there are fewer people than devices, some recover on several at once.
        for (place, phone) in phones.enumerated() { try await phone.recover(people[place % people.count]) }
        whenWarm()
        let crowd = try await Crowd.measure(self, phones) { number, noted in
            let begun = ContinuousClock.now
            while ContinuousClock.now - begun < stay {
                let one = ContinuousClock.now
                try await phones[number].recover(people[number % people.count])
                noted.add(ContinuousClock.now - one)
            }
        }
        for phone in phones { await phone.client.close() }
        return crowd
    }

    /// The same, into a table.
    @discardableResult
    func recover(
        _ people: [Person], devices: Int, for stay: Duration = .seconds(2), into section: inout Section,
        whenWarm: () -> Void = {}
    ) async throws -> Crowd {
        let crowd = try await recover(people, devices: devices, for: stay, whenWarm: whenWarm)
        crowd.add(to: &section, "recovery, \(devices) device\(devices == 1 ? "" : "s")")
        return crowd
    }

    /// Has so many devices enroll; those who were enrolled are forgotten afterwards.
    func enroll(devices: Int, each: Int) async throws -> Crowd {
        let phones = try await phones(devices)
        let enrolled = Mutex<[Person]>([])
        let crowd = try await Crowd.measure(self, phones) { number, noted in
            for round in 0..<each {
                let one = ContinuousClock.now
                let person = try await phones[number].enroll("new-\(number)-\(round)")
                noted.add(ContinuousClock.now - one)
                enrolled.withLock { $0.append(person) }
            }
        }
        for person in enrolled.withLock({ $0 }) { try await phones[0].forget(person) }
        for phone in phones { await phone.client.close() }
        return crowd
    }
}

/// What some devices at once came to.
struct Crowd: Sendable {
    let times: Percentiles
    let count: Int
    let seconds: Double
    /// Processor time for each, in ms.
    let vaultTime: Double
    let chipTime: Double
    let deviceTime: Double
    /// How long each waited for answers, on the average, in ms; the rest of its time was the device's own.
    let callTime: Double

    static func measure(
        _ served: Served, _ phones: [Phone],
        _ body: @escaping @Sendable (_ device: Int, _ noted: Times) async throws -> Void
    ) async throws -> Crowd {
        guard let identifier = served.stage.chip.processIdentifier else { throw HarnessError("the chip is gone") }
        // All devices are in this process.
        let processes = [served.process, ProcessUse(identifier: identifier), ProcessUse(identifier: getpid())]
        let times = Times()
        for phone in phones { phone.calls.clear() }
        let before = try processes.map { try $0.processorTime() }
        let begun = ContinuousClock.now
        try await withThrowingTaskGroup { group in
            for device in phones.indices {
                group.addTask { try await body(device, times) }
            }
            try await group.waitForAll()
        }
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        let all = times.all
        guard !all.isEmpty else { throw HarnessError("nothing was done") }
        let each = Double(all.count)
        let spent = try zip(processes, before).map { try ($0.processorTime() - $1) / each }
        let calls = phones.flatMap(\.calls.all).reduce(.zero, +) / .milliseconds(1)
        return Crowd(
            times: Percentiles(all), count: all.count, seconds: seconds, vaultTime: spent[0], chipTime: spent[1],
            deviceTime: spent[2], callTime: calls / each)
    }

    func add(to section: inout Section, _ name: String) {
        section.add("\(name): rate", "a second", Double(count) / seconds)
        section.add("\(name): median", "ms", times(50))
        section.add("\(name): 95th percentile", "ms", times(95))
        section.add("\(name): 99th percentile", "ms", times(99))
        section.add("\(name): chip busy", "%", chipTime * Double(count) / seconds / 10)
        section.add("\(name): vault's processor", "ms", vaultTime)
        section.add("\(name): chip's processor", "ms", chipTime)
        section.add("\(name): device's processor", "ms", deviceTime)
        section.add("\(name): waiting for answers", "ms", callTime)
    }
}

/// Times that devices note.
final class Times: Sendable {
    private let noted = Mutex<[Duration]>([])

    var all: [Duration] { noted.withLock { $0 } }

    func add(_ time: Duration) { noted.withLock { $0.append(time) } }

    func clear() { noted.withLock { $0 = [] } }
}

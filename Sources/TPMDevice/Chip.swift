import Foundation
import TPM

/// A TPM: runs one command after another. It belongs to one thread (an actor with a `ChipThread`), and so is not Sendable.
public final class Chip {
    /// The TCTI string the chip was opened with.
    public let tcti: String
    private var transport: Transport?
    private var ownerAuthorization: [UInt8]
    private let endorsementAuthorization: [UInt8]
    private let patience: Patience
    /// Objects and sessions that the chip would not flush when their time had come.
    private var owed: [Handle] = []

    /// Whether a policy session of this program's own stays in the chip between two uses, where it takes one of three places.
    /// Not for a chip that others use too: a resource manager would save and load it with every command.
    public var keepsPolicySession = false
    /// With how many commands had been sent when it was last used.
    private var idlePolicySession: (handle: Handle, sent: Int)?
    private var lendsPolicySession = false
    /// How many commands were sent.
    private var sent = 0

    /// Told of each command that is sent again, and why.
    public var onRepetition: (CommandCode, ResponseCode) -> Void = { _, _ in }

    /// Connects, and starts the chip where it waits for Startup. `ownerAuthorization` is the owner hierarchy's authValue,
    /// and `endorsementAuthorization` the endorsement hierarchy's; they cross the bus in the clear and give nobody a guess.
    /// A chip that takes longer than `patience` seconds for a command is given up; making an RSA key takes some a minute.
    public init(
        tcti: String, ownerAuthorization: [UInt8] = [], endorsementAuthorization: [UInt8] = [],
        patience: TimeInterval = 120
    ) throws(ChipError) {
        self.tcti = tcti
        self.ownerAuthorization = ownerAuthorization
        self.endorsementAuthorization = endorsementAuthorization
        self.patience = Patience(seconds: patience)
        try connect()
    }

    /// What is kept does not outlive the connection.
    deinit {
        if let idlePolicySession { try? flush(idlePolicySession.handle) }
    }

    /// The authorization of commands that the owner hierarchy authorizes.
    public var owner: Authorization { .password(ownerAuthorization) }

    /// The authorization of commands that the endorsement hierarchy authorizes.
    public var endorsement: Authorization { .password(endorsementAuthorization) }

    /// Which connection this is. Sessions and objects of an earlier one are gone; but behind a resource manager saved sessions
    /// outlive a connection, and it stays the first.
    public private(set) var connections = 0

    /// Whether other programs may use the chip at the same time, through a resource manager. Who has it alone may flush what
    /// is there.
    ///
    /// The attack: Linux' resource manager (`/dev/tpmrm0`) lists and flushes every program's saved sessions, not only the
    /// caller's own. 1. another program keeps a session; 2. a vault starts, and flushes it.
    public var isShared: Bool { Self.isShared(tcti) }

    /// What the TCTI says of that. An unknown one is taken for one that is shared.
    static func isShared(_ tcti: String) -> Bool {
        // /dev/tpm0 itself, and not /dev/tpmrm0.
        let device = "device:/dev/tpm"
        if tcti.hasPrefix(device) { return tcti.dropFirst(device.count).first?.isNumber != true }
        return !["swtpm", "mssim", "libtpms"].contains(tcti.prefix { $0 != ":" })
    }

    /// What a command takes, on the average of the last ones.
    public private(set) var pace = Duration.zero

    /// How long each command took, where somebody wants to know: set it to begin.
    public var times: CommandTimes?

    private func connect() throws(ChipError) {
        connections = isShared ? 1 : connections + 1
        // Of the lost connection; `reconnect` flushes what is still there, where nobody shares the chip.
        if !isShared { owed = [] }
        idlePolicySession = nil
        transport = try Transport.open(tcti, patience: patience)
        // A chip that a platform's firmware started answers INITIALIZE, which is as good.
        let response = try exchange(.startup, [])
        guard response.code.isSuccess || response.code == .initialize else {
            throw .refused(.startup, response.code)
        }
    }

    /// Connects anew, and flushes what the lost connection left on a chip that was not restarted; wholly or not at all.
    private func reconnect() throws(ChipError) {
        do throws(ChipError) {
            try connect()
            try flushLeftovers()
        } catch {
            transport = nil
            throw error
        }
    }

    /// Leaves the connection and makes another one: on it, the chip shows what it keeps.
    public func reopen() throws(ChipError) {
        transport = nil
        try reconnect()
    }

    /// How often a command that was not begun is sent again, and the first wait; each wait is twice the last.
    private static let retries = 8
    private static let firstWait = 0.02

    /// Runs `command` with these authorizations in order.
    ///
    /// A code that asks for it (RETRY, YIELDED, TESTING, NV_RATE) is answered by sending the command again a bounded number of
    /// times. A broken connection is opened anew for the *next* command, never for the one that was under way:
    /// nobody knows whether the chip has counted it. The same where the chip says that it found itself broken, or was
    /// reset: Startup and the flushing of what is left come before anything else then.
    @discardableResult
    public func run(
        _ command: Command, authorizedBy authorizations: Authorization...
    ) throws(ChipError) -> Response {
        try run(command, with: authorizations)
    }

    /// As above, for authorizations that a caller puts together.
    public func run(_ command: Command, with authorizations: [Authorization]) throws(ChipError) -> Response {
        if transport == nil { try reconnect() }
        try settle()
        var response = try exchange(command, authorizations)
        var wait = Self.firstWait
        for _ in 0..<Self.retries where response.code.mayBeSentAgain(command.code) {
            onRepetition(command.code, response.code)
            Thread.sleep(forTimeInterval: wait)
            wait *= 2
            response = try exchange(command, authorizations)
        }
        if response.code == .failure || response.code == .initialize { transport = nil }
        guard response.code.isSuccess else { throw .refused(command.code, response.code) }
        // The attack: 1. somebody at the chip flushes the idle session; 2. the next session gets its place, a device's, and is then taken
        // for this one; also where it is of another type, for a chip may flush what is in the place.
        if command.code == .startAuthSession, let idlePolicySession,
            response.handle?.hasPlace(of: idlePolicySession.handle) == true
        {
            self.idlePolicySession = nil
        }
        return response
    }

    /// Flushes a transient object or a session, loaded or saved. Where the chip refuses just now, it is done before the next
    /// command; a broken connection takes everything with it.
    public func flush(_ handle: Handle) throws(ChipError) {
        guard transport != nil else {
            // Behind a resource manager a saved session outlives the connection.
            if isShared { owed.append(handle) }
            return
        }
        let code = try exchange(.flushContext(handle), []).code
        guard !code.isSuccess, !code.isMissingHandle else { return }
        owed.append(handle)
        throw .refused(.flushContext, code)
    }

    /// Lends a policy session without a key of its own, `begun` with a policy's first step, for the further steps and the one
    /// command that they authorize.
    ///
    /// A session that is kept goes on after its command, and the chip takes back what was satisfied in it (Part 1 §19.7.4);
    /// another one ends with it. One whose use failed is flushed either way: nobody knows what is satisfied in it.
    /// The attack: 1. somebody at the chip runs a policy command in the session while it is idle; 2. the next policy does not hold
    /// in it. So what a kept session refuses is tried once more in a new one. What spends a guess cannot be tried again, and takes
    /// one only if its use was the last command that was sent: then it was good a moment ago.
    func withPolicySession<R>(
        spendsGuess: Bool, begun begin: (Handle) throws(ChipError) -> Void,
        _ body: (Authorization) throws(ChipError) -> R
    ) throws(ChipError) -> R {
        // An idle session of a lost connection is gone.
        if transport == nil { try reconnect() }
        let isKept = keepsPolicySession && !lendsPolicySession
        if spendsGuess, isKept, let idle = idlePolicySession, idle.sent != sent {
            idlePolicySession = nil
            try flush(idle.handle)
        }
        let idle = isKept ? idlePolicySession?.handle : nil
        var handle = if let idle { idle } else { try startSession(.policy).handle }
        if isKept {
            idlePolicySession = nil
            lendsPolicySession = true
        }
        defer { if isKept { lendsPolicySession = false } }
        do throws(ChipError) {
            let result: R
            do throws(ChipError) {
                try begin(handle)
                result = try body(Authorization(session: handle, attributes: isKept ? [.continueSession] : []))
            } catch {
                guard !spendsGuess, let idle, case .refused(_, let code) = error,
                    !code.isWarning || code.isMissingReference,
                    code != .failure, code != .initialize
                else { throw error }
                try? flush(idle)
                handle = try startSession(.policy).handle
                try begin(handle)
                result = try body(Authorization(session: handle, attributes: [.continueSession]))
            }
            if isKept { idlePolicySession = (handle, sent) }
            return result
        } catch {
            try? flush(handle)
            throw error
        }
    }

    /// Makes up for the flushes that the chip refused, so that they do not fill its three places. It may refuse again.
    private func settle() throws(ChipError) {
        let handles = owed
        owed = []
        for handle in handles {
            let code = try exchange(.flushContext(handle), []).code
            if !code.isSuccess, !code.isMissingHandle { owed.append(handle) }
        }
    }

    /// Sends bytes as they are: for tests, whose attacks use commands that the vocabulary does not name.
    package func transmit(_ command: [UInt8]) throws(ChipError) -> [UInt8] {
        do throws(ChipError) {
            guard let answer = try transport?.exchange(command) else {
                throw .unreachable("the connection is closed")
            }
            return answer
        } catch {
            transport = nil
            throw error
        }
    }

    private func exchange(_ command: Command, _ authorizations: [Authorization]) throws(ChipError) -> Response {
        let request = command.bytes(authorizations: authorizations)
        guard request.count <= Transport.maximumSize else { throw .oversized(command.code, request.count) }
        sent += 1
        let begun = ContinuousClock.now
        let bytes = try transmit(request)
        let time = ContinuousClock.now - begun
        pace += (time - pace) / 8
        do throws(WireError) {
            let response = try Response(bytes, to: command)
            // A refusal comes sooner than the work it refuses.
            if response.code.isSuccess { times?.add(time, for: command.code) }
            return response
        } catch {
            transport = nil
            throw .malformed(command.code, error)
        }
    }

    /// Runs `command` and gives how the chip answered, a refusal included.
    public func answer(
        to command: Command, authorizedBy authorizations: Authorization...
    ) throws(ChipError) -> ResponseCode {
        do throws(ChipError) {
            return try run(command, with: authorizations).code
        } catch {
            guard let code = error.responseCode else { throw error }
            return code
        }
    }

    /// Parses a response's parameters, naming the command when they are malformed. Then the connection is given up too: who
    /// knows which handle it is that the chip has made.
    public func parse<R>(
        _ response: Response, to command: CommandCode, _ body: (inout Reader) throws(WireError) -> R
    ) throws(ChipError) -> R {
        do throws(WireError) {
            var reader = Reader(response.parameters)
            return try body(&reader)
        } catch {
            transport = nil
            throw .malformed(command, error)
        }
    }
}

extension ResponseCode {
    /// Whether `command` may be sent again. A PolicyNV that was begun may have counted a guess, and sent again it would
    /// count another: only RETRY says for certain that it was not begun (Part 2 §6.6.3).
    fileprivate func mayBeSentAgain(_ command: CommandCode) -> Bool {
        mayBeSentAgain && (command != .policyNV || self == .retry)
    }
}

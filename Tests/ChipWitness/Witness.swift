import Crypto

/// Bears witness of what a chip did, from the raw commands and answers alone: every successful evaluation of each key, and
/// every write of each slot. It knows none of the project's code.
package struct Witness: Sendable {
    /// One command and its answer, in the chip's order.
    package struct Exchange: Sendable {
        package let command: [UInt8]
        /// `nil` when the chip was gone.
        package let said: [UInt8]?

        package init(command: [UInt8], said: [UInt8]?) {
            self.command = command
            self.said = said
        }

        /// Stands for a cut of the chip's power: whatever was loaded is gone.
        package static let powerCut = Exchange(command: [], said: nil)
        /// Stands for a cut behind TPM2_Shutdown(STATE): what was saved can be loaded again. TPM 2.0 Part 1 §12.2.4.
        package static let suspension = Exchange(command: [], said: [])
    }

    /// A multiplication with a key.
    package struct Evaluation: Sendable {
        /// Where in the stream.
        package let number: Int
        /// The point as SEC 1 compresses it, 33 bytes; something else where it was encrypted.
        package let element: [UInt8]
    }

    /// A PIN Pass index that is on the chip.
    package struct Slot: Sendable {
        package let area: IndexArea
        package internal(set) var model: SlotModel
    }

    /// Everything seen.
    package private(set) var stream: [Exchange] = []
    /// By the Name of the key that multiplied.
    package private(set) var evaluations: [Name: [Evaluation]] = [:]
    /// By handle.
    package private(set) var slots: [UInt32: Slot] = [:]
    /// What no chip and no vault of this kind may ever do.
    package private(set) var alarms: [String] = []
    /// The lists of policy branches that were seen, by their digest.
    package private(set) var branches: [[UInt8]: [[UInt8]]] = [:]
    /// The Load that last brought a key into the chip, by its Name.
    package private(set) var loads: [Name: RawCommand] = [:]
    /// The Names of what is loaded, by handle.
    package private(set) var objects: [UInt32: Name] = [:]
    /// The written Name of the slot by which a key's use must be authorized, by the key's.
    private var slotOfKey: [Name: Name] = [:]
    private var slotsByPolicy: [[UInt8]: Name] = [:]
    private var contexts: [[UInt8]: Name] = [:]

    package init() {}

    /// Takes note of a command and its answer. `isKept: false` leaves it out of the stream: the witness's own look.
    package mutating func see(_ exchange: Exchange, isKept: Bool = true) {
        if isKept { stream.append(exchange) }
        guard !exchange.command.isEmpty else { return forgetLoaded(andSaved: exchange.said == nil) }
        guard let said = exchange.said else { return }
        guard let command = RawCommand(exchange.command) else {
            if said.dropFirst(6).prefix(4).allSatisfy({ $0 == 0 }) {
                alarms.append(
                    "the chip did a command that the witness cannot read: \(hex(exchange.command.prefix(32)))")
            }
            return
        }
        guard let answer = RawAnswer(said, to: command.code) else { return }
        noteAuthorization(command, answer)
        guard answer.succeeded else { return }
        noteObjects(command, answer)
        noteUse(command)
        noteIndexes(command)
        noteBranches(command)
    }

    /// The evaluations of this key.
    package func evaluations(of key: Name) -> [Evaluation] { evaluations[key] ?? [] }

    /// The chip was seen to hold this.
    package mutating func see(_ reading: SlotReading, at handle: UInt32) {
        guard var slot = slots[handle] else {
            if reading != .undefined, reading != .unreadable {
                alarms.append("a slot at \(text(handle)) that nobody defined")
            }
            return
        }
        let model = slot.model
        if !slot.model.see(reading) {
            alarms.append("the slot at \(text(handle)) should be \(model), and is \(reading)")
        }
        slots[handle] = slot
    }

    // MARK: - Each kind of command

    private mutating func forgetLoaded(andSaved: Bool) {
        objects = objects.filter { $0.key >> 24 == 0x81 }
        if andSaved { contexts = [:] }
    }

    /// Every use of a slot's authValue is counted, whatever the command.
    private mutating func noteAuthorization(_ command: RawCommand, _ answer: RawAnswer) {
        for (place, handle) in command.handles.enumerated() {
            guard let by = command.authorization(of: place), by.isByValue, var slot = slots[handle] else { continue }
            if !slot.model.authorized(answer: answer.code) {
                alarms.append(
                    "\(text(command, answer)) went through although the slot was \(slot.model)")
            }
            slots[handle] = slot
        }
    }

    private mutating func noteObjects(_ command: RawCommand, _ answer: RawAnswer) {
        var fields = Fields(command.parameters)
        var answered = Fields(answer.parameters)
        switch command.code {
        case 0x157, 0x167:
            // inPrivate (inSensitive), inPublic.
            guard (try? fields.sized()) != nil, let bytes = try? fields.sized(), let area = ObjectArea(bytes),
                let handle = answer.handle
            else { return }
            objects[handle] = area.name
            if command.code == 0x157 { loads[area.name] = command }
            if let slot = slotsByPolicy[area.authPolicy] { slotOfKey[area.name] = slot }
        case 0x131:
            guard let bytes = try? answered.sized(), let area = ObjectArea(bytes), let handle = answer.handle else {
                return
            }
            objects[handle] = area.name
        case 0x173:
            guard let bytes = try? answered.sized(), let area = ObjectArea(bytes) else { return }
            objects[command.handles[0]] = area.name
        case 0x162: contexts[answer.parameters] = objects[command.handles[0]]
        case 0x161: if let handle = answer.handle { objects[handle] = contexts[command.parameters] }
        case 0x165: if let handle = try? fields.number(UInt32.self) { objects[handle] = nil }
        case 0x120:
            guard let persistent = try? fields.number(UInt32.self) else { return }
            objects[persistent] = command.handles[1] == persistent ? nil : objects[command.handles[1]]
        // Not ChangePPS: no key of a vault stands in the platform's hierarchy, so that all of them stay.
        case 0x126, 0x124: objects = [:]
        default: break
        }
    }

    private mutating func noteUse(_ command: RawCommand) {
        guard let first = command.handles.first, let name = objects[first] else { return }
        if CommandShape.all[command.code]?.usesPrivateKey == true {
            evaluations[name, default: []].append(
                Evaluation(number: stream.count - 1, element: Self.element(command.parameters)))
        }
        // Duplicate, ObjectChangeAuth: a key that leaves, or gets an authorization that is no slot's.
        if command.code == 0x14B || command.code == 0x150, slotOfKey[name] != nil {
            alarms.append("an evaluation key was let go: \(text(command, nil))")
        }
    }

    /// A TPM2B_ECC_POINT, compressed.
    private static func element(_ parameters: [UInt8]) -> [UInt8] {
        var fields = Fields(parameters)
        guard (try? fields.number(UInt16.self)) != nil, let x = try? fields.sized(), let y = try? fields.sized(),
            x.count <= 32, let last = y.last
        else { return parameters }
        return [2 + (last & 1)] + [UInt8](repeating: 0, count: 32 - x.count) + x
    }

    private mutating func noteIndexes(_ command: RawCommand) {
        var fields = Fields(command.parameters)
        switch command.code {
        case 0x12A:
            guard (try? fields.sized()) != nil, let bytes = try? fields.sized(), let area = IndexArea(bytes),
                area.isSlot
            else { return }
            let name = area.name(written: true)
            slots[area.handle] = Slot(area: area, model: .unwritten)
            slotsByPolicy[PolicyDigest.evaluating(name)] = name
        case 0x122: slots[command.handles[1]] = nil
        case 0x11F: slots[command.handles[0]] = nil
        case 0x126: slots = slots.filter { $0.value.area.outlivesClear }
        case 0x137:
            guard let data = try? fields.sized(), let offset = try? fields.number(UInt16.self) else { return }
            slots[command.handles[1]]?.model.wrote(
                data, at: Int(offset), encrypted: command.authorizations.contains(where: \.decrypts))
        case 0x134, 0x135, 0x136, 0x13B:
            if let handle = command.handles.last, slots[handle] != nil {
                alarms.append("a slot was changed otherwise than by writing it: \(text(command, nil))")
            }
        default: break
        }
    }

    private mutating func noteBranches(_ command: RawCommand) {
        guard command.code == 0x171 else { return }
        var fields = Fields(command.parameters)
        var list: [[UInt8]] = []
        guard let count = try? fields.number(UInt32.self) else { return }
        for _ in 0..<min(count, 8) { if let digest = try? fields.sized() { list.append(digest) } }
        branches[PolicyDigest.or(list)] = list
    }
}

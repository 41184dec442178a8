import ChipWitness
import DeviceTestSupport
import Foundation

/// The bookkeeping of the bound: what the person's devices sent and signed, read off their messages.
struct Ledger {
    /// One enrollment, from its Define on.
    struct Entry {
        let person: Int
        let password: String
        var allowance: Allowance
        let slot: IndexArea
        /// The first writes that were signed; more than one would be a defect by itself.
        var firstWrites: Set<[UInt8]> = []
    }

    /// What a person is doing while messages are sent.
    enum Act: Equatable {
        /// Also a change of password.
        case enrolling(password: String, limit: Int)
        case recovering(typed: String)
        case granting(Int)
        case other
    }

    /// By enrollment id.
    private(set) var entries: [[UInt8]: Entry] = [:]
    /// The ids, oldest first.
    private(set) var order: [[UInt8]] = []

    /// The person's enrollment that was begun last.
    func latest(of person: Int) -> Entry? {
        order.last { entries[$0]?.person == person }.flatMap { entries[$0] }
    }

    /// All enrollments, oldest first.
    var all: [Entry] { order.compactMap { entries[$0] } }

    /// Takes note of what one act of a person sent; `witness` says what of it the chip evaluated.
    mutating func settle(_ calls: [HostileCourier.Call], of person: Int, _ act: Act, _ witness: Witness) {
        var sent: [[UInt8]: Set<[UInt8]>] = [:]
        var raised: Set<[UInt8]> = []
        for call in calls {
            guard let id = call.parameters["enrollment"]?.bytes else { continue }
            switch call.method {
            case "Define":
                guard case .enrolling(let password, let limit) = act,
                    let key = call.parameters["evaluationKey", "publicArea"]?.bytes,
                    let slot = call.parameters["slot"]?.bytes,
                    let keyName = objectName(tpm2b: key), let area = IndexArea(Array(slot.dropFirst(2)))
                else { continue }
                entries[id] = Entry(
                    person: person, password: password, allowance: Allowance(key: keyName, limit: limit),
                    slot: area)
                order.append(id)
            case "Evaluate":
                if let element = call.parameters["blinded"]?.bytes { sent[id, default: []].insert(element) }
            case "WriteSlot": note(call, id, &raised)
            default: break
            }
        }
        for (id, elements) in sent { entries[id]?.allowance.own.formUnion(elements) }
        for id in raised { give(id, act, sent[id] ?? [], witness) }
    }

    private mutating func note(_ call: HostileCourier.Call, _ id: [UInt8], _ raised: inout Set<[UInt8]>) {
        switch call.parameters["write"] {
        case .text("first"):
            if let signature = call.parameters["signature"]?.bytes { entries[id]?.firstWrites.insert(signature) }
        case .text("ceiling"): raised.insert(id)
        default: break
        }
    }

    /// A ceiling was signed: rightly, where the person granted, or evaluated something in this act and knew that it was
    /// the chip that did. An act gives one evaluation back and no more, however often its message is sent.
    private mutating func give(_ id: [UInt8], _ act: Act, _ elements: Set<[UInt8]>, _ witness: Witness) {
        guard let entry = entries[id] else { return }
        let evaluated = Set(witness.evaluations(of: entry.allowance.key).map(\.element))
        let isEvaluated = !elements.isDisjoint(with: evaluated)
        switch act {
        case .granting(let guesses): entries[id]?.allowance.granted += guesses
        case .enrolling where isEvaluated: entries[id]?.allowance.proved += 1
        case .recovering(entry.password) where isEvaluated: entries[id]?.allowance.proved += 1
        default: break
        }
    }
}

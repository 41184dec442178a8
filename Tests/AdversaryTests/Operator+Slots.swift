import ChipWitness

/// What owner and platform do to slots.
extension Operator {
    func undefine(_ slot: UInt32) throws {
        if try chip.code(0x122, [Self.owner, slot], [.password]) != 0 {
            _ = try chip.code(0x122, [Self.platform, slot], [.password])
        }
    }

    /// Takes the slot away and defines something else in its place; then tries to fill and to use it.
    func redefine(_ entry: Ledger.Entry, _ redefinition: Step.Redefinition, back: Bool) throws {
        try undefine(entry.slot.handle)
        let area = redefinition.area(of: entry.slot)
        let hierarchy = redefinition == .platformCreated ? Self.platform : Self.owner
        let authorization: [UInt8] = redefinition == .withAuthorization ? [1, 2, 3] : []
        _ = try chip.code(0x12A, [hierarchy], [.password], sized(authorization) + sized(area))
        try fill(entry)
        guard back else { return }
        try undefine(entry.slot.handle)
        _ = try chip.code(0x12A, [Self.owner], [.password], sized([]) + sized(entry.slot.bytes()))
        try fill(entry)
    }

    private func fill(_ entry: Ledger.Entry) throws {
        let slot = entry.slot.handle
        try replayWrites(entry)
        for authority in [Self.owner, Self.platform, slot] {
            _ = try chip.code(0x137, [authority, slot], [.password], sized([0, 0, 0, 0, 0, 0, 3, 0]) + [0, 0])
        }
        _ = try guess(entry)
    }

    /// One attempt at slot and key that must give nothing.
    func probe(_ entry: Ledger.Entry, _ probe: Step.Probe) throws {
        let slot = entry.slot.handle
        let refill = sized([0, 0, 0, 0, 0, 0, 3, 0]) + [0, 0]
        switch probe {
        case .ownerWrites: try chip.code(0x137, [Self.owner, slot], [.password], refill)
        case .platformWrites: try chip.code(0x137, [Self.platform, slot], [.password], refill)
        case .slotWrites: try chip.code(0x137, [slot, slot], [.password], refill)
        case .branchWrites:
            // Any branch of the slot's policy that names NV_Write and wants no signature.
            let branches = recorder.witness.branches
            guard let session = try chip.branchSession(of: entry.slot.authPolicy, for: 0x137, branches) else { return }
            try chip.code(0x137, [slot, slot], [.policy(session)], refill)
            chip.flush(session)
        case .increment: try chip.code(0x134, [slot, slot], [.password])
        case .extend: try chip.code(0x136, [slot, slot], [.password], sized([UInt8](repeating: 0, count: 8)))
        case .setBits: try chip.code(0x135, [slot, slot], [.password], [UInt8](repeating: 0xFF, count: 8))
        case .writeLock: try chip.code(0x138, [slot, slot], [.password])
        case .readLock: try chip.code(0x14F, [slot, slot], [.password])
        case .globalLock: try chip.code(0x132, [Self.owner], [.password])
        case .changeAuth: try chip.code(0x13B, [slot], [.password], sized([1, 2, 3]))
        case .undefineSpecial: try chip.code(0x11F, [slot, Self.platform], [.password, .password])
        case .platformUndefines: try chip.code(0x122, [Self.platform, slot], [.password])
        case .resetLockout: try chip.code(0x139, [0x4000_000A], [.password])
        case .certify:
            let scheme = sized([]) + field(UInt16(0x0010)) + field(UInt16(8)) + field(UInt16(0))
            try chip.code(0x184, [0x4000_0007, slot, slot], [.password, .password], scheme)
        case .trialSession:
            guard let trial = try chip.startSession(type: 3) else { return }
            _ = try policyNV(trial.handle, slot, by: slot)
            _ = try chip.policyCommandCode(trial.handle, 0x154)
            _ = try withKey(entry.allowance.key) { key in try multiply(key, in: trial.handle) }
            chip.flush(trial.handle)
        case .policyNVByOwner, .policySecret: try satisfyOtherwise(entry, probe)
        case .objectChangeAuth, .duplicate, .rewrap, .zGen2Phase, .zGenByPassword: try useOtherwise(entry, probe)
        }
    }

    /// The key's policy by another authority than the slot's.
    private func satisfyOtherwise(_ entry: Ledger.Entry, _ probe: Step.Probe) throws {
        let slot = entry.slot.handle
        _ = try withKey(entry.allowance.key) { key in
            for authority in [Self.owner, Self.platform, 0x4000_000B] {
                guard let session = try chip.startSession() else { return }
                if probe == .policyNVByOwner {
                    _ = try policyNV(session.handle, slot, by: authority)
                } else {
                    let empty = sized([]) + sized([]) + sized([]) + field(UInt32(0))
                    try chip.code(0x151, [slot, session.handle], [.password], empty)
                }
                _ = try chip.policyCommandCode(session.handle, 0x154)
                if try !multiply(key, in: session.handle) { chip.flush(session.handle) }
            }
        }
    }

    /// Another command with the key than the one that its policy names, in a session in which a guess was spent.
    private func useOtherwise(_ entry: Ledger.Entry, _ probe: Step.Probe) throws {
        let parent = recorder.witness.loads[entry.allowance.key]?.handles[0] ?? Self.owner
        _ = try withKey(entry.allowance.key) { key in
            guard let session = try spent(entry.slot.handle) else { return }
            let by = RawCommand.Authorization.policy(session)
            switch probe {
            case .objectChangeAuth: try chip.code(0x150, [key, parent], [by], sized([1, 2, 3]))
            case .duplicate:
                try chip.code(0x14B, [key, 0x4000_0007], [by], sized([]) + field(UInt16(0x0010)))
            case .rewrap: try rewrap(entry, parent)
            case .zGen2Phase:
                let point = Self.point()
                try chip.code(0x18D, [key], [by], point + point + field(UInt16(0x0019)) + field(UInt16(0)))
            default: _ = try chip.code(0x154, [key], [.password], Self.point())
            }
            chip.flush(session)
        }
    }

    /// What the vault was sent for import, from the parent to nobody: would answer with the key in plain bytes.
    private func rewrap(_ entry: Ledger.Entry, _ parent: UInt32) throws {
        for exchange in recorder.witness.stream {
            guard let command = RawCommand(exchange.command), command.code == 0x156 else { continue }
            var fields = Fields(command.parameters)
            _ = try fields.sized()
            let area = try fields.sized()
            let (duplicate, seed) = (try fields.sized(), try fields.sized())
            guard let name = objectName(tpm2b: sized(area)) else { continue }
            let parameters = sized(duplicate) + sized(name) + sized(seed)
            try chip.code(0x152, [parent, 0x4000_0007], [.password], parameters)
        }
    }
}

extension Step.Redefinition {
    /// TPMS_NV_PUBLIC of what is defined in a slot's place.
    func area(of slot: IndexArea) -> [UInt8] {
        let bits = slot.attributes
        return switch self {
        case .same, .withAuthorization: slot.bytes()
        case .ownerWrites: slot.bytes(attributes: bits | 1 << 1)
        case .authWrites: slot.bytes(attributes: bits | 1 << 2)
        case .ownerReads: slot.bytes(attributes: bits | 1 << 17)
        case .noPolicy: slot.bytes(attributes: bits | 1 << 1, authPolicy: [])
        case .ordinary: slot.bytes(attributes: bits & ~0xF0)
        case .counter: slot.bytes(attributes: bits & ~0xF0 | 1 << 4)
        case .bits: slot.bytes(attributes: bits & ~0xF0 | 2 << 4)
        case .pinFail: slot.bytes(attributes: bits & ~0xF0 | 8 << 4)
        case .platformCreated: slot.bytes(attributes: bits | 1 << 30)
        }
    }
}

import TPM
import TPMDevice
import VaultAPI

extension Vault {
    /// Starts a device's own session, salted to the endorsement key.
    func start(_ call: StartSession, for connection: ConnectionID) throws(VaultFault) -> StartSession.Reply {
        return try onChip { () throws(ChipError) in
            sessions.makeRoom(on: chip)
            let session = try chip.start(
                .startAuthSession(
                    call.kind == .hmac ? .hmac : .policy, saltedTo: endorsement,
                    encryptedSalt: call.encryptedSalt.bytes, nonceCaller: call.nonceCaller.bytes,
                    parameterEncryption: true))
            return StartSession.Reply(
                session: try sessions.add(
                    session, owner: connection, purpose: .device, on: chip, at: .now,
                    waiting: turns.waiting),
                nonceTPM: Bytes(session.nonceTPM))
        }
    }

    /// Carries one of a short list of commands with the device's authorization. No other command is ever carried.
    func prove(_ call: Prove, for connection: ConnectionID) throws(VaultFault) -> CarriedReply {
        switch call.fact {
        case .parent:
            return try carry(
                call, creating: .createPrimary(ParentProfile.template, in: .owner), by: chip.owner, for: connection)
        case .attestationKey:
            return try carry(
                call, creating: AttestationProfile.createCommand, by: chip.endorsement, for: connection)
        case .largestDigest:
            return try carry(call, .getCapability(.properties, from: 0x120, count: 1), for: connection)
        case .maker:
            return try carry(call, .getCapability(.properties, from: 0x105, count: 8), for: connection)
        case .random:
            return try carry(call, .getRandom(16), for: connection)
        case .slot:
            guard let account = call.account, let enrollment = call.enrollment else { throw .wrongEnrollment }
            let slot = try slot(of: record(enrollment, of: account, in: [.armed, .live, .replaced]))
            return try carry(call, for: connection) { (device) throws(ChipError) in
                try chip.withPolicy(slot.policy, for: .nvRead) { (authorization) throws(ChipError) in
                    try chip.run(slot.readCommand, authorizedBy: authorization, device)
                }
            }
        }
    }

    private func carry(
        _ call: Prove, _ command: Command, for connection: ConnectionID
    ) throws(VaultFault) -> CarriedReply {
        try carry(call, for: connection) { (device) throws(ChipError) in try chip.run(command, authorizedBy: device) }
    }

    private func carry(
        _ call: Prove, creating command: Command, by hierarchy: Authorization, for connection: ConnectionID
    ) throws(VaultFault) -> CarriedReply {
        try carry(call, for: connection) { (device) throws(ChipError) in
            let response = try chip.run(command, authorizedBy: hierarchy, device)
            if let handle = response.handle { try? chip.flush(handle) }
            return response
        }
    }

    private func carry(
        _ call: Prove, for connection: ConnectionID, _ body: (Authorization) throws(ChipError) -> Response
    ) throws(VaultFault) -> CarriedReply {
        let carried = CarriedAuthorization(call.authorization)
        let reply = try onChip { () throws(ChipError) in
            try sessions.use(call.session, owner: connection, purpose: .device, on: chip) {
                (handle) throws(ChipError) in
                let response = try body(carried.authorization(in: handle))
                return (CarriedReply(response), goesOn: carried.attributes.contains(.continueSession))
            }
        }
        guard let reply else { throw .sessionGone }
        sessions.note(nonceTPM: reply.nonceTPM.bytes, of: call.session)
        return reply
    }

    /// Writes the slot in the device's policy session: PolicySigned and the branch are the courier's to run, the write itself
    /// carries the device's HMAC, which also covers any foreign decrypt session.
    func write(_ call: WriteSlot, for connection: ConnectionID) throws(VaultFault) -> Step<CarriedReply> {
        // The attack: somebody with the account's token sends the last signature again, as LookUp shows it; the record has a refund more
        // that no recovery stands for, and the day a write less. A signature is over the nonce of the session that it is for.
        guard sessions.holds(call.session, owner: connection, nonceTPM: call.nonceTPM.bytes, on: chip) else {
            throw .sessionGone
        }
        return .store { [self] () throws(VaultFault) in try prepare(call, for: connection) }
    }

    nonisolated private func prepare(
        _ call: WriteSlot, for connection: ConnectionID
    ) throws(VaultFault) -> Step<CarriedReply> {
        var record = try record(
            call.enrollment, of: call.account, in: call.write == .first ? [.defined] : [.armed, .live, .replaced])
        let slot = try slot(of: record)
        guard let signature = try? Signature(p1363: call.signature.bytes),
            let act = try? SignedAct(SlotProfile.Write(call), of: slot, nonceTPM: call.nonceTPM.bytes),
            act.isSigned(signature, by: slot.limitKey)
        else { throw .refusedByChip }
        switch call.write {
        case .first:
            guard SlotProfile.limits.contains(call.value) else { throw .notTheProfile }
            try countWrite(.guess, for: call.account)
            record.limit = call.value
        case .ceiling:
            guard let granted = call.granted else { throw .notTheProfile }
            // 1. Somebody sends an older, valid signature again; 2. the chip refuses it, for its nonce is gone; 3. the record
            // now shows the older ceiling, and the person's next refund is lost.
            guard call.value >= record.signedCeiling ?? record.limit ?? 0 else { throw .refusedByChip }
            // The line says what was signed, and so is written with it: the chip may still refuse.
            let isGrant = granted.guesses > record.granted ?? 0
            record.signedCeiling = call.value
            record.ceilingNonce = .init(call.nonceTPM.bytes)
            record.ceilingSignature = .init(call.signature.bytes)
            record.granted = granted.guesses
            record.grantedMAC = .init(granted.mac.bytes)
            // Kept before it is written: killed in between, the next device goes on from what was signed. Were it written first, a
            // power cut could leave a ceiling on the chip that no signature explains.
            let act: JournalEntry.Act = isGrant ? .grant(ceiling: call.value) : .refund(ceiling: call.value)
            try countWrite(
                .ceiling, for: call.account, changing: record, journal: [JournalEntry(act, of: record, at: now())])
        case .burn:
            // It ends what it writes, and is not counted.
            break
        }
        let changed = record
        let turn = Step<CarriedReply>.turn { (vault) throws(VaultFault) in
            .reply(try vault.carry(call, signature, over: act, changed, slot, for: connection))
        }
        return call.write == .ceiling ? .onceDurable(turn) : turn
    }

    private func carry(
        _ call: WriteSlot, _ signature: Signature, over act: SignedAct, _ record: EnrollmentRecord, _ slot: SlotProfile,
        for connection: ConnectionID
    ) throws(VaultFault) -> CarriedReply {
        // The attack: 1. an account's second connection sends the first write; 2. the connection that reserved ends, and its half-made
        // enrollment is taken away; 3. the write brings its row back.
        guard call.write != .first || enrolling[call.enrollment] == connection else { throw .wrongEnrollment }
        let before = seen[call.enrollment]
        willChange(call.enrollment)
        let carried = CarriedAuthorization(call.authorization)
        let reply = try onChip { () throws(ChipError) in
            try sessions.use(call.session, owner: connection, purpose: .device, on: chip) {
                (handle) throws(ChipError) in
                try chip.satisfy(
                    slot.policy, for: .nvWrite, in: handle,
                    evidence: .signed(act, by: authority.publicArea(slot.limitKey), signature))
                let response = try chip.run(
                    slot.command(SlotProfile.Write(call)), authorizedBy: carried.authorization(in: handle))
                return (CarriedReply(response), goesOn: carried.attributes.contains(.continueSession))
            }
        }
        guard let reply else { throw .sessionGone }
        if call.write == .ceiling, let before {
            seen[call.enrollment] = SlotCount(count: before.count, ceiling: call.value)
        }
        if call.write == .first {
            seen[call.enrollment] = SlotCount(count: 0, ceiling: call.value)
            var armed = record
            armed.state = .armed
            let entry = JournalEntry(.armed(limit: call.value), of: armed, at: now())
            try stored { [armed] in try store.update(armed, journal: entry) }
        }
        return reply
    }

    /// Ends what a connection had under way. An enrollment that is not armed yet is thrown away: no other connection could
    /// go on with it.
    func ended(_ connection: ConnectionID) {
        sessions.end(connection, on: chip)
        for (id, owner) in enrolling where owner == connection {
            enrolling[id] = nil
            guard let record = try? store.enrollment(id), [.reserved, .defined].contains(record.state) else { continue }
            try? remove(record)
        }
    }
}

extension SlotProfile.Write {
    init(_ call: WriteSlot) {
        self =
            switch call.write {
            case .first: .first(limit: call.value)
            case .ceiling: .ceiling(call.value)
            case .burn: .burn
            }
    }
}

extension CarriedAuthorization {
    init(_ carried: Carried) {
        self.init(
            nonceCaller: carried.nonceCaller.bytes, attributes: SessionAttributes(rawValue: carried.attributes),
            hmac: carried.hmac.bytes)
    }
}

extension CarriedReply {
    /// The device's session is the last one of the command.
    init(_ response: Response) {
        let answer = response.sessions.last
        self.init(
            parameters: Bytes(response.parameters), nonceTPM: Bytes(answer?.nonceTPM ?? []),
            attributes: answer?.attributes.rawValue ?? 0, hmac: Bytes(answer?.hmac ?? []))
    }
}

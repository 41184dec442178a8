import TPM

/// What a chip says of itself outside any session: true for the operator, never believed by a device.
extension Chip {
    /// One property of the chip (TPM_PT), if it has it. TPM 2.0 Part 2 §6.13.
    public func property(_ tag: UInt32) throws(ChipError) -> UInt32? {
        try properties(from: tag, count: 1).first { $0.tag == tag }?.value
    }

    /// At most `count` properties from a tag on, as many as the chip shows at once.
    public func properties(from tag: UInt32, count: UInt32) throws(ChipError) -> [(tag: UInt32, value: UInt32)] {
        try capability(.properties, from: tag, count: count) { (reader: inout Reader) throws(WireError) in
            (tag: try reader.integer(UInt32.self), value: try reader.integer(UInt32.self))
        }
    }

    /// The handles in use from `first` on, as long as they have its type.
    public func handles(from first: UInt32) throws(ChipError) -> [Handle] {
        var all: [Handle] = []
        var next = first
        while true {
            let page = try handles(from: next, count: 64)
            all += page
            guard page.count == 64, let last = page.last, last.rawValue < .max, last.rawValue >> 24 == first >> 24
            else { return all }
            // A chip that shows the same page again and again is not asked for ever.
            guard last.rawValue >= next else {
                throw .malformed(.getCapability, .unexpected("the last handle", value: last.rawValue))
            }
            next = last.rawValue + 1
        }
    }

    /// At most `count` handles in use from `first` on, as many as the chip shows at once.
    public func handles(from first: UInt32, count: UInt32) throws(ChipError) -> [Handle] {
        try capability(.handles, from: first, count: count) { (reader: inout Reader) throws(WireError) in
            Handle(try reader.integer())
        }
    }

    /// The command codes that the chip implements.
    public func implementedCommands() throws(ChipError) -> Set<UInt32> {
        // TPMA_CC: the code in the low half, bit 29 for a vendor's command.
        var all: Set<UInt32> = []
        var next: UInt32 = 0x11F
        while true {
            let page = try capability(.commands, from: next, count: 256) { (reader: inout Reader) throws(WireError) in
                try reader.integer(UInt32.self)
            }
            all.formUnion(page.filter { $0 & 0x2000_0000 == 0 }.map { $0 & 0xFFFF })
            guard page.count == 256, let last = page.last else { return all }
            guard last & 0xFFFF >= next else {
                throw .malformed(.getCapability, .unexpected("the last command", value: last))
            }
            next = (last & 0xFFFF) + 1
        }
    }

    /// The curves that the chip implements (TPM_ECC_CURVE).
    public func curves() throws(ChipError) -> [UInt16] {
        try capability(.curves, from: 0, count: 64) { (reader: inout Reader) throws(WireError) in try reader.integer() }
    }

    private func capability<R>(
        _ capability: Capability, from first: UInt32, count: UInt32,
        _ item: (inout Reader) throws(WireError) -> R
    ) throws(ChipError) -> [R] {
        let response = try run(.getCapability(capability, from: first, count: count))
        return try parse(response, to: .getCapability) { (reader: inout Reader) throws(WireError) in
            _ = try reader.raw(1)
            let answered = try reader.integer(UInt32.self)
            guard answered == capability.rawValue else { throw .unexpected("the capability", value: answered) }
            let number = try reader.integer(UInt32.self)
            guard number <= count else { throw .oversized(Int(number), limit: Int(count)) }
            var items: [R] = []
            for _ in 0..<number { items.append(try item(&reader)) }
            return items
        }
    }

    /// The public area of a loaded or persistent object.
    public func publicArea(of handle: Handle) throws(ChipError) -> PublicArea {
        let response = try run(.readPublic(handle))
        return try parse(response, to: .readPublic) { (reader: inout Reader) throws(WireError) in
            try PublicArea(tpm2b: &reader)
        }
    }

    /// The public area of a persistent object as the chip gives it: TPMT_PUBLIC, whether it parses here or not.
    public func publicContents(of handle: Handle) throws(ChipError) -> [UInt8] {
        let response = try run(.readPublic(handle))
        return try parse(response, to: .readPublic) { (reader: inout Reader) throws(WireError) in
            try reader.sized(limit: 1024)
        }
    }

    /// The public area of an NV index as the chip gives it: TPMS_NV_PUBLIC, whether it parses here or not; `nil` where there is no
    /// index.
    public func indexContents(at index: Handle) throws(ChipError) -> [UInt8]? {
        do throws(ChipError) {
            let response = try run(.nvReadPublic(index))
            return try parse(response, to: .nvReadPublic) { (reader: inout Reader) throws(WireError) in
                try reader.sized(limit: 256)
            }
        } catch {
            // A handle that is none of an index's is refused by its value.
            if let code = error.responseCode, code.isMissingHandle || !index.isNVIndex { return nil }
            throw error
        }
    }

    /// Whether anything stands at an NV handle, of whatever kind.
    public func isDefined(_ index: Handle) throws(ChipError) -> Bool {
        try capability(.handles, from: index.rawValue, count: 1) { (reader: inout Reader) throws(WireError) in
            Handle(try reader.integer())
        }.first == index
    }

    /// The public area of an NV index, or `nil` when there is none at this handle.
    public func nvPublic(of index: Handle) throws(ChipError) -> NVPublic? {
        let response: Response
        do throws(ChipError) {
            response = try run(.nvReadPublic(index))
        } catch {
            if error.responseCode?.isMissingHandle == true { return nil }
            throw error
        }
        return try parse(response, to: .nvReadPublic) { (reader: inout Reader) throws(WireError) in
            try NVPublic(tpm2b: &reader)
        }
    }

    /// As `publicArea`, and `nil` for an object that does not parse here: it is somebody else's. That the chip does not
    /// answer is an error, or what is ours would be taken for somebody else's and left.
    public func knownObject(at handle: Handle) throws(ChipError) -> PublicArea? {
        do throws(ChipError) {
            return try publicArea(of: handle)
        } catch {
            if case .malformed = error { return nil }
            guard error.responseCode?.isMissingHandle == true else { throw error }
            return nil
        }
    }

    /// As `nvPublic`, and `nil` as well for an index that does not parse here.
    public func knownIndex(at handle: Handle) throws(ChipError) -> NVPublic? {
        do throws(ChipError) {
            return try nvPublic(of: handle)
        } catch {
            guard case .malformed = error else { throw error }
            return nil
        }
    }

    /// The count and ceiling of a written slot, through its uncounted read branch.
    public func read(_ slot: SlotProfile) throws(ChipError) -> SlotCount {
        let response = try withPolicy(slot.policy, for: .nvRead) { (authorization) throws(ChipError) in
            try run(slot.readCommand, authorizedBy: authorization)
        }
        do throws(WireError) {
            return try SlotCount(readParameters: response.parameters)
        } catch {
            throw .malformed(.nvRead, error)
        }
    }

    /// All bytes of an NV index that the owner may read, such as a certificate's; in blocks that every chip answers.
    public func readByOwner(_ area: NVPublic) throws(ChipError) -> [UInt8] {
        let block: UInt16 = 512
        var data: [UInt8] = []
        while data.count < area.dataSize {
            let size = min(block, area.dataSize - UInt16(data.count))
            let response = try run(
                .nvRead(
                    .init(area.index, area.name), authority: .init(.owner), size: size, offset: UInt16(data.count)),
                authorizedBy: owner)
            let read = try parse(response, to: .nvRead) { (reader: inout Reader) throws(WireError) in
                try reader.sized(limit: Int(size))
            }
            guard !read.isEmpty else { throw .malformed(.nvRead, .truncated) }
            data += read
        }
        return data
    }

    /// Flushes what an earlier program left behind on a chip that nobody shares: transient objects, and sessions loaded or
    /// saved. A resource manager ends what was loaded itself.
    public func flushLeftovers() throws(ChipError) {
        guard !isShared else { return }
        // TPM_HT_LOADED_SESSION, TPM_HT_SAVED_SESSION, TPM_HT_TRANSIENT. Part 2 §7.2.
        for first: UInt32 in [0x0200_0000, 0x0300_0000, 0x8000_0000] {
            for handle in try handles(from: first) { try? flush(handle) }
        }
    }
}

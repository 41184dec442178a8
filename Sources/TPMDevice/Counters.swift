import TPM

extension Chip {
    /// The value of the counter at `handle`; `nil` when it was never counted.
    public func count(of handle: Handle) throws(ChipError) -> UInt64? {
        let counter = CounterProfile.entity(at: handle)
        do throws(ChipError) {
            let response = try run(
                .nvRead(counter, authority: counter, size: CounterProfile.size), authorizedBy: .password())
            return try parse(response, to: .nvRead) { (reader: inout Reader) throws(WireError) in
                try Reader.parse(try reader.sized(limit: Int(CounterProfile.size))) {
                    (count: inout Reader) throws(WireError) in try count.integer(UInt64.self)
                }
            }
        } catch {
            guard error.responseCode == .nvUninitialized else { throw error }
            return nil
        }
    }

    /// Counts one: a write of the chip's NV memory.
    public func increment(_ handle: Handle, written: Bool = true) throws(ChipError) {
        try run(.nvIncrement(CounterProfile.entity(at: handle, written: written)), authorizedBy: .password())
    }

    /// Has the counter's value certified: the contents of TPM2B_ATTEST, and the signature over them. Nothing is counted.
    public func certifyCount(
        of handle: Handle, qualifyingData: [UInt8]
    ) throws(ChipError) -> (attest: [UInt8], signature: Signature) {
        try withAttestationKey { (key, _) throws(ChipError) in
            try certify(
                .nvCertify(
                    CounterProfile.entity(at: handle), by: key, qualifyingData: qualifyingData,
                    size: CounterProfile.size), reading: .password())
        }
    }
}

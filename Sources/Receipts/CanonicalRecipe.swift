import TPM
import VaultAPI

extension Recipe {
    /// Reads `canonical`: exactly the encodings of this suite's recipes.
    init(canonical reader: inout Reader) throws(WireError) {
        let suite = try reader.text(limit: 32)
        guard suite == Recipe.suite else { throw .unexpected("the suite's length", value: UInt32(suite.utf8.count)) }
        let name = try reader.text(limit: Account.maximumSize)
        guard let account = try? Account(name) else {
            throw .unexpected("the account's length", value: UInt32(name.utf8.count))
        }
        let id = try reader.sized(limit: 16)
        guard let enrollment = EnrollmentID(id) else {
            throw .unexpected("the enrollment id's length", value: UInt32(id.count))
        }
        let generation = try reader.integer(UInt32.self)
        let threshold = try reader.integer(UInt32.self)
        let memory = try reader.integer(UInt32.self)
        let passes = try reader.integer(UInt32.self)
        let count = try reader.integer(UInt32.self)
        guard count <= Recipe.maximumVaults else { throw .unexpected("the number of vaults", value: count) }
        var entries: [Entry] = []
        for _ in 0..<count {
            entries.append(
                Entry(
                    endorsementName: Bytes(try reader.sized(limit: 66)), parentName: Bytes(try reader.sized(limit: 66)),
                    authorityHash: try reader.text(limit: 16), slot: try reader.integer(), limit: try reader.integer(),
                    evaluationKeyName: Bytes(try reader.sized(limit: 66))))
        }
        self.init(
            account: account, enrollment: enrollment, generation: generation, threshold: threshold, memory: memory,
            passes: passes, vaults: entries)
        guard sharingFlaw == nil else { throw .unexpected("the threshold", value: threshold) }
    }
}

extension Reader {
    /// Reads UTF-8 behind two size bytes.
    fileprivate mutating func text(limit: Int) throws(WireError) -> String {
        let bytes = try sized(limit: limit)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .unexpected("a text that is not UTF-8, of length", value: UInt32(bytes.count))
        }
        return text
    }
}

import TPM
import VaultAPI

// A receipt's file: magic and version, the statement's fields, attest, signature, and the evaluation key and the answer where
// the statement calls for them. Numbers are big-endian, byte strings have two size bytes unless their size is fixed. There is
// one encoding of each receipt.

extension Receipt {
    /// The largest file, in bytes.
    public static let maximumSize = 1 << 16

    /// The file's contents.
    public var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.raw(FileKind.receipt.magic)
            writer.raw(statement.bytes)
            writer.sized(attest)
            writer.raw(signature.p1363)
            if let evaluationKey { writer.raw(evaluationKey.sec1) }
            if let answer { writer.raw(answer) }
        }
    }

    /// Takes a file apart. What it says is not checked by this: see `check`.
    public init(file bytes: [UInt8]) throws(ReceiptFlaw) {
        try FileKind.receipt.check(bytes)
        do throws(WireError) {
            guard bytes.count <= Self.maximumSize else { throw .oversized(bytes.count, limit: Self.maximumSize) }
            self = try Reader.parse(bytes.dropFirst(FileKind.receipt.magic.count)) {
                (reader: inout Reader) throws(WireError) in
                let statement = try ReceiptStatement(&reader)
                let attest = try reader.sized(limit: 512)
                let signature = try Signature(p1363: try reader.raw(64))
                let evaluationKey = statement.recipe == nil ? nil : try P256Point(sec1: try reader.raw(33))
                let answer = statement.challenge == nil ? nil : try reader.raw(ReceiptChallenge.secretSize)
                return Receipt(statement, attest, signature, evaluationKey, answer)
            }
        } catch {
            throw .malformed(error)
        }
    }
}

extension ReceiptStatement {
    /// The encoding that the chip signs over.
    var bytes: [UInt8] {
        Writer.bytes { writer in
            writer.raw(endorsementKey.tpm2b)
            writer.sized(certificate)
            writer.integer(UInt8(intermediates.count))
            for intermediate in intermediates { writer.sized(intermediate) }
            writer.raw(attestationKey.sec1)
            writer.integer(authorityHash.rawValue)
            writer.integer(slot.rawValue)
            writer.raw(limitKey.sec1)
            writer.integer(date)
            writer.raw(nonce)
            writer.integer(UInt8(recipe == nil ? 0 : 1))
            if let recipe { writer.sized(recipe.canonical) }
            writer.integer(UInt8(challenge == nil ? 0 : 1))
            if let challenge { writer.raw(challenge.bytes) }
        }
    }

    init(_ reader: inout Reader) throws(WireError) {
        endorsementKey = try PublicArea(tpm2b: &reader)
        certificate = try reader.sized(limit: Self.largestCertificate)
        let count = try reader.integer(UInt8.self)
        guard count <= Self.mostIntermediates else { throw .oversized(Int(count), limit: Self.mostIntermediates) }
        var intermediates: [[UInt8]] = []
        for _ in 0..<count { intermediates.append(try reader.sized(limit: Self.largestCertificate)) }
        self.intermediates = intermediates
        attestationKey = try P256Point(sec1: try reader.raw(33))
        let hash = try reader.integer(UInt16.self)
        guard let authorityHash = HashAlgorithm(rawValue: hash) else {
            throw .unexpected("the authority hash", value: UInt32(hash))
        }
        self.authorityHash = authorityHash
        slot = Handle(try reader.integer())
        limitKey = try P256Point(sec1: try reader.raw(33))
        date = try reader.integer()
        nonce = try reader.raw(32)
        recipe = nil
        if try reader.flag("the recipe's presence") {
            recipe = try Reader.parse(try reader.sized(limit: 1024)) { (inner: inout Reader) throws(WireError) in
                try Recipe(canonical: &inner)
            }
        }
        challenge = try reader.flag("the challenge's presence") ? try ReceiptChallenge(&reader) : nil
    }
}

/// The two kinds of file, and their first bytes: what it is, and the version.
enum FileKind: String {
    case receipt, challenge

    var magic: [UInt8] { Array("tenpin \(rawValue) 1\n".utf8) }

    /// Refuses a file of another kind, or of a later version.
    func check(_ file: [UInt8]) throws(ReceiptFlaw) {
        guard !file.starts(with: magic) else { return }
        if file.starts(with: magic.dropLast(2)) { throw .laterVersion }
        throw self == .receipt ? .notAReceipt : .notAChallenge
    }
}

extension Reader {
    /// Reads 0 or 1.
    mutating func flag(_ what: String) throws(WireError) -> Bool {
        let value = try integer(UInt8.self)
        guard value <= 1 else { throw .unexpected(what, value: UInt32(value)) }
        return value == 1
    }
}

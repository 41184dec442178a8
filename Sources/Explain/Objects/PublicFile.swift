import TPM

/// What a file says of an object or an index.
public enum PublicFile: Hashable, Sendable {
    case object(ObjectArea)
    case index(NVPublic)

    /// The largest of these structures, with room for what nobody makes yet.
    private static let limit = 2048

    /// Takes TPM2B_PUBLIC or TPM2B_NV_PUBLIC, or TPMT_PUBLIC or TPMS_NV_PUBLIC as `tpm2 nvreadpublic` and others write them.
    /// A structure is taken only whole, and no bytes parse as two of the four.
    public init(_ bytes: [UInt8]) throws(ExplainError) {
        guard bytes.count <= Self.limit else { throw .notAPublicArea }
        let readings = [
            (try? ObjectArea(tpm2b: bytes)).map(Self.object), (try? ObjectArea(tpmt: bytes)).map(Self.object),
            (try? NVPublic(tpm2b: bytes)).map(Self.index),
            (try? NVPublic(tpm2b: Writer.bytes { $0.sized(bytes) })).map(Self.index),
        ].compactMap(\.self)
        guard readings.count == 1 else { throw .notAPublicArea }
        // A cut TPM2B_PUBLIC can be a whole TPMS_NV_PUBLIC, of an index that cannot be.
        if case .index(let area) = readings[0], !area.index.isNVIndex { throw .notAPublicArea }
        self = readings[0]
    }

    public var name: Name? {
        switch self {
        case .object(let area): area.name
        case .index(let area): area.name
        }
    }

    /// The digest of its policy; empty when there is none.
    public var authPolicy: [UInt8] {
        switch self {
        case .object(let area): area.authPolicy
        case .index(let area): area.authPolicy
        }
    }

    /// The hash of its policy, where it is one that Tenpin knows.
    public var hash: HashAlgorithm? {
        switch self {
        case .object(let area): area.hash
        case .index(let area): area.nameAlgorithm
        }
    }
}

/// What cannot be read or said.
public enum ExplainError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not one of the four structures, or two at once.
    case notAPublicArea
    /// A policy's text: the line, and what is wrong.
    case text(line: Int, String)
    /// A policy's JSON: where, and what is wrong.
    case json(String, String)

    public var description: String {
        switch self {
        case .notAPublicArea:
            "it holds neither a TPM2B_PUBLIC nor a TPM2B_NV_PUBLIC (nor one of them without its size), with nothing after it"
        case .text(let line, let what): "line \(line): \(what)"
        case .json(let place, let what): "\(place): \(what)"
        }
    }
}

import TPM

extension ObjectArea {
    /// The TPMT_PUBLIC in FAPI's JSON, for RSA and ECC keys; `nil` for the rest.
    var fapi: JSONValue? { try? fapiJSON() }

    private func fapiJSON() throws(WireError) -> JSONValue? {
        var reader = Reader(bytes)
        let type = try reader.integer(UInt16.self)
        _ = try reader.raw(6)
        _ = try reader.sized()
        var parameters: [String: JSONValue] = [:]
        let unique: JSONValue
        switch type {
        case Algorithm.rsa:
            parameters["symmetric"] = try Self.cipher(&reader)
            parameters["scheme"] = try Self.scheme(&reader)
            parameters["keyBits"] = .number(Int64(try reader.integer(UInt16.self)))
            parameters["exponent"] = .number(Int64(try reader.integer(UInt32.self)))
            unique = .string(try reader.sized().hexadecimal)
        case Algorithm.ecc:
            parameters["symmetric"] = try Self.cipher(&reader)
            parameters["scheme"] = try Self.scheme(&reader)
            parameters["curveID"] = Self.word(try reader.integer(), FAPIWords.curves)
            parameters["kdf"] = try Self.scheme(&reader)
            let (x, y) = (try reader.sized(), try reader.sized())
            unique = .object(["x": .string(x.hexadecimal), "y": .string(y.hexadecimal)])
        default: return nil
        }
        return .object([
            "type": Self.word(type, FAPIWords.algorithms), "nameAlg": Self.word(nameAlgorithm, FAPIWords.algorithms),
            "objectAttributes": .object(
                Dictionary(
                    uniqueKeysWithValues: FAPIWords.objectAttributes.map {
                        ($0.0, .number(attributes.rawValue & $0.1 == 0 ? 0 : 1))
                    })), "authPolicy": .string(authPolicy.hexadecimal), "parameters": .object(parameters),
            "unique": unique,
        ])
    }

    private static func word(_ value: UInt16, _ words: [(String, UInt16)]) -> JSONValue {
        FAPIWords.word(value, words).map(JSONValue.string) ?? .number(Int64(value))
    }

    private static func cipher(_ reader: inout Reader) throws(WireError) -> JSONValue {
        let algorithm = try reader.integer(UInt16.self)
        guard algorithm != Algorithm.null else { return .object(["algorithm": .string("NULL")]) }
        let (bits, mode) = (try reader.integer(UInt16.self), try reader.integer(UInt16.self))
        return .object([
            "algorithm": word(algorithm, FAPIWords.algorithms), "keyBits": .number(Int64(bits)),
            "mode": word(mode, FAPIWords.algorithms),
        ])
    }

    private static func scheme(_ reader: inout Reader) throws(WireError) -> JSONValue {
        let algorithm = try reader.integer(UInt16.self)
        guard algorithm != Algorithm.null else { return .object(["scheme": .string("NULL")]) }
        var details: [String: JSONValue] = [:]
        if algorithm != Algorithm.rsaes { details["hashAlg"] = word(try reader.integer(), FAPIWords.algorithms) }
        if algorithm == Algorithm.ecdaa { details["count"] = .number(Int64(try reader.integer(UInt16.self))) }
        return .object(["scheme": word(algorithm, FAPIWords.algorithms), "details": .object(details)])
    }
}

extension NVPublic {
    /// The TPM2B_NV_PUBLIC in FAPI's JSON.
    var fapi: JSONValue {
        var flags: [String: JSONValue] = [:]
        for (name, bit) in FAPIWords.indexAttributes { flags[name] = .number(attributes.rawValue & bit == 0 ? 0 : 1) }
        flags["TPM2_NT"] =
            FAPIWords.word(attributes.type, FAPIWords.indexTypes).map(JSONValue.string)
            ?? .number(Int64(attributes.type))
        return .object([
            "size": .number(0),
            "nvPublic": .object([
                "nvIndex": .number(Int64(index.rawValue)), "nameAlg": .string(nameAlgorithm.label.uppercased()),
                "attributes": .object(flags), "authPolicy": .string(authPolicy.hexadecimal),
                "dataSize": .number(Int64(dataSize)),
            ]),
        ])
    }
}

import CryptoExtras
import Crypto
import Foundation
import TPM

// Public areas in FAPI's JSON: TPMT_PUBLIC, TPMS_NV_PUBLIC and PEM.

extension FAPIField {
    /// A TPMT_PUBLIC, alone or as a TPM2B_PUBLIC's `publicArea`.
    func objectArea() throws(ExplainError) -> ObjectArea {
        let area = optional("publicArea") ?? self
        var writer = Writer()
        let type = try area.field("type").constant(FAPIWords.algorithms, "RSA, ECC, KEYEDHASH or SYMCIPHER")
        writer.integer(type)
        writer.integer(try area.field("nameAlg").constant(FAPIWords.algorithms, "a hash"))
        writer.integer(try area.field("objectAttributes").flags(FAPIWords.objectAttributes))
        writer.sized(try area.bytes("authPolicy"))
        let parameters = try area.field("parameters")
        switch type {
        case ObjectArea.Algorithm.rsa:
            try parameters.cipher("symmetric", to: &writer)
            try parameters.scheme("scheme", to: &writer)
            writer.integer(try parameters.field("keyBits").integer(UInt16.self))
            writer.integer(try parameters.field("exponent").integer(UInt32.self))
            writer.sized(try area.bytes("unique"))
        case ObjectArea.Algorithm.ecc:
            try parameters.cipher("symmetric", to: &writer)
            try parameters.scheme("scheme", to: &writer)
            writer.integer(try parameters.field("curveID").constant(FAPIWords.curves, "a curve"))
            try parameters.scheme("kdf", to: &writer)
            let point = try area.field("unique")
            for coordinate in ["x", "y"] { writer.sized(try point.bytes(coordinate)) }
        case ObjectArea.Algorithm.keyedHash:
            try parameters.scheme("scheme", to: &writer)
            writer.sized(try area.bytes("unique"))
        default:
            throw area.wrong("a key of this type is not read here")
        }
        do throws(WireError) { return try ObjectArea(tpmt: writer.bytes) } catch { throw area.wrong("\(error)") }
    }

    private func cipher(_ name: String, to writer: inout Writer) throws(ExplainError) {
        let cipher = try field(name)
        let algorithm = try cipher.field("algorithm").constant(FAPIWords.algorithms, "a cipher")
        writer.integer(algorithm)
        guard algorithm != ObjectArea.Algorithm.null else { return }
        writer.integer(try cipher.field("keyBits").integer(UInt16.self))
        writer.integer(try cipher.field("mode").constant(FAPIWords.algorithms, "a mode"))
    }

    private func scheme(_ name: String, to writer: inout Writer) throws(ExplainError) {
        let scheme = try field(name)
        let algorithm = try scheme.field("scheme").constant(FAPIWords.algorithms, "a scheme")
        writer.integer(algorithm)
        guard algorithm != ObjectArea.Algorithm.null, algorithm != ObjectArea.Algorithm.rsaes else { return }
        let details = try scheme.field("details")
        writer.integer(try details.field("hashAlg").constant(FAPIWords.algorithms, "a hash"))
        switch algorithm {
        case ObjectArea.Algorithm.ecdaa: writer.integer(try details.field("count").integer(UInt16.self))
        case ObjectArea.Algorithm.xor:
            writer.integer(try details.field("kdf").constant(FAPIWords.algorithms, "a key derivation"))
        default: break
        }
    }

    /// A TPMS_NV_PUBLIC, alone or as a TPM2B_NV_PUBLIC's `nvPublic`, with WRITTEN set: a policy on an index runs on one that
    /// was written, and FAPI counts it so.
    func indexArea() throws(ExplainError) -> NVPublic {
        let area = optional("nvPublic") ?? self
        let flags = try area.field("attributes")
        var bits = try flags.flags(FAPIWords.indexAttributes + FAPIWords.indexTypes.map { ($0.0, $0.1 << 4) })
        if let type = flags.optional("TPM2_NT") {
            bits |= try type.constant(FAPIWords.indexTypes, "the index's type") << 4
        }
        let hash = try area.field("nameAlg").constant(FAPIWords.algorithms, "a hash")
        guard let nameAlgorithm = HashAlgorithm(rawValue: hash) else { throw area.wrong("nameAlg is not known here") }
        return NVPublic(
            index: Handle(try area.field("nvIndex").integer()), nameAlgorithm: nameAlgorithm,
            attributes: NVAttributes(rawValue: bits).union(.written), authPolicy: try area.bytes("authPolicy"),
            dataSize: try area.field("dataSize").integer())
    }

    /// What FAPI makes of a PEM key: for signing alone, with ECDSA and SHA-256, or RSA with the scheme that stands beside it.
    func pemArea() throws(ExplainError) -> ObjectArea {
        let pem = try field("keyPEM").text()
        let hash =
            try optional("keyPEMhashAlg")?.constant(FAPIWords.algorithms, "a hash") ?? HashAlgorithm.sha256.rawValue
        var writer = Writer()
        func begin(_ type: UInt16) {
            writer.integer(type)
            writer.integer(hash)
            writer.integer(ObjectAttributes.sign.rawValue)
            writer.sized([])
            writer.integer(ObjectArea.Algorithm.null)
        }
        func ecc(_ curve: UInt16, _ point: some Sequence<UInt8>) {
            let point = Array(point)
            begin(ObjectArea.Algorithm.ecc)
            writer.integer(UInt16(0x0018))
            writer.integer(HashAlgorithm.sha256.rawValue)
            writer.integer(curve)
            writer.integer(ObjectArea.Algorithm.null)
            writer.sized(point.prefix(point.count / 2))
            writer.sized(point.suffix(point.count / 2))
        }
        if let key = try? P256.Signing.PublicKey(pemRepresentation: pem) {
            ecc(3, key.rawRepresentation)
        } else if let key = try? P384.Signing.PublicKey(pemRepresentation: pem) {
            ecc(4, key.rawRepresentation)
        } else if let key = try? _RSA.Signing.PublicKey(pemRepresentation: pem),
            let parts = try? key.getKeyPrimitives(), parts.publicExponent.count <= 4
        {
            begin(ObjectArea.Algorithm.rsa)
            if value["rsaScheme"] != nil {
                try scheme("rsaScheme", to: &writer)
            } else {
                writer.integer(UInt16(0x0016))
                writer.integer(hash)
            }
            let exponent = parts.publicExponent.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            writer.integer(UInt16(parts.modulus.count * 8))
            writer.integer(exponent)
            writer.sized(Array(parts.modulus))
        } else {
            throw wrong("keyPEM is no public key on P-256 or P-384 and none of RSA")
        }
        do throws(WireError) { return try ObjectArea(tpmt: writer.bytes) } catch { throw wrong("\(error)") }
    }
}

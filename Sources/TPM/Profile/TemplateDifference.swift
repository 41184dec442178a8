/// In what a public area differs from the endorsement template that it comes nearest to.
///
/// The attack: 1. a maker certifies every endorsement key that its chip makes; 2. the operator has it make one from
/// another template, that anyone may use, or duplicate; 3. the certificate fits, and a device session does not.
public struct TemplateDifference: Error, Hashable, Sendable, CustomStringConvertible {
    /// The template that was expected.
    public let template: EndorsementTemplate
    /// One sentence a field, without its full stop.
    public let fields: [String]

    public var description: String {
        "it differs from the template \(template.rawValue): \(fields.joined(separator: "; "))"
    }
}

extension EndorsementTemplate {
    /// The template of which `area` is a key. Everything but the unique field's value is the template's, and the unique
    /// field has its full size.
    public static func matching(_ area: PublicArea) throws(TemplateDifference) -> EndorsementTemplate {
        let differences = allCases.map { TemplateDifference(template: $0, fields: $0.differences(of: area)) }
        // The one of its own kind; low and high range differ in two fields.
        guard let nearest = differences.min(by: { $0.weight(of: area) < $1.weight(of: area) }) else {
            throw TemplateDifference(template: .p256, fields: [])
        }
        guard nearest.fields.isEmpty else { throw nearest }
        return nearest.template
    }

    private func differences(of area: PublicArea) -> [String] {
        let template = publicArea
        var found: [String] = []
        func compare<V: Equatable>(_ what: String, _ value: V, _ wanted: V, _ say: (V) -> String) {
            if value != wanted { found.append("\(what) is \(say(value)) and not \(say(wanted))") }
        }
        compare("the Name's hash", area.nameAlgorithm, template.nameAlgorithm, \.label)
        if area.attributes != template.attributes {
            let changed = area.attributes.symmetricDifference(template.attributes)
            found += changed.names.map {
                "the attribute \($0.name) is \(area.attributes.contains($0.bit) ? "set" : "clear")"
            }
        }
        compare("the policy", area.authPolicy, template.authPolicy) { $0.isEmpty ? "empty" : $0.hexadecimal }
        let symmetric: (PublicArea.AES?) -> String = { $0.map { "AES-\($0.rawValue)" } ?? "none" }
        switch (area.body, template.body) {
        case (.rsa(let bits, let aes, let exponent, let modulus), .rsa(let wantedBits, let wantedAES, let wanted, _)):
            compare("the key's size", bits, wantedBits) { "\($0) bits" }
            compare("the symmetric cipher", aes, wantedAES, symmetric)
            compare("the exponent", exponent, wanted) { $0 == 0 ? "the default" : "\($0)" }
            compare("the modulus", modulus.count, Int(wantedBits) / 8) { "\($0) bytes long" }
        case (
            .ecc(let curve, let aes, let scheme, let x, let y), .ecc(let wantedCurve, let wantedAES, let wanted, _, _)
        ):
            compare("the curve", curve, wantedCurve) { $0 == .p256 ? "P-256" : "P-384" }
            compare("the symmetric cipher", aes, wantedAES, symmetric)
            compare("the scheme", scheme, wanted) { $0 == .null ? "none" : "ECDH" }
            for (what, coordinate) in [("x", x), ("y", y)] {
                compare(what, coordinate.count, wantedCurve.coordinateSize) { "\($0) bytes long" }
            }
        default: found.append("the key's type is another")
        }
        return found
    }
}

extension TemplateDifference {
    /// How far away: another type is further than another size or curve, and that further than any other fields.
    fileprivate func weight(of area: PublicArea) -> Int {
        let kind =
            switch (area.body, template.publicArea.body) {
            case (.rsa(let bits, _, _, _), .rsa(let wanted, _, _, _)): bits == wanted ? 0 : 100
            case (.ecc(let curve, _, _, _, _), .ecc(let wanted, _, _, _, _)): curve == wanted ? 0 : 100
            default: 1000
            }
        return fields.count + kind
    }
}

extension ObjectAttributes {
    /// The standard's names of the bits that are set.
    fileprivate var names: [(bit: ObjectAttributes, name: String)] {
        (0..<32).compactMap { index in
            let bit = ObjectAttributes(rawValue: 1 << index)
            guard contains(bit) else { return nil }
            return (bit, Self.known[bit] ?? "of bit \(index)")
        }
    }

    private static let known: [ObjectAttributes: String] = [
        .fixedTPM: "fixedTPM", .stClear: "stClear", .fixedParent: "fixedParent",
        .sensitiveDataOrigin: "sensitiveDataOrigin", .userWithAuth: "userWithAuth", .adminWithPolicy: "adminWithPolicy",
        .noDA: "noDA", .encryptedDuplication: "encryptedDuplication", .restricted: "restricted", .decrypt: "decrypt",
        .sign: "sign",
    ]
}

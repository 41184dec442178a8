import TPM

/// What Names stand for, where somebody knows.
public struct Glossary: Sendable {
    private var words: [Name: String] = [
        Name(.owner): "the owner hierarchy", Name(.endorsement): "the endorsement hierarchy",
        Name(.platform): "the platform hierarchy", Name(.lockout): "the lockout authority",
        Name(.null): "the null hierarchy, whose authorization is empty",
    ]

    public init() {}

    /// With `call` for each Name that it knows.
    public init(_ known: [Name: String]) { words.merge(known) { _, given in given } }

    /// `the limit key of alice (000d…)`, or the Name alone.
    public subscript(_ name: Name) -> String {
        guard let word = words[name] else { return name.bytes.count == 4 ? "handle \(name)" : "\(name)" }
        return name.bytes.count == 4 ? word : "\(word) (\(name))"
    }
}

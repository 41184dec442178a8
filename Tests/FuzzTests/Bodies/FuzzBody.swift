/// One place where bytes come in from outside, and what must hold of whatever comes.
///
/// `./swtpm-setup fuzz` runs these under libFuzzer; `FuzzTests` runs each over its seeds and over what once broke it.
protocol FuzzBody {
    /// The most bytes that are worth trying.
    static var largest: Int { get }
    /// Well-formed inputs, made by the project's own encoders; an input that gets nowhere teaches a fuzzer nothing.
    static func seeds() throws -> [[UInt8]]
    /// Takes the bytes as the product would. Refusing them is fine; a crash is not, nor is a `Finding`.
    static func take(_ bytes: [UInt8]) throws(Finding)
}

/// What must not be.
struct Finding: Error, CustomStringConvertible {
    let description: String
}

/// Refuses what must not be.
func must(_ holds: Bool, _ claim: @autoclosure () -> String) throws(Finding) {
    if !holds { throw Finding(description: claim()) }
}

/// Refuses two values that must be the same.
func mustEqual<T: Equatable>(_ a: T, _ b: T, _ claim: String) throws(Finding) {
    if a != b { throw Finding(description: "\(claim): \(a) and \(b)") }
}

/// The value, or `nil` where the product refuses.
func attempt<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) -> R? {
    do throws(E) { return try body() } catch { return nil }
}

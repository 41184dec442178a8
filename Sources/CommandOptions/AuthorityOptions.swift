import ArgumentParser
import Endorsement
import Foundation

/// Whose endorsement certificates are believed.
public struct AuthorityOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Certificates to believe beside the makers' pinned roots: self-issued ones as roots, others as steps to one. \
            PEM or DER; may be repeated. [$TENPIN_TRUST_ROOT]
            """,
            valueName: "file"))
    public var trustRoot: [String] = []

    @OptionGroup public var pins: PinOptions

    public init() {}

    public func read() throws -> Authorities {
        let files = trustRoot.isEmpty ? environment("TENPIN_TRUST_ROOT").map { [$0] } ?? [] : trustRoot
        let own = try files.flatMap { file in
            guard let data = try? FileHandle(forReadingAtPath: file)?.readToEnd() else {
                throw ValidationError("The trust root \(file) cannot be read.")
            }
            do {
                return try AuthorityCertificate.list(file: Array(data))
            } catch {
                throw ValidationError("\(file): \(error)")
            }
        }
        return Authorities(pins: try pins.read(), own: own)
    }
}

/// Which makers' roots are pinned.
public struct PinOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file that restricts and extends the pinned roots; see `tenpin trust roots --help`. [$TENPIN_ROOTS]",
            valueName: "file"))
    public var roots: String?

    public init() {}

    public func read() throws -> RootPins {
        var pins = RootPins.builtIn
        guard let file = roots ?? environment("TENPIN_ROOTS") else { return pins }
        // A restriction that cannot be read must not be left out.
        guard let data = try? FileHandle(forReadingAtPath: file)?.read(upToCount: RootsFile.maximumBytes + 1) else {
            throw ValidationError("The roots file \(file) cannot be read.")
        }
        do throws(RootsFileError) {
            pins.apply(try RootsFile(Array(data), path: file))
        } catch {
            throw ValidationError("\(error)")
        }
        return pins
    }
}

/// An environment variable that is set and not empty.
private func environment(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
}

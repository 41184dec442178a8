import ArgumentParser
import Foundation

/// The endorsement hierarchy's authorization, which receipts take: from a file, never an argument.
struct EndorsementOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the endorsement hierarchy's authorization value, if it has one.", valueName: "file"))
    var endorsementAuthFile: String?

    /// The largest authorization value that a chip takes is a digest.
    private static let limit = 64

    /// The value, empty when there is none; a last newline is left out.
    func read() throws -> [UInt8] {
        guard let endorsementAuthFile else { return [] }
        guard let handle = FileHandle(forReadingAtPath: endorsementAuthFile),
            let data = try? handle.read(upToCount: Self.limit + 2) ?? Data()
        else { throw ValidationError("The endorsement authorization cannot be read from \(endorsementAuthFile).") }
        let value = Array(data.last == 0x0A ? data.dropLast() : data)
        guard value.count <= Self.limit else {
            throw ValidationError("The value in \(endorsementAuthFile) has more than \(Self.limit) bytes.")
        }
        return value
    }
}

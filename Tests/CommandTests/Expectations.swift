import Foundation
import ProgramTestSupport
import Testing

/// A failure of either program: this code, nothing on standard output, and one line that says these things.
func expectFailure(
    _ ended: Ended, _ code: Int32, _ says: String..., of program: Program = .tenpin,
    _ location: SourceLocation = #_sourceLocation
) {
    #expect(ended.status == code, "\(ended.errors)", sourceLocation: location)
    #expect(ended.bytes.isEmpty, sourceLocation: location)
    #expect(ended.lines.count == 1, "\(ended.errors)", sourceLocation: location)
    #expect(ended.errors.hasPrefix("\(program.rawValue): "), "\(ended.errors)", sourceLocation: location)
    #expect(ended.errors.hasSuffix(".\n"), "\(ended.errors)", sourceLocation: location)
    if program == .tenpin { #expect(ended.errors.contains("guess"), "\(ended.errors)", sourceLocation: location) }
    for phrase in says {
        #expect(ended.errors.contains(phrase), "\(phrase) is not in: \(ended.errors)", sourceLocation: location)
    }
}

/// What the argument parser refuses: code 64, nothing on standard output, the message and the usage.
func expectMisuse(_ ended: Ended, _ says: String, _ location: SourceLocation = #_sourceLocation) {
    #expect(ended.status == 64, "\(ended.errors)", sourceLocation: location)
    #expect(ended.bytes.isEmpty, sourceLocation: location)
    #expect(ended.errors.hasPrefix("Error: "), "\(ended.errors)", sourceLocation: location)
    #expect(ended.errors.contains(says), "\(says) is not in: \(ended.errors)", sourceLocation: location)
    #expect(ended.errors.contains("Usage: "), "\(ended.errors)", sourceLocation: location)
}

/// A program's JSON.
func json(_ ended: Ended) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(ended.bytes)) as? [String: Any], "\(ended.output)")
}

/// Permissions of what is at a path.
func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(lstat(path, &status) == 0, "nothing at \(path)")
    return status.st_mode & 0o7777
}

import Foundation

/// The Python of the tests: an environment with the packages of Tests/Python/requirements.txt.
package enum TestPython {
    /// The interpreter. `./swtpm-setup test` makes it below .swtpm.
    package static func interpreter(from file: String = #filePath) throws -> String {
        let path = checkout(file).appending(path: ".swtpm/python/bin/python").path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw HarnessError("no \(path); make it with: ./swtpm-setup test")
        }
        return path
    }

    /// The folder of the programs in Python that are the tests' own.
    package static func scripts(from file: String = #filePath) -> URL { checkout(file).appending(path: "Tests/Python") }

    private static func checkout(_ file: String) -> URL {
        URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }
}

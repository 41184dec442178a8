import Foundation

/// The optional vector sets that lie beside a checkout (`../shared/vectors`).
///
/// A clone elsewhere does not have them; a test that wants one is then skipped, and says so by name.
public enum SharedVectors {
    /// Reads `path` below the folder of vectors, or says on standard output that this set is skipped and gives `nil`.
    public static func json(_ path: String, from file: String = #filePath) -> [String: Any]? {
        let root = URL(filePath: file).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let url = root.appending(path: "../shared/vectors").appending(path: path).standardizedFileURL
        guard let data = try? Data(contentsOf: url) else {
            print("skipped vector set: \(path) (no ../shared/vectors beside this checkout)")
            return nil
        }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            preconditionFailure("\(path) is not a JSON object")
        }
        return object
    }
}

import Glibc

/// What a program says to the person, who may have closed the terminal: then nobody hears it, and the work goes on.
public enum StandardError {
    public static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}

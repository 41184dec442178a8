import CommandOptions
import Foundation
import Synchronization

/// A line on a terminal that says what is going on and for how long, and is gone when this is. In a pipe it says nothing.
final class Spinner: Sendable {
    private let line: Line?

    init(_ text: String) {
        guard isatty(STDERR_FILENO) == 1 else {
            line = nil
            return
        }
        let line = Line(text)
        self.line = line
        Task.detached {
            while line.draw() { try? await Task.sleep(for: .milliseconds(100)) }
        }
    }

    deinit { line?.erase() }

    private final class Line: Sendable {
        private let text: String
        private let start = ContinuousClock.now
        private let isErased = Mutex(false)

        init(_ text: String) { self.text = text }

        /// Says whether the line is still wanted.
        func draw() -> Bool {
            isErased.withLock { isErased in
                if isErased { return false }
                let tenths = Int((ContinuousClock.now - start) / .milliseconds(100))
                let sign = ["|", "/", "-", "\\"][tenths % 4]
                StandardError.write("\r\u{1B}[K\(text) \(sign) \(tenths / 10).\(tenths % 10) s")
                return true
            }
        }

        func erase() {
            isErased.withLock { isErased in
                isErased = true
                StandardError.write("\r\u{1B}[K")
            }
        }
    }
}

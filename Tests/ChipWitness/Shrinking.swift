/// Delta debugging: the least part of a list for which something still holds.
package enum Shrinking {
    /// Leaves out ever smaller pieces as long as `fails` says that the rest still fails.
    package static func shortest<T>(_ whole: [T], _ fails: ([T]) -> Bool) -> [T] {
        var list = whole
        var piece = max(1, list.count / 2)
        while true {
            var start = 0
            var isShorter = false
            while start < list.count {
                let rest = Array(list[..<start] + list[min(start + piece, list.count)...])
                if fails(rest) {
                    list = rest
                    isShorter = true
                } else {
                    start += piece
                }
            }
            if piece == 1 {
                if !isShorter { return list }
            } else {
                piece = max(1, piece / 2)
            }
        }
    }

    /// The same where each trial takes its time; gives the best so far when `trials` are used up.
    package static func shortest<T: Sendable>(
        _ whole: [T], trials: Int, isolation: isolated (any Actor)? = #isolation,
        _ fails: ([T]) async throws -> Bool
    ) async throws -> [T] {
        var list = whole
        var left = trials
        var piece = max(1, list.count / 2)
        while true {
            var start = 0
            while start < list.count {
                guard left > 0 else { return list }
                left -= 1
                let rest = Array(list[..<start] + list[min(start + piece, list.count)...])
                if try await fails(rest) { list = rest } else { start += piece }
            }
            if piece == 1 { return list }
            piece = max(1, piece / 2)
        }
    }
}

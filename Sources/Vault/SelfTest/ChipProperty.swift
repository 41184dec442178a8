import TPM
import TPMDevice

/// One thing that the guess limit relies on and that a chip could do otherwise: a claim, and a way to see it.
public struct ChipProperty: Sendable {
    /// Stays the same from version to version: people compare reports by it.
    public let id: String
    /// What the chip must do and why it matters, one sentence.
    public let claim: String
    /// Looks, and says in a few words what was seen; throws `Broken` or `NotTestable`.
    let probe: @Sendable (Workbench) throws -> String

    init(_ id: String, _ claim: String, _ probe: @escaping @Sendable (Workbench) throws -> String) {
        self.id = id
        self.claim = claim
        self.probe = probe
    }

    /// All of them, in the order in which they are tested; what ends the connection comes last.
    public static let all =
        needed + taking + counting + authorizing + redefining + writing + points + givingNothing + enduring

    /// The chip does otherwise; what was seen.
    struct Broken: Error {
        let seen: String
        init(_ seen: String) { self.seen = seen }
    }

    /// This chip, or this run, cannot show it; why.
    struct NotTestable: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }
}

extension ChipProperty {
    /// What became of one test.
    public enum Outcome: String, Codable, Hashable, Sendable {
        case held
        case failed
        case notTestable
    }

    /// Tests it on a workbench. What the chip refuses although it must do it, or answers in a form that cannot be read, has
    /// failed as well; a chip that does not answer at all is an error.
    func test(on bench: Workbench) throws -> (Outcome, seen: String) {
        do {
            return (.held, try probe(bench))
        } catch let broken as Broken {
            return (.failed, broken.seen)
        } catch let reason as NotTestable {
            return (.notTestable, reason.reason)
        } catch let error as ChipError {
            if case .unreachable = error { throw error }
            // These say nothing of the chip's kind.
            if error.isOwnersRefusal { throw error }
            if error == .refused(.nvDefineSpace, .nvSpace) { throw SelfTestError.noRoom }
            let isOver = error.responseCode == .failure
            return (.failed, "\(error)" + (isOver ? ": from here on it refuses everything, and evaluates nothing" : ""))
        }
    }
}

extension ChipError {
    /// The chip wants another owner authorization than it was given, for a command that the owner authorizes.
    fileprivate var isOwnersRefusal: Bool {
        guard case .refused(let command, _) = self, isWrongAuthorization else { return false }
        return [.createPrimary, .nvDefineSpace, .nvUndefineSpace].contains(command)
    }
}

import VaultAPI
import Varlink

/// What the vault's operator asks on a socket of their own, in the vault's home: mode 0600, so that nobody else connects.
/// Devices never see it, and nothing can be changed through it.
public struct OperatorConversation: VarlinkConversation {
    private let vault: Vault
    private let connection: ConnectionID

    public init(_ vault: Vault, _ connection: ConnectionID) {
        self.vault = vault
        self.connection = connection
    }

    public func handle(_ call: VarlinkCall) async -> VarlinkReply {
        guard call.interface == OperatorInterface.name else { return .interfaceNotFound(call.interface) }
        return switch call.member {
        case Survey.name: await answer(call, Survey.self)
        case NextEnrollment.name: await answer(call, NextEnrollment.self)
        case NextIndexes.name: await answer(call, NextIndexes.self)
        case Seal.name: await answer(call, Seal.self)
        case JournalState.name: await answer(call, JournalState.self)
        case NextLines.name: await answer(call, NextLines.self)
        case NextAnchors.name: await answer(call, NextAnchors.self)
        default: .methodNotFound(call.method)
        }
    }

    public func ended() async {}

    private func answer<Question: AuditQuestion>(_ call: VarlinkCall, _: Question.Type) async -> VarlinkReply {
        let question: Question
        do {
            question = try call.decode()
        } catch {
            return error.reply
        }
        do throws(VaultFault) {
            return .encoding(try await vault.ask(question, for: connection))
        } catch {
            return .error(
                "\(OperatorInterface.name).\(error.rawValue)",
                encoding: FaultParameters(guess: error.guess.rawValue, message: error.description))
        }
    }
}

/// The operator's interface: its name, where it is served, and its description.
public enum OperatorInterface {
    public static let name = "org.tenpin.Operator"

    /// The socket in a vault's home.
    public static func socket(home: String) -> String { home + "/operator.sock" }

    /// In Varlink's definition language. Evidence is described in docs/audit.md.
    public static let description: String = {
        let faults = VaultFault.allCases.map { "error \($0.rawValue) (guess: string, message: string)" }
        return methods + "\n\n" + faults.joined(separator: "\n") + "\n"
    }()

    private static let methods = """
        # What an audit reads of a vault, in pieces that each take one turn. Nothing here changes anything.
        interface org.tenpin.Operator

        # What the chip is, and how much there is to ask. The credential is activated, if there is one.
        method Survey(certifying: bool, credential: ?(blob: string, encryptedSeed: string)) -> (
            chip: object, rows: int, answer: ?string
        )

        # The first row behind another one, with what the chip says of its objects; with qualifyingData its count is certified.
        method NextEnrollment(after: int, qualifyingData: ?string) -> (
            row: ?int, enrollment: ?object, damaged: ?string, lines: ?int
        )

        # Some more NV indexes in the range of slots, and those among them that no row names.
        method NextIndexes(from: int) -> (next: ?int, indexes: []object)

        # Has the chip certify any slot over these 32 bytes.
        method Seal(qualifyingData: string) -> (seal: ?(attest: string, signature: string))

        # Where the journal stands, and what the chip's counter has.
        method JournalState() -> (
            lines: int, certified: ?int, begun: ?int, counter: ?int, count: ?int, attestationKey: ?string
        )

        # Some more lines of the journal, behind the one with this number.
        method NextLines(after: int) -> (
            next: ?int, lines: [](number: int, line: object, account: string, hash: string)
        )

        # Some more of the chip's certificates of the journal, behind the one at this count.
        method NextAnchors(after: int) -> (
            next: ?int, anchors: [](count: int, line: int, signed: (attest: string, signature: string))
        )
        """
}

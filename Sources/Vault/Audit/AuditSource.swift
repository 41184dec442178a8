import Foundation
import VaultAPI
import Varlink

/// Where an audit's questions are answered.
public protocol AuditSource: Sendable {
    func ask<Question: AuditQuestion>(_ question: Question) async throws -> Question.Reply
}

extension Vault {
    /// How much more than its time a turn of an audit's counts: while others wait, it gets a fifth of what each of them gets.
    private static let auditWeight = 5

    /// Answers when it is the audit's turn.
    nonisolated func ask<Question: AuditQuestion>(
        _ question: Question, for connection: ConnectionID
    ) async throws(VaultFault) -> Question.Reply {
        try await take(
            turnOf: Caller(connection: connection, account: nil), isAlone: true, weight: Self.auditWeight
        ) { (vault) throws(VaultFault) in try question.answer(by: vault) }
    }
}

/// A vault that this program opened itself, since nobody serves it.
public struct OpenedVault: AuditSource {
    private let vault: Vault

    public init(_ vault: Vault) { self.vault = vault }

    public func ask<Question: AuditQuestion>(_ question: Question) async throws -> Question.Reply {
        try await vault.ask(question, for: ConnectionID(0))
    }
}

/// A vault that another process serves.
public struct ServedVaultSource: AuditSource {
    private let client: VarlinkClient

    /// Connects to the operator's socket of a vault's home.
    public init(home: String) async throws {
        client = try await VarlinkClient.connect(to: VarlinkAddress(OperatorInterface.socket(home: home)))
    }

    public func ask<Question: AuditQuestion>(_ question: Question) async throws -> Question.Reply {
        do throws(VarlinkClientError) {
            return try await client.call(
                "\(OperatorInterface.name).\(Question.name)", question, returning: Question.Reply.self)
        } catch {
            guard case .remote(let name, _) = error,
                let fault = VaultFault(rawValue: String(name.split(separator: ".").last ?? ""))
            else { throw error }
            throw fault
        }
    }
}

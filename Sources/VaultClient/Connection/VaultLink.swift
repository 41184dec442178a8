import VaultAPI

/// A way to a vault that this device trusts. A lost connection is made anew; sessions stay salted to the endorsement
/// key that was trusted, so it does not matter who answers the next time.
public struct VaultLink: Sendable {
    public let vault: TrustedVault
    let courier: Courier
    let onStep: StepHook

    /// Where the vault is.
    public var address: String { courier.address }

    /// Connects, and gives a link when the vault is trusted on these terms.
    ///
    /// - Parameters:
    ///   - insisting: whether a vault that is not reached at once is tried again.
    ///   - retryDelays: how long to wait before each repetition of a call whose reply was lost.
    ///   - onStep: told about each step as it begins.
    public static func open(
        _ dialer: any VaultDialer, trust: TrustPolicy, insisting: Bool = true,
        retryDelays: [Duration] = [.milliseconds(200), .seconds(1)], onStep: @escaping StepHook = { _ in }
    ) async throws(VaultClientError) -> VaultLink {
        let courier = Courier(dialer, retryDelays: retryDelays)
        do throws(VaultClientError) {
            if !insisting { _ = try await courier.converse() }
            let vault = try await courier.repeating { () async throws(VaultClientError) in
                try await trust.establish(through: courier, onStep: onStep)
            }
            return VaultLink(vault: vault, courier: courier, onStep: onStep)
        } catch {
            await courier.hangUp()
            throw error
        }
    }

    /// What the vault keeps for the account, by its own account of it.
    func lookUp(_ account: Account) async throws(VaultClientError) -> LookUp.Reply {
        try await courier.repeating { () async throws(VaultClientError) in
            try await courier.call(LookUp(account: account))
        }
    }

    /// The recipe of what the vault keeps for the account, by its own account of it; `nil` where it keeps nothing.
    func standing(of account: Account) async throws(VaultClientError) -> Recipe? {
        do throws(VaultClientError) {
            return try await lookUp(account).recipe
        } catch {
            guard error.reason == .fault(.unknownAccount) else { throw error }
            return nil
        }
    }

    /// Ends the connection.
    public func close() async { await courier.hangUp() }
}

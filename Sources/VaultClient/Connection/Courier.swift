import VaultAPI

/// The way to a vault through its untrusted program: one connection at a time, made anew when it was lost.
actor Courier {
    nonisolated let address: String
    private let dialer: any VaultDialer
    private let retryDelays: [Duration]
    private var connection: (any VaultConnection)?
    private var conversation = 0

    /// - Parameter retryDelays: how long to wait before each repetition of a call whose reply was lost.
    init(_ dialer: any VaultDialer, retryDelays: [Duration]) {
        self.dialer = dialer
        self.retryDelays = retryDelays
        address = dialer.address
    }

    /// The number of the conversation under way, which begins if there is none.
    func converse() async throws(VaultClientError) -> Int {
        if connection == nil {
            let fresh = try await dialer.connect()
            connection = fresh
            conversation += 1
        }
        return conversation
    }

    /// Calls within one conversation only: what depends on its sessions never goes on in another.
    func call<M: VaultMethod>(_ method: M, in number: Int) async throws(VaultClientError) -> M.Reply {
        guard let connection, number == conversation else { throw .connectionLost }
        do throws(VaultClientError) {
            return try await connection.call(method)
        } catch {
            if error.endsConversation { await hangUp(number) }
            throw error
        }
    }

    /// Calls once, in the conversation under way or a new one.
    func call<M: VaultMethod>(_ method: M) async throws(VaultClientError) -> M.Reply {
        try await call(method, in: try await converse())
    }

    /// Runs `body`, and again in a new conversation when this one was lost or its session ended to make room.
    ///
    /// Only for what may be repeated: where a repetition changes nothing, or signs nothing that was not signed before.
    /// - Parameter costIfLost: what a lost reply may have cost.
    func repeating<R: Sendable>(
        costIfLost: VaultFault.Guess = .notSpent, _ body: @Sendable () async throws(VaultClientError) -> R
    ) async throws(VaultClientError) -> R {
        var cost = VaultFault.Guess.notSpent
        for delay in retryDelays {
            do throws(VaultClientError) {
                return try await body()
            } catch {
                if error.mayHaveArrived { cost = cost.worse(costIfLost) }
                // Whoever does not wait any more wants no repetition either.
                guard error.mayBeRepeated, !Task.isCancelled else { throw error.costing(cost) }
                await hangUp()
                try? await Task.sleep(for: delay)
            }
        }
        do throws(VaultClientError) {
            return try await body()
        } catch {
            if error.mayHaveArrived { cost = cost.worse(costIfLost) }
            throw error.costing(cost)
        }
    }

    /// Ends the conversation, and with it its sessions and everything half-made in it.
    func hangUp() async { await hangUp(conversation) }

    private func hangUp(_ number: Int) async {
        guard number == conversation, let old = connection else { return }
        connection = nil
        await old.close()
    }
}

import TPM
import VaultAPI

extension PendingEnrollment {
    /// The share that is this vault's.
    func share(at vault: TrustedVault) -> Int? {
        recipe.vaults.firstIndex { $0.endorsementName.bytes == vault.endorsementName.bytes }
    }

    /// Step 3 at one vault: makes its share live, by repetition if need be, and opens the bundle once to see it.
    ///
    /// Nothing is signed that was not meant for this, so it may be done as often as it takes, on any later day too.
    func commit(through link: VaultLink) async throws(VaultClientError) {
        guard let index = share(at: link.vault) else { throw VaultClientError(.recipe(.otherVault)) }
        let (commit, bundle, openKey) = (shares[index].commit, shares[index].bundle, shares[index].openKey)
        link.onStep(.committing)
        do throws(VaultClientError) {
            _ = try await link.courier.repeating { () async throws(VaultClientError) in
                try await link.courier.call(commit)
            }
        } catch {
            throw VaultClientError(.exposed(limit: limit, by: error.exposure))
        }

        link.onStep(.opening)
        let opened: [UInt8]
        do throws(VaultClientError) {
            let area = try mapping(VaultClientError.Reason.wire) { () throws(WireError) in
                try PublicArea(tpm2b: commit.bundle.publicArea.bytes)
            }
            opened = try await link.openBundle(
                area, of: recipe, openKey: AuthorityKey(scalar: openKey.bytes))
        } catch {
            // A refused signature may only have come too late, after the 120 seconds of its session: it is live all the same.
            let mayStillOpen = error.exposure == .noReply || error.reason == .fault(.refusedByChip)
            throw VaultClientError(.exposed(limit: limit, by: mayStillOpen ? .noReply : .notOpened))
        }
        guard opened == bundle else { throw VaultClientError(.exposed(limit: limit, by: .notOpened)) }
    }
}

extension VaultLink {
    /// Challenge and Open: has the chip unseal the bundle with this area for the open key's signature.
    ///
    /// May be repeated: the open key's signature authorizes this Unseal and nothing else. Unseal has no parameter that
    /// a foreign session could change, so it needs no session of the device's own.
    func openBundle(
        _ area: PublicArea, of recipe: Recipe, openKey: AuthorityKey
    ) async throws(VaultClientError) -> [UInt8] {
        let (account, enrollment) = (recipe.account, recipe.enrollment)
        return try await courier.repeating { () async throws(VaultClientError) in
            let conversation = try await courier.converse()
            let challenge = try await courier.call(
                Challenge(account: account, enrollment: enrollment), in: conversation)
            let act = try mapping(VaultClientError.Reason.session) { () throws(SessionError) in
                try SignedAct(
                    openingBundle: area, authority: vault.authority, nonceTPM: challenge.nonceTPM.bytes)
            }
            return try await courier.call(
                Open(
                    session: challenge.session, account: account, enrollment: enrollment,
                    nonceTPM: challenge.nonceTPM, signature: Bytes(try openKey.sign(act).p1363)),
                in: conversation
            ).bundle.bytes
        }
    }
}

extension VaultClientError {
    /// What this error means for an enrollment whose last step was sent.
    fileprivate var exposure: Exposure {
        switch reason {
        case .fault(let fault):
            switch fault {
            case .busy, .chipUnavailable, .storeUnavailable, .sessionGone, .chipFailedAfterSpending:
                .noReply
            default: .refused(fault)
            }
        case .session, .wire, .profile: .notOpened
        // The attack: 1. the last step has arrived; 2. somebody on the way cuts the connection and answers the next one with a
        // certificate of their own, or the token has just ended; 3. the device gives up what is live, and later burns it. So
        // only what the vault itself said counts.
        default: .noReply
        }
    }
}

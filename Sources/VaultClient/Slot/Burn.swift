import TPM
import VaultAPI

extension BurnTicket {
    /// Has the limit key burn the slot, in a session of this device's own.
    func burn(_ account: Account, through link: VaultLink) async throws(VaultClientError) {
        link.onStep(.burning)
        let size = HashAlgorithm(label: authorityHash)?.size ?? 0
        let authority = try mapping(VaultClientError.Reason.profile) { () throws(ProfileError) in
            try AuthorityProfile(largestDigest: size, endorsementName: link.vault.endorsementName)
        }
        let own = try OwnSlot(
            link: link, account: account, enrollment: enrollment, handle: Handle(slot), authority: authority,
            limitSeed: limitSeed.bytes)
        try await own.burn()
    }
}

extension VaultLink {
    /// Has the vault undefine the slot and erase the record. Repeated when the reply was lost: the second time the
    /// vault says that there is nothing.
    func forget(
        _ account: Account, _ enrollment: EnrollmentID, unburnt: Bool
    ) async throws(VaultClientError) {
        onStep(.forgetting)
        let message = Forget(account: account, enrollment: enrollment, unburnt: unburnt)
        _ = try await courier.repeating { () async throws(VaultClientError) in try await courier.call(message) }
    }
}

extension VaultClientError {
    /// Whether the vault says that there is nothing left of an enrollment.
    var saysThatItIsGone: Bool {
        switch reason {
        case .fault(.unknownAccount), .fault(.wrongEnrollment), .fault(.slotGone): true
        default: false
        }
    }
}

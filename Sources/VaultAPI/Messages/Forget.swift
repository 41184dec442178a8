/// Removes an enrollment that was replaced, or the account when it is the live one, and with `unburnt` also one that is not live
/// yet: undefines the slot and erases the
/// record. A slot that is not burnt is refused unless `unburnt` says that its guesses may stay with the vault's host.
public struct Forget: VaultMethod {
    public static let name = "Forget"
    public typealias Reply = Done
    public var account: Account
    public var enrollment: EnrollmentID
    public var unburnt: Bool

    public init(account: Account, enrollment: EnrollmentID, unburnt: Bool = false) {
        self.account = account
        self.enrollment = enrollment
        self.unburnt = unburnt
    }
}

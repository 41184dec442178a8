import OPRF
import Receipts
import Secrets
import VaultAPI

extension VaultClientError.Reason {
    /// What happened and what to do, one sentence, without what it cost.
    public var sentence: String {
        switch self {
        case .badAddress(let address):
            "\(printable(address)) is not an address; give it as unix:/path/to/socket or tls:host:port."
        case .unreachable(let address): "Nobody answers at \(address); check that the vault runs there."
        case .serverNotProven(let address, let why):
            "What listens at \(address) could not prove that it is that server (\(why)); check the address and --tls-ca."
        case .access(let fault): fault.sentence
        case .connectionLost: "The connection to the vault was lost; try again."
        case .brokenReply(let what):
            "What answers is not a vault of this version (\(what)); check the address and use matching versions."
        case .fault(let fault): fault.sentence
        case .notTrusted(let refusal): refusal.description
        case .recipe(let flaw): flaw.description
        case .session(let error): "Do not use this vault before its operator has explained this: \(error)."
        case .evaluationNotCounted:
            "The vault does not use the key it was given, or does not count its uses; choose another vault."
        case .profile(let error): "This is outside of what Tenpin does: \(error)."
        case .wire(let error): "The vault sent a structure that cannot be read: \(error); use matching versions."
        case .oprf(let error): withoutCost(error.description)
        case .argon2id(let error): error.description
        case .bundle(let flaw): flaw.description
        case .exposed(let limit, let cause):
            "\(cause.sentence) Whoever runs the vault may have \(limit) guesses at this password;"
                + " \(cause.advice), and do not use it elsewhere."
        case .exposedBefore(let limit):
            "An earlier enrollment was sent and not confirmed, so whoever runs the vault may have \(limit) guesses at its"
                + " password; choose another one, and say so with --other-password."
        case .notTheKey:
            "The password is right, and its keys are not this backup's; check the account, or take another backup."
        case .burnt: "This enrollment was burnt and cannot be used again; enroll anew."
        case .oldSlotStays(let why):
            "The new password holds, but the old slot is not burnt yet; run `tenpin status` to try again."
                + " (\(why.sentence))"
        case .ceilingTooHigh: "The slot's ceiling cannot rise so far; grant fewer guesses, or enroll anew."
        case .tooManyOlderKeys: "The record holds no more older keys; make new backups and drop the oldest keys."
        case .notOnThisDevice: "This device keeps nothing of this account that it would need; recover it first."
        case .receipt(let flaw): flaw.description
        case .state(let error): error.description
        case .at(let address, let reason): "At \(printable(address)): \(reason.sentence)"
        case .slow: "The vault did not answer in time; try again."
        case .falseAnswer:
            "The vault answered falsely: it lies or is broken, so ask its operator, or replace it with"
                + " `tenpin change-password`."
        case .evaluationNotProven:
            "The vault did not show that its chip counted your guess, so it was not given back there; if that happens again, ask"
                + " its operator."
        case .sameVault(let first, let second):
            "\(printable(first)) and \(printable(second)) lead to the same vault, which would hold two shares; name each"
                + " vault once."
        case .tooFew(let needed, let missing):
            (needed.map { "Too few of the vaults can be used, and \($0) are needed" }
                ?? "None of the vaults can be used")
                + "; try again when more of them answer. (\(told(missing)))"
        case .notJudged(let missing):
            "A vault lies or is broken, and your password was not judged; ask the vaults' operators, and name the backup"
                + " with --backup if it is at hand." + (missing.isEmpty ? "" : " (\(told(missing)))")
        case .wrongOrLied(let left):
            "The password is wrong, unless one of the vaults lies: no more of them answered than are needed, so nobody can"
                + " tell; there \(left == 1 ? "is 1 guess" : "are \(left) guesses") left by their word."
        case .incomplete(let missing):
            "The new password holds, but not every vault has its share, so that fewer of them may be lost; run"
                + " `tenpin status` when they answer, or replace them with `tenpin change-password`. (\(told(missing)))"
        case .guesses(let refusal): refusal.description
        }
    }
}

/// What happened at each of these vaults.
private func told(_ missing: [Fleet.Missing]) -> String {
    missing.map { "\(printable($0.address)): \($0.error.reason.sentence)" }.joined(separator: " ")
}

/// A sentence of a lower layer, which knows only its own cost.
func withoutCost(_ sentence: String) -> String {
    for ending in ["; no guess was spent.", ", no guess was spent."] where sentence.hasSuffix(ending) {
        return sentence.dropLast(ending.count) + "."
    }
    return sentence
}

extension VaultClientError.Exposure {
    fileprivate var sentence: String {
        switch self {
        case .noReply: "The enrollment was sent and no reply came."
        case .refused(let fault): "The vault refused the enrollment's last step (\(fault.rawValue))."
        case .notOpened: "The vault took the enrollment and does not give its bundle back."
        }
    }

    fileprivate var advice: String {
        switch self {
        case .noReply: "run `tenpin status` when the vault answers again, which finishes the enrollment"
        case .refused, .notOpened: "enroll again with another password (--other-password)"
        }
    }
}

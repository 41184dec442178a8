import TPM

extension Explainer {
    /// Policies that many objects have, and whose digests are worth trying on any: those of endorsement keys, and a
    /// hierarchy's or the object's own authorization.
    public static let wellKnown: [Policy] =
        [Handle.endorsement, .owner, .platform, .lockout, .null].map { Policy(.secret(of: Name($0))) }
        + EndorsementTemplate.allCases.map(\.policy) + [Policy(.authValue)]
}

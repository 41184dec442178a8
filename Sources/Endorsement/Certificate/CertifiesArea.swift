import TPM

extension CertifiedKey {
    /// Whether this is exactly the key of `area`; attributes, policy and algorithms are the template's to compare.
    public func isKey(of area: PublicArea) -> Bool {
        switch (self, area.body) {
        case (.rsa(let modulus, let exponent), .rsa(_, _, let areaExponent, let areaModulus)):
            modulus == areaModulus && exponent == (areaExponent == 0 ? 65537 : areaExponent)
        case (.ec(let curve, let x963), .ecc(let areaCurve, _, _, let x, let y)):
            areaCurve == (curve == .p256 ? .p256 : .p384) && x.count == areaCurve.coordinateSize
                && x963 == [4] + x + y
        default: false
        }
    }
}

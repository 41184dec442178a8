import TPM
import TPMDevice
import TestSupport
import Testing

@Suite("The bundle opens for a fresh signature of the open key and in no other way")
struct BundleTests {
    @Test("not by password, not for a policy without a signature, and for no other command")
    func unsigned() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try enrolled.withLoaded(enrolled.bundle) { bundle in
                let unseal = Command.unseal(bundle)
                try courier.expect(.authMissing, unseal)
                try courier.expect(.authUnavailable, unseal, .password())  // AUTH_UNAVAILABLE: no use by authValue
                let hmac = try ForeignSession(courier)
                try courier.expect(.authUnavailable, unseal, hmac.authorization(RawCommand(unseal), attributes: []))
                courier.flush(hmac.handle)
                try courier.withPolicySession { session, _ in
                    try courier.expect(.policyFail, unseal, .policy(session))
                    try enrolled.chip.run(.policyCommandCode(session, .unseal))
                    try courier.expect(.policyFail, unseal, .policy(session))
                }
                try courier.withPolicySession { session, _ in
                    try enrolled.spend(in: session)
                    try courier.expect(.policyFail, unseal, .policy(session))
                }
                for attack in [RawCommand.duplicate(bundle), .objectChangeAuth(bundle, parent: enrolled.parent)] {
                    try courier.expect(.authType, attack, .password())
                    try courier.withPolicySession { session, nonceTPM in
                        try enrolled.chip.satisfy(
                            enrolled.openPolicy, for: .unseal, in: session,
                            evidence: enrolled.openEvidence(nonceTPM: nonceTPM))
                        try courier.expect(.policyCC, attack, .policy(session))
                    }
                }
            }
        }
    }

    @Test("a signature serves in the session whose nonce it covers, for the bundle that it covers, once")
    func signed() async throws {
        try await withEnrolledChip { enrolled in
            let courier = enrolled.courier
            try enrolled.withLoaded(enrolled.bundle) { bundle in
                try courier.withPolicySession { session, nonceTPM in
                    let authority = enrolled.authority
                    let act = try SignedAct(
                        openingBundle: enrolled.bundle.area, authority: authority, nonceTPM: nonceTPM)
                    let signature = try enrolled.sign(act.message, with: enrolled.openKey)
                    func expect(
                        _ code: ResponseCode, in session: Handle, nonceTPM: [UInt8], reference: [UInt8]? = nil,
                        cpHash: [UInt8]? = nil, sourceLocation: SourceLocation = #_sourceLocation
                    ) throws {
                        try enrolled.expectPolicySigned(
                            code, in: session, nonceTPM: nonceTPM, cpHash: cpHash ?? act.cpHash,
                            reference: reference ?? act.reference, signature: signature, by: enrolled.openKey,
                            sourceLocation: sourceLocation)
                    }
                    try courier.withPolicySession { other, otherNonce in
                        try expect(.nonce, in: other, nonceTPM: nonceTPM)
                        try expect(.signature, in: other, nonceTPM: otherNonce)
                        try expect(.signature, in: other, nonceTPM: [])
                    }
                    try expect(.signature, in: session, nonceTPM: nonceTPM, reference: authority.slotReference)
                    try expect(.signature, in: session, nonceTPM: nonceTPM, cpHash: [])

                    try expect(.success, in: session, nonceTPM: nonceTPM)
                    try enrolled.chip.run(.policyCommandCode(session, .unseal))
                    let kept = Authorization(session: session, attributes: [.continueSession])
                    try enrolled.withEvaluationKey { other in
                        try courier.expect(.policyFail, .unseal(other), kept)
                    }
                    try courier.expect(.success, .unseal(bundle), kept)
                    try courier.expect(.policyFail, .unseal(bundle), kept)
                    // Its nonce has moved on.
                    try expect(.nonce, in: session, nonceTPM: nonceTPM)
                }
            }
        }
    }
}

import Crypto
import TPM
import TestSupport
import Testing

/// The objects of one enrollment, against bytes that an emulated chip agreed to.
@Suite struct EnrollmentVectorTests {
    static let endorsement = "000b323c5d49e1bca54a58550afb09e70233b4df8bfbf275d4bc54384e89f990c507"
    static let limitPrivate = "d97c6f02dcd4b196c417dc0a32e37316e03838ac8b83beb5f40f0e452394f1da"
    static let openPrivate = "2f7a92d6e34a25975469cac28f05ae4458e86dd65d0db3b4566917e2688bb70e"

    static func point(_ privateKey: String) throws -> P256Point {
        P256Point(try P256.Signing.PrivateKey(rawRepresentation: hex(privateKey)).publicKey)
    }

    @Test("the parent's template is the proven one, byte for byte")
    func parent() {
        #expect(
            hex(ParentProfile.template.tpm2b)
                == "003a0023000b000304b200201e7626a5d4b685cbb04936a0fdcc77b8a3ca3c37f42ad40482bcf27534dd887f"
                + "00060080004300100003001000000000")
    }

    @Test("slot, evaluation key and signed writes of a SHA-512 chip are the proven ones")
    func transcribed() throws {
        let authority = try AuthorityProfile(
            largestDigest: 64, endorsementName: Name(parsing: hex(Self.endorsement)))
        let slot = try SlotProfile(
            handle: Handle(0x0188_0000), authority: authority, limitKey: Self.point(Self.limitPrivate))
        #expect(
            slot.publicArea(written: true).name.description
                == "000b782afa1b2dc004bad776af3b7bb3ac424d508866c671a8d221710fb667ec3187")
        #expect(
            slot.publicArea(written: false).name.description
                == "000be69b166ebee7535c69e35e94c1192ffda49fdcf9ab40c286dc49174bf27cbd06")
        let key = try P256Point(
            x: hex("cbc425e47b45fdefffa8d1c2cea3b91b5a2d50bcc64b540b883b7e566beb282b"),
            y: hex("1de88155e3d79cd0db2213cc54b4c709a1d481dba55c12be82cf144300d434f1"))
        #expect(
            EvaluationKeyProfile.publicArea(key, slot: slot).name.description
                == "000b49a4aa400e1b6d567b1cdf3eb3cbdebc816c11ffd2bea26891dd96b77f99eb62")
        #expect(
            hex(slot.command(.first(limit: 10)).cpHash())
                == "71062662d8f10fc78a83a71d486d0e863371f7c877144fc8f2f38877440c7599")
        #expect(
            hex(slot.command(.ceiling(11)).cpHash())
                == "fcc2242dd7fb533f985cdb0f472279e1003c8e69bdc97e78e809618ad60a640f")
    }

    @Test("every value of enrolment.json is computed")
    func full() throws {
        guard let file = SharedVectors.json("tpm/enrolment.json") else { return }
        let keys = try #require(file["keys"] as? [String: String])
        let endorsement = try Name(parsing: hex(try #require(file["endorsement_name"] as? String)))
        let parent = try #require(file["parent"] as? [String: Any])
        #expect(parent["template"] as? String == hex(ParentProfile.template.tpm2b))
        #expect(parent["policy_digest"] as? String == hex(ParentProfile.policy.digest()))
        let limitKey = try Self.point(try #require(keys["limit_key_private"]))
        let openKey = try Self.point(try #require(keys["open_key_private"]))
        let evaluationKey = try P256Point(
            x: hex(try #require(keys["oprf_public_x"])), y: hex(try #require(keys["oprf_public_y"])))
        let profiles = try #require(file["profiles"] as? [[String: Any]])
        #expect(profiles.count == 2)
        for profile in profiles {
            func text(_ path: String...) throws -> String {
                var value: Any = profile
                for step in path { value = try #require((value as? [String: Any])?[step]) }
                return (value as? String) ?? "\(value)"
            }
            let hash = try #require(HashAlgorithm(label: try text("authority_hash")))
            let authority = try AuthorityProfile(largestDigest: hash.size, endorsementName: endorsement)
            #expect(hex(authority.publicArea(limitKey).tpm2b) == (try text("limit_key_public")))
            #expect(try authority.name(of: limitKey).description == (try text("limit_key_name")))
            #expect(hex(authority.publicArea(openKey).tpm2b) == (try text("open_key_public")))
            #expect(try authority.name(of: openKey).description == (try text("open_key_name")))
            #expect(hex(authority.slotReference) == (try text("slot_ref")))
            #expect(hex(authority.openReference) == (try text("open_ref")))

            let slot = try SlotProfile(handle: Handle(0x0188_0000), authority: authority, limitKey: limitKey)
            #expect(hex(slot.policy.digest()) == (try text("slot", "policy_digest")))
            #expect(hex(slot.publicArea(written: false).tpm2b) == (try text("slot", "public_unwritten")))
            #expect(hex(slot.publicArea(written: true).tpm2b) == (try text("slot", "public_written")))
            #expect(slot.publicArea(written: false).name.description == (try text("slot", "name_unwritten")))
            #expect(slot.publicArea(written: true).name.description == (try text("slot", "name_written")))
            #expect(hex(slot.command(.first(limit: 10)).cpHash()) == (try text("slot", "first_write_cphash")))
            #expect(hex(slot.command(.ceiling(11)).cpHash()) == (try text("slot", "raise_cphash")))

            let key = EvaluationKeyProfile.publicArea(evaluationKey, slot: slot)
            #expect(hex(key.authPolicy) == (try text("key", "policy_digest")))
            #expect(hex(key.tpm2b) == (try text("key", "public")))
            #expect(key.name.description == (try text("key", "name")))
            #expect(try PublicArea(tpm2b: key.tpm2b) == key)

            let served = try PublicArea(tpm2b: hex(try text("bundle", "public")))
            guard case .sealed(let unique) = served.body else {
                Issue.record("the bundle is no sealed object")
                continue
            }
            let bundle = try BundleProfile.publicArea(openKey: openKey, authority: authority, unique: unique)
            #expect(bundle == served)
            #expect(bundle.name.description == (try text("bundle", "name")))
            #expect(hex(BundleProfile.command(bundle).cpHash()) == (try text("bundle", "unseal_cphash")))

            let nonce = hex(try text("signed", "nonce"))
            #expect(
                hex(try SignedAct(.first(limit: 10), of: slot, nonceTPM: nonce).message)
                    == (try text("signed", "first_write")))
            #expect(
                hex(try SignedAct(.ceiling(11), of: slot, nonceTPM: nonce).message) == (try text("signed", "raise_")))
            #expect(
                hex(try SignedAct(openingBundle: bundle, authority: authority, nonceTPM: nonce).message)
                    == (try text("signed", "open")))
        }
    }

    @Test("a chip whose largest hash is SHA-256 is refused", arguments: [0, 20, 32, 63])
    func smallHash(size: Int) throws {
        let name = try Name(parsing: hex(Self.endorsement))
        #expect(throws: ProfileError.largestDigest(size)) {
            try AuthorityProfile(largestDigest: size, endorsementName: name)
        }
    }

    @Test(
        "a slot's handle outside the range is refused", arguments: [0x017F_FFFF, 0x01C0_0000, 0x8100_0000] as [UInt32])
    func handles(raw: UInt32) throws {
        let authority = try AuthorityProfile(largestDigest: 64, endorsementName: Name(parsing: hex(Self.endorsement)))
        let key = try Self.point(Self.limitPrivate)
        #expect(throws: ProfileError.slotHandle(Handle(raw))) {
            try SlotProfile(handle: Handle(raw), authority: authority, limitKey: key)
        }
    }

    @Test("nothing is signed for a nonce that is empty, short, long or zero", arguments: [0, 1, 16, 31, 33, 64, -32])
    func nonces(size: Int) throws {
        let nonce = [UInt8](repeating: size < 0 ? 0 : 7, count: abs(size))
        let authority = try AuthorityProfile(largestDigest: 64, endorsementName: Name(parsing: hex(Self.endorsement)))
        let slot = try SlotProfile(
            handle: Handle(0x0188_0000), authority: authority, limitKey: Self.point(Self.limitPrivate))
        #expect(throws: SessionError.badNonce) { try SignedAct(.ceiling(11), of: slot, nonceTPM: nonce) }
        let bundle = try BundleProfile.publicArea(
            openKey: Self.point(Self.openPrivate), authority: authority, unique: [UInt8](repeating: 1, count: 32))
        #expect(throws: SessionError.badNonce) {
            try SignedAct(openingBundle: bundle, authority: authority, nonceTPM: nonce)
        }
    }
}

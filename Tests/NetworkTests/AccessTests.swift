import Crypto
import Foundation
import NetworkTestSupport
import ProgramTestSupport
import TestSupport
import Testing
import VaultAPI

/// Who gets no call through to a vault on the network. Every one of these is tried on the real program, with an eye on the
/// wire to its chip.
@Suite(.timeLimit(.minutes(5))) struct AccessTests {
    @Test("without a token that holds nothing is spent, the chip has no command, and the connection ends")
    func refusals() async throws {
        try await NetworkStage.with { network in
            // Alice has an enrollment with guesses to spend.
            try await network.stage.enroll("phone", "alice", password: "pw")
            let before = network.commands
            guard case .edDSA(let key) = network.smith.key else { throw HarnessError("another kind of key") }
            let claims = TokenSmith.claims(for: NetworkStage.audience)
            let publicKey = Array(key.publicKey.rawRepresentation)
            let attempts: [(AccessFault, String)] = [
                (.tokenAudience, try network.token(for: "vault-2.example")),
                (.tokenExpired, try network.token(expires: -61)),
                (.tokenTooLong, try network.token(expires: 90_000)),
                (.tokenSignature, try TokenSmith().token(claims)),
                (.tokenKeyUnknown, try TokenSmith(id: "other").token(claims)),
                (.tokenAlgorithm, try TokenSmith(.none, id: "2026-1").token(claims)),
                (.tokenAlgorithm, try TokenSmith(.shared(publicKey), id: "2026-1").token(claims)),
                (.tokenAlgorithm, try TokenSmith(.es256(P256.Signing.PrivateKey()), id: "2026-1").token(claims)),
                (.tokenMalformed, "not a token"),
                (.tokenMalformed, String(repeating: "a", count: 5000)),
                (.tokenClaims, try network.smith.token(["sub": "alice", "aud": NetworkStage.audience])),
                (.tokenClaims, try network.smith.token(TokenSmith.claims(for: [String]()).merging(["aud": 7]) { $1 })),
            ]
            for (fault, token) in attempts {
                let (peer, reply) = try await network.knock { try await $0.present(token) }
                #expect(error(reply) == fault.wireName)
                #expect(parameters(reply)["guess"] as? String == "notSpent")
                #expect(try await peer.receive() == nil)
            }
            // Nothing of the vault's own interface without one: neither who it is, nor a session, nor a guess.
            for method in try Self.methods().map(\.name) + ["Unknown"] {
                let (peer, reply) = try await network.knock {
                    try await $0.call("org.tenpin.Vault.\(method)", Sample.parameters(account: "alice"))
                }
                #expect(error(reply) == AccessFault.tokenMissing.wireName, "\(method)")
                #expect(try await peer.receive() == nil)
            }
            // A certificate says nothing where no authority of gateways was named.
            let pair = try network.site.issue(["gateway"], isClient: true)
            let (_, selfMade) = try await network.knock(.init(pair: pair)) {
                try await $0.call("org.tenpin.Vault.Describe", [:])
            }
            #expect(error(selfMade) == AccessFault.tokenMissing.wireName)
            // What the service says of itself costs the chip nothing.
            let (_, info) = try await network.knock { try await $0.call("org.varlink.service.GetInfo", [:]) }
            let interfaces = parameters(info)["interfaces"]
            #expect((interfaces as? [String])?.contains("org.tenpin.Access") == true)
            #expect(network.commands == before)
        }
    }

    @Test("a connection speaks for its token's account alone, in every method that names one")
    func otherAccounts() async throws {
        try await NetworkStage.with { network in
            try await network.stage.enroll("phone", "bob", password: "pw")
            let before = network.commands
            let alice = try await network.peer("alice")
            let methods = try Self.methods()
            #expect(methods.count(where: \.namesAccount) >= 10)
            for method in methods where method.namesAccount {
                let reply = try await alice.call(
                    "org.tenpin.Vault.\(method.name)", Sample.parameters(account: "bob"))
                #expect(error(reply) == AccessFault.otherAccount.wireName, "\(method.name)")
            }
            #expect(network.commands == before)
            // A second token changes nothing: neither for the same account nor for another.
            for account in ["alice", "bob"] {
                let reply = try await alice.present(network.token(account))
                #expect(error(reply) == "org.varlink.service.InterfaceNotFound")
            }
            let reply = try await alice.call("org.tenpin.Vault.LookUp", ["account": "alice"])
            #expect(error(reply) == "org.tenpin.Vault.UnknownAccount")
            #expect(network.commands == before)
            let bob = try await network.peer("bob")
            #expect(parameters(try await bob.call("org.tenpin.Vault.LookUp", ["account": "bob"]))["count"] as? Int == 1)
        }
    }

    @Test("a token that ends in the middle of a connection ends the connection")
    func expiry() async throws {
        try await NetworkStage.with { network in
            let peer = try await TLSPeer.connect(network.port)
            // Five seconds are left, with the minute of grace for clocks that differ.
            #expect(parameters(try await peer.present(network.token(expires: -55)))["account"] as? String == "alice")
            let farewell = try await peer.receive()
            #expect(error(farewell) == "org.tenpin.Transport.IntroductionOver")
            #expect(try await peer.receive() == nil)
        }
    }

    @Test("a gateway with a certificate of its authority speaks for every account; one of another authority for nobody")
    func gateway() async throws {
        let authority = try PaperSite("Gateways")
        try await Desk.with { desk in
            let file = desk.write(try authority.pem, to: "gateways.pem")
            try await NetworkStage.with("--gateway-ca", file) { network in
                for account in ["alice", "bob"] {
                    try await network.stage.enroll("phone", account, password: "pw")
                }
                let pair = try authority.issue(["gateway"], isClient: true)
                let gateway = try await TLSPeer.connect(network.port, .init(pair: pair))
                for account in ["alice", "bob"] {
                    let reply = try await gateway.call("org.tenpin.Vault.LookUp", ["account": account])
                    #expect(parameters(reply)["count"] as? Int == 1)
                }
                let before = network.commands
                for (signer, isClient, until) in [
                    (try PaperSite("Others"), true, Date.now + 3600), (network.site, true, .now + 3600),
                    (authority, false, .now + 3600), (authority, true, .now - 60),
                ] {
                    let pair = try signer.issue(["gateway"], isClient: isClient, until: until)
                    let peer = try await TLSPeer.connect(network.port, .init(pair: pair))
                    #expect(try await peer.call("org.tenpin.Vault.LookUp", ["account": "alice"]) == nil)
                }
                #expect(network.commands == before)
                // Others still come in with tokens.
                _ = try await network.peer("alice")
            }
        }
    }

    @Test("a key that is taken out ends those whom it let in, and another authority the gateways; others stay")
    func revocation() async throws {
        let (authority, fresh) = (try PaperSite("Gateways"), TokenSmith(id: "2026-2"))
        try await Desk.with { desk in
            let file = desk.write(try authority.pem, to: "gateways.pem")
            try await NetworkStage.with("--gateway-ca", file) { network in
                let own = network.stage.desk
                own.write(try TokenSmith.jwks([network.smith, fresh]), to: "jwks.json")
                try await network.reload()
                let alice = try await network.peer("alice")
                let bob = try await TLSPeer.connect(network.port)
                _ = try await bob.present(fresh.token(TokenSmith.claims("bob", for: NetworkStage.audience)))
                let pair = try authority.issue(["gateway"], isClient: true)
                let gateway = try await TLSPeer.connect(network.port, .init(pair: pair))
                func answers(_ peer: TLSPeer) async throws -> String? {
                    error(try await peer.call("org.tenpin.Vault.Describe", [:]))
                }
                for peer in [alice, bob, gateway] { #expect(try await answers(peer) == nil) }

                own.write(try TokenSmith.jwks([fresh]), to: "jwks.json")
                try await network.reload()
                #expect(try await answers(alice) == AccessFault.tokenKeyUnknown.wireName)
                #expect(try await alice.receive() == nil)
                for peer in [bob, gateway] { #expect(try await answers(peer) == nil) }

                desk.write(try PaperSite("New gateways").pem, to: "gateways.pem")
                try await network.reload()
                #expect(try await answers(bob) == nil)
                #expect(try await answers(gateway) == "org.tenpin.Transport.IntroductionOver")
                #expect(try await gateway.receive() == nil)
                let late = try await TLSPeer.connect(network.port, .init(pair: pair))
                #expect(try await late.call("org.tenpin.Vault.Describe", [:]) == nil)
            }
        }
    }

    /// A method of the interface as its description has it.
    private struct Method {
        let name: String
        let namesAccount: Bool
    }

    private static func methods() throws -> [Method] {
        let found = VaultInterface.description.matches(of: /method (\w+)\(([^)]*(?:\([^)]*\)[^)]*)*)\) ->/)
        try #require(found.count >= 12)
        return found.map {
            let parameters = $0.2
            return Method(
                name: String($0.1), namesAccount: parameters.contains("account:") || parameters.contains("recipe:"))
        }
    }
}

/// Parameters that every method of the interface can be called with.
private enum Sample {
    static func parameters(account: String) throws -> [String: Any] {
        let bytes = Data([0x02] + [UInt8](repeating: 1, count: 32)).base64EncodedString()
        let id = Data(repeating: 7, count: 16).base64EncodedString()
        let carried: [String: Any] = ["nonceCaller": bytes, "attributes": 1, "hmac": bytes]
        let sealed: [String: Any] = ["publicArea": bytes, "duplicate": bytes, "encryptedSeed": bytes]
        let vault: [String: Any] = [
            "endorsementName": bytes, "parentName": bytes, "authorityHash": "sha512", "slot": 0x0180_0000, "limit": 10,
            "evaluationKeyName": bytes,
        ]
        let recipe: [String: Any] = [
            "suite": "tenpin-1", "account": account, "enrollment": id, "generation": 1, "threshold": 1,
            "memory": 65536, "passes": 3, "vaults": [vault],
        ]
        return [
            "account": account, "enrollment": id, "session": 1, "fact": "slot", "authorization": carried,
            "kind": "hmac", "encryptedSalt": bytes, "nonceCaller": bytes, "limitKey": bytes, "slot": bytes,
            "evaluationKey": sealed, "write": "ceiling", "value": 11, "nonceTPM": bytes, "signature": bytes,
            "blinded": bytes, "recipe": recipe, "confirmation": bytes, "openKey": bytes, "bundle": sealed,
            "olderKeys": "", "qualifyingData": bytes, "from": 0, "unburnt": false,
        ]
    }
}

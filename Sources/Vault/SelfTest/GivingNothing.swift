import Secrets
import TPM
import TPMDevice

extension ChipProperty {
    /// The parent takes in and loads, and gives nothing out.
    static let givingNothing = [
        ChipProperty(
            "rewrap-refused",
            "TPM2_Rewrap under the parent is refused every way; allowed, it would answer with a sealed key in plaintext."
        ) { bench in try rewrapRefused(bench) },
        ChipProperty(
            "parent-only-takes-in", "The parent multiplies nothing for anyone: its policy names Import and Load alone."
        ) { bench in
            let parent = try bench.objects().parent
            try bench.refusesAllWays("ECDH_ZGen", .ecdhZGen(parent, .someone))
            return "ECDH_ZGen was refused in six ways"
        },
    ]

    private static func rewrapRefused(_ bench: Workbench) throws -> String {
        guard bench.has(.rewrap) else { return "the chip has no Rewrap" }
        let objects = try bench.objects()
        for blob in [objects.evaluationKey, objects.bundle] {
            try bench.refusesAllWays("Rewrap", .rewrap(blob.sealed, named: blob.area.name, from: objects.parent))
        }
        // The command is well formed: a parent that its authValue opens to every use gives out what was sealed to it.
        let chip = bench.chip
        let careless = PublicArea(
            nameAlgorithm: .sha256,
            attributes: [.fixedTPM, .fixedParent, .sensitiveDataOrigin, .userWithAuth, .noDA, .restricted, .decrypt],
            authPolicy: [], body: .ecc(curve: .p256, symmetric: .aes128, scheme: .null, x: [], y: []))
        let response = try chip.run(.createPrimary(careless, in: .owner), authorizedBy: chip.owner)
        guard let handle = response.handle else { throw ChipError.malformed(.createPrimary, .truncated) }
        defer { try? chip.flush(handle) }
        let area = try chip.parse(response, to: .createPrimary) { (reader: inout Reader) throws(WireError) in
            try PublicArea(tpm2b: &reader)
        }
        let target = objects.evaluationKey.area
        let sealed = try Sealed(Sensitive(privateKey: SecretBytes(random: 32)), of: target, to: area)
        let rewrap = Command.rewrap(sealed, named: target.name, from: .init(handle, area.name))
        let control = try chip.answer(to: rewrap, authorizedBy: .password())
        return control.isSuccess
            ? "refused in six ways, where a careless parent gives everything out"
            : "refused in six ways; a careless parent refuses as well (\(control))"
    }
}

extension Workbench {
    /// The chip must refuse a use of the parent with everything that the vault's host has.
    func refusesAllWays(_ name: String, _ command: Command) throws {
        let policy = ParentProfile.policy
        try refuses("\(name) without an authorization", command, with: Refusal.unauthorized)
        try refuses("\(name) by password", command, .password(), with: Refusal.unauthorized)
        try withSession { session, _ in
            try refuses("\(name) by an empty policy", command, .policy(session), with: Refusal.unauthorized)
        }
        for branch: CommandCode in [.import, .load] {
            try withSession { session, _ in
                try chip.satisfy(policy, for: branch, in: session)
                try refuses(
                    "\(name) by the \(branch) branch", command, .policy(session), with: Refusal.unauthorized)
            }
        }
        try withSession { session, _ in
            try chip.run(.policyCommandCode(session, command.code))
            try refuses("\(name) by its command code", command, .policy(session), with: Refusal.unauthorized)
        }
    }
}

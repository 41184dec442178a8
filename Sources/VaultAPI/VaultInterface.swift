/// The Varlink interface: its name, and the description that `org.varlink.service` shows.
public enum VaultInterface {
    public static let name = "org.tenpin.Vault"

    /// The interface in Varlink's definition language; byte strings are base64.
    public static let description: String = {
        let faults = VaultFault.allCases.map { "error \($0.rawValue) (guess: string, message: string)" }
        return methods + "\n\n" + faults.joined(separator: "\n") + "\n"
    }()

    private static let methods = """
        # A backup key vault: keeps a backup key and hands it out for the right password, with a limit on guesses that
        # the TPM counts. Byte strings are base64: structures TPM-marshalled, points SEC 1 compressed. Every error says whether
        # a guess was spent: notSpent or maybeSpent.
        interface org.tenpin.Vault

        type Carried (nonceCaller: string, attributes: int, hmac: string)

        type CarriedReply (parameters: string, nonceTPM: string, attributes: int, hmac: string)

        type SealedObject (publicArea: string, duplicate: string, encryptedSeed: string)

        type CredentialChallenge (blob: string, encryptedSeed: string)

        type Granted (guesses: int, mac: string)

        type CeilingRecord (ceiling: int, nonceTPM: string, signature: string, granted: Granted)

        type JournalLine (
            time: int, kind: (found, armed, live, guess, refused, cutOff, open, refund, grant, replaced, removed),
            enrollment: string, count: int, ceiling: int
        )

        type RecipeVault (
            endorsementName: string, parentName: string, authorityHash: string, slot: int, limit: int,
            evaluationKeyName: string
        )

        type Recipe (
            suite: string, account: string, enrollment: string, generation: int, threshold: int, memory: int,
            passes: int, vaults: []RecipeVault
        )

        # Who the vault says it is. A device believes none of it before a session of its own proved it.
        method Describe() -> (
            suite: string, endorsementKey: string, certificate: string, intermediates: []string, parent: string,
            freeSlots: ?int, emulated: bool
        )

        # Starts a session between device and chip, salted to the endorsement key.
        method StartSession(kind: (hmac, policy), encryptedSalt: string, nonceCaller: string) -> (
            session: int, nonceTPM: string
        )

        # Has the chip say something in the device's session.
        method Prove(
            session: int, fact: (parent, attestationKey, largestDigest, maker, random, slot), account: ?string,
            enrollment: ?string, authorization: Carried
        ) -> (parameters: string, nonceTPM: string, attributes: int, hmac: string)

        # Reserves a slot for a fresh enrollment.
        method Reserve(account: string, enrollment: string, replaces: ?string) -> (slot: int)

        # Defines the slot and imports the evaluation key.
        method Define(
            account: string, enrollment: string, limitKey: string, slot: string, evaluationKey: SealedObject
        ) -> ()

        # Writes the slot in the device's policy session, with the limit key's signature and the device's HMAC.
        method WriteSlot(
            session: int, account: string, enrollment: string, write: (first, ceiling, burn), value: int,
            nonceTPM: string, signature: string, authorization: Carried, granted: ?Granted
        ) -> (parameters: string, nonceTPM: string, attributes: int, hmac: string)

        # Evaluates a blinded element: spends a guess first. In the device's session, where one is given, the chip shows that it
        # did. The last element asked again costs nothing, and is not shown again.
        method Evaluate(
            account: string, enrollment: string, blinded: string, session: ?int, authorization: ?Carried
        ) -> (evaluated: string, guessesLeft: int, proof: ?CarriedReply)

        # Makes an enrollment live. A repetition changes nothing.
        method Commit(
            recipe: Recipe, confirmation: string, openKey: string, bundle: SealedObject, olderKeys: string
        ) -> ()

        # What a device needs to recover, with count and ceiling as the vault knows them.
        method LookUp(account: string) -> (
            recipe: Recipe, confirmation: string, bundle: string, olderKeys: string, ceilingRecord: ?CeilingRecord,
            count: int, ceiling: int, replaced: []string
        )

        # Starts the session in which the bundle will be opened.
        method Challenge(account: string, enrollment: string) -> (session: int, nonceTPM: string)

        # Opens the bundle with the open key's signature over the challenge.
        method Open(
            session: int, account: string, enrollment: string, nonceTPM: string, signature: string
        ) -> (bundle: string)

        # Has the attestation key certify count and ceiling of the account's slot.
        method Certify(
            account: string, enrollment: string, qualifyingData: string, credential: ?CredentialChallenge
        ) -> (attest: string, signature: string, evaluationKey: string, activated: ?string)

        # What the vault's journal has on the account, oldest line first, without the first `from`. A line's count and ceiling
        # are the slot's after it; time is in seconds since 1970.
        method History(account: string, from: int) -> (lines: []JournalLine, more: bool)

        # Removes an enrollment: undefines the slot and erases the record.
        method Forget(account: string, enrollment: string, unburnt: bool) -> ()
        """
}

import Secrets
import TPM
import VaultAPI

/// A recipe that this device follows: every field that can be judged without the password was.
///
/// Checked before memory is taken, a guess is spent, or anything is signed. The fields that are a matter of the
/// enrollment alone (its id, limit, generation, evaluation key) are authenticated by the confirmation.
struct CheckedRecipe: Hashable, Sendable {
    let recipe: Recipe
    let vault: Entry
    let parameters: Argon2id.Parameters
    /// `ctx`, 32 bytes.
    let context: [UInt8]

    /// The one vault of the recipe, its fields parsed.
    struct Entry: Hashable, Sendable {
        let endorsementName: Name
        let authority: AuthorityProfile
        let slot: Handle
        let limit: UInt32
    }

    /// - Parameters:
    ///   - account: the account that was asked for.
    ///   - trusted: the vault that was asked.
    init(
        _ recipe: Recipe, for account: Account, at trusted: TrustedVault
    ) throws(VaultClientError) {
        do throws(RecipeFlaw) {
            guard recipe.suite == Recipe.suite else { throw .suite(recipe.suite) }
            guard recipe.account == account else { throw .account }
            guard recipe.generation >= 1 else { throw .generation }
            guard recipe.threshold == 1 else { throw .threshold(recipe.threshold) }
            // The attack: 1. the vault asks for a terabyte, or for no work at all; 2. the device dies of the one, and
            // gives away a password that is searched in no time with the other.
            guard let parameters = try? Argon2id.Parameters(memoryKiB: recipe.memory, passes: recipe.passes) else {
                throw .work(memory: recipe.memory, passes: recipe.passes)
            }
            guard recipe.vaults.count == 1, let entry = recipe.vaults.first else {
                throw .vaults(recipe.vaults.count)
            }
            vault = try Self.check(entry, at: trusted)
            context = recipe.hash
            self.recipe = recipe
            self.parameters = parameters
        } catch {
            throw VaultClientError(.recipe(error))
        }
    }

    private static func check(_ entry: Recipe.Entry, at trusted: TrustedVault) throws(RecipeFlaw) -> Entry {
        guard entry.endorsementName.bytes == trusted.endorsementName.bytes else { throw .otherVault }
        guard entry.parentName.bytes == trusted.parent.name.bytes else { throw .otherParent }
        guard entry.authorityHash == trusted.authority.hash.label else { throw .authorityHash(entry.authorityHash) }
        guard Handle.slots.contains(entry.slot) else { throw .slot(entry.slot) }
        guard SlotProfile.limits.contains(entry.limit) else { throw .limit(entry.limit) }
        guard let name = try? Name(parsing: entry.evaluationKeyName.bytes),
            name.bytes.starts(with: [0x00, 0x0B])
        else { throw .evaluationKeyName }
        return Entry(
            endorsementName: trusted.endorsementName, authority: trusted.authority, slot: Handle(entry.slot),
            limit: entry.limit)
    }
}

/// What a device refuses in a recipe. No guess was spent, and nothing was signed.
public enum RecipeFlaw: Error, Equatable, Sendable, CustomStringConvertible {
    case suite(String)
    case account
    case generation
    case threshold(UInt32)
    case work(memory: UInt32, passes: UInt32)
    case vaults(Int)
    case otherVault
    case otherParent
    case authorityHash(String)
    case slot(UInt32)
    case limit(UInt32)
    case evaluationKeyName
    case notThePinned
    case confirmation(Int)

    public var description: String { "The vault's recipe is refused: \(fault)." }

    private var fault: String {
        switch self {
        case .suite(let suite):
            "it is for the suite \(printable(suite)), and this version speaks \(Recipe.suite); use a newer version"
        case .account: "it is another account's; ask the vault's operator"
        case .generation: "its backup key has no generation; ask the vault's operator"
        case .threshold(let count): "it needs \(count) vaults, and this version uses one; use a newer version"
        case .work(let memory, let passes):
            "it asks for \(memory) KiB and \(passes) passes of Argon2id, and 65536 to 1048576 KiB and 3 to 10 passes"
                + " are allowed; do not use this vault"
        case .vaults(let count): "it names \(count) vaults, and this version uses one; use a newer version"
        case .otherVault: "it is for another chip than this vault's; check the vault's address"
        case .otherParent: "its chip was cleared since, and keeps nothing of the enrollment; enroll anew"
        case .authorityHash(let hash):
            "it was made for a chip whose largest hash is \(printable(hash)), and this chip states another;"
                + " its firmware was changed: ask the vault's operator to go back, or enroll anew"
        case .slot(let handle): "\(Handle(handle)) is not the handle of a slot; ask the vault's operator"
        case .limit(let limit): "a limit of \(limit) is not between 1 and 1000; ask the vault's operator"
        case .evaluationKeyName: "its evaluation key has no proper Name; ask the vault's operator"
        case .notThePinned:
            "it is not the one that this backup names: the password was changed since, or another vault answers; if you"
                + " changed it, recover without naming the backup"
        case .confirmation(let size): "its confirmation has \(size) bytes and not 32; ask the vault's operator"
        }
    }
}

/// Text from elsewhere for a person's eyes: short, and without anything that a terminal obeys.
func printable(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(64).map { scalar in
        scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7F ? Character(scalar) : "?"
    }
    return "“" + String(shown) + "”"
}

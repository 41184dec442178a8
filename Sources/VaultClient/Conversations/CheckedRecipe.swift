import Secrets
import TPM
import VaultAPI

/// A recipe that this device follows: every field that can be judged without the password was.
///
/// Checked before memory is taken, a guess is spent, or anything is signed. The fields that are a matter of the
/// enrollment alone (its id, limit, generation, evaluation key) are authenticated by the confirmation.
struct CheckedRecipe: Hashable, Sendable {
    let recipe: Recipe
    let parameters: Argon2id.Parameters
    /// `ctx`, 32 bytes.
    let context: [UInt8]
    private let entries: [Entry]

    /// How many answers are needed.
    var threshold: Int { Int(recipe.threshold) }
    /// Whether there are more vaults than are needed.
    var isRedundant: Bool { recipe.vaults.count > threshold }

    /// One vault of the recipe, its fields parsed.
    struct Entry: Hashable, Sendable {
        /// Where its share lies on the polynomial, from 1.
        let x: Int
        let slot: Handle
        let limit: UInt32
        let evaluationKey: Name
    }

    /// - Parameters:
    ///   - account: the account that was asked for.
    init(_ recipe: Recipe, for account: Account) throws(VaultClientError) {
        do throws(RecipeFlaw) {
            guard recipe.suite == Recipe.suite else { throw .suite(recipe.suite) }
            guard recipe.account == account else { throw .account }
            guard recipe.generation >= 1 else { throw .generation }
            if let flaw = recipe.sharingFlaw { throw .sharing(flaw) }
            // The attack: 1. the vault asks for a terabyte, or for no work at all; 2. the device dies of the one, and
            // gives away a password that is searched in no time with the other.
            guard let parameters = try? Argon2id.Parameters(memoryKiB: recipe.memory, passes: recipe.passes) else {
                throw .work(memory: recipe.memory, passes: recipe.passes)
            }
            var entries: [Entry] = []
            for (index, entry) in recipe.vaults.enumerated() { entries.append(try Self.check(entry, at: index + 1)) }
            self.entries = entries
            context = recipe.hash
            self.recipe = recipe
            self.parameters = parameters
        } catch {
            throw VaultClientError(.recipe(error))
        }
    }

    private static func check(_ entry: Recipe.Entry, at x: Int) throws(RecipeFlaw) -> Entry {
        guard Handle.slots.contains(entry.slot) else { throw .slot(entry.slot) }
        guard SlotProfile.limits.contains(entry.limit) else { throw .limit(entry.limit) }
        guard let name = try? Name(parsing: entry.evaluationKeyName.bytes),
            name.bytes.starts(with: [0x00, 0x0B])
        else { throw .evaluationKeyName }
        return Entry(x: x, slot: Handle(entry.slot), limit: entry.limit, evaluationKey: name)
    }

    /// The entry of a vault that was asked, whose chip must be the one of then.
    func entry(at trusted: TrustedVault) throws(VaultClientError) -> Entry {
        do throws(RecipeFlaw) {
            guard
                let index = recipe.vaults.firstIndex(where: {
                    $0.endorsementName.bytes == trusted.endorsementName.bytes
                })
            else { throw .otherVault }
            let entry = recipe.vaults[index]
            guard entry.parentName.bytes == trusted.parent.name.bytes else { throw .otherParent }
            guard entry.authorityHash == trusted.authority.hash.label else {
                throw .authorityHash(entry.authorityHash)
            }
            return entries[index]
        } catch {
            throw VaultClientError(.recipe(error))
        }
    }
}

/// What a device refuses in a recipe. No guess was spent, and nothing was signed.
public enum RecipeFlaw: Error, Equatable, Sendable, CustomStringConvertible {
    case suite(String)
    case account
    case generation
    case sharing(Recipe.SharingFlaw)
    case work(memory: UInt32, passes: UInt32)
    case otherVault
    case otherParent
    case authorityHash(String)
    case slot(UInt32)
    case limit(UInt32)
    case evaluationKeyName
    case notThePinned
    case confirmation(Int)
    /// It names fewer vaults than the person did.
    case fewerThanNamed(Int)
    /// It names more vaults than the person did.
    case moreThanNamed(Int)
    /// It is not the one that the other vaults serve.
    case notTheOthers

    public var description: String { "The vault's recipe is refused: \(fault)." }

    private var fault: String {
        switch self {
        case .suite(let suite):
            "it is for the suite \(printable(suite)), and this version speaks \(Recipe.suite); use a newer version"
        case .account: "it is another account's; ask the vault's operator"
        case .generation: "its backup key has no generation; ask the vault's operator"
        case .sharing(.threshold(let count)): "it is content with \(count) vaults, which cannot be; ask their operators"
        case .sharing(.vaults(let count)):
            "it names \(count) vaults, and there are 1 to \(Recipe.maximumVaults); use a newer version"
        case .sharing(.twice): "it names one chip twice; do not use this vault"
        case .work(let memory, let passes):
            "it asks for \(memory) KiB and \(passes) passes of Argon2id, and 65536 to 1048576 KiB and 3 to 10 passes"
                + " are allowed; do not use this vault"
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
        case .fewerThanNamed(let count):
            "it names \(count) of the vaults that you named; name the account's own vaults, and no others"
        case .moreThanNamed(let count):
            "it names \(count) vaults that hold the key together; name the others too"
        case .notTheOthers: "the other vaults serve another one"
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

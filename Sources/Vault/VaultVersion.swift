/// The version of both programs.
public enum VaultVersion {
    public static let text = "0.1.0"
}

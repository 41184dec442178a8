import VaultClient

/// The error of `body`, which must be one of the device's.
package func failure(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void
) async throws -> VaultClientError? {
    do {
        try await body()
        return nil
    } catch let error as VaultClientError {
        return error
    }
}

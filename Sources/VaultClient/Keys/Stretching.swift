import Foundation
import Glibc
import Secrets

/// Argon2id off the cooperative pool: it takes a thread for a second or more, and the pool has few.
enum Stretching {
    static func derive(
        from input: SharedSecret, salt: [UInt8], parameters: Argon2id.Parameters
    ) async throws(VaultClientError) -> SharedSecret {
        let result = await withCheckedContinuation { (done: CheckedContinuation<Outcome, Never>) in
            let thread = Thread {
                do throws(Argon2idError) {
                    let output = try Argon2id.derive(from: input.bytes, salt: salt, parameters: parameters)
                    done.resume(returning: .success(SharedSecret(output)))
                } catch {
                    done.resume(returning: .failure(error))
                }
            }
            thread.name = "argon2id"
            thread.start()
        }
        switch result {
        case .success(let output): return output
        case .failure(let error): throw VaultClientError(.argon2id(error))
        }
    }

    /// Asks the system for as much memory as Argon2id will ask for, and gives it back: a device that has too little
    /// finds out before a guess is spent.
    static func checkMemory(for parameters: Argon2id.Parameters) throws(VaultClientError) {
        let size = Int(parameters.memoryKiB) * 1024
        let memory = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw VaultClientError(.argon2id(.noMemory(memoryKiB: parameters.memoryKiB)))
        }
        unsafe munmap(memory, size)
    }

    private typealias Outcome = Result<SharedSecret, Argon2idError>
}

/// What the device is doing, for whoever shows it.
public enum ClientStep: Equatable, Sendable {
    case proving
    case reserving
    /// Argon2id begins, which takes a second or more.
    case stretching(Argon2id.Parameters)
    case stretched
    case defining
    case evaluating
    case committing
    case opening
    case raising
    case burning
    case forgetting
}

/// Told about each step as it begins.
public typealias StepHook = @Sendable (ClientStep) -> Void

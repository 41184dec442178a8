import TPM

/// The commands that an entity can authorize, by the role that the standard gives it in each. TPM 2.0 Part 1 §19.2.
struct Roles {
    /// Authorized by authValue where userWithAuth or the index's attributes allow that, or by the policy.
    var user: [CommandCode]
    /// Authorized by a policy that names the command; of objects without adminWithPolicy also by authValue.
    var admin: [CommandCode]
    /// Authorized by a policy that names the command, and by nothing else.
    var policyOnly: [CommandCode]
}

extension ObjectArea {
    /// What the object's type and attributes leave, from the tables of commands in Part 3.
    var roles: Roles {
        var user: [CommandCode] = []
        if isParent {
            if kind == .keyedHash {
                user += [.createLoaded]
            } else {
                user += [.create, .createLoaded, .load, .import]
                if kind != .symmetric { user += [.rewrap, .activateCredential] }
            }
        } else if attributes.contains(.decrypt) {
            switch kind {
            case .rsa: user.append(.rsaDecrypt)
            // The same key and the same authorization, another scheme: who allows one should say so.
            case .ecc: user += [.ecdhZGen, .zGen2Phase, .eccDecrypt]
            case .symmetric: user += [.encryptDecrypt, .encryptDecrypt2]
            case .keyedHash: break
            }
        }
        if attributes.contains(.sign) {
            switch kind {
            case .keyedHash: user += [.hmac, .hmacStart]
            case .symmetric: user += [.hmac, .hmacStart, .encryptDecrypt, .encryptDecrypt2]
            case .rsa, .ecc: user.append(.sign)
            }
            if scheme == Algorithm.ecdaa { user.append(.commit) }
            user += [
                .certify, .certifyCreation, .quote, .getTime, .getSessionAuditDigest, .getCommandAuditDigest,
                .nvCertify,
            ]
            if kind != .keyedHash, kind != .symmetric { user.append(.certifyX509) }
        }
        if kind == .keyedHash, attributes.isDisjoint(with: [.sign, .decrypt]) { user.append(.unseal) }
        return Roles(
            user: user, admin: [.objectChangeAuth, .certify, .activateCredential],
            policyOnly: attributes.contains(.fixedParent) ? [] : [.duplicate])
    }
}

extension NVAttributes {
    /// TPM_NT, bits 7 to 4. TPM 2.0 Part 2 §13.2.
    var type: UInt32 { rawValue >> 4 & 0xF }
    var isPINFail: Bool { type == 8 }
    var isPINPass: Bool { type == 9 }
    var isPIN: Bool { isPINFail || isPINPass }

    var typeName: String {
        [0: "ordinary", 1: "counter", 2: "bits", 4: "extended", 8: "PIN Fail", 9: "PIN Pass"][type] ?? "type \(type)"
    }

    /// What changes the index's data, and locks it where that is allowed.
    var writes: [CommandCode] {
        let write: CommandCode =
            switch type {
            case 1: .nvIncrement
            case 2: .nvSetBits
            case 4: .nvExtend
            default: .nvWrite
            }
        return [write] + (isDisjoint(with: [.writeDefine, .writeSTClear]) ? [] : [.nvWriteLock])
    }

    /// What looks at the index's data, and locks it where that is allowed.
    var reads: [CommandCode] {
        [.nvRead, .nvCertify, .policyNV] + (contains(.readSTClear) ? [.nvReadLock] : [])
    }

    /// The standard's names of what is set, but for the type.
    var names: [String] {
        let known: [(NVAttributes, String)] = [
            (.ppWrite, "PPWRITE"), (.ownerWrite, "OWNERWRITE"), (.authWrite, "AUTHWRITE"),
            (.policyWrite, "POLICYWRITE"), (.policyDelete, "POLICY_DELETE"), (.writeLocked, "WRITELOCKED"),
            (.writeAll, "WRITEALL"), (.writeDefine, "WRITEDEFINE"), (.writeSTClear, "WRITE_STCLEAR"),
            (.globalLock, "GLOBALLOCK"), (.ppRead, "PPREAD"), (.ownerRead, "OWNERREAD"), (.authRead, "AUTHREAD"),
            (.policyRead, "POLICYREAD"), (.noDA, "NO_DA"), (.orderly, "ORDERLY"),
            (.clearSTClear, "CLEAR_STCLEAR"), (.readLocked, "READLOCKED"), (.written, "WRITTEN"),
            (.platformCreate, "PLATFORMCREATE"), (.readSTClear, "READ_STCLEAR"),
        ]
        return known.filter { contains($0.0) }.map(\.1)
    }
}

extension ObjectAttributes {
    /// The standard's names of what is set.
    var names: [String] {
        let known: [(ObjectAttributes, String)] = [
            (.fixedTPM, "fixedTPM"), (.stClear, "stClear"), (.fixedParent, "fixedParent"),
            (.sensitiveDataOrigin, "sensitiveDataOrigin"), (.userWithAuth, "userWithAuth"),
            (.adminWithPolicy, "adminWithPolicy"), (.noDA, "noDA"),
            (.encryptedDuplication, "encryptedDuplication"), (.restricted, "restricted"), (.decrypt, "decrypt"),
            (.sign, "sign"),
        ]
        return known.filter { contains($0.0) }.map(\.1)
    }
}

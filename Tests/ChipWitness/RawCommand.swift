/// A command's parts, read from the bytes or put together for them (TPM 2.0 Part 1 §18).
package struct RawCommand: Sendable {
    package var code: UInt32
    package var handles: [UInt32]
    package var authorizations: [Authorization]
    /// As they are sent; a first TPM2B may be encrypted.
    package var parameters: [UInt8]

    /// One entry of the authorization area (TPMS_AUTH_COMMAND).
    package struct Authorization: Sendable {
        package var session: UInt32
        package var nonceCaller: [UInt8]
        package var attributes: UInt8
        package var hmac: [UInt8]

        package init(session: UInt32, nonceCaller: [UInt8] = [], attributes: UInt8 = 0, hmac: [UInt8] = []) {
            self.session = session
            self.nonceCaller = nonceCaller
            self.attributes = attributes
            self.hmac = hmac
        }

        /// The empty password.
        package static let password = Authorization(session: 0x4000_0009, attributes: 1)

        /// A satisfied policy session, which ends with the command unless it is to go on.
        package static func policy(_ session: UInt32, goesOn: Bool = false) -> Authorization {
            Authorization(session: session, attributes: goesOn ? 1 : 0)
        }

        /// Whether it is by authValue: a password or an HMAC session, not a policy.
        var isByValue: Bool { session >> 24 != 0x03 }
        /// Whether the chip decrypts the first parameter in it (TPMA_SESSION).
        var decrypts: Bool { attributes & 0x20 != 0 }

        var bytes: [UInt8] { field(session) + sized(nonceCaller) + [attributes] + sized(hmac) }
    }

    package init(
        _ code: UInt32, _ handles: [UInt32] = [], _ authorizations: [Authorization] = [], _ parameters: [UInt8] = []
    ) {
        self.code = code
        self.handles = handles
        self.authorizations = authorizations
        self.parameters = parameters
    }

    /// Takes a command apart; `nil` for one that no chip would parse either, or whose code is not in the table.
    package init?(_ bytes: [UInt8]) {
        do throws(Fields.Short) {
            var fields = Fields(bytes)
            let tag = try fields.number(UInt16.self)
            guard try Int(fields.number(UInt32.self)) == bytes.count else { return nil }
            code = try fields.number()
            guard let shape = CommandShape.all[code] else { return nil }
            handles = []
            for _ in 0..<shape.handles { handles.append(try fields.number()) }
            authorizations = []
            if tag == 0x8002 {
                var area = Fields(try fields.take(Int(fields.number(UInt32.self))))
                while !area.isEmpty {
                    authorizations.append(
                        Authorization(
                            session: try area.number(), nonceCaller: try area.sized(),
                            attributes: try area.number(), hmac: try area.sized()))
                }
            }
            parameters = Array(fields.rest)
        } catch {
            return nil
        }
    }

    package var bytes: [UInt8] {
        let area = authorizations.flatMap(\.bytes)
        let body =
            handles.flatMap { field($0) } + (area.isEmpty ? [] : field(UInt32(area.count)) + area) + parameters
        return field(UInt16(area.isEmpty ? 0x8001 : 0x8002)) + field(UInt32(10 + body.count)) + field(code) + body
    }

    /// Who authorizes the use of the handle at this place.
    func authorization(of place: Int) -> Authorization? {
        let isAuthorized = place < (CommandShape.all[code]?.authorized ?? 0)
        return isAuthorized && authorizations.indices.contains(place) ? authorizations[place] : nil
    }
}

/// What the chip said to a command.
package struct RawAnswer: Sendable {
    package let code: UInt32
    package let handle: UInt32?
    package let parameters: [UInt8]

    package var succeeded: Bool { code == 0 }

    package init?(_ bytes: [UInt8], to command: UInt32) {
        do throws(Fields.Short) {
            var fields = Fields(bytes)
            let tag = try fields.number(UInt16.self)
            _ = try fields.number(UInt32.self)
            code = try fields.number()
            guard code == 0 else {
                (handle, parameters) = (nil, [])
                return
            }
            handle = CommandShape.all[command]?.answersHandle == true ? try fields.number() : nil
            parameters = tag == 0x8002 ? try fields.take(Int(fields.number(UInt32.self))) : Array(fields.rest)
        } catch {
            return nil
        }
    }
}

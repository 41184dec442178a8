import Foundation

/// What a call is answered with.
public enum VarlinkReply: Sendable, Equatable {
    /// It was done; the JSON object of the output parameters.
    case parameters(Data)
    /// It failed; the error's fully qualified name and the JSON object of its parameters.
    case error(name: String, parameters: Data)

    /// A reply without output parameters.
    public static let empty = VarlinkReply.parameters(Data("{}".utf8))

    /// A reply whose output parameters are `value`, which must encode as a JSON object.
    ///
    /// A value that cannot be encoded (a number that is not finite) becomes `ReplyUnusable` at the connection.
    public static func encoding(_ value: some Encodable) -> VarlinkReply {
        .parameters(JSONText.encode(value) ?? Data())
    }

    /// An error whose parameters are `value`, which must encode as a JSON object.
    public static func error(_ name: String, encoding value: some Encodable) -> VarlinkReply {
        .error(name: name, parameters: JSONText.encode(value) ?? Data())
    }

    /// The bytes of the reply with its NUL, or `nil` if they are too large or not a strict message. An error is always the
    /// last reply, whatever `continues` says.
    func bytes(limits: VarlinkLimits, continues: Bool = false) -> [UInt8]? {
        switch self {
        case .parameters(let parameters):
            let beginning = continues ? "{\"continues\":true,\"parameters\":" : "{\"parameters\":"
            return JSONText.message(beginning, parameters, limits: limits)
        case .error(let name, let parameters):
            guard VarlinkName.split(name) != nil else { return nil }
            return JSONText.message("{\"error\":\"\(name)\",\"parameters\":", parameters, limits: limits)
        }
    }
}

/// The standard errors (varlink.org, `org.varlink.service`), with the parameters that it names.
extension VarlinkReply {
    /// No such interface here.
    public static func interfaceNotFound(_ interface: String) -> VarlinkReply {
        .error("org.varlink.service.InterfaceNotFound", encoding: ["interface": interface])
    }

    /// The interface has no such method; `method` is fully qualified.
    public static func methodNotFound(_ method: String) -> VarlinkReply {
        .error("org.varlink.service.MethodNotFound", encoding: ["method": method])
    }

    /// The interface has the method but this service does not offer it, or not in the way it was called.
    public static func methodNotImplemented(_ method: String) -> VarlinkReply {
        .error("org.varlink.service.MethodNotImplemented", encoding: ["method": method])
    }

    /// A parameter is missing or not what the method takes.
    public static func invalidParameter(_ parameter: String) -> VarlinkReply {
        .error("org.varlink.service.InvalidParameter", encoding: ["parameter": parameter])
    }

    /// The caller may not do this.
    public static let permissionDenied = VarlinkReply.error(
        name: "org.varlink.service.PermissionDenied", parameters: Data("{}".utf8))

    /// The method is only for calls with `more`.
    public static let expectedMore = VarlinkReply.error(
        name: "org.varlink.service.ExpectedMore", parameters: Data("{}".utf8))
}

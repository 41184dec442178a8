import Foundation

/// One method call, its names checked and its parameters one strict JSON object.
public struct VarlinkCall: Sendable {
    /// The fully qualified name, as `org.example.Ping.Ping`.
    public let method: String
    /// The part before the last dot, as `org.example.Ping`.
    public let interface: String
    /// The part after the last dot, as `Ping`.
    public let member: String
    /// The JSON text of the parameters, always an object; `{}` if the caller sent none.
    public let parameters: Data
    /// The caller wants no reply; whatever the conversation answers is dropped.
    public let isOneway: Bool
    /// The caller takes several replies: the conversation is called with a way to send them. One is enough.
    public let wantsMore: Bool

    /// A call of `method`, or `nil` if that is not `interface.Member` by Varlink's grammar.
    ///
    /// A server makes its calls itself; this is for handing one to a conversation without a socket. `parameters` must
    /// be a JSON object that `StrictJSON` lets pass.
    public init?(
        method: String, parameters: Data = Data("{}".utf8), isOneway: Bool = false, wantsMore: Bool = false
    ) {
        guard let (interface, member) = VarlinkName.split(method) else { return nil }
        self.method = method
        self.interface = interface
        self.member = member
        self.parameters = parameters
        self.isOneway = isOneway
        self.wantsMore = wantsMore
    }

    /// The parameters as a value.
    ///
    /// Members that `type` does not know are ignored, as is the rule in Varlink, so that interfaces can grow. A missing
    /// one, one of another type or one that the type's own `init(from:)` refuses is named in the error; to be named, it
    /// must throw `DecodingError` there.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws(VarlinkInvalidParameter) -> T {
        do {
            return try JSONDecoder().decode(type, from: parameters)
        } catch {
            throw VarlinkInvalidParameter(error)
        }
    }
}

/// A parameter is missing, or its value is not what the method takes.
public struct VarlinkInvalidParameter: Error, Equatable, Sendable {
    /// Its name; of a nested one the path, as `recipe.vaults[0].limit`. Without any, the word `parameters`.
    public let parameter: String

    public init(parameter: String) { self.parameter = parameter }

    init(_ error: any Error) {
        let path: [any CodingKey] =
            switch error {
            case DecodingError.keyNotFound(let key, let context): context.codingPath + [key]
            case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
                DecodingError.dataCorrupted(let context):
                context.codingPath
            default: []
            }
        var name = ""
        for key in path {
            if let index = key.intValue {
                name += "[\(index)]"
            } else {
                name += name.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        parameter = name.isEmpty ? "parameters" : name
    }

    /// The standard error that tells the caller.
    public var reply: VarlinkReply { .invalidParameter(parameter) }
}

extension VarlinkInvalidParameter: CustomStringConvertible {
    public var description: String { "Give `\(parameter)` as the interface describes it." }
}

import Foundation

/// An interface as its description in Varlink's language; the description is handed out and not parsed here.
public struct VarlinkInterface: Sendable, Equatable {
    /// The reverse-domain name, as `org.example.Ping`.
    public let name: String
    /// The text, beginning with its comments or with `interface`.
    public let description: String

    public init(name: String, description: String) {
        self.name = name
        self.description = description
    }
}

/// What a service says about itself, and the answers to `org.varlink.service` made of it.
public struct VarlinkService: Sendable {
    public let vendor: String
    public let product: String
    public let version: String
    public let url: String
    /// All interfaces: the standard one first, then those given, then the connection's faults.
    public let interfaces: [VarlinkInterface]

    /// `interfaces` are those whose calls go to conversations.
    public init(vendor: String, product: String, version: String, url: String, interfaces: [VarlinkInterface]) {
        self.vendor = vendor
        self.product = product
        self.version = version
        self.url = url
        self.interfaces = [Self.standard] + interfaces + [TransportFault.interface]
    }

    /// The answer to a call that is not for a conversation, or `nil` if a conversation must answer it.
    func answer(_ call: VarlinkCall) -> VarlinkReply? {
        guard interfaces.contains(where: { $0.name == call.interface }) else {
            return .interfaceNotFound(call.interface)
        }
        switch (call.interface, call.member) {
        case (Self.standard.name, "GetInfo"):
            return .encoding(
                Info(
                    vendor: vendor, product: product, version: version, url: url,
                    interfaces: interfaces.map(\.name)))
        case (Self.standard.name, "GetInterfaceDescription"):
            return description(call)
        case (Self.standard.name, _), (TransportFault.interface.name, _):
            return .methodNotFound(call.method)
        default:
            return nil
        }
    }

    private func description(_ call: VarlinkCall) -> VarlinkReply {
        let wanted: Wanted
        do throws(VarlinkInvalidParameter) {
            wanted = try call.decode()
        } catch {
            return error.reply
        }
        guard let found = interfaces.first(where: { $0.name == wanted.interface }) else {
            return .interfaceNotFound(wanted.interface)
        }
        return .encoding(["description": found.description])
    }

    private struct Info: Encodable {
        let vendor, product, version, url: String
        let interfaces: [String]
    }

    private struct Wanted: Decodable {
        let interface: String
    }

    /// varlink.org, Service.
    private static let standard = VarlinkInterface(
        name: "org.varlink.service",
        description: """
            # What every Varlink service offers: a description of itself.
            interface org.varlink.service

            # Who made the service, and the names of its interfaces.
            method GetInfo() -> (
              vendor: string,
              product: string,
              version: string,
              url: string,
              interfaces: []string
            )

            # The description of one interface in Varlink's language.
            method GetInterfaceDescription(interface: string) -> (description: string)

            # The service has no such interface.
            error InterfaceNotFound (interface: string)

            # The interface has no such method.
            error MethodNotFound (method: string)

            # The interface has the method, but the service does not offer it, or not in the way it was called.
            error MethodNotImplemented (method: string)

            # A parameter is missing or not what the method takes.
            error InvalidParameter (parameter: string)

            # The caller may not do this.
            error PermissionDenied ()

            # The method is only for calls with the more flag.
            error ExpectedMore ()

            """)
}

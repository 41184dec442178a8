import Crypto
import Foundation
import SwiftASN1
import X509

/// A certificate whose fields are changed after the fact and signed again: what no library would write.
public struct Reissue {
    /// The fields of the TBSCertificate: version, serial number, algorithm, issuer, validity, subject, key, extensions.
    public var fields: [[UInt8]]
    private let algorithm: [UInt8]

    public init(_ der: [UInt8]) throws {
        let parts = try DER.parse(der).children
        fields = parts[0].children.map { Array($0.encodedBytes) }
        algorithm = Array(parts[1].encodedBytes)
    }

    /// Signs with the issuer's P-256 key.
    public func signed(by key: P256.Signing.PrivateKey) throws -> [UInt8] {
        let body = Self.sequence(fields)
        let signature = try key.signature(for: body).derRepresentation
        return Self.sequence([body, algorithm, Self.value(0x03, [0] + signature)])
    }

    /// Changes the one extension with this identifier; `change` gets its parts: identifier, flag if there is one, value.
    public mutating func changeExtension(_ oid: ASN1ObjectIdentifier, _ change: ([[UInt8]]) -> [[UInt8]]) throws {
        let list = try DER.parse(fields[7]).children[0].children
        let changed = try list.map { node in
            let parts = node.children
            guard try ASN1ObjectIdentifier(derEncoded: parts[0]) == oid else { return Array(node.encodedBytes) }
            return Self.sequence(change(parts.map { Array($0.encodedBytes) }))
        }
        fields[7] = Self.value(0xA3, Self.sequence(changed))
    }

    public static func sequence(_ parts: [[UInt8]]) -> [UInt8] { value(0x30, parts.flatMap { $0 }) }

    /// Tag, length and contents (X.690 §8.1), up to 65535 bytes.
    public static func value(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        let size = contents.count
        let length: [UInt8] =
            size < 0x80
            ? [UInt8(size)] : size < 0x100 ? [0x81, UInt8(size)] : [0x82, UInt8(size >> 8), UInt8(size & 0xFF)]
        return [tag] + length + contents
    }
}

extension ASN1Node {
    fileprivate var children: [ASN1Node] {
        if case .constructed(let nodes) = content { Array(nodes) } else { [] }
    }
}

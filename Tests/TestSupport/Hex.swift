/// Bytes of a hexadecimal string, with or without `0x`; traps on anything else, since only tests call it.
public func hex(_ text: String) -> [UInt8] {
    let digits = Array((text.hasPrefix("0x") ? text.dropFirst(2) : Substring(text)).utf8)
    precondition(digits.count.isMultiple(of: 2), "an odd number of digits: \(text)")
    return stride(from: 0, to: digits.count, by: 2).map { index in
        guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
            preconditionFailure("not hexadecimal: \(text)")
        }
        return byte
    }
}

/// Lower-case hexadecimal digits.
public func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }.joined()
}

extension MutableSpan<UInt8> {
    /// Writes `source` from `offset` on and moves `offset` behind it: how a secret is put together from parts.
    public mutating func append(_ source: Span<UInt8>, at offset: inout Int) {
        for index in source.indices { self[offset + index] = source[index] }
        offset += source.count
    }
}

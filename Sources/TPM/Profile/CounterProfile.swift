/// The journal's counter: an NV index of type counter, whose value stands in each certificate of the journal's head.
///
/// It only ever rises, by one at a time; undefined and defined again, it goes on from the largest count that any counter of
/// the chip ever had (TPM 2.0 Part 1 §37.2.4). So a count is certified at one time and never again. The attack: 1. root rewrites
/// an old line and all that follow; 2. has the new head certified; 3. the counts between then and now are past, and their
/// certificates, which say otherwise, can be left out but not made anew.
///
/// Its authValue is empty: anyone at the chip may read, certify and count. Counting leaves a gap for the audit to see, and
/// there is nothing else that could be written.
public enum CounterProfile {
    /// The public area: attributes exactly 0x02040014 (AUTHWRITE, AUTHREAD, NO_DA, NT = counter), counted once 0x22040014.
    public static func publicArea(at handle: Handle, written: Bool) -> NVPublic {
        var attributes: NVAttributes = [.authWrite, .authRead, .noDA, .counter]
        if written { attributes.insert(.written) }
        return NVPublic(
            index: handle, nameAlgorithm: .sha256, attributes: attributes, authPolicy: [], dataSize: size)
    }

    /// The counter as a command's handle.
    public static func entity(at handle: Handle, written: Bool = true) -> Command.Entity {
        Command.Entity(handle, publicArea(at: handle, written: written).name)
    }

    /// The size of a count in bytes.
    public static let size: UInt16 = 8
}

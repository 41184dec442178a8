import Testing

@testable import TPMDevice

@Suite("A chip that others may use") struct SharedChipTests {
    @Test("only what a program has for itself is its own to flush; what is not known is taken for shared")
    func tctis() {
        for own in ["device:/dev/tpm0", "device:/dev/tpm11", "swtpm", "swtpm:path=/x", "mssim:port=1", "libtpms:"] {
            #expect(!Chip.isShared(own), "\(own)")
        }
        for shared in [
            "device:/dev/tpmrm0", "device:/dev/tpm", "device", "device:/dev/mapper/tpm0", "tabrmd", "tabrmd:bus=x", "",
            "cmd:tpm", "swtpmx:path=/x",
        ] {
            #expect(Chip.isShared(shared), "\(shared)")
        }
    }
}

import TPM
import TPMDevice
import Testing

/// An endorsement key at a handle.
struct Endorsement {
    let area: PublicArea
    let handle: Handle
    var entity: Command.Entity { .init(handle, area.name) }

    /// Whatever a courier says that it is.
    init(area: PublicArea, handle: Handle) {
        self.area = area
        self.handle = handle
    }

    /// One that the chip keeps, or else a new one from the template.
    init(_ template: EndorsementTemplate, _ courier: Courier) throws {
        switch template {
        case .rsa2048: try self.init(at: Handle(0x8101_0001), courier)
        case .p384: try self.init(at: Handle(0x8101_0016), courier)
        case .p256, .p256High, .rsa2048High, .rsa3072, .rsa4096:
            let response = try courier.chip.run(
                .createPrimary(template.publicArea, in: .endorsement), authorizedBy: .password())
            try self.init(at: try #require(response.handle), courier)
        }
        try #require(EndorsementTemplate(of: area) == template)
    }

    private init(at handle: Handle, _ courier: Courier) throws {
        self.init(area: try courier.chip.publicArea(of: handle), handle: handle)
    }
}

extension Handle {
    /// Whether this is a transient object (handle type 80).
    var isTransient: Bool { rawValue >> 24 == 0x80 }
}

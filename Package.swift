// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let certificates: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
]
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let tls: [Target.Dependency] = [
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOTLS", package: "swift-nio"),
]

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "tenpin",
    products: [
        // For the tests alone: it is preloaded into the programs, never linked.
        .library(name: "DiskFaults", type: .dynamic, targets: ["DiskFaults"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // The C libraries.
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CTSS2", pkgConfig: "tss2-tctildr tss2-rc", providers: [.apt(["libtss2-dev"])]),

        // Lowest first; a target imports only what its line lists.
        .target(name: "Secrets", dependencies: ["CSodium"], swiftSettings: strict),
        .target(name: "OPRF", dependencies: ["Secrets", "CLibCrypto"], swiftSettings: strict),
        .target(name: "Passwords", dependencies: ["Secrets"], swiftSettings: strict),
        .target(name: "Backup", dependencies: ["Secrets", "CArchive"], swiftSettings: strict),
        .target(name: "Varlink", dependencies: nio + tls, swiftSettings: strict),
        .target(
            name: "Monitoring", dependencies: nio + [.product(name: "NIOHTTP1", package: "swift-nio")],
            swiftSettings: strict),

        .target(
            name: "TPM",
            dependencies: ["Secrets", "CLibCrypto", crypto, cryptoExtras],
            swiftSettings: strict),
        .target(
            name: "Endorsement",
            dependencies: ["TPM", crypto, cryptoExtras] + certificates,
            resources: [
                .embedInCode("Data/tpm-manufacturer-roots.json"), .embedInCode("Data/tpm-firmware-flaws.json"),
            ],
            swiftSettings: strict),
        .target(name: "Explain", dependencies: ["TPM", crypto, cryptoExtras], swiftSettings: strict),
        .target(name: "VaultAPI", dependencies: [crypto], swiftSettings: strict),
        .target(
            name: "Receipts", dependencies: ["TPM", "Secrets", "VaultAPI", "Endorsement", crypto], swiftSettings: strict
        ),
        .target(name: "Journal", dependencies: ["TPM", "VaultAPI", "Receipts", crypto], swiftSettings: strict),
        .target(
            name: "Audit", dependencies: ["TPM", "VaultAPI", "Endorsement", "Receipts", "Journal"],
            swiftSettings: strict),
        .target(name: "Report", dependencies: ["Audit", "Explain", "TPM", "VaultAPI"], swiftSettings: strict),
        .target(
            name: "Tokens", dependencies: ["VaultAPI", .product(name: "JWTKit", package: "jwt-kit")],
            swiftSettings: strict),
        .target(name: "TPMDevice", dependencies: ["TPM", "CTSS2"], swiftSettings: strict),
        .target(
            name: "Vault",
            dependencies: [
                "TPM", "TPMDevice", "Explain", "VaultAPI", "Varlink", "Endorsement", "Receipts", "Audit", "Secrets",
                "Journal", crypto,
                .product(name: "GRDB", package: "GRDB.swift"), logging,
            ], swiftSettings: strict),
        .target(
            name: "VaultClient",
            dependencies: [
                "TPM", "OPRF", "Passwords", "Secrets", "VaultAPI", "Varlink", "Endorsement", "Receipts", "Journal",
                crypto,
            ],
            swiftSettings: strict),
        .target(name: "CommandOptions", dependencies: ["Endorsement", arguments], swiftSettings: strict),
        .target(
            name: "AuditCommandOptions", dependencies: ["CommandOptions", "Audit", "Report", arguments],
            swiftSettings: strict),
        .executableTarget(
            name: "tenpin",
            dependencies: [
                "VaultClient", "VaultAPI", "TPM", "Endorsement", "Receipts", "Backup", "Passwords", "Secrets",
                "CommandOptions", arguments,
            ], swiftSettings: strict),
        .executableTarget(
            name: "tenpin-vault",
            dependencies: [
                "Vault", "TPM", "TPMDevice", "Explain", "VaultAPI", "Varlink", "Tokens", "Monitoring", "Endorsement",
                "Receipts", "Audit", "Journal", "Secrets", "CommandOptions", "AuditCommandOptions", arguments, logging,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "tenpin-audit",
            dependencies: ["Audit", "Receipts", "TPM", "CommandOptions", "AuditCommandOptions", arguments],
            swiftSettings: strict),

        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .testTarget(name: "TestSupportTests", dependencies: ["TestSupport"]),
        .testTarget(name: "SecretsTests", dependencies: ["Secrets", "CSodium", "TestSupport", crypto]),
        .testTarget(name: "OPRFTests", dependencies: ["OPRF", "Secrets", "TestSupport"]),
        .testTarget(name: "PasswordsTests", dependencies: ["Passwords", "Secrets", "TestSupport"]),
        .testTarget(name: "BackupTests", dependencies: ["Backup", "Secrets", "TestSupport"]),
        .target(
            name: "EndorsementTestSupport", dependencies: ["Endorsement", crypto] + certificates,
            path: "Tests/EndorsementTestSupport"),
        .testTarget(
            name: "EndorsementTests",
            dependencies: ["Endorsement", "TestSupport", "EndorsementTestSupport", "TPM", crypto, cryptoExtras]
                + certificates),
        .testTarget(name: "TPMTests", dependencies: ["TPM", "Secrets", "TestSupport", crypto]),
        .testTarget(
            name: "TPMDeviceTests", dependencies: ["TPM", "TPMDevice", "Secrets", "OPRF", "TestSupport", crypto]),
        .testTarget(
            name: "VaultClientTests",
            dependencies: [
                "VaultClient", "Endorsement", "TPM", "OPRF", "Passwords", "Secrets", "VaultAPI", "TestSupport", crypto,
            ]),
        .target(
            name: "VaultTestSupport",
            dependencies: ["Vault", "TPM", "VaultAPI", "Varlink", "TestSupport", logging],
            path: "Tests/VaultTestSupport"),
        .target(name: "ProgramTestSupport", dependencies: ["TestSupport"], path: "Tests/ProgramTestSupport"),
        .target(
            name: "DeviceTestSupport", dependencies: ["VaultClient", "VaultAPI"], path: "Tests/DeviceTestSupport"),
        // Knows nothing of the code that it bears witness against.
        .target(name: "ChipWitness", dependencies: [crypto], path: "Tests/ChipWitness"),
        .testTarget(
            name: "AdversaryTests",
            dependencies: [
                "tenpin", "tenpin-vault", "VaultClient", "VaultAPI", "Passwords", "Secrets", "Endorsement",
                "ChipWitness", "TestSupport", "ProgramTestSupport", "DeviceTestSupport", crypto,
            ]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["tenpin", "tenpin-vault", "tenpin-audit", "TestSupport", "ProgramTestSupport"]),
        .testTarget(
            name: "ProvisioningTests",
            dependencies: [
                "tenpin", "tenpin-vault", "Vault", "TPM", "TPMDevice", "TestSupport", "ProgramTestSupport",
            ]),
        .testTarget(
            name: "JournalTests",
            dependencies: [
                "Journal", "Audit", "Vault", "VaultClient", "VaultAPI", "TPM", "TPMDevice", "OPRF", "Passwords",
                "Secrets", "Endorsement", "TestSupport", "VaultTestSupport", "ProgramTestSupport", "tenpin",
                "tenpin-vault", crypto, logging, .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .testTarget(
            name: "VaultTests",
            dependencies: [
                "Vault", "VaultAPI", "Varlink", "TPM", "TPMDevice", "Secrets", "TestSupport", "VaultTestSupport",
                crypto,
                logging,
            ]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Vault", "VaultClient", "VaultAPI", "TPM", "TPMDevice", "OPRF", "Passwords", "Secrets", "Endorsement",
                "TestSupport", "VaultTestSupport", "DeviceTestSupport", "EndorsementTestSupport", crypto, cryptoExtras,
            ] + certificates),
        .testTarget(
            name: "FleetTests",
            dependencies: [
                "Vault", "VaultClient", "VaultAPI", "TPM", "TPMDevice", "OPRF", "Passwords", "Secrets", "Endorsement",
                "TestSupport", "VaultTestSupport", "DeviceTestSupport",
            ] + nio),
        .target(name: "DiskFaults", path: "Tests/DiskFaults", linkerSettings: [.linkedLibrary("dl")]),
        .testTarget(
            name: "CrashTests",
            dependencies: [
                "tenpin", "tenpin-vault", "Vault", "VaultClient", "VaultAPI", "Journal", "TPM", "OPRF", "Passwords",
                "Secrets", "Endorsement", "TestSupport", "ProgramTestSupport",
            ]),
        .testTarget(
            name: "ReceiptTests",
            dependencies: [
                "Receipts", "Vault", "VaultClient", "VaultAPI", "TPM", "TPMDevice", "Secrets", "OPRF",
                "Passwords", "Endorsement", "TestSupport", "VaultTestSupport", "DeviceTestSupport",
                "ProgramTestSupport", "tenpin", "tenpin-vault", crypto,
            ]),
        .testTarget(
            name: "ReportTests",
            dependencies: ["Report", "Audit", "TPM", "VaultAPI", "TestSupport", "ProgramTestSupport", crypto]),
        .testTarget(
            name: "ExplainTests",
            dependencies: [
                "Explain", "TPM", "TestSupport", "ProgramTestSupport", "tenpin", "tenpin-vault", crypto,
            ]
        ),
        .testTarget(
            name: "AuditTests",
            dependencies: [
                "Audit", "Receipts", "Journal", "Vault", "VaultClient", "VaultAPI", "TPM", "TPMDevice", "Secrets",
                "OPRF",
                "Passwords", "Endorsement", "TestSupport", "VaultTestSupport", "DeviceTestSupport",
                "EndorsementTestSupport", "ProgramTestSupport", "tenpin", "tenpin-vault", "tenpin-audit", crypto,
                logging, .product(name: "GRDB", package: "GRDB.swift"),
            ] + certificates),
        .target(
            name: "NetworkTestSupport", dependencies: ["TestSupport", crypto] + certificates + nio + tls,
            path: "Tests/NetworkTestSupport"),
        .testTarget(name: "TokensTests", dependencies: ["Tokens", "VaultAPI", "NetworkTestSupport", crypto]),
        .testTarget(
            name: "NetworkTests",
            dependencies: [
                "tenpin", "tenpin-vault", "VaultAPI", "Tokens", "NetworkTestSupport", "TestSupport",
                "ProgramTestSupport", crypto,
            ]),
        .testTarget(name: "VarlinkTests", dependencies: ["Varlink", "TestSupport", "NetworkTestSupport"] + nio),
        .testTarget(
            name: "CrowdTests",
            dependencies: [
                "tenpin-vault", "VaultClient", "VaultAPI", "TPM", "OPRF", "Passwords", "Secrets", "Endorsement",
                "TestSupport", "ProgramTestSupport",
            ]),
        .executableTarget(
            name: "tenpin-bench",
            dependencies: [
                "TPM", "Secrets", "VaultAPI", "Varlink", "TestSupport", "ProgramTestSupport", crypto, arguments,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Tests/Bench", exclude: ["bench.bash"]),
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Varlink", "VaultAPI", "TPM", "Endorsement", "Receipts", "Backup", "VaultClient", "Secrets", crypto,
            ] + certificates + nio,
            exclude: ["Regressions"]),
    ],
    swiftLanguageModes: [.v6]
)

// `./swtpm-setup fuzz` alone sets this: one archive of every module that takes bytes from outside, to link fuzzers with.
if Context.environment["TENPIN_FUZZ"] != nil {
    package.products.append(
        .library(
            name: "Fuzzed", type: .static,
            targets: ["Varlink", "VaultAPI", "TPM", "Endorsement", "Receipts", "Backup", "VaultClient"]))
}

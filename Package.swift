// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let package = Package(
    name: "tenpin",
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        // The C libraries.
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),

        // Lowest first; a target imports only what its line lists.
        .target(name: "Secrets", dependencies: ["CSodium"], swiftSettings: strict),
        .target(name: "OPRF", dependencies: ["Secrets", "CLibCrypto"], swiftSettings: strict),
        .target(name: "Passwords", dependencies: ["Secrets"], swiftSettings: strict),
        .target(name: "Backup", dependencies: ["Secrets", "CArchive"], swiftSettings: strict),
        .target(name: "Varlink", dependencies: nio, swiftSettings: strict),

        .target(
            name: "TPM",
            dependencies: ["Secrets", "CLibCrypto", crypto, .product(name: "CryptoExtras", package: "swift-crypto")],
            swiftSettings: strict),
        .target(name: "VaultAPI", swiftSettings: strict),

        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .testTarget(name: "TestSupportTests", dependencies: ["TestSupport"]),
        .testTarget(name: "SecretsTests", dependencies: ["Secrets", "CSodium", "TestSupport", crypto]),
        .testTarget(name: "OPRFTests", dependencies: ["OPRF", "TestSupport"]),
        .testTarget(name: "PasswordsTests", dependencies: ["Passwords", "TestSupport"]),
        .testTarget(name: "BackupTests", dependencies: ["Backup", "Secrets", "TestSupport"]),
        .testTarget(name: "TPMTests", dependencies: ["TPM", "Secrets", "TestSupport", crypto]),
        .testTarget(name: "VarlinkTests", dependencies: ["Varlink", "TestSupport"] + nio),
    ],
    swiftLanguageModes: [.v6]
)

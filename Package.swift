// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let certificates: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
]
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let package = Package(
    name: "tenpin",
    dependencies: [
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
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
        .target(name: "Endorsement", dependencies: certificates + [crypto], swiftSettings: strict),
        .target(name: "Varlink", dependencies: nio, swiftSettings: strict),

        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .testTarget(name: "SecretsTests", dependencies: ["Secrets", "CSodium", "TestSupport", crypto]),
        .testTarget(name: "OPRFTests", dependencies: ["OPRF", "TestSupport"]),
        .testTarget(name: "PasswordsTests", dependencies: ["Passwords", "TestSupport"]),
        .testTarget(name: "BackupTests", dependencies: ["Backup", "Secrets", "TestSupport"]),
        .testTarget(
            name: "EndorsementTests", dependencies: ["Endorsement", "TestSupport", crypto] + certificates),
        .testTarget(name: "VarlinkTests", dependencies: ["Varlink", "TestSupport"] + nio),
    ],
    swiftLanguageModes: [.v6]
)

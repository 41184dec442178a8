import Foundation

// What libFuzzer calls. `fuzz.bash` compiles this with one body and the line `typealias Chosen = …Fuzz`; no other build
// knows of it.

/// Writes the seeds, each into a file of its own, when a folder for them is named.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutablePointer<CInt>, _: UnsafeMutableRawPointer) -> CInt {
    guard let folder = ProcessInfo.processInfo.environment["TENPIN_FUZZ_SEEDS"] else { return 0 }
    do {
        for (index, seed) in try Chosen.seeds().enumerated() {
            try Data(seed).write(to: URL(filePath: folder).appending(path: "seed-\(index)"))
        }
    } catch {
        fatalError("the seeds cannot be made: \(error)")  // without seeds the fuzzer would search the wrong place
    }
    return 0
}

/// One input. A finding ends the process, as a crash does, so that libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func take(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do throws(Finding) {
        try Chosen.take(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
        fatalError("\(error)")  // libFuzzer keeps an input that ends the process
    }
    return 0
}

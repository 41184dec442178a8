import CLibCrypto

/// The one funnel for what OpenSSL answers: 1 is success, everything else becomes an error that names the call.
func check(_ result: Int32, _ call: StaticString) throws(OPRFError) {
    guard result == 1 else { throw failure(call) }
}

/// The same for calls that allocate.
func check(_ pointer: OpaquePointer?, _ call: StaticString) throws(OPRFError) -> OpaquePointer {
    guard let pointer = unsafe pointer else { throw failure(call) }
    return unsafe pointer
}

/// The first error of OpenSSL's queue, which is emptied so that it cannot be blamed on a later call.
private func failure(_ call: StaticString) -> OPRFError {
    let code = ERR_get_error()
    ERR_clear_error()
    return .library(call: "\(call)", code: code)
}

import CSodium
import Glibc
import Secrets
import Testing

@Suite struct ProcessTests {
    @Test("after forbidding core dumps the kernel says so, and the limit is zero for good")
    func coreDumps() async {
        await #expect(processExitsWith: .success) {
            try CoreDumps.forbid()
            #expect(tenpin_may_dump() == 0)
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
            #expect(limit.rlim_cur == 0)
            #expect(limit.rlim_max == 0)
        }
    }
}

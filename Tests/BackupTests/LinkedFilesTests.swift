import Foundation
import Testing

@testable import Backup

@Suite struct LinkedFilesTests {
    func file(number: ino_t = 7, names: nlink_t = 2, size: off_t = 3, time: Int = 1_700_000, nano: Int = 5) -> stat {
        var status = stat()
        status.st_dev = 1
        status.st_ino = number
        status.st_nlink = names
        status.st_size = size
        status.st_mtim = timespec(tv_sec: time, tv_nsec: nano)
        return status
    }

    @Test("each further name of a file is a link to the first, and the name after the last begins anew")
    func names() {
        var files = LinkedFiles()
        #expect(files.firstName(of: file(names: 3), elseKeeping: [1]) == nil)
        #expect(files.firstName(of: file(number: 8), elseKeeping: [9]) == nil)
        #expect(files.firstName(of: file(names: 3), elseKeeping: [2]) == [1])
        #expect(files.firstName(of: file(names: 3), elseKeeping: [3]) == [1])
        #expect(files.firstName(of: file(names: 3), elseKeeping: [4]) == nil)
    }

    @Test("a name of the file that is removed meanwhile does not part the others")
    func removedName() {
        var files = LinkedFiles()
        var status = file(names: 3)
        #expect(files.firstName(of: status, elseKeeping: [1]) == nil)
        status.st_nlink = 2
        status.st_ctim.tv_sec += 1
        #expect(files.firstName(of: status, elseKeeping: [2]) == [1])
    }

    @Test("a new file that got the number of a removed one is no name of it")
    func numberUsedAgain() {
        for new in [file(size: 4), file(time: 1_700_001), file(nano: 6)] {
            var files = LinkedFiles()
            #expect(files.firstName(of: file(), elseKeeping: [1]) == nil)
            #expect(files.firstName(of: new, elseKeeping: [2]) == nil)
            #expect(files.firstName(of: new, elseKeeping: [3]) == [2])
        }
    }
}

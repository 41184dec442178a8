// For the thread sanitizer alone, which sees the atomic operations of Swift's Mutex and not the kernel's part in it: where two
// threads want the lock at once, one gets it from the futex, in code that was not built for the sanitizer. Without these
// two functions each contended lock looks like none. They take the place of the library's, and call them.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *
// Synchronization._MutexHandle._lockSlow(UInt32) and ._unlockSlow(), as Swift mangles them.
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slowly(uint32_t thread, SELF handle) __asm__(LOCK);
SWIFT void unlock_slowly(SELF handle) __asm__(UNLOCK);

SWIFT void lock_slowly(uint32_t thread, SELF handle) {
    SWIFT void (*next)(uint32_t, SELF) = dlsym(RTLD_NEXT, LOCK);
    next(thread, handle);
    __tsan_acquire(handle);
}

SWIFT void unlock_slowly(SELF handle) {
    SWIFT void (*next)(SELF) = dlsym(RTLD_NEXT, UNLOCK);
    __tsan_release(handle);
    next(handle);
}

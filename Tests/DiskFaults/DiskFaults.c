#define _GNU_SOURCE
#include "DiskFaults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct disk_faults *record;
static char folder[4096];

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TENPIN_FAULTS"), *below = getenv("TENPIN_FAULTS_BELOW");
    if (!path || !below) return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED || !realpath(below, folder)) return;
    record = mapped;
}

static bool is_below(const char *path) {
    size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == 0);
}

static bool concerns_file(int file) {
    if (!record) return false;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return false;
    path[size] = 0;
    return is_below(path);
}

static bool concerns_path(int at, const char *path) {
    if (!record) return false;
    if (path[0] == '/') return is_below(path);
    if (at != AT_FDCWD) return concerns_file(at);
    char here[4096];
    return getcwd(here, sizeof here) && is_below(here);
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

enum verdict { go_on, half_and_die, half, full };

// Counts one write, and says what becomes of it.
static enum verdict next(void) {
    int64_t number = __atomic_fetch_add(&record->count, 1, __ATOMIC_SEQ_CST);
    int64_t at = __atomic_load_n(&record->at, __ATOMIC_SEQ_CST);
    switch (__atomic_load_n(&record->action, __ATOMIC_SEQ_CST)) {
    case disk_faults_kill: return number == at ? half_and_die : go_on;
    case disk_faults_full_once: return number == at ? full : go_on;
    case disk_faults_full: return number < at ? go_on : number == at ? half : full;
    default: return go_on;
    }
}

// For what cannot be done by halves; whether it fails.
static bool fails(void) {
    switch (next()) {
    case go_on: return false;
    case half_and_die: die();
    default: errno = ENOSPC; return true;
    }
}

// For what a full disk does not hinder.
static void passes(void) {
    if (next() == half_and_die) die();
}

#define REAL(name) static __typeof__(&name) real; if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write);
    if (!concerns_file(file)) return real(file, bytes, size);
    switch (next()) {
    case go_on: return real(file, bytes, size);
    case half_and_die: real(file, bytes, size / 2); die();
    case half: if (size > 1) return real(file, bytes, size / 2); // else as full
    case full: break;
    }
    errno = ENOSPC;
    return -1;
}

#define PWRITE(name, offset_type)                                                       \
    ssize_t name(int file, const void *bytes, size_t size, offset_type offset) {        \
        REAL(name);                                                                     \
        if (!concerns_file(file)) return real(file, bytes, size, offset);               \
        switch (next()) {                                                               \
        case go_on: return real(file, bytes, size, offset);                             \
        case half_and_die: real(file, bytes, size / 2, offset); die();                  \
        case half: if (size > 1) return real(file, bytes, size / 2, offset);            \
        case full: break;                                                               \
        }                                                                               \
        errno = ENOSPC;                                                                 \
        return -1;                                                                      \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(writev);
    return concerns_file(file) && fails() ? -1 : real(file, parts, count);
}

int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    if (concerns_file(file)) passes();
    return real(file, size);
}

int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64);
    if (concerns_file(file)) passes();
    return real(file, size);
}

int fsync(int file) {
    REAL(fsync);
    return concerns_file(file) && fails() ? -1 : real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    return concerns_file(file) && fails() ? -1 : real(file);
}

int syncfs(int file) {
    REAL(syncfs);
    return concerns_file(file) && fails() ? -1 : real(file);
}

int close(int file) {
    REAL(close);
    bool fails = record && __atomic_load_n(&record->action, __ATOMIC_SEQ_CST) == disk_faults_close
        && (fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY && concerns_file(file);
    int result = real(file);
    if (!fails) return result;
    errno = EIO;
    return -1;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return concerns_path(AT_FDCWD, to) && fails() ? -1 : real(from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(renameat);
    return concerns_path(to_folder, to) && fails() ? -1 : real(from_folder, from, to_folder, to);
}

int unlink(const char *path) {
    REAL(unlink);
    if (concerns_path(AT_FDCWD, path)) passes();
    return real(path);
}

int unlinkat(int at, const char *path, int flags) {
    REAL(unlinkat);
    if (concerns_path(at, path)) passes();
    return real(at, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return concerns_path(AT_FDCWD, path) && fails() ? -1 : real(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode) {
    REAL(mkdirat);
    return concerns_path(at, path) && fails() ? -1 : real(at, path, mode);
}

// Only opening that makes a file writes to the disk.
static bool makes(int at, const char *path, int flags) {
    return flags & O_CREAT && concerns_path(at, path) && faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
}

#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) {
    REAL(open);
    MODE(flags)
    return makes(AT_FDCWD, path, flags) && fails() ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    MODE(flags)
    return makes(AT_FDCWD, path, flags) && fails() ? -1 : real(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    REAL(openat);
    MODE(flags)
    return makes(at, path, flags) && fails() ? -1 : real(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    REAL(openat64);
    MODE(flags)
    return makes(at, path, flags) && fails() ? -1 : real(at, path, flags, mode);
}

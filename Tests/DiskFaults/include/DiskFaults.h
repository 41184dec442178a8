#pragma once
#include <stdint.h>

// Preloaded into a program (LD_PRELOAD), it counts what the program does to the disk below one folder, and at the n-th time
// ends the program or has the disk full.
//
// TENPIN_FAULTS names a file with the record below, which a test writes and reads while the program runs, and
// TENPIN_FAULTS_BELOW the folder.
struct disk_faults {
    // How often the disk was written to.
    int64_t count;
    // Which time it happens, from 0.
    int64_t at;
    // One of the actions below.
    int32_t action;
    int32_t unused;
};

enum {
    disk_faults_none = 0,
    // Ends the program as SIGKILL does, half of the bytes written.
    disk_faults_kill = 1,
    // ENOSPC, once.
    disk_faults_full_once = 2,
    // Half of the bytes, and ENOSPC from then on, until the test makes room.
    disk_faults_full = 3,
    // EIO at each close of a file that was written to, whatever the count.
    disk_faults_close = 4,
};

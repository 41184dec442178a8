#pragma once
#include <sodium.h>
#include <sys/prctl.h>

// prctl takes a variable list of arguments, which Swift cannot call.
static inline int tenpin_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
static inline int tenpin_may_dump(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }

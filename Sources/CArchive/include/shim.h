#pragma once
#include <archive.h>
#include <archive_entry.h>

// Linux's syncfs is declared only for programs that ask for GNU extensions.
extern int syncfs(int descriptor);

/* starve: preloaded, it lets one allocation of the process fail.
 *
 *   STARVE_AT     the allocation, from 1; 0 or unset: none, they are counted
 *   STARVE_FILE   gets the number of allocations at the end of the process
 *   STARVE_PATHS  set: of allocations that are reached by one path of calls only the first counts, so that as many runs
 *                 as there are paths let every one of them fail
 *
 * Children run without it: LD_PRELOAD is taken out of the environment, so that one process is starved at a time. The
 * allocator is the next one behind this library: libc's, or that of a sanitizer, which then sees what leaks. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATHS = 1 << 16, DEEPEST = 16 };

static atomic_long seen;
static long at;
static bool by_path;
static const char *report;
static _Atomic uint64_t paths[PATHS]; /* an open table of their hashes; 0: free */
/* The stack is being walked, and what that allocates is not the program's. Such a variable needs no memory itself. */
static _Thread_local bool walking __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("STARVE_AT");
    report = getenv("STARVE_FILE");
    unsetenv("LD_PRELOAD");
    by_path = getenv("STARVE_PATHS");
    seen = 0;
    at = text ? strtol(text, NULL, 10) : 0;
}

__attribute__((destructor)) static void end(void) {
    char line[32];
    int n = snprintf(line, sizeof line, "%ld\n", (long)seen), fd = report ? open(report, O_WRONLY | O_CREAT, 0666) : -1;
    if (fd >= 0 && write(fd, line, (size_t)n) < 0) _exit(125);
}

/* Whether no allocation came by the path of calls that leads here. */
static bool new_path(void) {
    void *frames[DEEPEST];
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    walking = true;
    const int n = backtrace(frames, DEEPEST);
    walking = false;
    for (int i = 0; i < n; i++) hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211u;
    for (uint64_t slot = hash >> 48;; slot = (slot + 1) % PATHS) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&paths[slot], &there, hash)) return true;
        if (there == hash) return false;
    }
}

static bool starved(void) {
    if (by_path && (walking || !new_path())) return false;
    if (atomic_fetch_add(&seen, 1) + 1 != at || at == 0) return false;
    errno = ENOMEM;
    return true;
}

/* NEXT(malloc)(size): looked up at every call, which no thread can find half done. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void *malloc(size_t size) {
    return starved() ? NULL : NEXT(malloc)(size);
}

void *calloc(size_t n, size_t size) {
    return starved() ? NULL : NEXT(calloc)(n, size);
}

void *realloc(void *p, size_t size) {
    return starved() ? NULL : NEXT(realloc)(p, size);
}

void *aligned_alloc(size_t align, size_t size) {
    return starved() ? NULL : NEXT(aligned_alloc)(align, size);
}

int posix_memalign(void **p, size_t align, size_t size) {
    return starved() ? ENOMEM : NEXT(posix_memalign)(p, align, size);
}

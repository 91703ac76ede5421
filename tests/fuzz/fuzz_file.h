/* Shared by the fuzzers of readers that take a path: the bytes lie in a file of memory. */
#ifndef SPILLOVER_TESTS_FUZZ_FILE_H
#define SPILLOVER_TESTS_FUZZ_FILE_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/fs.h"

static struct arena arena;
static char path[32];
static int file;

/* Opens the file; the corpus folder, or NULL: the last argument unless it is an option. */
static const char *fuzz_open(int argc, char **argv) {
    arena_open(&arena, 1 << 16);
    file = memfd_create("fuzz", 0);
    if (file < 0) BUG("no file of memory");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return argc < 2 || argv[argc - 1][0] == '-' ? NULL : argv[argc - 1];
}

static void fuzz_seed(const char *corpus, const char *name, const char *text) {
    char where[4096];
    snprintf(where, sizeof where, "%s/%s", corpus, name);
    if (fs_write(where, text, strlen(text)) != ST_OK) BUG("%s", status_message());
}

static void fuzz_fill(const uint8_t *data, size_t size) {
    if (ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size) BUG("the file cannot be filled");
}

/* Refused with one line that names the file. */
static inline void fuzz_refused(enum status st, enum status also) {
    const char *said = status_message();
    if ((st != ST_DATA && st != also) || strncmp(said, path, strlen(path)) != 0 || strchr(said, '\n'))
        BUG("status %d: %s", (int)st, said);
}

#endif

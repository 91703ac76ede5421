#include "tests/folder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/fs.h"

char folder[64];
struct arena arena;

void open_folder(void) {
    snprintf(folder, sizeof folder, "%s/spillover_test.XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    arena_open(&arena, 1 << 16);
}

void close_folder(void) {
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
    arena_close(&arena);
}

const char *in(const char *name) {
    return arena_printf(&arena, "%s/%s", folder, name);
}

const char *put(const char *name, const char *text) {
    const char *path = in(name);
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
    return path;
}

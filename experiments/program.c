#include "experiments/program.h"

#include <string.h>
#include <unistd.h>

#include "engine/base/fs.h"

#ifndef SPILLOVER_REVISION
#define SPILLOVER_REVISION ""
#endif

const char *program_path(struct arena *a) {
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    return arena_strdup(a, path);
}

/* The program lies in the root of the tree, or in a build folder inside it. */
const char *program_source_dir(struct arena *a) {
    char *dir = arena_strdup(a, program_path(a));
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(dir, '/');
        if (!slash) break;
        *slash = '\0';
        if (fs_exists(arena_printf(a, "%s/experiments/suites", dir))) return dir;
    }
    return ".";
}

const char *program_suites_dir(struct arena *a) {
    return arena_printf(a, "%s/experiments/suites", program_source_dir(a));
}

const char *program_revision(void) {
    return SPILLOVER_REVISION;
}

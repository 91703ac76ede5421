#include "tests/data/published.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/fs.h"

const char *published_dir(struct arena *a, const char *file) {
    const char *given = getenv("SPILLOVER_DATA"), *dir = given ? given : "../shared/data";
    if (fs_exists(arena_printf(a, "%s/%s", dir, file))) return dir;
    if (!given && fs_exists(arena_printf(a, "../../shared/data/%s", file))) return "../../shared/data";
    fprintf(stderr, "skipped: no published %s under %s (set SPILLOVER_DATA)\n", file, dir);
    return NULL;
}

/* A fuzzer's target without libFuzzer: the seeds that it writes into the folder given, whatever else lies there (what a
 * fuzzer found), and REPLAY_SPOILT (default 2000) spoilt copies of each, drawn from a fixed stream. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/rng.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* On the heap, to its last byte: a sanitizer sees what reads behind it. */
static void replay(const char *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) BUG("no memory");
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void spoil(struct arena *a, struct rng *rng, const char *bytes, size_t size) {
    struct arena_mark mark = arena_mark(a);
    char *spoilt = arena_alloc(a, size + 1, 1);
    memcpy(spoilt, bytes, size);
    size_t n = size;
    for (uint32_t k = rng_below(rng, 4) + 1; k > 0 && n > 0; k--) {
        const size_t at = rng_below(rng, (uint32_t)n), from = rng_below(rng, (uint32_t)n),
                     behind = at > from ? at : from;
        const size_t asked = rng_below(rng, 8) + 1, span = asked < n - behind ? asked : n - behind;
        switch (rng_below(rng, 5)) {
        case 0:
            spoilt[at] ^= (char)(1 << rng_below(rng, 8));
            break;
        case 1:
            spoilt[at] = (char)rng_below(rng, 256);
            break;
        case 2:
            memmove(spoilt + at, spoilt + from, span);
            break;
        case 3: /* taken out */
            memmove(spoilt + at, spoilt + at + span, n - at - span);
            n -= span;
            break;
        default:
            n = at;
        }
    }
    replay(spoilt, n);
    arena_rewind(a, mark);
}

int main(int argc, char **argv) {
    const char *asked = getenv("REPLAY_SPOILT");
    const long copies = asked ? strtol(asked, NULL, 10) : 2000;
    if (argc != 2) BUG("usage: %s FOLDER", argv[0]);
    struct arena a;
    struct rng rng = rng_open(1, "replay", 0);
    long runs = 0;
    arena_open(&a, 0);
    if (fs_mkdirs(argv[1]) != ST_OK) BUG("%s", status_message());
    LLVMFuzzerInitialize(&argc, &argv);
    DIR *dir = opendir(argv[1]);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *bytes;
        size_t size;
        if (e->d_name[0] == '.') continue;
        const char *file = arena_printf(&a, "%s/%s", argv[1], e->d_name);
        if (fs_read(&a, file, &bytes, &size) != ST_OK) BUG("%s", status_message());
        replay(bytes, size);
        for (long i = 0; i < copies; i++) spoil(&a, &rng, bytes, size);
        runs += copies + 1;
    }
    if (dir) closedir(dir);
    arena_close(&a);
    printf("%s: %ld runs\n", argv[0], runs);
    return runs > 0 ? 0 : 1;
}

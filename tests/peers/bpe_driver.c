/* The encoder's half of a comparison: bpe_driver VOCAB MERGES TEXTS prints the ids of every text, one text a line of
 * output. TEXTS is a file of texts, each behind its length in 4 bytes, little-endian. The speed goes to stderr. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "data/bpe.h"
#include "engine/base/fs.h"

static enum status print_texts(struct arena *a, char **argv) {
    struct bpe *b;
    char *bytes;
    size_t size;
    long n_ids = 0;
    TRY(bpe_open(&b, a, argv[1], argv[2]));
    TRY(fs_read(a, argv[3], &bytes, &size));
    int *ids = ARENA_NEW(a, int, size + 1);
    int *n = ARENA_NEW(a, int, size / 4 + 1), n_texts = 0;
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    for (size_t at = 0; at + 4 <= size; n_texts++) {
        uint32_t length;
        memcpy(&length, bytes + at, 4);
        if (length > size - at - 4) return status_set(ST_DATA, "%s: offset %zu: a text beyond the end", argv[3], at);
        n_ids += n[n_texts] = (int)bpe_encode(b, bytes + at + 4, length, ids + n_ids);
        at += 4 + length;
    }
    clock_gettime(CLOCK_MONOTONIC, &t1);
    double seconds = (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec);
    fprintf(stderr, "%.1f MB/s over %zu bytes\n", 1e-6 * (double)size / seconds, size);
    for (int i = 0; i < n_texts; i++) {
        for (int k = 0; k < n[i]; k++) printf("%d ", *ids++);
        printf("\n");
    }
    bpe_close(b);
    return ST_OK;
}

int main(int argc, char **argv) {
    struct arena arena;
    if (argc != 4) {
        fprintf(stderr, "usage: bpe_driver VOCAB MERGES TEXTS\n");
        return ST_USAGE;
    }
    arena_open(&arena, 0);
    enum status st = print_texts(&arena, argv);
    if (st != ST_OK) fprintf(stderr, "bpe_driver: %s\n", status_message());
    arena_close(&arena);
    return (int)st;
}

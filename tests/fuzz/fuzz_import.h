/* Shared by the fuzzers of import formats: what every reader must do with any bytes. */
#ifndef SPILLOVER_TESTS_FUZZ_IMPORT_H
#define SPILLOVER_TESTS_FUZZ_IMPORT_H

#include <stdint.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/gemm.h"
#include "engine/import.h"

static struct arena arena;

static void fuzz_seed(const char *corpus, const char *name, const void *bytes, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", corpus, name);
    if (fs_write(path, bytes, size) != ST_OK) BUG("%s", status_message());
}

/* The corpus folder, or NULL: the last argument unless it is an option. */
static const char *fuzz_open(int argc, char **argv) {
    arena_open(&arena, 1 << 16);
    if (gemm_open(GEMM_AUTO, NUMERIC_PORTABLE) != ST_OK) BUG("%s", status_message());
    return argc < 2 || argv[argc - 1][0] == '-' ? NULL : argv[argc - 1];
}

static inline void fuzz_refused(enum status st) {
    if (st != ST_DATA || strncmp(status_message(), "f: ", 3) != 0 || strchr(status_message(), '\n'))
        BUG("status %d: %s", (int)st, status_message());
}

/* Refused with one line, or imported. */
static inline int fuzz_import(const uint8_t *data, size_t size) {
    struct import in;
    struct gpt m;
    enum status st = import_parse(&in, &arena, "f", data, size, "{\"n_head\": 1}");
    if (st != ST_OK)
        fuzz_refused(st);
    else if (gpt_open(&m, &arena, &in.config) != ST_OK)
        BUG("%s", status_message());
    else
        import_fill(&in, &m, IMPORT_LORA_SCALE);
    arena_close(&arena);
    return 0;
}

#endif

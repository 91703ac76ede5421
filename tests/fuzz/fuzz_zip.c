/* The zip reader on arbitrary bytes: entries lie within the archive, one behind another, and names are found again. */
#include "engine/zip.h"
#include "tests/fuzz/fuzz_import.h"

/* One stored entry "m/data.pkl" with the pickle of an empty dictionary, and a ZIP64 end record. */
static const unsigned char seed[] = "PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0a\0\0\0m/data.pkl\x80\x02}."
                                    "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0CRC-\4\0\0\0\4\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                    "\0\0\0\0m/data.pkl"
                                    "PK\6\6\x2c\0\0\0\0\0\0\0\x1e\3\x2d\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0"
                                    "\0\0\x38\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0"
                                    "PK\6\7\0\0\0\0\x64\0\0\0\0\0\0\0\1\0\0\0"
                                    "PK\5\6\0\0\0\0\1\0\1\0\x38\0\0\0\xff\xff\xff\xff\0\0";

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *corpus = fuzz_open(*argc, *argv);
    unsigned char bytes[sizeof seed - 1];
    struct zip z;
    memcpy(bytes, seed, sizeof bytes);
    uint32_t crc = zip_crc32(bytes + 40, 4);
    for (int i = 0; i < 4; i++) bytes[44 + 16 + i] = (unsigned char)(crc >> 8 * i);
    if (zip_parse(&z, &arena, "f", bytes, sizeof bytes) != ST_OK) BUG("%s", status_message());
    arena_close(&arena);
    if (corpus) fuzz_seed(corpus, "seed", bytes, sizeof bytes);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct zip z;
    enum status st = zip_parse(&z, &arena, "f", data, size);
    size_t total = 0;
    if (st != ST_OK) {
        fuzz_refused(st);
        z.n = 0;
    }
    for (int i = 0; i < z.n; i++) {
        const struct zip_entry *e = &z.entries[i];
        if (e->data < data || e->data + e->size > data + size) BUG("entry %d is not in the archive", i);
        char *name = arena_alloc(&arena, (size_t)e->name_size + 1, 1);
        memcpy(name, e->name, (size_t)e->name_size);
        if (zip_find(&z, name) != e) BUG("entry %d is not found", i);
        total += e->size;
    }
    if (total > size) BUG("entries of %zu bytes in an archive of %zu", total, size);
    arena_close(&arena);
    return fuzz_import(data, size);
}

#include "engine/zip.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LOCAL_BYTES = 30, RECORD_BYTES = 46, END_BYTES = 22, END64_BYTES = 56, LOCATOR_BYTES = 20, MAX_COMMENT = 65535 };
enum { LOCAL_MARK = 0x04034b50, RECORD_MARK = 0x02014b50, END_MARK = 0x06054b50 };
enum { END64_MARK = 0x06064b50, LOCATOR_MARK = 0x07064b50, EXTRA_ZIP64 = 1 };
enum { FLAG_ENCRYPTED = 1, FLAG_STRONG = 1 << 6, FLAG_MASKED = 1 << 13 };

struct reader {
    const char *path;
    const unsigned char *bytes;
    uint64_t size;
    uint64_t directory, directory_size; /* where the central directory is */
    uint64_t n;
};

static uint64_t number(const unsigned char *p, int n) {
    uint64_t x = 0;
    for (int i = 0; i < n; i++) x |= (uint64_t)p[i] << 8 * i;
    return x;
}

static void PRINTF_LIKE(3, 4) record_bad(const struct reader *r, uint64_t offset, const char *fmt, ...) {
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    status_record("%s: offset %llu: zip: %s", r->path, (unsigned long long)offset, what);
}

/* A macro, so that compiler and analyser see that it never gives ST_OK. */
#define bad(...) (record_bad(__VA_ARGS__), ST_DATA)

static bool within(uint64_t at, uint64_t n, uint64_t end) {
    return at <= end && n <= end - at;
}

/* Eight bytes a step (Kounavis and Berry 2008): archives hold hundreds of megabytes. */
uint32_t zip_crc32(const unsigned char *bytes, size_t size) {
    static uint32_t table[8][256];
    if (!table[7][255]) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int bit = 0; bit < 8; bit++) c = c >> 1 ^ (c & 1 ? 0xedb88320U : 0);
            table[0][i] = c;
        }
        for (int k = 1; k < 8; k++)
            for (int i = 0; i < 256; i++) table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
    }
    uint32_t c = 0xffffffffU;
    for (; size >= 8; size -= 8, bytes += 8) {
        uint32_t low = c ^ (uint32_t)number(bytes, 4);
        c = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
            table[3][bytes[4]] ^ table[2][bytes[5]] ^ table[1][bytes[6]] ^ table[0][bytes[7]];
    }
    for (; size > 0; size--) c = c >> 8 ^ table[0][(c ^ *bytes++) & 255];
    return ~c;
}

/* ---- the end records ---- */

/* The ZIP64 end record in place of the fields of the end record at `end`. */
static enum status read_end64(struct reader *r, uint64_t end, uint64_t *directory_end) {
    uint64_t locator = end - LOCATOR_BYTES, at = number(r->bytes + locator + 8, 8);
    if (number(r->bytes + locator + 4, 4) != 0 || number(r->bytes + locator + 16, 4) != 1)
        return bad(r, locator, "an archive of several disks");
    if (!within(at, END64_BYTES, locator) || number(r->bytes + at, 4) != END64_MARK)
        return bad(r, locator, "expected the ZIP64 end record at %llu", (unsigned long long)at);
    const unsigned char *p = r->bytes + at;
    if (number(p + 4, 8) != locator - at - 12) return bad(r, at, "the ZIP64 end record does not end at its locator");
    if (number(p + 16, 4) != 0 || number(p + 20, 4) != 0 || number(p + 24, 8) != number(p + 32, 8))
        return bad(r, at, "an archive of several disks");
    uint64_t found[3] = {number(p + 32, 8), number(p + 40, 8), number(p + 48, 8)};
    uint64_t narrow[3] = {r->n, r->directory_size, r->directory};
    for (int i = 0; i < 3; i++)
        if (narrow[i] != found[i] && narrow[i] != (i == 0 ? 0xffff : 0xffffffffU))
            return bad(r, at, "the two end records differ");
    r->n = found[0];
    r->directory_size = found[1];
    r->directory = found[2];
    *directory_end = at;
    return ST_OK;
}

static enum status read_end(struct reader *r) {
    if (r->size < END_BYTES) return bad(r, 0, "no end record");
    uint64_t end = r->size - END_BYTES, least = end > MAX_COMMENT ? end - MAX_COMMENT : 0;
    while (number(r->bytes + end, 4) != END_MARK || number(r->bytes + end + 20, 2) != r->size - end - END_BYTES)
        if (end-- == least) return bad(r, r->size, "no end record");
    const unsigned char *p = r->bytes + end;
    if (number(p + 4, 2) != 0 || number(p + 6, 2) != 0 || number(p + 8, 2) != number(p + 10, 2))
        return bad(r, end, "an archive of several disks");
    r->n = number(p + 10, 2);
    r->directory_size = number(p + 12, 4);
    r->directory = number(p + 16, 4);
    uint64_t directory_end = end;
    if (end >= LOCATOR_BYTES && number(p - LOCATOR_BYTES, 4) == LOCATOR_MARK) TRY(read_end64(r, end, &directory_end));
    if (!within(r->directory, r->directory_size, directory_end) || r->directory + r->directory_size != directory_end)
        return bad(r, end, "the directory does not end where its end record begins");
    if (r->n > ZIP_MAX_ENTRIES || r->n > r->directory_size / RECORD_BYTES)
        return bad(r, end, "%llu entries, expected at most %d, each with a record", (unsigned long long)r->n,
                   ZIP_MAX_ENTRIES);
    return ST_OK;
}

/* ---- entries ---- */

/* Sizes and offset from the ZIP64 extra field, where the record says that they are there. */
static enum status read_extra64(const struct reader *r, uint64_t at, uint64_t size, uint64_t *usize, uint64_t *csize,
                                uint64_t *local) {
    uint64_t *fields[3] = {usize, csize, local};
    if (*usize != 0xffffffffU && *csize != 0xffffffffU && *local != 0xffffffffU) return ST_OK;
    for (uint64_t end = at + size; end - at >= 4;) {
        uint64_t id = number(r->bytes + at, 2), n = number(r->bytes + at + 2, 2);
        at += 4;
        if (n > end - at) return bad(r, at, "an extra field beyond its record");
        if (id != EXTRA_ZIP64) {
            at += n;
            continue;
        }
        for (int i = 0; i < 3; i++) {
            if (*fields[i] != 0xffffffffU) continue;
            if (n < 8) return bad(r, at, "a ZIP64 field that is too short");
            *fields[i] = number(r->bytes + at, 8);
            at += 8;
            n -= 8;
        }
        return ST_OK;
    }
    return bad(r, at, "no ZIP64 field for a size or offset of 4 GiB");
}

/* One record of the directory; *next is where the bytes of the entry before end, then of this one. */
static enum status read_record(const struct reader *r, uint64_t *at, uint64_t *next, struct zip_entry *e) {
    const uint64_t directory_end = r->directory + r->directory_size;
    const unsigned char *p = r->bytes + *at;
    if (!within(*at, RECORD_BYTES, directory_end) || number(p, 4) != RECORD_MARK)
        return bad(r, *at, "expected a record of the directory");
    uint64_t flags = number(p + 8, 2), method = number(p + 10, 2), crc = number(p + 16, 4);
    uint64_t csize = number(p + 20, 4), usize = number(p + 24, 4), local = number(p + 42, 4);
    uint64_t name = number(p + 28, 2), extra = number(p + 30, 2), comment = number(p + 32, 2);
    if (!within(*at + RECORD_BYTES, name + extra + comment, directory_end))
        return bad(r, *at, "a record beyond the end of the directory");
    if (number(p + 34, 2) != 0) return bad(r, *at, "an archive of several disks");
    if (flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) return bad(r, *at, "an encrypted entry");
    TRY(read_extra64(r, *at + RECORD_BYTES + name, extra, &usize, &csize, &local));
    if (method != 0 || csize != usize)
        return bad(r, *at, "a compressed entry (method %llu); torch.save stores its entries",
                   (unsigned long long)method);
    if (name == 0 || memchr(p + RECORD_BYTES, '\0', name)) return bad(r, *at, "a name that is empty or holds a NUL");

    if (local < *next) return bad(r, *at, "an entry out of order or overlapping, at %llu", (unsigned long long)local);
    const unsigned char *l = r->bytes + local;
    if (!within(local, LOCAL_BYTES, r->directory) || number(l, 4) != LOCAL_MARK)
        return bad(r, *at, "expected a local header at %llu", (unsigned long long)local);
    uint64_t local_name = number(l + 26, 2), data = local + LOCAL_BYTES + local_name + number(l + 28, 2);
    if (!within(data, usize, r->directory)) return bad(r, *at, "an entry that reaches beyond the directory's begin");
    if (number(l + 6, 2) != flags || number(l + 8, 2) != method || local_name != name ||
        memcmp(l + LOCAL_BYTES, p + RECORD_BYTES, name) != 0)
        return bad(r, local, "a local header that differs from its record");
    if (zip_crc32(r->bytes + data, usize) != crc) return bad(r, data, "the CRC-32 of the entry differs");
    *e = (struct zip_entry){(const char *)p + RECORD_BYTES, (int)name, r->bytes + data, usize};
    *next = data + usize;
    *at += RECORD_BYTES + name + extra + comment;
    return ST_OK;
}

static int by_name(const void *a, const void *b) {
    const struct zip_entry *x = a, *y = b;
    int n = x->name_size < y->name_size ? x->name_size : y->name_size, order = memcmp(x->name, y->name, (size_t)n);
    return order ? order : x->name_size - y->name_size;
}

enum status zip_parse(struct zip *z, struct arena *a, const char *path, const void *bytes, size_t size) {
    struct reader r = {.path = path, .bytes = bytes, .size = size};
    TRY(read_end(&r));
    struct zip_entry *entries = ARENA_NEW(a, struct zip_entry, r.n);
    uint64_t at = r.directory, next = 0;
    for (uint64_t i = 0; i < r.n; i++) TRY(read_record(&r, &at, &next, &entries[i]));
    if (at != r.directory + r.directory_size) return bad(&r, at, "expected the end of the directory");
    qsort(entries, r.n, sizeof *entries, by_name);
    for (uint64_t i = 1; i < r.n; i++)
        if (by_name(&entries[i - 1], &entries[i]) == 0) return bad(&r, r.directory, "a name twice");
    *z = (struct zip){entries, (int)r.n};
    return ST_OK;
}

const struct zip_entry *zip_find(const struct zip *z, const char *name) {
    struct zip_entry key = {.name = name, .name_size = (int)strlen(name)};
    return bsearch(&key, z->entries, (size_t)z->n, sizeof key, by_name);
}

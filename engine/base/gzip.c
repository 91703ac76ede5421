#include "engine/base/gzip.h"

#include <limits.h>
#define ZLIB_CONST
#include <zlib.h>

#include "engine/base/fs.h"

enum {
    GZIP_WINDOW = 15 + 16, /* zlib: the largest window, gzip's header and sum */
    SMALLEST = 18,         /* header, an empty block's two bytes less, sum and length */
    MOST_RATIO = 1032,     /* what deflate can do at best */
};

/* The length that the member's last four bytes claim. */
static size_t claimed(const unsigned char *end) {
    return (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;
}

enum status gzip_read(struct arena *a, const char *path, char **data, size_t *size) {
    TRY(fs_read(a, path, data, size));
    unsigned char *in = (unsigned char *)*data;
    const size_t n = *size;
    if (n < 2 || in[0] != 0x1f || in[1] != 0x8b) return ST_OK;
    const size_t whole = n < SMALLEST ? 0 : claimed(in + n);
    if (n < SMALLEST || n > INT_MAX || whole > INT_MAX || whole / MOST_RATIO > n)
        return status_set(ST_DATA, "%s: expected a gzip file, found a damaged one", path);
    z_stream z = {.next_in = in, .avail_in = (unsigned)n};
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) return status_set(ST_FAILED, "%s: no memory to expand it", path);
    char *text = arena_alloc(a, whole + 1, 1);
    z.next_out = (unsigned char *)text;
    z.avail_out = (unsigned)whole + 1; /* one more: an empty member still needs room to end in */
    const int end = inflate(&z, Z_FINISH);
    const bool good = end == Z_STREAM_END && z.avail_in == 0 && z.total_out == whole;
    inflateEnd(&z);
    if (!good) return status_set(ST_DATA, "%s: expected a whole gzip file, found a damaged one", path);
    text[whole] = '\0';
    *data = text;
    *size = whole;
    return ST_OK;
}

enum status gzip_write(struct arena *a, const char *path, const void *data, size_t size) {
    z_stream z = {0};
    if (size > INT_MAX) return status_set(ST_FAILED, "%s: over 2 GiB", path);
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return status_set(ST_FAILED, "%s: no memory to compress it", path);
    const struct arena_mark mark = arena_mark(a);
    const size_t room = deflateBound(&z, size);
    unsigned char *out = arena_alloc(a, room, 1);
    z.next_in = data;
    z.avail_in = (unsigned)size;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) BUG("%s: deflateBound was too small", path);
    const size_t n = z.total_out;
    deflateEnd(&z);
    const enum status st = fs_write(path, out, n);
    arena_rewind(a, mark);
    return st;
}

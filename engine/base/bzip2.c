#include "engine/base/bzip2.h"

#include <bzlib.h>
#include <limits.h>
#include <string.h>

#include "engine/base/fs.h"

enum { LEVEL = 9, GUESS = 16 }; /* blocks of 900 kB; how much larger the data may well be */

/* Expand into room that doubles until all of it fits. */
static enum status expand(struct arena *a, bz_stream *z, const char *path, char **data, size_t *size) {
    size_t room = (size_t)z->avail_in * GUESS + 1, n = 0;
    char *text = arena_alloc(a, room, 1);
    int at = BZ_OK;
    while (at == BZ_OK) {
        if (n + 1 == room) {
            char *more = arena_alloc(a, 2 * room, 1);
            memcpy(more, text, n);
            text = more;
            room *= 2;
        }
        const size_t left = room - 1 - n < INT_MAX ? room - 1 - n : INT_MAX;
        z->next_out = text + n;
        z->avail_out = (unsigned)left;
        at = BZ2_bzDecompress(z);
        n += left - z->avail_out;
        if (n > fs_most) return status_set(ST_DATA, "%s: holds over %zu bytes", path, fs_most);
        if (at == BZ_OK && z->avail_in == 0 && z->avail_out > 0) break; /* the end is missing */
    }
    if (at == BZ_MEM_ERROR) return status_set(ST_FAILED, "%s: no memory to expand it", path);
    if (at != BZ_STREAM_END || z->avail_in > 0)
        return status_set(ST_DATA, "%s: expected a whole bzip2 file, found a damaged one", path);
    text[n] = '\0';
    *data = text;
    *size = n;
    return ST_OK;
}

enum status bzip2_read(struct arena *a, const char *path, char **data, size_t *size) {
    TRY(fs_read(a, path, data, size));
    if (*size < 3 || memcmp(*data, "BZh", 3) != 0) return ST_OK;
    bz_stream z = {.next_in = *data, .avail_in = (unsigned)*size};
    if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK) return status_set(ST_FAILED, "%s: no memory to expand it", path);
    const enum status st = expand(a, &z, path, data, size);
    BZ2_bzDecompressEnd(&z);
    return st;
}

enum status bzip2_write(struct arena *a, const char *path, const void *data, size_t size) {
    if (size > fs_most) return status_set(ST_FAILED, "%s: over %zu bytes", path, fs_most);
    const struct arena_mark mark = arena_mark(a);
    unsigned n = (unsigned)(size + size / 100 + 600);                    /* libbz2's manual: enough for any data */
    char *out = arena_alloc(a, n, 1), *in = arena_alloc(a, size + 1, 1); /* libbz2 reads through a plain char * */
    memcpy(in, data, size);
    const int end = BZ2_bzBuffToBuffCompress(out, &n, in, (unsigned)size, LEVEL, 0, 0);
    if (end != BZ_OK && end != BZ_MEM_ERROR) BUG("%s: libbz2 says %d", path, end);
    const enum status st =
        end == BZ_OK ? fs_write(path, out, n) : status_set(ST_FAILED, "%s: no memory to compress it", path);
    arena_rewind(a, mark);
    return st;
}

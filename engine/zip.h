/* Zip archives as torch.save writes them (APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3).
 *
 *   local header, name, extra, data, descriptor   of every entry, one behind another
 *   central directory: one record an entry        names, sizes, CRC-32, where the local header is
 *   [ZIP64 end record, its locator]               when the end record's fields are too narrow, or always
 *   end record
 *
 * Nothing is decompressed: entries must be stored, so the data of an archive are never larger than its file. Refused
 * besides: encryption, several disks, entries out of order or overlapping, names twice, a directory or end record that
 * does not fill its place, a CRC-32 that differs. Names and data point into the bytes given.
 */
#ifndef SPILLOVER_ZIP_H
#define SPILLOVER_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

enum { ZIP_MAX_ENTRIES = 1 << 14 };

struct zip_entry {
    const char *name; /* [name_size], without NUL */
    int name_size;
    const unsigned char *data; /* [size] */
    size_t size;
};

struct zip {
    struct zip_entry *entries;
    int n;
};

/* ST_DATA with "path: offset N: ...". */
MUST_USE enum status zip_parse(struct zip *z, struct arena *a, const char *path, const void *bytes, size_t size);

const struct zip_entry *zip_find(const struct zip *z, const char *name); /* NULL: none */

uint32_t zip_crc32(const unsigned char *bytes, size_t size);

#endif

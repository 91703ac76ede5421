/* Compressed files (RFC 1952, by zlib): how large tables are kept in the repository. */
#ifndef SPILLOVER_GZIP_H
#define SPILLOVER_GZIP_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

/* Read a file whole, as fs_read does; one that begins as a gzip member is expanded to what it holds. ST_IO; ST_DATA when
 * the member is damaged, cut short, larger than 2^31 - 1 bytes, or not alone in the file. */
MUST_USE enum status gzip_read(struct arena *a, const char *path, char **data, size_t *size);

/* Write one member, without name and time: equal data give equal bytes under one version of zlib. Whole or absent. */
MUST_USE enum status gzip_write(struct arena *a, const char *path, const void *data, size_t size);

#endif

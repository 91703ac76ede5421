/* Compressed files (bzip2's format, by libbz2): how large tables are kept in the repository. On tables of results it takes
 * two thirds of what gzip does. */
#ifndef SPILLOVER_BZIP2_H
#define SPILLOVER_BZIP2_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

/* Read a file whole, as fs_read does; one that begins as a bzip2 stream is expanded to what it holds. ST_IO; ST_DATA when
 * the stream is damaged, cut short, holds more than fs_most bytes, or is not alone in the file. */
MUST_USE enum status bzip2_read(struct arena *a, const char *path, char **data, size_t *size);

/* Write one stream; equal data give equal bytes. Whole or absent. */
MUST_USE enum status bzip2_write(struct arena *a, const char *path, const void *data, size_t size);

#endif

/* The safetensors file format, version 0 (https://github.com/huggingface/safetensors, section "Format").
 *
 *   bytes 0..7   N, the length of the header, little-endian
 *   bytes 8..    N bytes of JSON: {"__metadata__": {key: value, ...}, name: {"dtype", "shape", "data_offsets"}, ...}
 *   bytes 8+N..  the tensors, little-endian, row-major; data_offsets [begin, end) count from here
 *
 * Stricter than the format where the format leaves a choice: entries stand in the order of their offsets, every byte
 * of data belongs to exactly one of them, an entry has its three members and no other, at most four dimensions, dtypes
 * F32, F16 and BF16. F16 and BF16 widen exactly (subnormals, infinities and NaN payloads included).
 */
#ifndef SPILLOVER_SAFETENSORS_H
#define SPILLOVER_SAFETENSORS_H

#include "engine/checkpoint.h"

enum { SAFETENSORS_MAX_HEADER = 100 * 1000 * 1000 };

/* Read the bytes of a file. `path` serves messages alone. The result is in the arena; the input may go afterwards. On
 * failure, ST_DATA, *c is untouched and the arena is as it was. */
MUST_USE enum status safetensors_parse(struct arena *a, const char *path, const void *bytes, size_t size,
                                       struct checkpoint *c);

/* The bytes before the data of a file that holds c (all F32, in order): length and JSON, padded with blanks to a
 * multiple of 8. ST_DATA when no reader would take such a file: duplicate or reserved names, text that is not UTF-8,
 * impossible shapes, more than 16 GiB. */
MUST_USE enum status safetensors_header(struct arena *a, const char *path, const struct checkpoint *c, char **header,
                                        size_t *size);

/* Elements of a shape (1 for no dimensions); -1 when a dimension is negative or the bytes of F32 overflow. */
long safetensors_count(int n_dims, const long *dim);

/* ST_DATA with "path: tensor 'name': ...". The name may come from a file: it is shown short and on one line. */
enum status safetensors_bad(const char *path, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif

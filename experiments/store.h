/* The store of cells: <out>/cells, shared by all suites.
 *
 *   <key>.part/   open: a process holds .locks/<key> and works in it, or was killed and left it, perhaps with the
 *                 state of its training (experiments/resume.h)
 *   <key>/        whole: SHA256SUMS was written last, everything flushed, then renamed from <key>.part
 *   <key>.bad-N/  was whole once and no longer matches its sums: kept for inspection, never read
 *   .locks/<key>  flock, held for as long as a process works on the cell
 *
 * Invariants: a folder under its plain key is complete and was verified against its sums before its first use by every
 * run; config.json holds the identity whose SHA-256 is the key, so `sha256sum config.json` prints the folder's name.
 */
#ifndef SPILLOVER_STORE_H
#define SPILLOVER_STORE_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

/* Paths, in the arena. */
const char *store_path(struct arena *a, const char *out, const char *key);
const char *store_part(struct arena *a, const char *out, const char *key);

/* Make the folders of a store. */
MUST_USE enum status store_open(const char *out);

/* Exclusive right to work on a cell; *fd is kept open by whoever works. ST_PARTIAL when another process has it. */
MUST_USE enum status store_lock(struct arena *a, const char *out, const char *key, int *fd);

/* In an open folder: the state of the cell's training. */
extern const char store_training[];

/* A <key>.part/ that holds config.json = identity. What an earlier attempt left there is removed; beside a state of its
 * training it stays, but for files that are not whole: the training that goes on will not write them again. Needs the
 * lock. */
MUST_USE enum status store_begin(struct arena *a, const char *out, const char *key, const char *identity);

/* Flush every file of <key>.part/, write its SHA256SUMS, remove the state of its training, rename it to <key>/. Needs the
 * lock. */
MUST_USE enum status store_finish(struct arena *a, const char *out, const char *key);

/* ST_OK: whole. ST_PARTIAL: there is no such folder. ST_DIFFERS: damaged; the message says how. ST_IO: the system refused
 * to read it, which says nothing about what is there. */
MUST_USE enum status store_verify(struct arena *a, const char *out, const char *key);

/* Rename <key>/ to the first free <key>.bad-N/ (given in *moved). Needs the lock. */
MUST_USE enum status store_set_aside(struct arena *a, const char *out, const char *key, const char **moved);

#endif

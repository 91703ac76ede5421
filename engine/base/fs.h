/* Files that are whole or absent.
 *
 * A file is written under "<path>.part", flushed, fsynced, renamed, and its folder fsynced: a reader never sees half a
 * file. All failures are ST_IO with the path and the system's reason.
 */
#ifndef SPILLOVER_FS_H
#define SPILLOVER_FS_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

struct fs_file {
    FILE *stream; /* write here */
    char path[4096];
};

MUST_USE enum status fs_create(struct fs_file *f, const char *path);
MUST_USE enum status fs_commit(struct fs_file *f); /* flush, fsync, close, rename, fsync the folder */
void fs_discard(struct fs_file *f);                /* close and remove the part file; safe after fs_commit */

/* Bytes that a file is read for at most, expanded ones too: with 2 GiB every size and every number of lines is an int.
 * Tests lower it. */
extern size_t fs_most;

/* The whole file in the arena, NUL-terminated; *size excludes the NUL. ST_IO for more than fs_most bytes. */
MUST_USE enum status fs_read(struct arena *a, const char *path, char **data, size_t *size);

/* The whole file, of any size, mapped read-only: for large files that are read once. It must not shrink meanwhile (the
 * system would end the process). Ends with fs_unmap. */
MUST_USE enum status fs_map(const char *path, const void **data, size_t *size);
void fs_unmap(const void *data, size_t size);

MUST_USE enum status fs_write(const char *path, const void *data, size_t size); /* create, write, commit */

/* What the system cannot look at now counts as there: who opens it learns why. */
bool fs_exists(const char *path);
bool fs_is_folder(const char *path);
/* All names in a folder but . and .., sorted. */
MUST_USE enum status fs_list(struct arena *a, const char *folder, const char ***names, int *n);
double fs_folder_bytes(struct arena *a, const char *folder); /* of its plain files, as far as they can be looked at */
MUST_USE enum status fs_mkdirs(const char *path);            /* mkdir -p */
/* Durable when it succeeds; undone when the folders cannot be flushed. */
MUST_USE enum status fs_rename_dir(const char *from, const char *to);
MUST_USE enum status fs_remove_tree(const char *path); /* missing is fine */
/* A new empty folder of that name and a random end under TMPDIR, else /tmp; the caller removes it. */
MUST_USE enum status fs_scratch(struct arena *a, const char *name, const char **folder);

/* An exclusive advisory lock on a file (flock), held until fs_unlock or process end. ST_PARTIAL when another holds it. */
MUST_USE enum status fs_lock(const char *path, int *fd);
void fs_unlock(int fd);

/* True when `name` is safe as one path component: [A-Za-z0-9._-]+, not "." or "..", not beginning with '-'. */
bool fs_plain_name(const char *name);

#endif

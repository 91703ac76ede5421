#include "experiments/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/base/sha256.h"

static const char sums_name[] = "SHA256SUMS";
const char store_training[] = "training.safetensors";

enum { MOST_FILES = 4096 };

const char *store_path(struct arena *a, const char *out, const char *key) {
    return arena_printf(a, "%s/cells/%s", out, key);
}

const char *store_part(struct arena *a, const char *out, const char *key) {
    return arena_printf(a, "%s/cells/%s.part", out, key);
}

enum status store_open(const char *out) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/cells/.locks", out) >= (int)sizeof path)
        return status_set(ST_IO, "%s: the path is too long", out);
    return fs_mkdirs(path);
}

enum status store_lock(struct arena *a, const char *out, const char *key, int *fd) {
    return fs_lock(arena_printf(a, "%s/cells/.locks/%s", out, key), fd);
}

/* The plain files of a folder but for SHA256SUMS, sorted. */
static enum status list_files(struct arena *a, const char *folder, const char ***names, int *n) {
    int all;
    *n = 0;
    TRY(fs_list(a, folder, names, &all));
    for (int i = 0; i < all; i++) {
        const char *name = (*names)[i];
        if (strcmp(name, sums_name) == 0) continue;
        if (*n == MOST_FILES || !fs_plain_name(name))
            return status_set(ST_FAILED, "%s: too many files, or one with an odd name", folder);
        (*names)[(*n)++] = name;
    }
    return ST_OK;
}

/* Files of an open folder that a kill left half written. */
static enum status remove_unfinished(struct arena *a, const char *part) {
    const char **names;
    int n;
    TRY(list_files(a, part, &names, &n));
    for (int i = 0; i < n; i++) {
        const char *end = strrchr(names[i], '.');
        if (end && strcmp(end, ".part") == 0) TRY(fs_remove_tree(arena_printf(a, "%s/%s", part, names[i])));
    }
    return ST_OK;
}

enum status store_begin(struct arena *a, const char *out, const char *key, const char *identity) {
    const char *part = store_part(a, out, key);
    if (fs_exists(arena_printf(a, "%s/%s", part, store_training)))
        TRY(remove_unfinished(a, part));
    else
        TRY(fs_remove_tree(part));
    TRY(fs_mkdirs(part));
    return fs_write(arena_printf(a, "%s/config.json", part), identity, strlen(identity));
}

static enum status flush_file(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return status_errno("%s: cannot be opened", path);
    enum status st = fsync(fd) ? status_errno("%s: cannot be flushed", path) : ST_OK;
    close(fd);
    return st;
}

enum status store_finish(struct arena *a, const char *out, const char *key) {
    const char *part = store_part(a, out, key), **names;
    int n;
    char *text = arena_strdup(a, "");
    TRY(list_files(a, part, &names, &n));
    for (int i = 0; i < n; i++) {
        char hex[SHA256_HEX];
        const char *path = arena_printf(a, "%s/%s", part, names[i]);
        if (strcmp(names[i], store_training) == 0) continue;
        TRY(flush_file(path));
        TRY(sha256_file(path, hex));
        text = arena_printf(a, "%s%s  %s\n", text, hex, names[i]);
    }
    TRY(fs_write(arena_printf(a, "%s/%s", part, sums_name), text, strlen(text)));
    TRY(fs_remove_tree(arena_printf(a, "%s/%s", part, store_training))); /* until here a full disk costs no training */
    return fs_rename_dir(part, store_path(a, out, key));
}

static enum status damaged(const char *folder, const char *what, const char *name) {
    return status_set(ST_DIFFERS, "%s: %s%s", folder, what, name);
}

static enum status verify_line(struct arena *a, const char *folder, const char *key, const char *line,
                               bool *identified) {
    char hex[SHA256_HEX];
    enum { NAME_AT = 66 };
    if (strlen(line) <= NAME_AT || line[64] != ' ' || line[65] != ' ' || !fs_plain_name(line + NAME_AT))
        return damaged(folder, "SHA256SUMS is malformed", "");
    const char *name = line + NAME_AT;
    const char *path = arena_printf(a, "%s/%s", folder, name);
    if (!fs_exists(path)) return damaged(folder, "lacks ", name);
    TRY(sha256_file(path, hex));
    if (strncmp(hex, line, 64) != 0) return damaged(folder, "other content than its sum says in ", name);
    if (strcmp(name, "config.json") == 0) {
        if (strcmp(hex, key) != 0) return damaged(folder, "is not the folder of its config.json", "");
        *identified = true;
    }
    return ST_OK;
}

/* A name that the sums do not have: they were cut between two lines, or something was put in. */
static enum status verify_listed(struct arena *a, const char *folder, int lines) {
    const char **names;
    int n;
    enum status st = list_files(a, folder, &names, &n);
    if (st == ST_FAILED) return damaged(folder, "too many files, or one with an odd name", "");
    TRY(st);
    return n == lines ? ST_OK : damaged(folder, "holds other files than SHA256SUMS lists", "");
}

enum status store_verify(struct arena *a, const char *out, const char *key) {
    struct arena_mark mark = arena_mark(a);
    const char *folder = store_path(a, out, key), *sums = arena_printf(a, "%s/%s", folder, sums_name);
    char *text, *rest = NULL;
    size_t size;
    bool identified = false;
    int lines = 0;
    enum status st = ST_OK;
    if (!fs_exists(folder)) return status_set(ST_PARTIAL, "%s: not there yet", folder);
    if (!fs_exists(sums))
        st = damaged(folder, "lacks ", sums_name);
    else
        st = fs_read(a, sums, &text, &size);
    if (st == ST_OK && (size == 0 || text[size - 1] != '\n' || strlen(text) != size))
        st = damaged(folder, "SHA256SUMS is cut", "");
    if (st == ST_OK)
        for (char *line = strtok_r(text, "\n", &rest); line && st == ST_OK; line = strtok_r(NULL, "\n", &rest), lines++)
            st = verify_line(a, folder, key, line, &identified);
    if (st == ST_OK && !identified) st = damaged(folder, "SHA256SUMS does not list config.json", "");
    if (st == ST_OK) st = verify_listed(a, folder, lines);
    arena_rewind(a, mark);
    return st;
}

enum status store_set_aside(struct arena *a, const char *out, const char *key, const char **moved) {
    const char *folder = store_path(a, out, key);
    for (int i = 1;; i++) {
        *moved = arena_printf(a, "%s.bad-%d", folder, i);
        if (!fs_exists(*moved)) return fs_rename_dir(folder, *moved);
    }
}

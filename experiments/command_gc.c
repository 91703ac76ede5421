/* gc: what lies in the store of cells and belongs to no suite any more. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/command.h"
#include "experiments/store.h"

struct arguments {
    const char *out;
    bool delete, json;
};

/* What is not needed, as it is found; printed as it comes, or kept for JSON. */
struct found {
    json_t *cells; /* NULL: print */
    double bytes;
    int n;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'o':
        x->out = arg;
        return 0;
    case 'D':
        x->delete = true;
        return 0;
    case 'J':
        x->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"delete", 'D', NULL, 0, "delete them (default: list them)", 0},
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"json", 'J', NULL, 0, "as a JSON object", 0},
    {0},
};

const struct argp command_gc_argp = {
    .options = options,
    .parser = parse,
    .doc = "List the cells of a folder of runs that stand in no suite's cells.list (older versions, other settings, "
           "copies set aside), with their size; --delete removes them. Cells that are being worked on stay.\v"
           "Examples:\n  spillover gc\n  spillover gc --out runs --delete\n  spillover gc --json\n",
};

struct keys {
    const char **key;
    int n, room;
};

static void add(struct keys *k, const char *key, struct arena *a) {
    if (k->n == k->room) {
        k->room = k->room ? 2 * k->room : 256;
        const char **more = ARENA_NEW(a, const char *, k->room);
        if (k->n) memcpy(more, k->key, (size_t)k->n * sizeof *more);
        k->key = more;
    }
    k->key[k->n++] = key;
}

static int by_key(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status written(const char *path, struct stat *info) {
    return stat(path, info) ? status_errno("%s: cannot be looked at", path) : ST_OK;
}

/* A suite that a run works in, or that was begun behind its last list, could need any cell. */
static enum status check_finished(const char *dir, struct arena *a) {
    const char *lock = arena_printf(a, "%s/.lock", dir), *manifest = arena_printf(a, "%s/manifest.json", dir),
               *list = arena_printf(a, "%s/cells.list", dir);
    struct stat began, listed;
    int fd;
    if (fs_exists(lock)) {
        const enum status st = fs_lock(lock, &fd);
        if (st == ST_PARTIAL) return status_set(ST_PARTIAL, "a run works in %s: wait for its end", dir);
        TRY(st);
        fs_unlock(fd);
    }
    if (!fs_exists(manifest)) return ST_OK;
    TRY(written(manifest, &began));
    if (fs_exists(list)) {
        TRY(written(list, &listed));
        if (began.st_mtim.tv_sec < listed.st_mtim.tv_sec ||
            (began.st_mtim.tv_sec == listed.st_mtim.tv_sec && began.st_mtim.tv_nsec <= listed.st_mtim.tv_nsec))
            return ST_OK;
    }
    return status_set(ST_PARTIAL, "%s was begun and has no cells.list since: finish it (spillover run) or remove it",
                      dir);
}

/* The first 64 digits of every line are a key. */
static enum status read_suite(struct keys *k, const char *dir, struct arena *a) {
    char *text, *rest = NULL;
    size_t size;
    const char *path = arena_printf(a, "%s/cells.list", dir);
    TRY(check_finished(dir, a));
    if (!fs_exists(path)) return ST_OK;
    TRY(fs_read(a, path, &text, &size));
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strspn(line, "0123456789abcdef") == 64) add(k, arena_printf(a, "%.64s", line), a);
    return ST_OK;
}

static enum status read_suites(struct keys *k, const char *out, struct arena *a) {
    const char **names;
    int n;
    TRY(fs_list(a, out, &names, &n));
    for (int i = 0; i < n; i++)
        if (fs_plain_name(names[i]) && strcmp(names[i], "cells") != 0)
            TRY(read_suite(k, arena_printf(a, "%s/%s", out, names[i]), a));
    if (k->n) qsort(k->key, (size_t)k->n, sizeof *k->key, by_key);
    return ST_OK;
}

/* <key>, <key>.part and <key>.bad-N; only what is whole and needed stays, and what somebody holds. */
static enum status look_at(const struct arguments *x, const struct keys *k, const char *name, struct found *found,
                           struct arena *a) {
    const char *key = arena_printf(a, "%.64s", name), *path = arena_printf(a, "%s/cells/%s", x->out, name);
    int lock;
    const bool needed = k->n && bsearch(&key, k->key, (size_t)k->n, sizeof *k->key, by_key);
    if (needed && !strstr(name, ".bad-")) return ST_OK;
    enum status st = store_lock(a, x->out, key, &lock);
    if (st == ST_PARTIAL) return ST_OK;
    if (st != ST_OK) return st;
    const double size = fs_folder_bytes(a, path);
    if (x->delete) st = fs_remove_tree(path);
    fs_unlock(lock);
    if (st != ST_OK) return st;
    if (found->cells)
        json_array_append_new(found->cells,
                              json_pack("{s:s, s:f, s:b}", "path", path, "bytes", size, "deleted", x->delete));
    else
        printf("%s  %.1f MB  %s\n", x->delete ? "deleted" : "unneeded", size / 1e6, path);
    found->bytes += size;
    found->n++;
    return ST_OK;
}

static void summary(const struct arguments *x, const struct found *found, int all) {
    if (!x->json) {
        printf("%d of %d cells, %.1f MB%s\n", found->n, all, found->bytes / 1e6,
               x->delete || found->n == 0 ? "" : "; --delete removes them");
        return;
    }
    json_t *json = json_pack("{s:i, s:i, s:f, s:O}", "unneeded", found->n, "of", all, "bytes", found->bytes, "cells",
                             found->cells);
    jsonio_print(stdout, json);
    json_decref(json);
}

enum status command_gc(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs"};
    struct keys needed = {0}, all = {0};
    struct found found = {0};
    argv[0] = "spillover gc";
    TRY(command_parse(&command_gc_argp, argc, argv, &x));
    TRY(read_suites(&needed, x.out, a));
    const char *cells = arena_printf(a, "%s/cells", x.out);
    const char **names;
    int n;
    TRY(fs_list(a, cells, &names, &n));
    for (int i = 0; i < n; i++)
        if (strspn(names[i], "0123456789abcdef") == 64) add(&all, names[i], a);
    enum status st = ST_OK;
    if (x.json) found.cells = json_array();
    for (int i = 0; st == ST_OK && i < all.n; i++) st = look_at(&x, &needed, all.key[i], &found, a);
    if (st == ST_OK) summary(&x, &found, all.n);
    json_decref(found.cells);
    return st;
}

#include "experiments/cell.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "experiments/resume.h"
#include "experiments/store.h"

const char *const cell_columns[] = {"update",  "dose_level", "dose",  "step", "layer", "concept", "view", "metric",
                                    "version", "n",          "value", "lo",   "hi",    "status",  NULL};

struct cell_rows {
    struct fs_file file;
    struct csv_out csv;
};

struct row row_of(const char *metric, double value, long n) {
    return (struct row){.update = -1,
                        .dose_level = NAN,
                        .dose = NAN,
                        .step = -1,
                        .layer = -1,
                        .concept = "",
                        .view = "",
                        .metric = metric,
                        .version = 1,
                        .n = n,
                        .value = value,
                        .lo = NAN,
                        .hi = NAN,
                        .status = "ok"};
}

enum status cell_rows_open(struct cell_rows **rows, const struct cell_io *io) {
    *rows = ARENA_NEW(io->arena, struct cell_rows, 1);
    TRY(fs_create(&(*rows)->file, arena_printf(io->arena, "%s/metrics.csv", io->dir)));
    csv_out_open(&(*rows)->csv, (*rows)->file.stream);
    csv_out_header(&(*rows)->csv, cell_columns);
    resume_stream(io->resume, (*rows)->file.stream, arena_printf(io->arena, "%s/metrics.csv.part", io->dir));
    return ST_OK;
}

static void integer_or_empty(struct csv_out *csv, int x) {
    if (x < 0)
        csv_out_text(csv, "");
    else
        csv_out_integer(csv, x);
}

void cell_row(struct cell_rows *rows, const struct row *row) {
    struct csv_out *csv = &rows->csv;
    bool ok = strcmp(row->status, "ok") == 0;
    integer_or_empty(csv, row->update);
    csv_out_number(csv, row->dose_level);
    csv_out_number(csv, row->dose);
    integer_or_empty(csv, row->step);
    integer_or_empty(csv, row->layer);
    csv_out_text(csv, row->concept);
    csv_out_text(csv, row->view);
    csv_out_text(csv, row->metric);
    csv_out_integer(csv, row->version);
    csv_out_integer(csv, row->n);
    csv_out_number(csv, ok ? row->value : NAN);
    csv_out_number(csv, ok ? row->lo : NAN);
    csv_out_number(csv, ok ? row->hi : NAN);
    csv_out_text(csv, ok && !isfinite(row->value) ? "nonfinite" : row->status);
    csv_out_end(csv);
}

enum status cell_rows_close(struct cell_rows *rows) {
    return fs_commit(&rows->file);
}

void cell_event(const struct cell_io *io, const char *what, int done, int of, double loss, double accuracy) {
    char path[4096], line[512];
    int n = snprintf(path, sizeof path, "%s/events.jsonl", io->dir);
    if (resume_walks(io->resume)) return;
    if (n < 0 || n >= (int)sizeof path) return;
    /* jansson writes the numbers (JSON knows no nan), one write() a line: a reader never sees half of one. */
    json_t *event = json_object();
    json_object_set_new(event, "what", json_string(what));
    json_object_set_new(event, "done", json_integer(done));
    json_object_set_new(event, "of", json_integer(of));
    if (isfinite(loss)) json_object_set_new(event, "loss", json_real(loss));
    if (isfinite(accuracy)) json_object_set_new(event, "accuracy", json_real(accuracy));
    size_t size = json_dumpb(event, line, sizeof line - 1, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(event);
    if (size == 0 || size > sizeof line - 1) return;
    line[size++] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) return;
    (void)!write(fd, line, size); /* progress only: a lost line costs nothing */
    close(fd);
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum status store_resources(struct arena *a, const char *part, double seconds) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    json_t *json = json_pack("{s:f, s:f, s:I}", "seconds", seconds, "cpu_seconds", cpu, "max_rss_kib",
                             (json_int_t)usage.ru_maxrss);
    enum status st = jsonio_store_path(arena_printf(a, "%s/resources.json", part), json);
    json_decref(json);
    return st;
}

static enum status read_resources(const char *path, struct cell_resources *r) {
    json_t *json = NULL;
    if (!fs_exists(path)) return ST_OK;
    TRY(jsonio_load_path(path, &json));
    enum status st = jsonio_get_number(path, json, "seconds", &r->seconds);
    if (st == ST_OK) st = jsonio_get_number(path, json, "cpu_seconds", &r->cpu_seconds);
    if (st == ST_OK) st = jsonio_get_number(path, json, "max_rss_kib", &r->max_rss_kib);
    json_decref(json);
    return st;
}

enum status cell_resources(struct arena *a, const char *out, const char *key, struct cell_resources *r) {
    const struct arena_mark mark = arena_mark(a);
    *r = (struct cell_resources){NAN, NAN, NAN};
    const enum status st = read_resources(arena_printf(a, "%s/resources.json", store_path(a, out, key)), r);
    arena_rewind(a, mark);
    return st;
}

enum status cell_read(const char *path, const char *key, struct cell *cell, enum numeric_mode *mode) {
    char hex[SHA256_HEX];
    json_t *json = NULL;
    TRY(sha256_file(path, hex));
    if (strcmp(hex, key) != 0) return status_set(ST_DATA, "%s: is not the identity of %s", path, key);
    TRY(jsonio_load_path(path, &json));
    const char *parent = "", *numeric = "";
    json_t *config = NULL;
    enum status st = jsonio_get_object(path, json, "config", &config);
    if (st == ST_OK) st = jsonio_get_string(path, json, "parent", &parent);
    if (st == ST_OK) st = jsonio_get_string(path, json, "numeric", &numeric);
    if (st == ST_OK) st = config_from_json(&cell->config, config, &cell->kind);
    if (st == ST_OK) {
        snprintf(cell->key, sizeof cell->key, "%s", key);
        snprintf(cell->parent, sizeof cell->parent, "%s", parent);
        *mode = strcmp(numeric, "native") == 0 ? NUMERIC_NATIVE : NUMERIC_PORTABLE;
    }
    json_decref(json);
    return st;
}

static enum status parent_of(struct arena *a, const char *out, const char *key, const char **parent) {
    json_t *json = NULL;
    const char *path = arena_printf(a, "%s/config.json", store_path(a, out, key)), *text = "";
    TRY(jsonio_load_path(path, &json));
    enum status st = jsonio_get_string(path, json, "parent", &text);
    *parent = arena_strdup(a, text);
    json_decref(json);
    return st;
}

/* The finished folders that the cell stands on, verified here once more: the child trusts nobody. */
static enum status open_parents(struct arena *a, const char *out, const struct cell *cell, struct cell_io *io) {
    if (!*cell->parent) return ST_OK;
    TRY(store_verify(a, out, cell->parent));
    io->parent_dir = store_path(a, out, cell->parent);
    const char *base = cell->parent;
    if (cell->kind == CELL_PRESS) {
        TRY(parent_of(a, out, cell->parent, &base));
        TRY(store_verify(a, out, base));
    }
    io->base_dir = store_path(a, out, base);
    return ST_OK;
}

enum status cell_execute(const char *out, const char *key, const char *data_dir, int threads,
                         const struct cell_bodies *bodies) {
    struct arena arena;
    struct cell cell = {0};
    enum numeric_mode mode;
    double started = seconds_now();
    arena_open(&arena, 1 << 20);
    const char *part = store_part(&arena, out, key);
    struct resume resume;
    resume_open(&resume, &arena, part, key);
    struct cell_io io = {.dir = part, .arena = &arena, .resume = &resume, .threads = threads};
    enum status st = cell_read(arena_printf(&arena, "%s/config.json", part), key, &cell, &mode);
    if (st == ST_OK) st = open_parents(&arena, out, &cell, &io);
    if (st == ST_OK && bodies->prepare) st = bodies->prepare(mode);
    if (st != ST_OK) goto done;
    cell.config.task.data_dir = data_dir;
    st = bodies->run[cell.kind](&cell, &io);
    if (st != ST_OK) goto done;
    if (!fs_exists(arena_printf(&arena, "%s/metrics.csv", part))) {
        st = status_set(ST_FAILED, "%s: the cell wrote no metrics.csv", part);
        goto done;
    }
    st = store_resources(&arena, part, seconds_now() - started);
    if (st == ST_OK) st = store_finish(&arena, out, key);
done:
    arena_close(&arena);
    return st;
}

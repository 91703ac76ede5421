/* Cells: the unit of work, of caching, and of failure.
 *
 *   base (task, model, seed) --> arm (how it reasons) --> press (what its output is optimised for)
 *
 * A cell is a pure function of its configuration and its parent; it runs in a process of its own, in one thread or
 * (base.lanes) a few. The runner gives it an open folder (<key>.part/); what the cell writes there is made whole by
 * the runner (SHA256SUMS last, fsync, rename). A cell that fails returns a status; its events.jsonl says how far it
 * got.
 *
 * A long training leaves its state there, and a cell that is started again goes on from it (experiments/resume.h).
 *
 *   config.json  events.jsonl  metrics.csv  model.safetensors (base, arm; press: at dose crossings)  samples.jsonl
 *   log.txt (stdout and stderr of the process)  resources.json (seconds, memory)  SHA256SUMS
 */
#ifndef SPILLOVER_CELL_H
#define SPILLOVER_CELL_H

#include "engine/gemm.h"
#include "experiments/config.h"

struct cell {
    enum cell_kind kind;
    char key[65];    /* SHA-256, hex */
    char parent[65]; /* key of the parent cell; "" for a base */
    struct config config;
};

/* Where a running cell reads and writes. */
struct cell_io {
    const char *dir;        /* the cell's own open folder */
    const char *parent_dir; /* finished folder of the parent, verified; NULL for a base */
    const char *base_dir;   /* finished folder of the base cell; NULL for a base */
    struct arena *arena;    /* for the cell's lifetime */
    struct resume *resume;  /* what an earlier attempt left of the training; NULL: nothing is kept */
    int threads;            /* at most, for gradient lanes; no bit depends on it */
};

/* One measured number. Text fields are [a-z0-9_.]+ or "". Unused numbers: NAN / -1. */
struct row {
    int update;          /* update of the pressure (or training) at which it was measured; -1: at the end */
    double dose_level;   /* nominal level whose first crossing this is; NAN elsewhere */
    double dose;         /* D_0 as tracked inside the cell at that update; NAN elsewhere */
    int step, layer;     /* reasoning step, layer; -1: not applicable */
    const char *concept; /* what is decoded or read: "value", "c", "style", ... */
    const char *view;    /* "own", "frozen", "text_mode", "greedy", ... */
    const char *metric;
    int version;
    long n;
    double value, lo, hi; /* lo, hi: NAN where no interval is given */
    const char *status;   /* "ok", "skip", "nonfinite" */
};

/* A row with every field unset, status "ok", version 1. */
struct row row_of(const char *metric, double value, long n);

/* metrics.csv of a cell: opened by cell_rows_open, one call per row in a fixed order, whole after cell_rows_close.
 * A value that is not finite is written empty with status "nonfinite".
 * While a training goes on, rows that are open are part of its state. */
struct cell_rows;
MUST_USE enum status cell_rows_open(struct cell_rows **rows, const struct cell_io *io);
void cell_row(struct cell_rows *rows, const struct row *row);
MUST_USE enum status cell_rows_close(struct cell_rows *rows);

/* One line of events.jsonl, flushed at once: progress that `status` and the live table read. None for what a resumed
 * training walks over. */
void cell_event(const struct cell_io *io, const char *what, int done, int of, double loss, double accuracy);

/* The three bodies: experiments/base_train.c, arm_train.c, press_cell.c. */
MUST_USE enum status cell_run_base(const struct cell *cell, struct cell_io *io);
MUST_USE enum status cell_run_arm(const struct cell *cell, struct cell_io *io);
MUST_USE enum status cell_run_press(const struct cell *cell, struct cell_io *io);

/* The header of metrics.csv, ending with NULL. -1 and NAN are empty fields there; an empty update means "at the end". */
extern const char *const cell_columns[];

/* The bodies by kind, so that tests can put small ones in their place. `prepare` opens the arithmetic before the body
 * runs; NULL: there is none to open. */
struct cell_bodies {
    enum status (*prepare)(enum numeric_mode mode);
    enum status (*run[3])(const struct cell *cell, struct cell_io *io);
};

/* What a cell computes, from its config.json at `path`: nothing else decides it. ST_DATA when the file is not the
 * identity behind `key`, or says what this program does not know. */
MUST_USE enum status cell_read(const char *path, const char *key, struct cell *cell, enum numeric_mode *mode);

/* What the cell <out>/cells/<key> took, by its resources.json; all NAN where there is none. */
struct cell_resources {
    double seconds, cpu_seconds, max_rss_kib;
};
MUST_USE enum status cell_resources(struct arena *a, const char *out, const char *key, struct cell_resources *r);

/* The whole life of a cell's process: read <out>/cells/<key>.part/config.json, verify the parents, run the body, make
 * the folder whole. The caller holds the cell's lock (experiments/store.h). data_dir: published files, or NULL. */
MUST_USE enum status cell_execute(const char *out, const char *key, const char *data_dir, int threads,
                                  const struct cell_bodies *bodies);

#endif

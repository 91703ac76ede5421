/* Resuming inside a cell. A training that takes long leaves its state in the cell's open folder now and then; the same
 * cell, started again, goes on from there, to the same bits.
 *
 *   training.safetensors   weights, moments; metadata: cell, updates, numbers, readings, rows, and the SHA-256 of it all.
 *                          Whole or absent; store_finish removes it
 *
 * No loop is cut open for it: a cell that is started again walks through its training from the start. The updates that
 * the state holds are walked over, not computed (resume_skips); the readings that decided where the loops went are
 * recalled (resume_recalls); so stages, resets and schedules come out as they did. Behind the last update that it holds
 * the state is put back into what was registered. Random streams follow from seed and update: they need no keeping.
 *
 * SPILLOVER_KEEP_SECONDS: the least time between two states (default RESUME_SECONDS; 0: a state behind every update).
 * Every function takes NULL: nothing is kept then, nothing skipped.
 */
#ifndef SPILLOVER_RESUME_H
#define SPILLOVER_RESUME_H

#include "experiments/learner.h"

enum { RESUME_SECONDS = 600, RESUME_MODELS = 2, RESUME_NUMBERS = 12 };

struct resume {
    struct arena *arena; /* the cell's */
    const char *path, *key;
    double every, kept_at; /* seconds; of the monotonic clock */

    /* what was registered */
    struct resume_model {
        const char *name;
        struct gpt *model;
        struct adamw *opt;
    } models[RESUME_MODELS];
    struct resume_numbers {
        const char *name;
        double *x; /* [n] */
        int *count;
        int n;
    } numbers[RESUME_NUMBERS];
    int n_models, n_numbers;
    FILE *stream; /* rows being written, and where; NULL: none */
    const char *stream_path;

    struct arena file; /* the state that was found, until it is put back */
    struct checkpoint *state;
    int held, walked; /* updates that it holds; updates walked over or done */
    double *readings; /* [n_readings] taken so far, of those in the state recalled */
    int n_readings, room, recalled;
};

/* The state of the cell `key` in its open folder; the strings are kept, not copied. */
void resume_open(struct resume *r, struct arena *a, const char *part, const char *key);

/* Register what an update changes and a later one reads, under names that differ; all of it stays where it is until the
 * training ends. A learner: its model, optimiser and cost. */
void resume_learner(struct resume *r, struct learner *l);
void resume_model(struct resume *r, const char *name, struct gpt *m, struct adamw *opt);
void resume_numbers(struct resume *r, const char *name, double *x, int n);
void resume_count(struct resume *r, const char *name, int *count);
void resume_stream(struct resume *r, FILE *stream, const char *path);

/* Behind the registrations: read the state. One that is damaged, or of other arrays, is told of and not used. */
void resume_begin(struct resume *r);

/* Do updates remain to be walked over? */
bool resume_walks(const struct resume *r);

/* True for an update that the state holds: the caller leaves it out. At the last of them the state is put back. */
bool resume_skips(struct resume *r);

/* An update was done. The state is kept when its time has come; that it cannot be is told of, and costs time alone. */
void resume_done(struct resume *r);

/* A reading that decides how training goes on. True: it was taken before, and is recalled; else it is to be taken and
 * noted. */
bool resume_recalls(struct resume *r, double *reading);
void resume_notes(struct resume *r, double reading);

/* Tests: called behind every state that is kept, with the updates that it holds. */
extern void (*resume_kept)(int updates);

#endif

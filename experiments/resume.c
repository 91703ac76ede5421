#include "experiments/resume.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/base/log.h"
#include "engine/base/sha256.h"
#include "engine/checkpoint.h"
#include "experiments/store.h"

enum { ARRAYS = 3, MOST_META = RESUME_NUMBERS + RESUME_MODELS + 5 };

void (*resume_kept)(int updates);

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void resume_open(struct resume *r, struct arena *a, const char *part, const char *key) {
    const char *every = getenv("SPILLOVER_KEEP_SECONDS");
    *r = (struct resume){.arena = a, .path = arena_printf(a, "%s/%s", part, store_training), .key = key};
    r->every = every ? strtod(every, NULL) : RESUME_SECONDS;
}

void resume_model(struct resume *r, const char *name, struct gpt *m, struct adamw *opt) {
    if (!r) return;
    if (r->n_models == RESUME_MODELS) BUG("%s: more than %d models to keep", name, RESUME_MODELS);
    r->models[r->n_models++] = (struct resume_model){name, m, opt};
}

static void add_numbers(struct resume *r, struct resume_numbers numbers) {
    if (!r) return;
    if (r->n_numbers == RESUME_NUMBERS) BUG("%s: more than %d numbers to keep", numbers.name, RESUME_NUMBERS);
    r->numbers[r->n_numbers++] = numbers;
}

void resume_numbers(struct resume *r, const char *name, double *x, int n) {
    add_numbers(r, (struct resume_numbers){.name = name, .x = x, .n = n});
}

void resume_count(struct resume *r, const char *name, int *count) {
    add_numbers(r, (struct resume_numbers){.name = name, .count = count, .n = 1});
}

void resume_stream(struct resume *r, FILE *stream, const char *path) {
    if (!r) return;
    r->stream = stream;
    r->stream_path = path;
}

void resume_learner(struct resume *r, struct learner *l) {
    resume_model(r, "learner", &l->model, &l->opt);
    resume_numbers(r, "positions", &l->cost.positions, 1);
    resume_numbers(r, "flop", &l->cost.flop, 1);
}

/* ---- the file ---- */

/* Numbers to the bit. */
static const char *text_of(struct arena *a, const double *x, int n) {
    const char *text = "";
    for (int i = 0; i < n; i++) text = arena_printf(a, "%s%a ", text, x[i]);
    return text;
}

/* Reads n numbers, or with n < 0 all there are; returns how many there were, -1 when they are not n. */
static int numbers_of(const char *text, double *x, int n) {
    int found = 0;
    for (char *end; *text; text = end + 1, found++) {
        double number = strtod(text, &end);
        if (end == text || *end != ' ' || found == n) return -1;
        if (x) x[found] = number;
    }
    return n < 0 || found == n ? found : -1;
}

static void describe(const struct resume *r, struct arena *a, struct checkpoint *c) {
    c->meta = ARENA_NEW(a, struct checkpoint_meta, MOST_META);
    c->tensors = ARENA_NEW(a, struct checkpoint_tensor, ARRAYS * RESUME_MODELS);
    for (int k = 0; k < r->n_models; k++) {
        const struct resume_model *m = &r->models[k];
        float *const data[ARRAYS] = {m->model->w + m->model->frozen, m->opt->m, m->opt->v};
        static const char *const names[ARRAYS] = {"weights", "m", "v"};
        for (int i = 0; i < ARRAYS; i++)
            c->tensors[c->n++] = (struct checkpoint_tensor){.name = arena_printf(a, "%s.%s", m->name, names[i]),
                                                            .n_dims = 1,
                                                            .dim = {gpt_trained(m->model)},
                                                            .data = data[i]};
    }
}

static void add_meta(struct checkpoint *c, const char *key, const char *value) {
    c->meta[c->n_meta++] = (struct checkpoint_meta){key, value};
}

/* Of everything but itself. */
static void sum_of(const struct checkpoint *c, char hex[SHA256_HEX]) {
    struct sha256 h;
    sha256_open(&h);
    for (int i = 0; i < c->n_meta; i++) {
        if (strcmp(c->meta[i].key, "sum") == 0) continue;
        sha256_update(&h, c->meta[i].key, strlen(c->meta[i].key) + 1);
        sha256_update(&h, c->meta[i].value, strlen(c->meta[i].value) + 1);
    }
    for (int i = 0; i < c->n; i++) {
        sha256_update(&h, c->tensors[i].name, strlen(c->tensors[i].name) + 1);
        sha256_update(&h, c->tensors[i].data, (size_t)c->tensors[i].dim[0] * sizeof(float));
    }
    sha256_hex(&h, hex);
}

static enum status write_state(const struct resume *r, struct arena *a) {
    struct checkpoint c = {0};
    char hex[SHA256_HEX], *rows = NULL;
    size_t size;
    describe(r, a, &c);
    add_meta(&c, "cell", r->key);
    add_meta(&c, "updates", arena_printf(a, "%d", r->walked));
    for (int k = 0; k < r->n_models; k++)
        add_meta(&c, arena_printf(a, "%s.t", r->models[k].name), arena_printf(a, "%ld", r->models[k].opt->t));
    for (int k = 0; k < r->n_numbers; k++) {
        const struct resume_numbers *n = &r->numbers[k];
        add_meta(&c, n->name, n->count ? arena_printf(a, "%d", *n->count) : text_of(a, n->x, n->n));
    }
    add_meta(&c, "readings", text_of(a, r->readings, r->n_readings));
    if (r->stream) {
        /* Rows that an earlier write lost are not in the file, though this flush may succeed. */
        if (fflush(r->stream) || ferror(r->stream)) return status_errno("%s: cannot be written", r->stream_path);
        TRY(fs_read(a, r->stream_path, &rows, &size));
        add_meta(&c, "rows", rows);
    }
    sum_of(&c, hex);
    add_meta(&c, "sum", hex);
    return checkpoint_write(r->path, &c);
}

void resume_done(struct resume *r) {
    if (!r) return;
    r->walked++;
    if (seconds_now() - r->kept_at < r->every) return;
    struct arena scratch;
    arena_open(&scratch, 1 << 16);
    const enum status st = write_state(r, &scratch);
    arena_close(&scratch);
    r->kept_at = seconds_now();
    if (st != ST_OK) log_warning("%s; training goes on, and its state is not kept", status_message());
    if (st == ST_OK && resume_kept) resume_kept(r->walked);
}

/* Is the state whole, this cell's, and of what was registered? */
static enum status check(struct resume *r, const struct checkpoint *c) {
    struct checkpoint own = {0};
    char hex[SHA256_HEX];
    const char *sum = checkpoint_meta(c, "sum"), *cell = checkpoint_meta(c, "cell"),
               *updates = checkpoint_meta(c, "updates"), *readings = checkpoint_meta(c, "readings");
    for (int i = 0; i < c->n; i++)
        if (c->tensors[i].n_dims != 1) return status_set(ST_DATA, "%s: holds other arrays", r->path);
    sum_of(c, hex);
    if (!sum || strcmp(sum, hex) != 0) return status_set(ST_DIFFERS, "%s: other content than its sum says", r->path);
    if (!cell || strcmp(cell, r->key) != 0 || !updates || !readings)
        return status_set(ST_DIFFERS, "%s: is another cell's", r->path);
    describe(r, &r->file, &own);
    for (int i = 0; i < own.n; i++) {
        const struct checkpoint_tensor *t = checkpoint_find(c, own.tensors[i].name);
        if (!t || t->dim[0] != own.tensors[i].dim[0] || c->n != own.n)
            return status_set(ST_DIFFERS, "%s: holds other arrays", r->path);
    }
    for (int k = 0; k < r->n_models; k++)
        if (!checkpoint_meta(c, arena_printf(&r->file, "%s.t", r->models[k].name)))
            return status_set(ST_DIFFERS, "%s: holds other numbers", r->path);
    for (int k = 0; k < r->n_numbers; k++) {
        const char *text = checkpoint_meta(c, r->numbers[k].name);
        if (!text || (r->numbers[k].x && numbers_of(text, NULL, r->numbers[k].n) < 0))
            return status_set(ST_DIFFERS, "%s: holds other numbers", r->path);
    }
    if (numbers_of(readings, NULL, -1) < 0 || !r->stream != !checkpoint_meta(c, "rows"))
        return status_set(ST_DIFFERS, "%s: holds other rows", r->path);
    return ST_OK;
}

void resume_begin(struct resume *r) {
    if (!r) return;
    r->kept_at = seconds_now();
    if (!fs_exists(r->path)) return;
    arena_open(&r->file, 1 << 16);
    r->state = ARENA_NEW(&r->file, struct checkpoint, 1);
    enum status st = checkpoint_read(&r->file, r->path, r->state);
    if (st == ST_OK) st = check(r, r->state);
    if (st != ST_OK) {
        log_warning("%s; training begins anew", status_message());
        arena_close(&r->file);
        return;
    }
    const char *readings = checkpoint_meta(r->state, "readings");
    r->held = (int)strtol(checkpoint_meta(r->state, "updates"), NULL, 10);
    r->n_readings = r->room = numbers_of(readings, NULL, -1);
    r->readings = ARENA_NEW(r->arena, double, r->room);
    numbers_of(readings, r->readings, r->room);
    log_line("training goes on behind update %d", r->held);
}

static void put_back(struct resume *r) {
    struct checkpoint own = {0};
    describe(r, &r->file, &own);
    for (int i = 0; i < own.n; i++)
        memcpy(own.tensors[i].data, checkpoint_find(r->state, own.tensors[i].name)->data,
               (size_t)own.tensors[i].dim[0] * sizeof(float));
    for (int k = 0; k < r->n_models; k++) {
        const char *t = checkpoint_meta(r->state, arena_printf(&r->file, "%s.t", r->models[k].name));
        r->models[k].opt->t = strtol(t, NULL, 10);
        gpt_refresh(r->models[k].model);
    }
    for (int k = 0; k < r->n_numbers; k++) {
        const struct resume_numbers *n = &r->numbers[k];
        const char *text = checkpoint_meta(r->state, n->name);
        if (n->count)
            *n->count = (int)strtol(text, NULL, 10);
        else
            numbers_of(text, n->x, n->n);
    }
    if (r->stream) { /* an error shows when the rows are committed */
        rewind(r->stream);
        (void)!ftruncate(fileno(r->stream), 0);
        fputs(checkpoint_meta(r->state, "rows"), r->stream);
    }
    r->recalled = r->n_readings;
    arena_close(&r->file);
}

/* ---- the walk ---- */

bool resume_walks(const struct resume *r) {
    return r && r->walked < r->held;
}

bool resume_skips(struct resume *r) {
    if (!resume_walks(r)) return false;
    if (++r->walked == r->held) put_back(r);
    return true;
}

bool resume_recalls(struct resume *r, double *reading) {
    if (!resume_walks(r) || r->recalled == r->n_readings) return false;
    *reading = r->readings[r->recalled++];
    return true;
}

void resume_notes(struct resume *r, double reading) {
    if (!r) return;
    if (r->n_readings == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        double *more = ARENA_NEW(r->arena, double, r->room);
        if (r->n_readings) memcpy(more, r->readings, (size_t)r->n_readings * sizeof *more);
        r->readings = more;
    }
    r->readings[r->n_readings++] = reading;
}

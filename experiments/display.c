#include "experiments/display.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/base/log.h"
#include "experiments/cost.h"
#include "experiments/store.h"

enum { PLAIN_EVERY = 30 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void display_duration(double seconds, char *text, size_t size) {
    if (seconds < 0)
        snprintf(text, size, "unknown");
    else if (seconds < 90)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 5400)
        snprintf(text, size, "%.0f min", seconds / 60);
    else
        snprintf(text, size, "%d h %02d min", (int)(seconds / 3600), (int)(seconds / 60) % 60);
}

static bool alike(const struct cell *a, const struct cell *b, bool closely) {
    if (a->kind != b->kind) return false;
    if (!closely || a->kind == CELL_BASE) return true;
    return strcmp(a->config.arm.name, b->config.arm.name) == 0 &&
           (a->kind == CELL_ARM || a->config.press.method == b->config.press.method);
}

static double expected_seconds(const struct schedule *s, int cell) {
    for (int closely = 1; closely >= 0; closely--) {
        double sum = 0;
        int n = 0;
        for (int i = 0; i < s->grid->n; i++) {
            if (s->cells[i].state != STATE_DONE || !(s->cells[i].seconds > 0)) continue;
            if (!alike(&s->grid->cells[i].cell, &s->grid->cells[cell].cell, closely)) continue;
            sum += s->cells[i].seconds;
            n++;
        }
        if (n) return sum / n;
    }
    return -1;
}

/* What a running cell's last event says of the rest, had it kept its pace; 0: nothing. */
static double paced_seconds(const struct schedule *s, int cell, double elapsed) {
    const struct arena_mark mark = arena_mark(s->arena);
    const char *event = display_last_event(s->arena, s->out, s->grid->cells[cell].cell.key);
    json_t *json = *event ? json_loads(event, 0, NULL) : NULL;
    const double done = json_number_value(json_object_get(json, "done")),
                 of = json_number_value(json_object_get(json, "of"));
    json_decref(json);
    arena_rewind(s->arena, mark);
    return done > 0 && of > done ? elapsed * (of - done) / done : 0;
}

double display_work_left(const struct schedule *s, bool *guessed) {
    double left = 0, t = now();
    bool unused, *guess = guessed ? guessed : &unused;
    *guess = false;
    for (int i = 0; i < s->grid->n; i++) {
        enum cell_state state = s->cells[i].state;
        if (state != STATE_PENDING && state != STATE_ELSEWHERE && state != STATE_RUNNING) continue;
        double seconds = expected_seconds(s, i);
        if (seconds < 0) {
            seconds = cost_guess(&s->grid->cells[i].cell);
            *guess = true;
        }
        if (seconds < 0) return -1;
        if (state == STATE_RUNNING) {
            const double elapsed = t - s->cells[i].started;
            seconds = fmax(seconds - elapsed, paced_seconds(s, i, elapsed));
        }
        if (seconds > 0) left += seconds;
    }
    return left;
}

const char *display_last_event(struct arena *a, const char *out, const char *key) {
    char *text;
    size_t size;
    if (fs_read(a, arena_printf(a, "%s/events.jsonl", store_part(a, out, key)), &text, &size)) return "";
    while (size > 0 && text[size - 1] == '\n') text[--size] = '\0';
    const char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

const char *display_progress(struct arena *a, const char *event) {
    json_t *json = *event ? json_loads(event, 0, NULL) : NULL;
    const char *what = json_string_value(json_object_get(json, "what"));
    const json_t *loss = json_object_get(json, "loss"), *accuracy = json_object_get(json, "accuracy");
    const char *text = "";
    if (what)
        text = arena_printf(a, "%s %lld/%lld", what, (long long)json_integer_value(json_object_get(json, "done")),
                            (long long)json_integer_value(json_object_get(json, "of")));
    if (loss) text = arena_printf(a, "%s, loss %.3g", text, json_number_value(loss));
    if (accuracy) text = arena_printf(a, "%s, accuracy %.3f", text, json_number_value(accuracy));
    json_decref(json);
    return text;
}

/* The table goes: the cursor stands where it began. */
static void clear(struct display *d) {
    if (d->lines > 1) fprintf(stderr, "\033[%dA", d->lines - 1);
    if (d->lines) fputs("\r\033[J", stderr);
    d->lines = 0;
}

/* "12/63 cells, 2 running, 1 failed, about 5 min left". */
static void summary(const struct schedule *s, char *text, size_t size) {
    char left[32], failed[64] = "";
    bool guessed;
    const int running = schedule_count(s, STATE_RUNNING),
              bad = schedule_count(s, STATE_FAILED) + schedule_count(s, STATE_BLOCKED),
              over = schedule_count(s, STATE_DONE) + schedule_count(s, STATE_SKIPPED) + bad;
    const double work = display_work_left(s, &guessed);
    display_duration(work < 0 ? -1 : work / s->jobs, left, sizeof left);
    if (bad) snprintf(failed, sizeof failed, ", %d failed or blocked", bad);
    snprintf(text, size, "%d/%d cells, %d running%s, %s%s left", over, s->grid->n, running, failed,
             guessed ? "about " : "", left);
}

static void live_table(struct display *d, const struct schedule *s) {
    enum { WIDE = 110 };
    char text[256];
    const struct arena_mark mark = arena_mark(s->arena);
    clear(d);
    summary(s, text, sizeof text);
    fprintf(stderr, "%.*s", WIDE, text);
    d->lines = 1;
    for (int i = 0; i < s->grid->n; i++) {
        if (s->cells[i].state != STATE_RUNNING) continue;
        const struct grid_cell *g = &s->grid->cells[i];
        const char *event = display_progress(s->arena, display_last_event(s->arena, s->out, g->cell.key));
        snprintf(text, sizeof text, "  %-44s %5.0f s  %s", g->label, now() - s->cells[i].started, event);
        fprintf(stderr, "\n%.*s", WIDE, text);
        d->lines++;
    }
    fflush(stderr);
    arena_rewind(s->arena, mark);
}

static void plain_line(const struct schedule *s, int cell) {
    const struct schedule_cell *c = &s->cells[cell];
    const struct grid_cell *g = &s->grid->cells[cell];
    char text[256];
    summary(s, text, sizeof text);
    if (c->state == STATE_DONE && !c->reused) log_line("%s %s  %.1f s; %s", g->short_key, g->label, c->seconds, text);
    if (c->state == STATE_FAILED) log_warning("%s %s failed: %s", g->short_key, g->label, c->note);
    if (c->state == STATE_RUNNING && c->note) log_warning("%s %s: %s", g->short_key, g->label, c->note);
}

void display_open(struct display *d, bool quiet) {
    *d = (struct display){.quiet = quiet, .live = !quiet && isatty(STDERR_FILENO), .started = now(), .told = now()};
}

void display_watch(void *watcher, const struct schedule *s, int cell) {
    struct display *d = watcher;
    char text[256];
    if (cell >= 0) {
        clear(d);
        plain_line(s, cell);
        d->told = now();
    }
    if (d->live) {
        live_table(d, s);
    } else if (now() - d->told >= PLAIN_EVERY) {
        d->told = now();
        summary(s, text, sizeof text);
        log_line("%s", text);
    }
}

void display_close(struct display *d) {
    clear(d);
    fflush(stderr);
}

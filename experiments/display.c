#include "experiments/display.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"

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

double display_work_left(const struct schedule *s) {
    double left = 0, t = now();
    for (int i = 0; i < s->grid->n; i++) {
        enum cell_state state = s->cells[i].state;
        if (state != STATE_PENDING && state != STATE_ELSEWHERE && state != STATE_RUNNING) continue;
        double seconds = expected_seconds(s, i);
        if (seconds < 0) return -1;
        if (state == STATE_RUNNING) seconds -= t - s->cells[i].started;
        if (seconds > 0) left += seconds;
    }
    return left;
}

static void clear(struct display *d) {
    if (d->line_open) fputs("\r\033[K", stderr);
    d->line_open = false;
}

static void live_line(struct display *d, const struct schedule *s) {
    char left[32], text[200];
    int running = schedule_count(s, STATE_RUNNING), n = 0;
    int over = schedule_count(s, STATE_DONE) + schedule_count(s, STATE_SKIPPED) + schedule_count(s, STATE_FAILED) +
               schedule_count(s, STATE_BLOCKED);
    double work = display_work_left(s);
    display_duration(work < 0 || running == 0 ? -1 : work / running, left, sizeof left);
    n = snprintf(text, sizeof text, "%d/%d cells, %s left:", over, s->grid->n, left);
    for (int i = 0; i < s->grid->n && n < (int)sizeof text; i++)
        if (s->cells[i].state == STATE_RUNNING)
            n += snprintf(text + n, sizeof text - (size_t)n, " [%s %.0f s]", s->grid->cells[i].label,
                          now() - s->cells[i].started);
    clear(d);
    fprintf(stderr, "%.110s", text);
    fflush(stderr);
    d->line_open = true;
}

static void plain_line(const struct schedule *s, int cell) {
    const struct schedule_cell *c = &s->cells[cell];
    const struct grid_cell *g = &s->grid->cells[cell];
    char left[32];
    double work = display_work_left(s);
    int over = schedule_count(s, STATE_DONE) + schedule_count(s, STATE_SKIPPED) + schedule_count(s, STATE_FAILED) +
               schedule_count(s, STATE_BLOCKED);
    display_duration(work < 0 ? -1 : work / s->jobs, left, sizeof left);
    if (c->state == STATE_DONE && !c->reused)
        log_line("%d/%d %s %s  %.1f s, %s left", over, s->grid->n, g->short_key, g->label, c->seconds, left);
    if (c->state == STATE_FAILED) log_warning("%s %s failed: %s", g->short_key, g->label, c->note);
    if (c->state == STATE_RUNNING && c->note) log_warning("%s %s: %s", g->short_key, g->label, c->note);
}

void display_open(struct display *d, bool quiet) {
    *d = (struct display){.quiet = quiet, .live = !quiet && isatty(STDERR_FILENO), .started = now()};
}

void display_watch(void *watcher, const struct schedule *s, int cell) {
    struct display *d = watcher;
    if (cell >= 0) {
        clear(d);
        plain_line(s, cell);
    }
    if (d->live) live_line(d, s);
}

void display_close(struct display *d) {
    clear(d);
    fflush(stderr);
}

#include "experiments/run.h"

#include <sched.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "experiments/display.h"
#include "experiments/merge.h"
#include "experiments/report.h"
#include "experiments/store.h"

int run_default_jobs(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    return n < 1 ? 1 : n;
}

struct schedule run_schedule(const struct run_options *o, const struct grid *g, struct arena *a) {
    return (struct schedule){.grid = g,
                             .out = o->out,
                             .data_dir = o->data_dir,
                             .program = o->program,
                             .bodies = o->bodies,
                             .jobs = o->jobs,
                             .threads = o->threads,
                             .arena = a};
}

static void count(const struct schedule *s, struct run_result *r) {
    *r = (struct run_result){.cells = s->grid->n,
                             .failed = schedule_count(s, STATE_FAILED),
                             .blocked = schedule_count(s, STATE_BLOCKED),
                             .skipped = schedule_count(s, STATE_SKIPPED),
                             .signal = s->signal};
    for (int i = 0; i < s->grid->n; i++) {
        r->refused += s->cells[i].state == STATE_FAILED && s->cells[i].refused;
        if (s->cells[i].state != STATE_DONE) continue;
        if (s->cells[i].reused)
            r->reused++;
        else
            r->computed++;
    }
    r->missing = r->cells - r->computed - r->reused - r->failed - r->blocked - r->skipped;
}

static void list_troubles(const struct schedule *s) {
    for (int i = 0; i < s->grid->n; i++) {
        const struct grid_cell *g = &s->grid->cells[i];
        if (s->cells[i].state == STATE_FAILED) log_warning("failed   %s  %s", g->label, s->cells[i].note);
        if (s->cells[i].state == STATE_BLOCKED) log_warning("blocked  %s  %s", g->label, s->cells[i].note);
        if (s->cells[i].state == STATE_DONE && s->cells[i].note)
            log_warning("redone   %s  %s", g->label, s->cells[i].note);
    }
}

static enum status verdict(const struct run_result *r) {
    int whole = r->computed + r->reused;
    if (r->signal)
        return status_set(ST_PARTIAL, "stopped by a signal: %d of %d cells are whole; the same command continues",
                          whole, r->cells - r->skipped);
    if (r->failed == 0) return ST_OK;
    return status_set(r->refused ? ST_IO
                      : whole    ? ST_PARTIAL
                                 : ST_FAILED,
                      "%d cells failed%s and %d were blocked by them; %d are whole; the same command tries again",
                      r->failed, r->refused ? " (the system refused to read or write)" : "", r->blocked, whole);
}

/* What the folder is left with, whatever the cells came to. */
static enum status write_tables(const struct suite *suite, const struct schedule *s, const char *dir, FILE *summary) {
    TRY(merge_cells_list(s, arena_printf(s->arena, "%s/cells.list", dir)));
    TRY(merge_results(suite, s, arena_printf(s->arena, "%s/results.csv", dir), s->arena));
    if (s->signal) return ST_OK;
    return report_write(dir, suite, summary, NULL);
}

enum status run_prepare(const struct suite *s, const struct run_options *o, const struct grid *g, struct arena *a) {
    const char *dir = arena_printf(a, "%s/%s", o->out, s->name);
    TRY(fs_mkdirs(dir));
    TRY(store_open(o->out));
    return manifest_write(arena_printf(a, "%s/manifest.json", dir), s, g, &o->manifest);
}

/* The folder of a run, made and held; *lock is for fs_unlock. */
static enum status hold_folder(const char *dir, int *lock, struct arena *a) {
    TRY(fs_mkdirs(dir));
    enum status st = fs_lock(arena_printf(a, "%s/.lock", dir), lock);
    if (st == ST_PARTIAL) return status_set(ST_PARTIAL, "another run works in %s and will finish it", dir);
    return st;
}

/* The cells of a schedule, told of as they go. */
static enum status run_watched(struct schedule *schedule, bool quiet) {
    struct display display;
    display_open(&display, quiet);
    schedule->watch = display_watch;
    schedule->watcher = &display;
    schedule_open(schedule);
    const enum status st = schedule_run(schedule);
    display_close(&display);
    return st;
}

enum status run_suite(const struct suite *s, const struct run_options *o, struct run_result *result, struct arena *a) {
    struct grid g;
    const char *dir = arena_printf(a, "%s/%s", o->out, s->name);
    int lock = -1;
    *result = (struct run_result){0};
    log_set_quiet(o->quiet);
    TRY(grid_build(&g, s, o->kernel, o->data_dir, a));
    TRY(hold_folder(dir, &lock, a));
    struct schedule schedule = run_schedule(o, &g, a);
    enum status st = run_prepare(s, o, &g, a);
    if (st == ST_OK) st = run_watched(&schedule, o->quiet);
    if (st == ST_OK) st = write_tables(s, &schedule, dir, o->quiet ? NULL : stderr);
    if (st != ST_OK) goto done;
    count(&schedule, result);
    list_troubles(&schedule);
    log_line("%s: %d cells: %d computed, %d reused, %d skipped, %d failed, %d blocked, %d missing", s->name,
             result->cells, result->computed, result->reused, result->skipped, result->failed, result->blocked,
             result->missing);
    st = verdict(result);
    if (st == ST_OK) log_line("%s/report.md", dir);
done:
    fs_unlock(lock);
    return st;
}

enum status run_part(const struct suite *s, const struct run_options *o, enum cell_kind stage, int part, int parts,
                     struct run_result *result, struct arena *a) {
    struct grid g;
    int n = 0, missing = 0;
    *result = (struct run_result){0};
    log_set_quiet(o->quiet);
    TRY(grid_build(&g, s, o->kernel, o->data_dir, a));
    TRY(store_open(o->out));
    struct schedule schedule = run_schedule(o, &g, a);
    bool *only = ARENA_NEW(a, bool, g.n);
    for (int i = 0; i < g.n; i++) {
        if (g.cells[i].cell.kind != stage || g.cells[i].skip) continue;
        only[i] = n++ % parts == part - 1;
    }
    schedule.only = only;
    TRY(run_watched(&schedule, o->quiet));
    count(&schedule, result);
    list_troubles(&schedule);
    for (int i = 0; i < g.n; i++) missing += only[i] && schedule.cells[i].state == STATE_PENDING;
    if (result->failed) return status_set(ST_FAILED, "%d cells failed", result->failed);
    if (result->signal) return status_set(ST_PARTIAL, "stopped by a signal; %d cells are left", missing);
    if (missing)
        return status_set(ST_PARTIAL, "%d cells of stage %s wait for a parent that is missing", missing,
                          config_kind_name(stage));
    return ST_OK;
}

enum status run_merge(const struct suite *s, const struct run_options *o, struct arena *a) {
    struct grid g;
    struct run_result result;
    const char *dir = arena_printf(a, "%s/%s", o->out, s->name);
    log_set_quiet(o->quiet);
    TRY(grid_build(&g, s, o->kernel, o->data_dir, a));
    int lock = -1;
    TRY(hold_folder(dir, &lock, a));
    struct schedule schedule = run_schedule(o, &g, a);
    schedule_survey(&schedule);
    enum status st = write_tables(s, &schedule, dir, o->quiet ? NULL : stderr);
    fs_unlock(lock);
    if (st != ST_OK) return st;
    count(&schedule, &result);
    list_troubles(&schedule);
    log_line("%s/report.md", dir);
    const int whole = result.computed + result.reused, of = result.cells - result.skipped;
    return whole == of ? ST_OK : status_set(ST_PARTIAL, "%d of %d cells are whole", whole, of);
}

/* A cell that is not whole is running when its lock is held, interrupted or failed when only its .part is there. */
static const char *open_state(struct arena *a, const char *out, const char *key) {
    int fd;
    if (!fs_exists(store_part(a, out, key))) return "pending";
    if (store_lock(a, out, key, &fd) == ST_PARTIAL) return "running";
    fs_unlock(fd);
    return "stopped";
}

/* The state of cell i for people and machines; *event: the last line of a running or stopped cell's events, or "". */
static const char *state_of(const struct schedule *s, int i, const char **event) {
    const char *key = s->grid->cells[i].cell.key;
    *event = "";
    if (s->cells[i].state == STATE_FAILED) return "damaged";
    if (s->cells[i].state != STATE_PENDING) return schedule_state_name(s->cells[i].state);
    *event = display_last_event(s->arena, s->out, key);
    return open_state(s->arena, s->out, key);
}

static enum status finished(const struct suite *s, const struct schedule *schedule, int *whole, int *of) {
    *whole = schedule_count(schedule, STATE_DONE);
    *of = schedule->grid->n - schedule_count(schedule, STATE_SKIPPED);
    return *whole == *of ? ST_OK : status_set(ST_PARTIAL, "%s: not finished", s->name);
}

enum status run_status(const struct suite *s, const struct run_options *o, FILE *to, struct arena *a) {
    struct grid g;
    int whole, of;
    TRY(grid_build(&g, s, o->kernel, o->data_dir, a));
    struct schedule schedule = run_schedule(o, &g, a);
    schedule_survey(&schedule);
    for (int i = 0; i < g.n; i++) {
        const char *event, *state = state_of(&schedule, i, &event);
        const char *note = *event ? event : schedule.cells[i].note ? schedule.cells[i].note : "";
        fprintf(to, "%-8s %s  %s  %s\n", state, g.cells[i].short_key, g.cells[i].label, note);
    }
    enum status st = finished(s, &schedule, &whole, &of);
    fprintf(to, "%d of %d cells are whole\n", whole, of);
    return st;
}

enum status run_status_json(const struct suite *s, const struct run_options *o, FILE *to, struct arena *a) {
    struct grid g;
    int whole, of;
    TRY(grid_build(&g, s, o->kernel, o->data_dir, a));
    struct schedule schedule = run_schedule(o, &g, a);
    schedule_survey(&schedule);
    json_t *list = json_array(), *json = json_object();
    for (int i = 0; i < g.n; i++) {
        const struct grid_cell *c = &g.cells[i];
        const char *event, *state = state_of(&schedule, i, &event);
        json_t *cell = json_pack("{s:s, s:s, s:s, s:s}", "key", c->cell.key, "kind", config_kind_name(c->cell.kind),
                                 "label", c->label, "state", state);
        json_t *progress = *event ? json_loads(event, 0, NULL) : NULL;
        if (progress) json_object_set_new(cell, "event", progress);
        if (schedule.cells[i].note) json_object_set_new(cell, "note", json_string(schedule.cells[i].note));
        if (schedule.cells[i].state == STATE_DONE)
            json_object_set_new(cell, "seconds", json_real(schedule.cells[i].seconds));
        json_array_append_new(list, cell);
    }
    enum status st = finished(s, &schedule, &whole, &of);
    const double left = display_work_left(&schedule, NULL);
    json_object_set_new(json, "suite", json_string(s->name));
    json_object_set_new(json, "whole", json_integer(whole));
    json_object_set_new(json, "of", json_integer(of));
    json_object_set_new(json, "seconds_left", left < 0 ? json_null() : json_real(left));
    json_object_set_new(json, "cells", list);
    jsonio_print(to, json);
    json_decref(json);
    return st;
}

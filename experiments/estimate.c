/* run -n: what would run, resolved, and what it is likely to take. */
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/display.h"
#include "experiments/run.h"
#include "experiments/store.h"

/* Disk that the unfinished cells will take: the mean of finished ones of the same kind; -1 when a kind has none. */
static double bytes_left(struct arena *a, const struct schedule *s) {
    double left = 0;
    for (enum cell_kind kind = CELL_BASE; kind <= CELL_PRESS; kind++) {
        double bytes = 0;
        int whole = 0, open = 0;
        for (int i = 0; i < s->grid->n; i++) {
            if (s->grid->cells[i].cell.kind != kind) continue;
            if (s->cells[i].state == STATE_DONE) {
                bytes += fs_folder_bytes(a, store_path(a, s->out, s->grid->cells[i].cell.key));
                whole++;
            } else if (s->cells[i].state != STATE_SKIPPED)
                open++;
        }
        if (open && !whole) return -1;
        if (open) left += bytes / whole * open;
    }
    return left;
}

/* The values of a key over the cells that depend on it, each once, in the order of the grid; "" where there is none. */
static const char *values_of(const struct grid *g, const struct config_key *key, struct arena *a) {
    const char *list = "";
    for (int i = 0; i < g->n; i++) {
        char text[CONFIG_TEXT];
        if (g->cells[i].cell.kind < key->from) continue;
        config_text(&g->cells[i].cell.config, key, text);
        const char *marked = arena_printf(a, "|%s|", text);
        if (*text && !strstr(arena_printf(a, "|%s|", list), marked))
            list = arena_printf(a, "%s%s%s", list, *list ? "|" : "", text);
    }
    return list;
}

static void print_configuration(const struct grid *g, const struct suite *s, FILE *to, struct arena *a) {
    enum { WIDE = 110, INDENT = 9 };
    int n, column = 0;
    const struct config_key *keys = config_keys(&n);
    fprintf(to, "suite  %s, delta %g, %s arithmetic, seeds", s->name, s->delta,
            s->numeric == NUMERIC_NATIVE ? "native" : "portable");
    for (int i = 0; i < s->n_seeds; i++) fprintf(to, " %ld", s->seeds[i]);
    for (int i = 0; i < n; i++) {
        const struct arena_mark mark = arena_mark(a);
        const char *values = values_of(g, &keys[i], a);
        const int width = (int)(strlen(keys[i].key) + strlen(values)) + 2;
        if (i == 0 || strcmp(keys[i].section, keys[i - 1].section) != 0)
            column = fprintf(to, "\n%-*s", INDENT - 1, keys[i].section) - 1;
        if (*values && column + width > WIDE) column = fprintf(to, "\n%*s", INDENT - 1, "") - 1;
        if (*values) column += fprintf(to, "%s=%s ", keys[i].key, values);
        arena_rewind(a, mark);
    }
    fputc('\n', to);
}

/* Cells of a kind by what is to be done. */
struct tally {
    int total, whole, skipped, damaged;
};

static struct tally tally_of(const struct schedule *s, enum cell_kind kind) {
    struct tally t = {0};
    for (int i = 0; i < s->grid->n; i++) {
        if (s->grid->cells[i].cell.kind != kind) continue;
        t.total++;
        t.whole += s->cells[i].state == STATE_DONE;
        t.skipped += s->cells[i].state == STATE_SKIPPED;
        t.damaged += s->cells[i].state == STATE_FAILED;
    }
    return t;
}

/* What is damaged will be computed again. */
static double work_of(struct schedule *s, bool *guessed) {
    for (int i = 0; i < s->grid->n; i++)
        if (s->cells[i].state == STATE_FAILED) s->cells[i].state = STATE_PENDING;
    return display_work_left(s, guessed);
}

enum status run_estimate(const struct suite *s, const struct run_options *o, FILE *to, struct arena *a) {
    struct grid g;
    char time_left[32];
    bool guessed;
    TRY(grid_build(&g, s, o->kernel, o->data_dir, a));
    struct schedule schedule = run_schedule(o, &g, a);
    schedule_survey(&schedule);
    print_configuration(&g, s, to, a);
    for (enum cell_kind kind = CELL_BASE; kind <= CELL_PRESS; kind++) {
        const struct tally t = tally_of(&schedule, kind);
        fprintf(to, "%-6s %4d cells  %4d whole  %4d to run  %4d skipped", config_kind_name(kind), t.total, t.whole,
                t.total - t.whole - t.skipped, t.skipped);
        fprintf(to, t.damaged ? "  %d damaged\n" : "\n", t.damaged);
    }
    const double work = work_of(&schedule, &guessed), bytes = bytes_left(a, &schedule);
    display_duration(work < 0 ? -1 : work / o->jobs, time_left, sizeof time_left);
    fprintf(to, "time   %s%s with --jobs %d%s\n", guessed ? "about " : "", time_left, o->jobs,
            guessed ? " (a guess: nothing like it was measured here yet)" : "");
    if (bytes < 0)
        fprintf(to, "disk   unknown\n");
    else
        fprintf(to, "disk   %.1f MB\n", bytes / 1e6);
    return ST_OK;
}

enum status run_estimate_json(const struct suite *s, const struct run_options *o, FILE *to, struct arena *a) {
    struct grid g;
    int n;
    bool guessed;
    TRY(grid_build(&g, s, o->kernel, o->data_dir, a));
    struct schedule schedule = run_schedule(o, &g, a);
    schedule_survey(&schedule);
    const struct config_key *keys = config_keys(&n);
    json_t *settings = json_object(), *cells = json_object(), *json = json_object();
    for (int i = 0; i < n; i++)
        json_object_set_new(settings, arena_printf(a, "%s.%s", keys[i].section, keys[i].key),
                            json_string(values_of(&g, &keys[i], a)));
    for (enum cell_kind kind = CELL_BASE; kind <= CELL_PRESS; kind++) {
        const struct tally t = tally_of(&schedule, kind);
        json_object_set_new(cells, config_kind_name(kind),
                            json_pack("{s:i, s:i, s:i, s:i, s:i}", "total", t.total, "whole", t.whole, "to_run",
                                      t.total - t.whole - t.skipped, "skipped", t.skipped, "damaged", t.damaged));
    }
    const double work = work_of(&schedule, &guessed), bytes = bytes_left(a, &schedule);
    json_object_set_new(json, "suite", json_string(s->name));
    json_object_set_new(json, "settings", settings);
    json_object_set_new(json, "cells", cells);
    json_object_set_new(json, "seconds", work < 0 ? json_null() : json_real(work / o->jobs));
    json_object_set_new(json, "guessed", json_boolean(guessed));
    json_object_set_new(json, "bytes", bytes < 0 ? json_null() : json_real(bytes));
    jsonio_print(to, json);
    json_decref(json);
    return ST_OK;
}

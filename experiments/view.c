#include "experiments/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "experiments/show.h"
#include "experiments/store.h"

struct page {
    const struct view_options *o;
    struct arena *arena;
    FILE *to;
    json_t *cells; /* list of objects */
    const char *suite;
};

/* --- cells ----------------------------------------------------------------------------------------------------- */

static const char *const list_columns[] = {"key", "kind", "state", "label", "variant", "note"};
enum { LIST_COLUMNS = sizeof list_columns / sizeof list_columns[0] };

/* cells.list: one line a cell, fields between tabs. */
static enum status read_cells(struct page *p) {
    char *text, *rest = NULL;
    size_t size;
    const char *path = arena_printf(p->arena, "%s/cells.list", p->o->dir);
    TRY(fs_read(p->arena, path, &text, &size));
    int number = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (number++ == 0) continue;
        json_t *cell = json_object();
        json_array_append_new(p->cells, cell);
        for (int c = 0; c < LIST_COLUMNS; c++) {
            char *tab = strchr(line, '\t');
            if (tab) *tab = '\0';
            json_object_set_new(cell, list_columns[c], json_string(line));
            line = tab ? tab + 1 : line + strlen(line);
        }
        struct cell_resources took;
        TRY(cell_resources(p->arena, p->o->out, json_string_value(json_object_get(cell, "key")), &took));
        if (isfinite(took.seconds)) json_object_set_new(cell, "seconds", json_real(took.seconds));
        json_object_set_new(cell, "rows", json_array());
    }
    return ST_OK;
}

static json_t *find_cell(struct page *p, const char *short_key) {
    size_t i;
    json_t *cell;
    json_array_foreach(p->cells, i, cell) {
        const char *key = json_string_value(json_object_get(cell, "key"));
        if (key && strncmp(key, short_key, strlen(short_key)) == 0) return cell;
    }
    return NULL;
}

static json_t *text_or_number(const char *text) {
    char *end;
    const double x = strtod(text, &end);
    if (!*text) return json_null();
    return *end || !isfinite(x) ? json_string(text) : json_real(x);
}

/* What a table of results says of a cell as a whole: its columns once, and its numbers that belong to no step or layer:
 * [metric, concept, view, update, n, value, status]. The others would not fit on a page. */
static enum status read_results(struct page *p) {
    static const char *const of_cell[] = {"task", "design", "arm", "pressure", "method", "credit", "seed"};
    static const char *const of_row[] = {"metric", "concept", "view", "update", "n", "value", "status"};
    enum { CELL = sizeof of_cell / sizeof of_cell[0], ROW = sizeof of_row / sizeof of_row[0] };
    struct csv_table *t;
    TRY(csv_read(p->arena, arena_printf(p->arena, "%s/results.csv", p->o->dir), NULL, &t));
    int cell_at[CELL], row_at[ROW];
    const int key = csv_column(t, "cell"), step = csv_column(t, "step"), layer = csv_column(t, "layer"),
              level = csv_column(t, "dose_level"), suite = csv_column(t, "suite");
    bool known = key >= 0 && step >= 0 && layer >= 0 && level >= 0 && suite >= 0;
    for (int c = 0; c < CELL; c++) known &= (cell_at[c] = csv_column(t, of_cell[c])) >= 0;
    for (int c = 0; c < ROW; c++) known &= (row_at[c] = csv_column(t, of_row[c])) >= 0;
    if (!known) return status_set(ST_DATA, "%s: is not a table of results", t->path);
    const char *last = "";
    json_t *cell = NULL;
    for (int i = 0; i < t->rows; i++) {
        p->suite = csv_cell(t, i, suite);
        if (strcmp(csv_cell(t, i, key), last) != 0) {
            last = csv_cell(t, i, key);
            cell = find_cell(p, last);
            for (int c = 0; cell && c < CELL; c++)
                json_object_set_new(cell, of_cell[c], text_or_number(csv_cell(t, i, cell_at[c])));
        }
        /* A frozen probe stands at the one step that it reads best: a number of the cell as a whole. */
        const bool by_step = *csv_cell(t, i, step) && strcmp(csv_cell(t, i, row_at[0]), "m_r_frozen") != 0;
        if (!cell || by_step || *csv_cell(t, i, layer) || *csv_cell(t, i, level)) continue;
        json_t *row = json_array();
        for (int c = 0; c < ROW; c++) json_array_append_new(row, text_or_number(csv_cell(t, i, row_at[c])));
        json_array_append_new(json_object_get(cell, "rows"), row);
    }
    return ST_OK;
}

/* --- examples -------------------------------------------------------------------------------------------------- */

static json_t *item_json(const struct show *s) {
    json_t *sections = json_array();
    for (int i = 0; i < s->n; i++) {
        json_t *lines = json_array();
        for (int k = 0; k < s->section[i].n; k++) {
            const struct show_line *l = &s->section[i].lines[k];
            json_array_append_new(lines, s->level ? json_pack("[s, s, s]", l->name, l->before, l->after)
                                                  : json_pack("[s, s]", l->name, l->before));
        }
        json_array_append_new(sections, json_pack("{s:s, s:o}", "title", s->section[i].title, "lines", lines));
    }
    return json_pack("{s:i, s:s, s:s, s:o}", "item", s->item, "question", s->question, "truth", s->truth, "sections",
                     sections);
}

static enum status cell_items(struct page *p, const char *key, json_t **example) {
    struct showing *showing;
    struct show s;
    struct arena opened, line;
    const struct show_options o = {.out = p->o->out, .cell = key};
    arena_open(&opened, 1 << 20);
    arena_open(&line, 1 << 20);
    enum status st = show_open(&showing, &o, &opened);
    json_t *items = json_array();
    for (int i = 1; st == ST_OK && i <= p->o->items; i++) {
        const struct arena_mark mark = arena_mark(&line);
        st = show_item(showing, i, &s, &line);
        if (st == ST_OK) json_array_append_new(items, item_json(&s));
        if (st == ST_OK && i == 1)
            *example = json_pack("{s:s, s:s, s:s, s:i, s:O}", "key", s.key, "label", s.label, "pressure", s.pressure,
                                 "level", s.level, "items", items);
        arena_rewind(&line, mark);
        if (st == ST_OK && i == s.items) break;
    }
    json_decref(items);
    arena_close(&line);
    arena_close(&opened);
    return st;
}

/* Cells that kept weights after pressure come first, then arms: there is nothing after, but something to read. */
static bool has_after(struct page *p, const char *key) {
    static const int levels[] = {25, 50, 75, 90};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (fs_exists(
                arena_printf(p->arena, "%s/model-%d.safetensors", store_path(p->arena, p->o->out, key), levels[i])))
            return true;
    return false;
}

static int choose_cells(struct page *p, const char **keys) {
    int n = 0;
    size_t i;
    json_t *cell;
    for (int pressed = 1; pressed >= 0; pressed--) json_array_foreach(p->cells, i, cell) {
            const char *key = json_string_value(json_object_get(cell, "key")),
                       *kind = json_string_value(json_object_get(cell, "kind"));
            if (strcmp(json_string_value(json_object_get(cell, "state")), "done") != 0 || n == p->o->cells) continue;
            if (pressed ? strcmp(kind, "press") == 0 && has_after(p, key) : strcmp(kind, "arm") == 0) keys[n++] = key;
        }
    return n;
}

static enum status read_examples(struct page *p, json_t *examples) {
    const char **keys = ARENA_NEW(p->arena, const char *, p->o->cells + 1);
    const int n = p->o->items > 0 ? choose_cells(p, keys) : 0;
    for (int i = 0; i < n; i++) {
        json_t *example = NULL;
        TRY(cell_items(p, keys[i], &example));
        if (example) json_array_append_new(examples, example);
        if (p->o->progress) p->o->progress(p->o->to, i + 1, n);
    }
    return ST_OK;
}

/* --- the page -------------------------------------------------------------------------------------------------- */

void view_json(FILE *to, const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
    for (const char *c = text; c && *c; c++)
        if (*c == '<')
            fputs("\\u003c", to);
        else
            fputc(*c, to);
    free(text);
}

static json_t *manifest_of(struct page *p) {
    json_t *json = NULL, *runs = NULL, *last = NULL, *about = json_object();
    const char *path = arena_printf(p->arena, "%s/manifest.json", p->o->dir);
    if (fs_exists(path) && jsonio_load_path(path, &json) == ST_OK &&
        jsonio_get_array(path, json, "runs", &runs) == ST_OK && json_array_size(runs) > 0)
        last = json_array_get(runs, json_array_size(runs) - 1);
    static const char *const keep[] = {"started", "git", "dirty", "cpu", "version", "argv"};
    for (size_t i = 0; last && i < sizeof keep / sizeof keep[0]; i++) {
        json_t *value = json_object_get(last, keep[i]);
        if (value) json_object_set(about, keep[i], value);
    }
    json_decref(json);
    return about;
}

/* A digest as content security policies write it. */
static void sha256_base64(const char *text, char base64[45]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[SHA256_HEX];
    unsigned char bytes[33] = {0};
    sha256_text(text, hex);
    for (int i = 0; i < 32; i++)
        bytes[i] = (unsigned char)strtoul((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
    for (int i = 0; i < 11; i++) {
        const unsigned three = (unsigned)(bytes[3 * i] << 16 | bytes[3 * i + 1] << 8 | bytes[3 * i + 2]);
        for (int k = 0; k < 4; k++) base64[4 * i + k] = digits[three >> (18 - 6 * k) & 63];
    }
    base64[43] = '='; /* 32 bytes leave one place */
    base64[44] = '\0';
}

/* The policy names the script by its SHA-256, so that nothing else on the page runs, whatever a table holds. */
static enum status write_page(struct page *p, const json_t *data) {
    char *script, *style, *report, hash[45];
    size_t size;
    const char *dir = p->o->dir;
    TRY(fs_read(p->arena, arena_printf(p->arena, "%s/view.js", p->o->plots), &script, &size));
    TRY(fs_read(p->arena, arena_printf(p->arena, "%s/view.css", p->o->plots), &style, &size));
    TRY(fs_read(p->arena, arena_printf(p->arena, "%s/report.md", dir), &report, &size));
    sha256_base64(script, hash);
    fprintf(p->to,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\""
            "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src "
            "'sha256-%s'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
            hash);
    view_text(p->to, p->suite, strlen(p->suite));
    fprintf(p->to, " - spillover</title>\n<style>\n%s</style>\n</head>\n<body>\n<header><strong>", style);
    view_text(p->to, p->suite, strlen(p->suite));
    fputs("</strong><nav><a href=\"#report\">Report</a><a href=\"#cells\">Cells</a><a href=\"#examples\">Examples</a>"
          "</nav></header>\n<main>\n<section id=\"report\">\n",
          p->to);
    view_markdown(p->to, report, dir, p->arena);
    fputs("</section>\n<section id=\"cells\" hidden></section>\n<section id=\"examples\" hidden></section>\n</main>\n"
          "<noscript><p>The tables of cells and of examples need JavaScript.</p></noscript>\n"
          "<script type=\"application/json\" id=\"data\">",
          p->to);
    view_json(p->to, data);
    fprintf(p->to, "</script>\n<script>%s</script>\n</body>\n</html>\n", script);
    return ST_OK;
}

enum status view_write(const struct view_options *o, const char *path, struct arena *a) {
    if (!fs_exists(arena_printf(a, "%s/report.md", o->dir)))
        return status_set(ST_USAGE, "%s has no report.md: spillover run and spillover report make one", o->dir);
    struct page p = {.o = o, .arena = a, .suite = "", .cells = json_array()};
    struct fs_file file;
    json_t *examples = json_array(), *data = NULL;
    enum status st = read_cells(&p);
    if (st == ST_OK) st = read_results(&p);
    if (st == ST_OK) st = read_examples(&p, examples);
    data = json_pack("{s:o, s:o, s:o}", "manifest", manifest_of(&p), "cells", p.cells, "examples", examples);
    if (st == ST_OK) st = fs_create(&file, path);
    if (st != ST_OK) goto done;
    p.to = file.stream;
    st = write_page(&p, data);
    if (st == ST_OK)
        st = fs_commit(&file);
    else
        fs_discard(&file);
done:
    json_decref(data);
    return st;
}

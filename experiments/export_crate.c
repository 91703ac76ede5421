#include <jansson.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/version.h"
#include "experiments/export.h"
#include "experiments/figure.h"

struct crate {
    const char *dir, *to;
    struct arena *arena;
    json_t *graph, *parts;
};

static const struct {
    const char *name, *format, *about;
} files[] = {
    {"results.csv", "text/csv", "every number, one a row; `spillover list columns` says what the columns are"},
    {"results.csv.sha256", "text/plain", "its sum, as sha256sum checks it"},
    {"outcomes.csv", "text/csv", "dose, spillover and transmission by seed"},
    {"cost.csv", "text/csv", "core-seconds and memory by kind of cell and arm"},
    {"cells.list", "text/tab-separated-values", "what was run: the key, kind, state and label of every cell"},
    {"report.md", "text/markdown", "gates, verdicts, outcomes and figures, to read"},
    {"manifest.json", "application/json", "the suite as it was resolved, and by what program on what machine it ran"},
};

/* Copy a file into the crate and say what it is; one that the suite lacks is passed over. */
static enum status add_file(struct crate *c, const char *name, const char *format, const char *about) {
    char hex[SHA256_HEX], *data;
    size_t size;
    const char *from = arena_printf(c->arena, "%s/%s", c->dir, name),
               *to = arena_printf(c->arena, "%s/%s", c->to, name);
    if (!fs_exists(from)) return ST_OK;
    TRY(fs_read(c->arena, from, &data, &size));
    TRY(fs_write(to, data, size));
    TRY(sha256_file(to, hex));
    json_array_append_new(c->parts, json_pack("{s:s}", "@id", name));
    json_array_append_new(c->graph, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "@id", name, "@type", "File",
                                              "name", name, "description", about, "encodingFormat", format,
                                              "contentSize", (json_int_t)size, "sha256", hex));
    return ST_OK;
}

static enum status add_figures(struct crate *c) {
    const char **names, *dir = arena_printf(c->arena, "%s/figures", c->dir);
    int n;
    if (!fs_exists(dir)) return ST_OK;
    TRY(figure_list(dir, &names, &n, c->arena));
    TRY(fs_mkdirs(arena_printf(c->arena, "%s/figures", c->to)));
    for (int i = 0; i < n; i++)
        TRY(add_file(c, arena_printf(c->arena, "figures/%s", names[i]), "image/svg+xml", "a figure of the report"));
    return ST_OK;
}

/* The run behind the files: what the manifest says of the last one. */
static enum status add_run(struct crate *c, const char **name, const char **about, const char **date) {
    json_t *json = NULL, *suite = NULL, *runs = NULL;
    const char *path = arena_printf(c->arena, "%s/manifest.json", c->dir), *text = "";
    *name = *about = *date = "";
    TRY(jsonio_load_path(path, &json));
    enum status st = jsonio_get_object(path, json, "suite", &suite);
    if (st == ST_OK) st = jsonio_get_string(path, suite, "name", &text);
    *name = arena_strdup(c->arena, text);
    if (st == ST_OK && json_object_get(suite, "about")) st = jsonio_get_string(path, suite, "about", about);
    *about = arena_strdup(c->arena, *about);
    if (st == ST_OK) st = jsonio_get_array(path, json, "runs", &runs);
    const json_t *run = st == ST_OK ? json_array_get(runs, json_array_size(runs) - 1) : NULL;
    const char *started = json_string_value(json_object_get(run, "started")),
               *git = json_string_value(json_object_get(run, "git"));
    *date = arena_strdup(c->arena, started ? started : "");
    json_t *program = json_pack("{s:s, s:s, s:s, s:s}", "@id", "#spillover", "@type", "SoftwareApplication", "name",
                                "spillover", "softwareVersion", SPILLOVER_VERSION);
    if (git) json_object_set_new(program, "identifier", json_string(git));
    json_array_append_new(c->graph, program);
    json_array_append_new(c->graph, json_pack("{s:s, s:s, s:s, s:{s:s}, s:{s:s}, s:O, s:s}", "@id", "#run", "@type",
                                              "CreateAction", "name", arena_printf(c->arena, "spillover run %s", *name),
                                              "instrument", "@id", "#spillover", "object", "@id", "manifest.json",
                                              "result", c->parts, "endTime", *date));
    json_decref(json);
    return st;
}

static enum status write_metadata(struct crate *c) {
    const char *name, *about, *date;
    TRY(add_run(c, &name, &about, &date));
    json_array_append_new(c->graph, json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "@id", "ro-crate-metadata.json", "@type",
                                              "CreativeWork", "conformsTo", "@id", "https://w3id.org/ro/crate/1.1",
                                              "about", "@id", "./"));
    json_array_append_new(c->graph,
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:{s:s}}", "@id", "./", "@type", "Dataset",
                                    "name", name, "description", *about ? about : name, "datePublished", date,
                                    "license", "MIT", "hasPart", c->parts, "mentions", "@id", "#run"));
    json_t *all = json_pack("{s:s, s:O}", "@context", "https://w3id.org/ro/crate/1.1/context", "@graph", c->graph);
    const enum status st = jsonio_store_path(arena_printf(c->arena, "%s/ro-crate-metadata.json", c->to), all);
    json_decref(all);
    return st;
}

enum status export_crate(const char *dir, const char *to, json_t *written, struct arena *a) {
    struct crate c = {.dir = dir, .to = to, .arena = a};
    if (!fs_exists(arena_printf(a, "%s/results.csv", dir)) || !fs_exists(arena_printf(a, "%s/manifest.json", dir)))
        return status_set(ST_USAGE, "%s has no results: spillover run makes them", dir);
    TRY(fs_mkdirs(to));
    c.graph = json_array();
    c.parts = json_array();
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < sizeof files / sizeof files[0]; i++)
        st = add_file(&c, files[i].name, files[i].format, files[i].about);
    if (st == ST_OK) st = add_figures(&c);
    if (st == ST_OK) st = write_metadata(&c);
    if (st == ST_OK) json_array_append_new(written, json_sprintf("%s/ro-crate-metadata.json", to));
    json_decref(c.graph);
    json_decref(c.parts);
    return st;
}

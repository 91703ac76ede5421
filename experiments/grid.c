#include "experiments/grid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/fs.h"
#include "engine/base/sha256.h"
#include "engine/version.h"
#include "experiments/learner.h"
#include "experiments/registry.h"

enum { MOST_INPUTS = 1024, MOST_KEYS = 128 };

struct builder {
    struct grid *grid;
    const struct suite *suite;
    const char *kernel, *data_dir;
    struct arena *arena;
    int room;
    int *slots; /* open addressing by key; index + 1, 0 is free */
    unsigned n_slots;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct grid_input *)a)->name, ((const struct grid_input *)b)->name);
}

/* The plain files of <data_dir>/<sub>. A folder that is not there has none. */
static enum status add_inputs(struct builder *b, const char *data_dir, const char *sub) {
    struct grid *g = b->grid;
    const char *folder = arena_printf(b->arena, "%s/%s", data_dir, sub);
    const char **names;
    int n;
    if (!fs_exists(folder)) return ST_OK;
    /* What is there but cannot be looked at must not be left out of the keys. */
    TRY(fs_list(b->arena, folder, &names, &n));
    for (int i = 0; i < n; i++) {
        struct stat info;
        const char *path = arena_printf(b->arena, "%s/%s", folder, names[i]);
        if (names[i][0] == '.') continue;
        if (stat(path, &info)) {
            if (errno == ENOENT) continue; /* a link to nowhere */
            return status_errno("%s: cannot be looked at", path);
        }
        if (!S_ISREG(info.st_mode)) continue;
        if (g->n_inputs == MOST_INPUTS) return status_set(ST_USAGE, "%s: more than %d files", data_dir, MOST_INPUTS);
        struct grid_input *input = &g->inputs[g->n_inputs++];
        input->name = arena_printf(b->arena, "%s%s%s", sub, *sub ? "/" : "", names[i]);
        TRY(sha256_file(path, input->sha256));
    }
    return ST_OK;
}

/* The folders of the data folder that a cell reads: its task's, and that of the weights it starts from. */
enum { MOST_FOLDERS = 8 };
static int folders_of(const struct config *c, const char *folder[MOST_FOLDERS]) {
    const struct task *task;
    int n = 0;
    if (task_find(c->task_name, &task) || !task->load) return 0;
    if (!task->folders) folder[n++] = task->name;
    for (int i = 0; task->folders && task->folders[i]; i++) folder[n++] = task->folders[i];
    if (strcmp(c->base.weights, "none") == 0) return n;
    for (int i = 0; i < n; i++)
        if (strcmp(folder[i], c->base.weights) == 0) return n;
    folder[n++] = c->base.weights;
    return n;
}

static bool is_in(const struct grid_input *input, const char *folder) {
    const size_t n = strlen(folder);
    return strncmp(input->name, folder, n) == 0 && input->name[n] == '/';
}

/* Tasks look for a published file in <data_dir>/<task>, or folders that they name, and in <data_dir> itself. */
static enum status read_inputs(struct builder *b, const char *data_dir) {
    struct grid *g = b->grid;
    g->inputs = ARENA_NEW(b->arena, struct grid_input, MOST_INPUTS);
    if (!data_dir) return ST_OK;
    bool reads = false;
    for (int j = 0; j < b->suite->n_plans; j++) {
        const char *folder[MOST_FOLDERS];
        const int n = folders_of(&b->suite->plans[j].config, folder);
        for (int k = 0; k < n; k++) {
            bool known = false;
            for (int i = 0; i < g->n_inputs && !known; i++) known = is_in(&g->inputs[i], folder[k]);
            if (!known) TRY(add_inputs(b, data_dir, folder[k]));
        }
        reads |= n > 0;
    }
    if (reads) TRY(add_inputs(b, data_dir, ""));
    qsort(g->inputs, (size_t)g->n_inputs, sizeof *g->inputs, by_name);
    return ST_OK;
}

static json_t *inputs_of(const struct builder *b, const struct config *c) {
    json_t *json = json_object();
    const char *folder[MOST_FOLDERS];
    const int n = folders_of(c, folder);
    for (int i = 0; i < b->grid->n_inputs; i++) {
        const struct grid_input *input = &b->grid->inputs[i];
        bool own = n > 0 && !strchr(input->name, '/');
        for (int k = 0; k < n; k++) own |= is_in(input, folder[k]);
        if (own) json_object_set_new(json, input->name, json_string(input->sha256));
    }
    return json;
}

static struct registry_row row_named(enum registry which, const char *name) {
    struct registry_row row;
    if (!registry_find(which, name, &row)) BUG("%s is not in its registry", name);
    return row;
}

static void add_version(json_t *rows, const char *kind, enum registry which, const char *name) {
    json_object_set_new(rows, kind, json_integer(row_named(which, name).version));
}

/* Versions of what measures a cell: those that MEASURE_VERSION does not stand for. */
static void add_measures(json_t *rows, const struct config *c, enum cell_kind kind) {
    json_t *metrics = json_object();
    for (int i = 0; i < registry_count(REGISTRY_METRIC); i++) {
        const struct registry_row row = registry_row(REGISTRY_METRIC, i);
        if (row.version != row.settled) json_object_set_new(metrics, row.name, json_integer(row.version));
    }
    if (json_object_size(metrics)) json_object_set(rows, "metrics", metrics);
    json_decref(metrics);
    if (kind != CELL_PRESS || strcmp(c->press.pressure, c->press.of) == 0) return;
    const struct registry_row beside = row_named(REGISTRY_PRESSURE, c->press.of);
    if (beside.version != beside.settled) json_object_set_new(rows, "beside", json_integer(beside.version));
}

static const char *identity_of(const struct builder *b, const struct config *c, enum cell_kind kind,
                               const char *parent) {
    bool native = b->suite->numeric == NUMERIC_NATIVE;
    json_t *json = json_object(), *rows = json_object();
    add_version(rows, "task", REGISTRY_TASK, c->task_name);
    if (kind >= CELL_ARM) add_version(rows, "arm", REGISTRY_ARM, c->arm.name);
    if (kind == CELL_PRESS) add_version(rows, "pressure", REGISTRY_PRESSURE, c->press.pressure);
    if (kind >= CELL_ARM) add_measures(rows, c, kind);
    json_object_set_new(json, "config", config_to_json(c, kind));
    json_object_set_new(json, "numeric", json_string(native ? "native" : "portable"));
    if (native) json_object_set_new(json, "kernel", json_string(b->kernel));
    json_object_set_new(json, "parent", json_string(parent));
    json_object_set_new(json, "engine", json_integer(ENGINE_VERSION));
    json_object_set_new(json, "measure", json_integer(MEASURE_VERSION));
    json_object_set_new(json, "rows", rows);
    json_object_set_new(json, "inputs", inputs_of(b, c));
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    const char *kept = arena_strdup(b->arena, text);
    free(text);
    json_decref(json);
    return kept;
}

/* What pairs a pressed cell with its control: the configuration without the pressure, its weight, and the cut, which
 * `none` does not know. Another copy of the weights (frozen_mind, mind_face) is another experiment, not a cut. */
static void pair_of(const struct config *c, char pair_id[13]) {
    json_t *json = config_to_json(c, CELL_PRESS), *press = json_object_get(json, "press");
    json_object_del(press, "pressure");
    json_object_del(press, "lambda");
    if (c->press.credit <= CREDIT_SEALED) json_object_del(press, "credit");
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(15)), hex[SHA256_HEX];
    sha256_text(text, hex);
    memcpy(pair_id, hex, 12);
    pair_id[12] = '\0';
    free(text);
    json_decref(json);
}

static const char *label_of(struct arena *a, const struct config *c, enum cell_kind kind) {
    char method[CONFIG_TEXT], credit[CONFIG_TEXT], design[CONFIG_TEXT];
    config_text(c, config_find("press", "method"), method);
    config_text(c, config_find("press", "credit"), credit);
    config_text(c, config_find("task", "design"), design);
    if (kind == CELL_BASE) return arena_printf(a, "base %s %s seed %ld", c->task_name, design, c->seed);
    if (kind == CELL_ARM) return arena_printf(a, "%s %s %s seed %ld", c->arm.name, c->task_name, design, c->seed);
    return arena_printf(a, "%s %s %s %s %s seed %ld", c->arm.name, c->press.pressure, method, credit, design, c->seed);
}

/* The slot of a key: where it is, or the free one where it belongs. */
static int *slot_of(const struct builder *b, const char *key) {
    char head[9] = {0};
    memcpy(head, key, 8);
    unsigned at = (unsigned)strtoul(head, NULL, 16) & (b->n_slots - 1);
    while (b->slots[at] && strcmp(b->grid->cells[b->slots[at] - 1].cell.key, key) != 0)
        at = (at + 1) & (b->n_slots - 1);
    return &b->slots[at];
}

const char GRID_REPLACED[] = "its seed is replaced: a gate had failed before any pressure";

static bool is_replaced(const struct suite *s, long seed) {
    for (int i = 0; i < s->n_replaced; i++)
        if (s->replaced[i] == seed) return true;
    return false;
}

static int add_cell(struct builder *b, const struct config *c, enum cell_kind kind, int parent) {
    const char *parent_key = parent < 0 ? "" : b->grid->cells[parent].cell.key;
    const char *identity = identity_of(b, c, kind, parent_key);
    char key[SHA256_HEX];
    sha256_text(identity, key);
    int *slot = slot_of(b, key);
    if (*slot) return *slot - 1;
    if (b->grid->n == b->room) BUG("more cells than three a plan");
    struct grid_cell *cell = &b->grid->cells[b->grid->n];
    *slot = ++b->grid->n;
    cell->identity = identity;
    cell->parent = parent;
    cell->variant = "";
    cell->label = label_of(b->arena, c, kind);
    cell->cell.kind = kind;
    cell->cell.config = *c;
    memcpy(cell->cell.key, key, sizeof key);
    snprintf(cell->cell.parent, sizeof cell->cell.parent, "%s", parent_key);
    memcpy(cell->short_key, key, 12);
    if (kind == CELL_PRESS) {
        pair_of(c, cell->pair_id);
        if (pressure_defined(c, &cell->skip) && is_replaced(b->suite, c->seed)) cell->skip = GRID_REPLACED;
    }
    return *slot - 1;
}

/* Batches are cut into shards, gates look at whole ones, and rl samples whole groups: what does not divide would come to
 * light in the last cell of a branch, when the others are paid for. */
static enum status check_batches(const struct config *c, enum cell_kind kind) {
    const int shard = c->base.shard, batch = kind == CELL_PRESS ? c->press.batch : c->base.batch;
    if (shard > GATE_PROBLEMS)
        return status_set(ST_USAGE, "base.shard %d is more than the %d questions of a gate", shard, GATE_PROBLEMS);
    if (batch % shard)
        return status_set(ST_USAGE, "%s.batch %d is no multiple of base.shard %d",
                          kind == CELL_PRESS ? "press" : "base", batch, shard);
    if (kind == CELL_PRESS && c->press.method == METHOD_RL && batch % c->press.group)
        return status_set(ST_USAGE, "press.batch %d is no multiple of press.group %d", batch, c->press.group);
    return ST_OK;
}

static enum status add_plan(struct builder *b, const struct suite_plan *plan) {
    int parent = -1;
    for (enum cell_kind kind = CELL_BASE; kind <= plan->leaf; kind++) {
        struct config c = config_of_kind(&plan->config, kind);
        if (check_batches(&c, kind))
            return status_set(ST_USAGE, "%s:%d: %s", b->suite->path, plan->line, status_message());
        c.task.data_dir = b->data_dir; /* some tasks take their shape from a published file */
        int before = b->grid->n;
        parent = add_cell(b, &c, kind, parent);
        if (kind != CELL_BASE || b->grid->n == before) continue;
        struct arena_mark mark = arena_mark(b->arena);
        struct task_ctx task;
        if (task_open(&task, c.task_name, &c.task, b->arena))
            return status_set(ST_USAGE, "%s:%d: %s", b->suite->path, plan->line, status_message());
        arena_rewind(b->arena, mark);
    }
    return ST_OK;
}

/* Alike in every column of results.csv but the seed: of one group, whose members `variant` tells apart. */
static bool same_name(const struct grid_cell *a, const struct grid_cell *b) {
    int n_keys;
    const struct config_key *keys = config_keys(&n_keys);
    if (a->cell.kind != b->cell.kind) return false;
    for (int k = 0; k < n_keys; k++) {
        char x[CONFIG_TEXT], y[CONFIG_TEXT];
        if (!keys[k].column || keys[k].from > a->cell.kind) continue;
        config_text(&a->cell.config, &keys[k], x);
        config_text(&b->cell.config, &keys[k], y);
        if (strcmp(x, y) != 0) return false;
    }
    return true;
}

/* What tells a parent from others tells its children too: down to arms, then to pressed cells. */
static void inherit(const struct grid *g, const int *leader, bool (*varies)[MOST_KEYS]) {
    for (int generation = 0; generation < 2; generation++)
        for (int i = 0; i < g->n; i++)
            for (int k = 0; g->cells[i].parent >= 0 && k < MOST_KEYS; k++)
                varies[leader[i]][k] |= varies[leader[g->cells[i].parent]][k];
}

static void name_variants(struct builder *b) {
    struct grid *g = b->grid;
    int n_keys, *leader = ARENA_NEW(b->arena, int, g->n);
    const struct config_key *keys = config_keys(&n_keys);
    bool(*varies)[MOST_KEYS] = arena_alloc(b->arena, (size_t)g->n, sizeof *varies);
    if (n_keys > MOST_KEYS) BUG("a schema of %d keys", n_keys);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < g->n; i++) {
            if (pass == 0) {
                leader[i] = 0;
                while (!same_name(&g->cells[leader[i]], &g->cells[i])) leader[i]++;
            }
            for (int k = 0; k < n_keys; k++) {
                char own[CONFIG_TEXT], first[CONFIG_TEXT];
                if (keys[k].column || keys[k].from > g->cells[i].cell.kind) continue;
                config_text(&g->cells[i].cell.config, &keys[k], own);
                config_text(&g->cells[leader[i]].cell.config, &keys[k], first);
                if (pass == 0)
                    varies[leader[i]][k] |= strcmp(own, first) != 0;
                else if (varies[leader[i]][k])
                    g->cells[i].variant =
                        arena_printf(b->arena, "%s%s%s.%s=%s", g->cells[i].variant, *g->cells[i].variant ? ";" : "",
                                     keys[k].section, keys[k].key, own);
            }
        }
        if (pass == 0) inherit(g, leader, varies);
    }
}

enum status grid_build(struct grid *g, const struct suite *s, const char *kernel, const char *data_dir,
                       struct arena *a) {
    *g = (struct grid){0};
    struct builder b = {.grid = g,
                        .suite = s,
                        .kernel = kernel,
                        .data_dir = data_dir,
                        .arena = a,
                        .room = 3 * s->n_plans,
                        .n_slots = 16};
    while (b.n_slots < 6 * (unsigned)s->n_plans) b.n_slots *= 2;
    b.slots = ARENA_NEW(a, int, b.n_slots);
    g->cells = ARENA_NEW(a, struct grid_cell, b.room);
    TRY(read_inputs(&b, data_dir));
    for (int i = 0; i < s->n_plans; i++) TRY(add_plan(&b, &s->plans[i]));
    name_variants(&b);
    return ST_OK;
}

int grid_find(const struct grid *g, const char *prefix) {
    int found = -1;
    size_t n = strlen(prefix);
    for (int i = 0; i < g->n; i++) {
        if (strncmp(g->cells[i].cell.key, prefix, n) != 0) continue;
        if (found >= 0) return -1;
        found = i;
    }
    return found;
}

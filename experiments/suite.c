#include "experiments/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "experiments/registry.h"
#include "experiments/yaml.h"

enum { MOST_PLANS = 100000, MOST_SEEDS = 10000, MOST_KEYS = 96, MOST_SECTIONS = 8 };

/* One key with the values that it takes in a block, or everywhere (an override). */
struct axis {
    const struct config_key *key;
    const struct yaml_node **values; /* [n] scalars */
    int n;
};

struct builder {
    struct suite *suite;
    struct arena *arena;
    const char *where;
    struct suite_plan *plans;
    int n_plans, room;
    int block_line;
    const long *seeds; /* of the block */
    int n_seeds;
    long seed;
    enum cell_kind leaf;
    const char *sections[MOST_SECTIONS];
    const struct yaml_node *section_nodes[MOST_SECTIONS];
    int n_sections;
    struct axis axes[MOST_KEYS];
    int n_axes;
    struct axis *overrides; /* [n_overrides] */
    int n_overrides;
    bool seeds_fixed; /* by an override */
    bool on_line;     /* `where` is a file: messages name the line */
};

static enum status at(const struct builder *b, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static enum status at(const struct builder *b, int line, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!b->on_line) return status_set(ST_USAGE, "%s: %s", b->where, text);
    return status_set(ST_USAGE, "%s:%d: %s", b->where, line, text);
}

static enum status unknown_key(const struct builder *b, const struct yaml_node *node, const char *inside,
                               const char *const *known, int n) {
    const char *near = status_nearest(node->key, known, n, sizeof *known);
    if (near) return at(b, node->key_line, "unknown key \"%s\" in %s; did you mean \"%s\"?", node->key, inside, near);
    return at(b, node->key_line, "unknown key \"%s\" in %s", node->key, inside);
}

static enum status read_seed(const struct builder *b, const struct yaml_node *node, const char *digits, char **end,
                             long *seed) {
    *seed = strtol(digits, end, 10);
    if (*end == digits || *digits < '0' || *seed > 1000000000) /* strtol takes blanks and signs */
        return at(b, node->line, "seeds: \"%s\" is neither a seed nor a range such as 1..10", node->text);
    return ST_OK;
}

static enum status add_seeds(const struct builder *b, const struct yaml_node *node, long *seeds, int *n) {
    if (node->kind != YAML_IS_SCALAR) return at(b, node->line, "seeds: a list of numbers or a range such as 1..10");
    char *end;
    long first, last;
    TRY(read_seed(b, node, node->text, &end, &first));
    last = first;
    if (strncmp(end, "..", 2) == 0) TRY(read_seed(b, node, end + 2, &end, &last));
    if (*end || last < first)
        return at(b, node->line, "seeds: \"%s\" is neither a seed nor a range such as 1..10", node->text);
    for (long seed = first; seed <= last; seed++) {
        for (int i = 0; i < *n; i++)
            if (seeds[i] == seed) return at(b, node->line, "seeds: %ld appears twice", seed);
        if (*n == MOST_SEEDS) return at(b, node->line, "seeds: more than %d", MOST_SEEDS);
        seeds[(*n)++] = seed;
    }
    return ST_OK;
}

static enum status read_seeds(const struct builder *b, const struct yaml_node *node, const long **seeds, int *n) {
    long *list = ARENA_NEW(b->arena, long, MOST_SEEDS);
    *n = 0;
    if (node->kind == YAML_IS_LIST)
        for (const struct yaml_node *item = node->first; item; item = item->next) TRY(add_seeds(b, item, list, n));
    else
        TRY(add_seeds(b, node, list, n));
    if (*n == 0) return at(b, node->line, "seeds: the list is empty");
    *seeds = list;
    return ST_OK;
}

static enum status add_plan(struct builder *b, const struct config *c) {
    if (b->n_plans == MOST_PLANS) return at(b, b->block_line, "the suite has more than %d plans", MOST_PLANS);
    if (b->n_plans == b->room) {
        int room = b->room ? 2 * b->room : 64;
        struct suite_plan *plans = ARENA_NEW(b->arena, struct suite_plan, room);
        if (b->n_plans) memcpy(plans, b->plans, (size_t)b->n_plans * sizeof *plans);
        b->plans = plans;
        b->room = room;
    }
    b->plans[b->n_plans++] = (struct suite_plan){.config = *c, .leaf = b->leaf, .line = b->block_line};
    return ST_OK;
}

/* The product of the axes, the last one fastest, for one seed. */
static enum status expand_axes(struct builder *b, int axis, struct config *c) {
    if (axis == b->n_axes) {
        struct config normal = *c;
        pressure_normalise(&normal);
        return add_plan(b, &normal);
    }
    const struct axis *x = &b->axes[axis];
    for (int i = 0; i < x->n; i++) {
        if (config_set(c, x->key, x->values[i]->text)) BUG("a value checked before: %s", status_message());
        TRY(expand_axes(b, axis + 1, c));
    }
    return ST_OK;
}

/* Every value is checked here, where its line is known. */
static enum status axis_of(const struct builder *b, const struct config_key *key, const struct yaml_node *node,
                           struct axis *axis) {
    struct config scratch;
    config_default(&scratch);
    bool list = node->kind == YAML_IS_LIST;
    int room = 1;
    for (const struct yaml_node *v = node->first; list && v; v = v->next) room++;
    *axis = (struct axis){.key = key, .values = ARENA_NEW(b->arena, const struct yaml_node *, room)};
    for (const struct yaml_node *v = list ? node->first : node; v; v = list ? v->next : NULL) {
        if (v->kind != YAML_IS_SCALAR)
            return at(b, v->line, "%s.%s: a value or a list of values", key->section, key->key);
        if (!*v->text) return at(b, v->line, "%s.%s: no value", key->section, key->key);
        if (config_set(&scratch, key, v->text)) return at(b, v->line, "%s", status_message());
        for (int i = 0; i < axis->n; i++)
            if (strcmp(axis->values[i]->text, v->text) == 0)
                return at(b, v->line, "%s.%s: %s appears twice", key->section, key->key, v->text);
        axis->values[axis->n++] = v;
    }
    if (axis->n == 0) return at(b, node->line, "%s.%s: the list is empty", key->section, key->key);
    return ST_OK;
}

static const struct axis *override_of(const struct builder *b, const struct config_key *key) {
    for (int i = b->n_overrides - 1; i >= 0; i--)
        if (b->overrides[i].key == key) return &b->overrides[i];
    return NULL;
}

/* The keys of one alternative of a section, in the order of the schema: the order of plans then does not depend on the
 * order in which a file lists its keys. */
static enum status add_section(struct builder *b, const char *section, const struct yaml_node *map) {
    if (map->kind != YAML_IS_MAP) return at(b, map->line, "%s: a mapping such as {key: value}", section);
    int n;
    const struct config_key *keys = config_keys(&n);
    const char *names[MOST_KEYS];
    int n_names = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(keys[i].section, section) == 0) names[n_names++] = keys[i].key;
    for (const struct yaml_node *m = map->first; m; m = m->next)
        if (!config_find(section, m->key)) return unknown_key(b, m, section, names, n_names);
    for (int i = 0; i < n; i++) {
        if (strcmp(keys[i].section, section) != 0) continue;
        const struct yaml_node *member = yaml_member(map, keys[i].key);
        const struct axis *fixed = override_of(b, &keys[i]);
        if (!member && !fixed && !keys[i].preset)
            return at(b, map->line, "%s: needs %s, a %s", section, keys[i].key, keys[i].help);
        if (member) TRY(axis_of(b, &keys[i], member, &b->axes[b->n_axes]));
        if (fixed) b->axes[b->n_axes] = *fixed;
        if (member || fixed) b->n_axes++;
    }
    return ST_OK;
}

/* Choose one alternative of every section, then expand. */
static enum status expand_sections(struct builder *b, int section) {
    if (section == b->n_sections) {
        struct config c;
        config_default(&c);
        c.seed = b->seed;
        return expand_axes(b, 0, &c);
    }
    const struct yaml_node *node = b->section_nodes[section];
    bool alternatives = node->kind == YAML_IS_LIST;
    if (alternatives && !node->first) return at(b, node->line, "%s: the list is empty", b->sections[section]);
    for (const struct yaml_node *alt = alternatives ? node->first : node; alt; alt = alternatives ? alt->next : NULL) {
        int before = b->n_axes;
        TRY(add_section(b, b->sections[section], alt));
        TRY(expand_sections(b, section + 1));
        b->n_axes = before;
    }
    return ST_OK;
}

static enum status read_block(struct builder *b, const struct yaml_node *block) {
    if (block->kind != YAML_IS_MAP) return at(b, block->line, "grid: each entry is a mapping of sections");
    int n, n_names = 0;
    const struct config_key *keys = config_keys(&n);
    const char *names[MOST_SECTIONS + 1];
    b->n_sections = b->n_axes = 0;
    for (int i = 0; i < n; i++) {
        if (n_names && strcmp(names[n_names - 1], keys[i].section) == 0) continue;
        names[n_names++] = keys[i].section;
        const struct yaml_node *node = yaml_member(block, keys[i].section);
        if (!node) continue;
        b->sections[b->n_sections] = keys[i].section;
        b->section_nodes[b->n_sections++] = node;
    }
    names[n_names++] = "seeds";
    for (const struct yaml_node *m = block->first; m; m = m->next) {
        bool known = false;
        for (int i = 0; i < n_names; i++) known |= strcmp(names[i], m->key) == 0;
        if (!known) return unknown_key(b, m, "a block of the grid", names, n_names);
    }
    const struct yaml_node *seeds = yaml_member(block, "seeds");
    b->seeds = b->suite->seeds;
    b->n_seeds = b->suite->n_seeds;
    if (seeds && !b->seeds_fixed) TRY(read_seeds(b, seeds, &b->seeds, &b->n_seeds));
    b->leaf = yaml_member(block, "press") ? CELL_PRESS : yaml_member(block, "arm") ? CELL_ARM : CELL_BASE;
    if (b->leaf == CELL_PRESS && !yaml_member(block, "arm"))
        return at(b, block->line, "a block with `press` needs `arm`");
    b->block_line = block->line;
    for (int i = 0; i < b->n_seeds; i++) {
        b->seed = b->seeds[i];
        TRY(expand_sections(b, 0));
    }
    return ST_OK;
}

/* "section.key=value", value as a suite would write it, or "seeds=1..3". */
static enum status read_override(struct builder *b, const char *text) {
    const char *equals = strchr(text, '='), *dot = strchr(text, '.');
    struct builder named = *b;
    named.where = arena_printf(b->arena, "--set %s", text);
    named.on_line = false;
    if (!equals || equals == text || !equals[1]) return at(&named, 0, "expected section.key=value");
    struct yaml_node *value;
    TRY(yaml_tree(b->arena, named.where, equals + 1, strlen(equals + 1), &value));
    if (strncmp(text, "seeds=", 6) == 0) {
        b->seeds_fixed = true;
        return read_seeds(&named, value, &b->suite->seeds, &b->suite->n_seeds);
    }
    const char *name = arena_printf(b->arena, "%.*s", (int)(equals - text), text);
    int n;
    const struct config_key *keys = config_keys(&n);
    const char *names[MOST_KEYS];
    for (int i = 0; i < n; i++) names[i] = arena_printf(b->arena, "%s.%s", keys[i].section, keys[i].key);
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return axis_of(&named, &keys[i], value, &b->overrides[b->n_overrides++]);
    const char *near = status_nearest(name, names, n, sizeof names[0]);
    if (near) return at(&named, 0, "there is no key \"%s\"; did you mean \"%s\"?", name, near);
    return at(&named, 0, "there is no key \"%s\"%s", name, dot && dot < equals ? "" : " (section.key is expected)");
}

static enum status head_text(const struct builder *b, const struct yaml_node *node, const char **text) {
    if (node->kind != YAML_IS_SCALAR || !*node->text) return at(b, node->line, "%s: one line of text", node->key);
    *text = node->text;
    return ST_OK;
}

static enum status head_number(const struct builder *b, const struct yaml_node *node, double *x) {
    char *end = NULL;
    if (node->kind == YAML_IS_SCALAR) *x = strtod(node->text, &end);
    if (!end || end == node->text || *end || !(*x > 0 && *x <= 100))
        return at(b, node->line, "%s: a number above 0", node->key);
    return ST_OK;
}

static enum status head_numeric(const struct builder *b, const struct yaml_node *node, enum numeric_mode *mode) {
    const char *text = node->kind == YAML_IS_SCALAR ? node->text : "";
    *mode = strcmp(text, "native") == 0 ? NUMERIC_NATIVE : NUMERIC_PORTABLE;
    if (*mode == NUMERIC_PORTABLE && strcmp(text, "portable") != 0)
        return at(b, node->line, "numeric: portable or native");
    return ST_OK;
}

static enum status read_head(struct builder *b, const struct yaml_node *root) {
    static const char *const known[] = {"suite",   "about", "delta", "prior_scale",
                                        "numeric", "seeds", "grid",  "replaced"};
    enum { N_KNOWN = sizeof known / sizeof known[0] };
    struct suite *s = b->suite;
    if (root->kind != YAML_IS_MAP) return at(b, root->line, "a suite is a mapping: suite, seeds, grid, ...");
    for (const struct yaml_node *m = root->first; m; m = m->next) {
        int k = 0;
        while (k < N_KNOWN && strcmp(known[k], m->key) != 0) k++;
        switch (k) {
        case 0:
            TRY(head_text(b, m, &s->name));
            break;
        case 1:
            TRY(head_text(b, m, &s->about));
            break;
        case 2:
            TRY(head_number(b, m, &s->delta));
            break;
        case 3:
            TRY(head_number(b, m, &s->prior_scale));
            break;
        case 4:
            TRY(head_numeric(b, m, &s->numeric));
            break;
        case 5:
            if (!b->seeds_fixed) TRY(read_seeds(b, m, &s->seeds, &s->n_seeds));
            break;
        case 6:
            if (m->kind != YAML_IS_LIST) return at(b, m->line, "grid: a list of blocks");
            break;
        case 7:
            TRY(read_seeds(b, m, &s->replaced, &s->n_replaced));
            break;
        default:
            return unknown_key(b, m, "the suite", known, N_KNOWN);
        }
    }
    if (!s->name) return at(b, root->line, "suite: the name is missing");
    if (!fs_plain_name(s->name) || strcmp(s->name, "cells") == 0)
        return at(b, yaml_member(root, "suite")->line, "suite: \"%s\" cannot be the name of a folder", s->name);
    if (!s->n_seeds) return at(b, root->line, "seeds: the list is missing");
    if (!yaml_member(root, "grid") || !yaml_member(root, "grid")->first)
        return at(b, root->line, "grid: there is no block");
    return ST_OK;
}

enum status suite_read(struct suite *s, const char *path, const char *const *overrides, int n, struct arena *a) {
    *s = (struct suite){.path = arena_strdup(a, path), .about = "", .delta = 0.15, .prior_scale = 0.3};
    struct builder *b = ARENA_NEW(a, struct builder, 1);
    *b = (struct builder){.suite = s, .arena = a, .where = s->path, .on_line = true};
    b->overrides = ARENA_NEW(a, struct axis, n + 1);
    char *text;
    struct yaml_node *root;
    TRY(fs_read(a, path, &text, &s->size));
    s->text = text;
    TRY(yaml_tree(a, s->path, text, s->size, &root));
    for (int i = 0; i < n; i++) TRY(read_override(b, overrides[i]));
    TRY(read_head(b, root));
    for (const struct yaml_node *block = yaml_member(root, "grid")->first; block; block = block->next)
        TRY(read_block(b, block));
    s->plans = b->plans;
    s->n_plans = b->n_plans;
    return ST_OK;
}

const char *const *suite_names(struct arena *a, const char *folder, int *n) {
    const char **names;
    int all;
    *n = 0;
    if (fs_list(a, folder, &names, &all) != ST_OK) return NULL;
    for (int i = 0; i < all; i++) {
        const size_t length = strlen(names[i]);
        if (length > 5 && strcmp(names[i] + length - 5, ".yaml") == 0)
            names[(*n)++] = arena_printf(a, "%.*s", (int)length - 5, names[i]);
    }
    return names;
}

enum status suite_find(struct arena *a, const char *folder, const char *name, const char **path) {
    size_t length = strlen(name);
    if (strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".yaml") == 0)) {
        *path = name;
        return ST_OK;
    }
    *path = arena_printf(a, "%s/%s.yaml", folder, name);
    if (fs_exists(*path)) return ST_OK;
    int n;
    const char *const *names = suite_names(a, folder, &n);
    const char *near = status_nearest(name, names, n, sizeof *names);
    if (near) return status_set(ST_USAGE, "there is no suite \"%s\"; did you mean \"%s\"?", name, near);
    return status_set(ST_USAGE, "there is no suite \"%s\" in %s", name, folder);
}

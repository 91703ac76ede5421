#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data/prosqa.h"
#include "engine/base/fs.h"

/* One item of the file. Its strings live as long as the parsed document. Messages quote no text of the file: they stay
 * one short line whatever the file holds. */
struct item {
    const char *path;
    int number;
    json_t *json;
    const char *symbol[PROSQA_NODES];
    int parents[PROSQA_NODES];
};

static void PRINTF_LIKE(2, 3) record_bad(const struct item *it, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    status_record("%s: item %d: %s", it->path, it->number, text);
}

/* A macro, so that compiler and analyser see that it never gives ST_OK. */
#define bad(...) (record_bad(__VA_ARGS__), ST_DATA)

static enum status get_array(const struct item *it, const char *key, int least, int most, json_t **array, int *n) {
    *array = json_object_get(it->json, key);
    if (!*array) return bad(it, "no \"%s\"", key);
    if (!json_is_array(*array)) return bad(it, "\"%s\" is not a list", key);
    size_t size = json_array_size(*array);
    if (size < (size_t)least || size > (size_t)most)
        return bad(it, "\"%s\" has %zu entries, expected %d to %d", key, size, least, most);
    *n = (int)size;
    return ST_OK;
}

static enum status get_string(const struct item *it, const char *key, const char **s) {
    json_t *value = json_object_get(it->json, key);
    if (!value) return bad(it, "no \"%s\"", key);
    if (!json_is_string(value)) return bad(it, "\"%s\" is not a string", key);
    *s = json_string_value(value);
    return ST_OK;
}

static bool is_node(const json_t *value, int n) {
    return json_typeof(value) == JSON_INTEGER && json_integer_value(value) >= 0 && json_integer_value(value) < n;
}

static enum status get_node(const struct item *it, const char *key, int n, int *node) {
    json_t *value = json_object_get(it->json, key);
    if (!value) return bad(it, "no \"%s\"", key);
    if (!is_node(value, n)) return bad(it, "\"%s\" is not a node (0 to %d)", key, n - 1);
    *node = (int)json_integer_value(value);
    return ST_OK;
}

static enum status read_symbols(struct item *it, struct prosqa_graph *g) {
    json_t *array;
    TRY(get_array(it, "idx_to_symbol", 4, PROSQA_NODES, &array, &g->n));
    for (int v = 0; v < g->n; v++) {
        const json_t *value = json_array_get(array, (size_t)v);
        if (json_typeof(value) != JSON_STRING || json_string_length(value) == 0)
            return bad(it, "idx_to_symbol[%d] is not a name", v);
        it->symbol[v] = json_string_value(value);
        if (strpbrk(it->symbol[v], " .?")) return bad(it, "idx_to_symbol[%d] is not one word", v);
        g->name[v] = prosqa_find_name(it->symbol[v], strlen(it->symbol[v]));
        for (int w = 0; w < v; w++)
            if (strcmp(it->symbol[v], it->symbol[w]) == 0)
                return bad(it, "idx_to_symbol[%d] is the same as [%d]", v, w);
    }
    return ST_OK;
}

static int find_edge(const struct prosqa_graph *g, int from, int to, int before) {
    for (int e = 0; e < before; e++)
        if (g->edge[e][0] == from && g->edge[e][1] == to) return e;
    return -1;
}

/* Every node leaves once all its parents have left; a cycle never does. */
static bool has_cycle(const struct prosqa_graph *g, const int *parents) {
    int left[PROSQA_NODES], stack[PROSQA_NODES], n = 0, gone = 0;
    for (int v = 0; v < g->n; v++) {
        left[v] = parents[v];
        if (left[v] == 0) stack[n++] = v;
    }
    while (n > 0) {
        int v = stack[--n];
        gone++;
        for (int e = 0; e < g->n_edges; e++)
            if (g->edge[e][0] == v && --left[g->edge[e][1]] == 0) stack[n++] = g->edge[e][1];
    }
    return gone < g->n;
}

static enum status read_edges(struct item *it, struct prosqa_graph *g) {
    json_t *array;
    TRY(get_array(it, "edges", 1, PROSQA_EDGES, &array, &g->n_edges));
    for (int e = 0; e < g->n_edges; e++) {
        const json_t *pair = json_array_get(array, (size_t)e);
        if (json_typeof(pair) != JSON_ARRAY || json_array_size(pair) != 2) return bad(it, "edges[%d] is not a pair", e);
        for (size_t side = 0; side < 2; side++) {
            const json_t *value = json_array_get(pair, side);
            if (!is_node(value, g->n)) return bad(it, "edges[%d][%zu] is not a node (0 to %d)", e, side, g->n - 1);
            g->edge[e][side] = (int)json_integer_value(value);
        }
        int same = find_edge(g, g->edge[e][0], g->edge[e][1], e);
        if (same >= 0) return bad(it, "edges[%d] repeats edges[%d]", e, same);
        it->parents[g->edge[e][1]]++;
    }
    if (has_cycle(g, it->parents)) return bad(it, "the edges form a cycle");
    return ST_OK;
}

static enum status read_ends(struct item *it, struct prosqa_graph *g) {
    int dist[PROSQA_NODES];
    TRY(get_node(it, "root", g->n, &g->root));
    TRY(get_node(it, "target", g->n, &g->target));
    TRY(get_node(it, "neg_target", g->n, &g->decoy));
    if (g->root == g->target || g->root == g->decoy || g->target == g->decoy)
        return bad(it, "root, target and neg_target are not three nodes");
    prosqa_distances(g, g->root, dist);
    if (dist[g->target] < 0) return bad(it, "the target cannot be reached from the root");
    if (dist[g->decoy] >= 0) return bad(it, "neg_target can be reached from the root");
    g->hops = dist[g->target];
    if (g->hops > PROSQA_HOPS) return bad(it, "the target is %d steps away, at most %d", g->hops, PROSQA_HOPS);
    return ST_OK;
}

static bool eat(const char **s, const char *text) {
    size_t n = strlen(text);
    if (strncmp(*s, text, n) != 0) return false;
    *s += n;
    return true;
}

/* The node that the next word names; -1 when it names none. */
static int eat_symbol(const struct item *it, const struct prosqa_graph *g, const char **s) {
    size_t n = strcspn(*s, " .?");
    for (int v = 0; v < g->n; v++)
        if (strlen(it->symbol[v]) == n && memcmp(it->symbol[v], *s, n) == 0) {
            *s += n;
            return v;
        }
    return -1;
}

/* "Tom is a terpus." or "Every terpus is a brimpus.": the edge's number, or -1. */
static int eat_sentence(const struct item *it, const struct prosqa_graph *g, const char **s) {
    bool every = eat(s, "Every ");
    int from = eat_symbol(it, g, s);
    if (from < 0 || every != (it->parents[from] > 0) || !eat(s, " is a ")) return -1;
    int to = eat_symbol(it, g, s);
    if (to < 0 || !eat(s, ".")) return -1;
    return find_edge(g, from, to, g->n_edges);
}

/* The edges take the order in which the question states them. */
static enum status read_question(const struct item *it, struct prosqa_graph *g) {
    const char *s;
    int order[PROSQA_EDGES];
    TRY(get_string(it, "question", &s));
    for (int i = 0; i < g->n_edges; i++) {
        order[i] = eat_sentence(it, g, &s);
        if (order[i] < 0 || !eat(&s, " ")) return bad(it, "sentence %d of the question states no edge", i + 1);
        for (int j = 0; j < i; j++)
            if (order[j] == order[i]) return bad(it, "sentence %d of the question repeats sentence %d", i + 1, j + 1);
    }
    int first = -1, second = -1;
    if (eat(&s, "Is ") && eat_symbol(it, g, &s) == g->root && eat(&s, " a ")) {
        first = eat_symbol(it, g, &s);
        if (eat(&s, " or ")) second = eat_symbol(it, g, &s);
    }
    g->decoy_first = first == g->decoy;
    if (first < 0 || second != (g->decoy_first ? g->target : g->decoy) || (!g->decoy_first && first != g->target) ||
        strcmp(s, "?") != 0)
        return bad(it, "the question does not ask root, target and neg_target");
    struct prosqa_graph was = *g;
    for (int i = 0; i < g->n_edges; i++) memcpy(g->edge[i], was.edge[order[i]], sizeof g->edge[i]);
    return ST_OK;
}

static enum status read_steps(const struct item *it, struct prosqa_graph *g) {
    json_t *array;
    int n = 0;
    const char *s;
    TRY(get_array(it, "steps", 1, PROSQA_HOPS, &array, &n));
    g->path[0] = g->root;
    for (int k = 0; k < n; k++) {
        const json_t *value = json_array_get(array, (size_t)k);
        s = json_typeof(value) == JSON_STRING ? json_string_value(value) : "";
        int e = eat_sentence(it, g, &s);
        if (e < 0 || *s) return bad(it, "steps[%d] states no edge", k);
        if (g->edge[e][0] != g->path[k]) return bad(it, "steps[%d] does not go on from the step before", k);
        g->path[k + 1] = g->edge[e][1];
    }
    if (g->path[n] != g->target) return bad(it, "the steps do not end at the target");
    if (n != g->hops) return bad(it, "%d steps where the shortest path has %d", n, g->hops);
    TRY(get_string(it, "answer", &s));
    if (eat_symbol(it, g, &s) != g->root || !eat(&s, " is a ") || eat_symbol(it, g, &s) != g->target ||
        strcmp(s, ".") != 0)
        return bad(it, "the answer is not the target");
    return ST_OK;
}

/* Optional: for each hop, the nodes of that distance that lie on some shortest path to the target. */
static enum status read_neighbors(const struct item *it, const struct prosqa_graph *g) {
    int dist[PROSQA_NODES], rest[PROSQA_NODES];
    const json_t *object = json_object_get(it->json, "neighbor_k");
    if (!object) return ST_OK;
    if (!json_is_object(object)) return bad(it, "\"neighbor_k\" is not an object");
    if (json_object_size(object) != (size_t)g->hops + 1)
        return bad(it, "\"neighbor_k\" has %zu hops, expected %d", json_object_size(object), g->hops + 1);
    prosqa_distances(g, g->root, dist);
    for (int hop = 0; hop <= g->hops; hop++) {
        const char key[2] = {(char)('0' + hop), 0};
        const json_t *list = json_object_get(object, key);
        if (!json_is_array(list)) return bad(it, "neighbor_k[%d] is not a list", hop);
        bool listed[PROSQA_NODES] = {false};
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *value = json_array_get(list, i);
            if (!is_node(value, g->n)) return bad(it, "neighbor_k[%d][%zu] is not a node (0 to %d)", hop, i, g->n - 1);
            listed[json_integer_value(value)] = true;
        }
        for (int v = 0; v < g->n; v++) {
            prosqa_distances(g, v, rest);
            bool on_path = dist[v] == hop && rest[g->target] == g->hops - hop;
            if (on_path != listed[v]) return bad(it, "neighbor_k[%d] disagrees with the edges about node %d", hop, v);
        }
    }
    return ST_OK;
}

static enum status read_item(struct item *it, struct prosqa_graph *g) {
    if (json_typeof(it->json) != JSON_OBJECT) return bad(it, "not an object");
    TRY(read_symbols(it, g));
    TRY(read_edges(it, g));
    TRY(read_ends(it, g));
    TRY(read_question(it, g));
    TRY(read_steps(it, g));
    return read_neighbors(it, g);
}

static enum status parse(const char *path, const char *text, size_t size, json_t **document) {
    json_error_t error;
    *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (*document) return ST_OK;
    for (char *s = error.text; *s; s++)
        if ((unsigned char)*s < ' ') *s = ' ';
    return status_set(ST_DATA, "%s:%d: not valid JSON: %s", path, error.line, error.text);
}

enum status prosqa_read(struct arena *a, const char *path, struct prosqa_graph **graphs, int *n) {
    char *text;
    size_t size;
    json_t *document = NULL;
    struct arena_mark mark = arena_mark(a);
    enum status st = fs_read(a, path, &text, &size);
    if (st == ST_OK) st = parse(path, text, size, &document);
    arena_rewind(a, mark);
    if (st != ST_OK) goto done;
    if (json_typeof(document) != JSON_ARRAY || json_array_size(document) == 0) {
        st = status_set(ST_DATA, "%s: not a list of questions", path);
        goto done;
    }
    *n = (int)json_array_size(document);
    *graphs = ARENA_NEW(a, struct prosqa_graph, *n);
    for (int i = 0; i < *n; i++) {
        struct item it = {.path = path, .number = i + 1, .json = json_array_get(document, (size_t)i)};
        st = read_item(&it, &(*graphs)[i]);
        if (st != ST_OK) goto done;
    }
done:
    json_decref(document);
    return st;
}

#include <string.h>

#include "data/prosqa.h"

static const char *const names[PROSQA_NAMES] = {
    "Alex",     "Bob",     "Carol",   "Davis",   "Eva",    "Fae",    "Gabriel", "Jack",    "Max",     "Oliver",
    "Polly",    "Rex",     "Sally",   "Sam",     "Stella", "Tom",    "Wren",    "bompus",  "boompus", "brimpus",
    "chorpus",  "dumpus",  "felpus",  "fompus",  "gerpus", "gorpus", "grimpus", "gwompus", "hilpus",  "impus",
    "jelpus",   "jompus",  "kerpus",  "lempus",  "lorpus", "numpus", "quimpus", "rempus",  "rompus",  "rorpus",
    "scrompus", "shumpus", "sterpus", "storpus", "terpus", "timpus", "tumpus",  "vumpus",  "worpus",  "wumpus",
    "yerpus",   "yimpus",  "yumpus",  "zhorpus", "zumpus"};

const char *prosqa_name(int name) {
    return names[name];
}

int prosqa_find_name(const char *s, size_t n) {
    for (int i = 0; i < PROSQA_NAMES; i++)
        if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0) return i;
    return -1;
}

/* Families, as bits: descends from node 0, from node 1. */
enum { FAMILY_0 = 1, FAMILY_1 = 2, FAMILY_BOTH = 3 };

/* The recipe's numbers. A node drawn without parents would be one more entity; the published graphs hold half a one each,
 * so such orphans stay with probability KEEP_ORPHAN, and only where later nodes take them as parents. DRAWN nodes then
 * leave 22.8 nodes and 36.6 edges (published: 22.8 and 36.3). */
enum { DRAWN = 28, MAX_DRAWN = 40, PUBLISHED_LEAST = 17, PUBLISHED_MOST = 28, LEAST_NODES = 4, TRIES = 500 };
static const double P_NOT_1 = .35, P_NOT_0 = .70, DEPTH_WEIGHT = 1.5, KEEP_ORPHAN = .15;
static const double EXP_MINUS_MEAN = .22313016014842982, MEAN_PARENTS = 1.5;

/* P(keep | hops), full size only: brings 3-, 4-, 5- and 6-hop graphs to their published shares. */
static const double keep_hops[PROSQA_HOPS + 1] = {1, 1, 1, .85, 1, .78, .72};

struct draft {
    int n, n_edges;
    int family[MAX_DRAWN], depth[MAX_DRAWN];
    bool barren[MAX_DRAWN]; /* never a parent */
    int edge[2 * PROSQA_EDGES][2];
};

static int draw_poisson(struct rng *r) {
    double u = rng_uniform(r), p = EXP_MINUS_MEAN, below = p;
    int k = 0;
    while (u >= below && k < MAX_DRAWN) {
        k++;
        p *= MEAN_PARENTS / k;
        below += p;
    }
    return k;
}

/* Draws and removes one of n candidates by weight. */
static int draw_parent(struct rng *r, int *candidate, double *weight, int *n) {
    double total = 0;
    for (int i = 0; i < *n; i++) total += weight[i];
    double u = rng_uniform(r) * total;
    int i = 0;
    while (i < *n - 1 && u >= weight[i]) u -= weight[i++];
    int chosen = candidate[i];
    (*n)--;
    for (; i < *n; i++) {
        candidate[i] = candidate[i + 1];
        weight[i] = weight[i + 1];
    }
    return chosen;
}

static bool add_node(struct rng *r, struct draft *d) {
    int candidate[MAX_DRAWN], n = 0, parents = draw_poisson(r), v = d->n++;
    double weight[MAX_DRAWN], u = rng_uniform(r);
    int excluded = u < P_NOT_1 ? FAMILY_1 : u < P_NOT_0 ? FAMILY_0 : 0;
    for (int c = 0; c < v; c++)
        if (!(d->family[c] & excluded) && !d->barren[c]) {
            candidate[n] = c;
            weight[n++] = d->depth[c] * DEPTH_WEIGHT + 1;
        }
    d->family[v] = d->depth[v] = 0;
    for (int k = 0; k < parents && n > 0; k++) {
        int c = draw_parent(r, candidate, weight, &n);
        d->family[v] |= d->family[c];
        if (k == 0 || d->depth[c] + 1 < d->depth[v]) d->depth[v] = d->depth[c] + 1;
        if (d->n_edges == 2 * PROSQA_EDGES) return false;
        d->edge[d->n_edges][0] = c;
        d->edge[d->n_edges++][1] = v;
    }
    d->barren[v] = parents == 0 && rng_uniform(r) >= KEEP_ORPHAN;
    return true;
}

/* Copies the nodes that have an edge, in order. False when the graph is not of the published kind. */
static bool compact(const struct draft *d, struct prosqa_graph *g, int *family) {
    int index[MAX_DRAWN];
    bool used[MAX_DRAWN] = {false}, child[MAX_DRAWN] = {false};
    memset(g, 0, sizeof *g);
    if (d->n_edges > PROSQA_EDGES) return false;
    for (int e = 0; e < d->n_edges; e++) {
        used[d->edge[e][0]] = used[d->edge[e][1]] = true;
        child[d->edge[e][1]] = true;
    }
    if (!used[0] || !used[1]) return false;
    int sources = 0;
    for (int v = 0; v < d->n; v++) {
        if (!used[v]) continue;
        if (g->n == PROSQA_NODES) return false;
        sources += !child[v];
        family[g->n] = d->family[v];
        index[v] = g->n++;
    }
    for (int e = 0; e < d->n_edges; e++)
        for (int side = 0; side < 2; side++) g->edge[e][side] = index[d->edge[e][side]];
    g->n_edges = d->n_edges;
    return sources <= PROSQA_ENTITIES && g->n - sources <= PROSQA_CONCEPTS;
}

void prosqa_distances(const struct prosqa_graph *g, int from, int dist[PROSQA_NODES]) {
    int queue[PROSQA_NODES], head = 0, tail = 0;
    for (int v = 0; v < PROSQA_NODES; v++) dist[v] = -1;
    dist[from] = 0;
    queue[tail++] = from;
    while (head < tail) {
        int v = queue[head++];
        for (int e = 0; e < g->n_edges; e++) {
            int to = g->edge[e][1];
            if (g->edge[e][0] != v || dist[to] >= 0) continue;
            dist[to] = dist[v] + 1;
            queue[tail++] = to;
        }
    }
}

/* A random leaf of one family, among the deepest when `dist` is given; -1 when the family has no leaf. */
static int draw_leaf(struct rng *r, const struct prosqa_graph *g, const int *family, int wanted, const int *dist) {
    bool parent[PROSQA_NODES] = {false};
    int leaf[PROSQA_NODES], n = 0, deepest = 0;
    for (int e = 0; e < g->n_edges; e++) parent[g->edge[e][0]] = true;
    for (int v = 0; v < g->n; v++) {
        if (parent[v] || family[v] != wanted || v == wanted - 1) continue;
        if (dist && dist[v] < deepest) continue;
        if (dist && dist[v] > deepest) {
            deepest = dist[v];
            n = 0;
        }
        leaf[n++] = v;
    }
    return n == 0 ? -1 : leaf[rng_below(r, (uint32_t)n)];
}

static void draw_path(struct rng *r, struct prosqa_graph *g, const int *dist) {
    g->path[g->hops] = g->target;
    for (int k = g->hops; k > 0; k--) {
        int before[PROSQA_EDGES], n = 0;
        for (int e = 0; e < g->n_edges; e++)
            if (g->edge[e][1] == g->path[k] && dist[g->edge[e][0]] == k - 1) before[n++] = g->edge[e][0];
        g->path[k - 1] = before[rng_below(r, (uint32_t)n)];
    }
}

/* Root, target, decoy and path: the root is the family head whose deepest leaf lies deeper. */
static bool pose(struct rng *r, struct prosqa_graph *g, const int *family) {
    int dist[2][PROSQA_NODES], target[2], depth[2];
    for (int side = 0; side < 2; side++) {
        prosqa_distances(g, side, dist[side]);
        target[side] = draw_leaf(r, g, family, side + 1, dist[side]);
        if (target[side] < 0) return false;
        depth[side] = dist[side][target[side]];
    }
    g->root = depth[0] > depth[1] ? 0 : depth[1] > depth[0] ? 1 : (int)rng_below(r, 2);
    g->target = target[g->root];
    g->hops = depth[g->root];
    g->decoy = draw_leaf(r, g, family, 2 - g->root, NULL);
    if (g->hops > PROSQA_HOPS) return false;
    draw_path(r, g, dist[g->root]);
    return true;
}

static bool try_sample(struct rng *r, struct prosqa_size size, struct prosqa_graph *g) {
    struct draft d = {.n = 2, .family = {FAMILY_0, FAMILY_1}};
    int family[PROSQA_NODES], drawn = DRAWN;
    bool full = size.nodes_max == 0;
    if (!full) {
        int wanted = size.nodes_min + (int)rng_below(r, (uint32_t)(size.nodes_max - size.nodes_min + 1));
        drawn = wanted + wanted / 5;
    }
    if (drawn > MAX_DRAWN) drawn = MAX_DRAWN;
    while (d.n < drawn)
        if (!add_node(r, &d)) return false;
    if (!compact(&d, g, family) || !pose(r, g, family)) return false;
    if (g->hops < size.hops_min || g->hops > size.hops_max) return false;
    if (full) return rng_uniform(r) < keep_hops[g->hops];
    return g->n >= size.nodes_min && g->n <= size.nodes_max;
}

/* A size that too few graphs have becomes a wider one. */
static void relax(struct prosqa_size *size) {
    if (size->hops_min > 1)
        size->hops_min--;
    else if (size->nodes_max == 0)
        *size = (struct prosqa_size){PUBLISHED_LEAST, PUBLISHED_MOST, 1, size->hops_max};
    else if (size->nodes_min > LEAST_NODES)
        size->nodes_min--;
}

void prosqa_sample(struct rng *r, struct prosqa_size size, struct prosqa_graph *g) {
    if (size.hops_min < 1 || size.hops_max < size.hops_min ||
        (size.nodes_max != 0 && (size.nodes_min < LEAST_NODES || size.nodes_max < size.nodes_min)))
        BUG("graphs of %d to %d nodes, %d to %d hops", size.nodes_min, size.nodes_max, size.hops_min, size.hops_max);
    for (int tries = 1; !try_sample(r, size, g); tries++)
        if (tries % TRIES == 0) relax(&size);
    prosqa_redraw(r, g);
}

static void count_parents(const struct prosqa_graph *g, int *parents) {
    memset(parents, 0, PROSQA_NODES * sizeof *parents);
    for (int e = 0; e < g->n_edges; e++) parents[g->edge[e][1]]++;
}

void prosqa_redraw(struct rng *r, struct prosqa_graph *g) {
    int order[PROSQA_EDGES], entity[PROSQA_ENTITIES], concept[PROSQA_CONCEPTS], parents[PROSQA_NODES];
    struct prosqa_graph was = *g;
    for (int e = 0; e < g->n_edges; e++) order[e] = e;
    for (int i = 0; i < PROSQA_ENTITIES; i++) entity[i] = i;
    for (int i = 0; i < PROSQA_CONCEPTS; i++) concept[i] = PROSQA_ENTITIES + i;
    rng_shuffle(r, order, g->n_edges);
    rng_shuffle(r, entity, PROSQA_ENTITIES);
    rng_shuffle(r, concept, PROSQA_CONCEPTS);
    for (int e = 0; e < g->n_edges; e++) memcpy(g->edge[e], was.edge[order[e]], sizeof g->edge[e]);
    count_parents(g, parents);
    for (int v = 0, entities = 0; v < g->n; v++) {
        bool is_entity = parents[v] == 0;
        g->name[v] = is_entity ? entity[entities] : concept[v - entities];
        entities += is_entity;
    }
    g->decoy_first = rng_below(r, 2);
}

double prosqa_lower_in_degree(const struct prosqa_graph *g) {
    int parents[PROSQA_NODES];
    count_parents(g, parents);
    int t = parents[g->target], d = parents[g->decoy];
    return t < d ? 1 : t > d ? 0 : .5;
}

static bool child_within_two(const struct prosqa_graph *g, const bool *child, int v) {
    for (int e = 0; e < g->n_edges; e++) {
        if (g->edge[e][1] != v) continue;
        int parent = g->edge[e][0];
        if (child[parent]) return true;
        for (int f = 0; f < g->n_edges; f++)
            if (g->edge[f][1] == parent && child[g->edge[f][0]]) return true;
    }
    return false;
}

double prosqa_child_within_two(const struct prosqa_graph *g) {
    bool child[PROSQA_NODES] = {false};
    for (int e = 0; e < g->n_edges; e++)
        if (g->edge[e][0] == g->root) child[g->edge[e][1]] = true;
    return .5 + .5 * child_within_two(g, child, g->target) - .5 * child_within_two(g, child, g->decoy);
}

/* ProsQA graphs: reachability questions with a decoy.
 *
 * A directed acyclic graph holds two families, the descendants of node 0 and those of node 1. The root is one of the two,
 * the target a deepest leaf of its family, the decoy a leaf of the other family that the root does not reach. "Is the
 * root a <target> or a <decoy>?" The reasoning is a shortest path.
 *
 * Sources: Hao et al. 2412.06769, appendix A (the graph recipe and the question form); the published files
 * prosqa_valid.json (300 graphs, 3 to 6 hops) and symbolic_valid.json (its 257 graphs of 3 or 4 hops). What the recipe
 * leaves open is fitted to the statistics of the published files; see prosqa_graph.c.
 */
#ifndef SPILLOVER_PROSQA_H
#define SPILLOVER_PROSQA_H

#include "data/task.h"

enum {
    PROSQA_NODES = 32, /* most nodes of a graph; also the range of symbolic node ids */
    PROSQA_EDGES = 56, /* most edges */
    PROSQA_HOPS = 6,   /* most steps from root to target */
    PROSQA_ENTITIES = 17,
    PROSQA_CONCEPTS = 38,
    PROSQA_NAMES = PROSQA_ENTITIES + PROSQA_CONCEPTS,
};

struct prosqa_graph {
    int n, n_edges, hops;
    int root, target, decoy;
    int edge[PROSQA_EDGES][2]; /* source, target; in the order of the question */
    int path[PROSQA_HOPS + 1]; /* path[0] = root .. path[hops] = target */
    int name[PROSQA_NODES];    /* index for prosqa_name, -1: a name outside the closed list */
    bool decoy_first;          /* the question names the decoy before the target */
};

struct prosqa_size {
    int nodes_min, nodes_max; /* 0, 0: as published */
    int hops_min, hops_max;
};

/* One graph, redrawn. After each 500 tries without a graph of that size the size is relaxed: hops_min goes down to 1,
 * then nodes_min to 4. */
void prosqa_sample(struct rng *r, struct prosqa_size size, struct prosqa_graph *g);

/* New edge order, order of target and decoy, and names (entities for nodes without parents, concepts for the rest). */
void prosqa_redraw(struct rng *r, struct prosqa_graph *g);

/* dist[v]: edges on a shortest path from `from`, -1 where none leads. */
void prosqa_distances(const struct prosqa_graph *g, int from, int dist[PROSQA_NODES]);

/* What a reader scores who never searches: 1 the target, 0 the decoy, .5 a tie. Floors for every accuracy on ProsQA. */
double prosqa_lower_in_degree(const struct prosqa_graph *g);  /* picks the candidate with fewer parents */
double prosqa_child_within_two(const struct prosqa_graph *g); /* picks the one with a parent or grandparent that is a
                                                                 child of the root */

/* The published JSON list. ST_IO, or ST_DATA with `path: item N: ...` (items count from 1); every field is checked
 * against the others. Graphs are in the arena, in file order. */
MUST_USE enum status prosqa_read(struct arena *a, const char *path, struct prosqa_graph **graphs, int *n);

const char *prosqa_name(int name);             /* 0 .. PROSQA_NAMES-1; entities first */
int prosqa_find_name(const char *s, size_t n); /* -1: not in the list */

/* For problems of the task "prosqa". The graph of a problem; its question written anew with fresh node ids or names and
 * fresh orders (accuracies are means over such permutations); the values of the nodes exactly `hop` edges from the root
 * (the frontier of a breadth-first search), ascending: returns how many. */
void prosqa_graph_of(const struct problem *p, struct prosqa_graph *g);
void prosqa_relabel(const struct task_ctx *ctx, struct rng *r, struct problem *p);
int prosqa_frontier(const struct problem *p, int hop, int values[PROSQA_NODES]);

#endif

/* Generated graphs: sound by another algorithm than the generator's, and distributed as the published ones. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "data/prosqa.h"
#include "tests/data/published.h"

Suite *suite_prosqa_graph(void);

static struct arena arena;

static void setup(void) {
    arena_open(&arena, 1 << 16);
}

static void teardown(void) {
    arena_close(&arena);
}

/* Lengths of shortest walks by repeated relaxation over all pairs: another algorithm than the library's search. */
static void all_pairs(const struct prosqa_graph *g, int d[PROSQA_NODES][PROSQA_NODES]) {
    for (int i = 0; i < g->n; i++)
        for (int j = 0; j < g->n; j++) d[i][j] = i == j ? 0 : 999;
    for (int e = 0; e < g->n_edges; e++) d[g->edge[e][0]][g->edge[e][1]] = 1;
    for (int k = 0; k < g->n; k++)
        for (int i = 0; i < g->n; i++)
            for (int j = 0; j < g->n; j++)
                if (d[i][k] + d[k][j] < d[i][j]) d[i][j] = d[i][k] + d[k][j];
}

static void assert_sound(const struct prosqa_graph *g) {
    int d[PROSQA_NODES][PROSQA_NODES];
    bool in[PROSQA_NODES] = {false}, out[PROSQA_NODES] = {false}, edge[PROSQA_NODES][PROSQA_NODES] = {{false}};
    all_pairs(g, d);
    for (int e = 0; e < g->n_edges; e++) {
        int s = g->edge[e][0], t = g->edge[e][1];
        ck_assert(!edge[s][t]);
        ck_assert_int_ge(d[t][s], 999);
        edge[s][t] = out[s] = in[t] = true;
    }
    for (int v = 0; v < g->n; v++) ck_assert(in[v] || out[v]);
    ck_assert(!out[g->target] && !out[g->decoy] && !in[g->root]);
    ck_assert_int_eq(d[g->root][g->target], g->hops);
    ck_assert_int_ge(d[g->root][g->decoy], 999);
    ck_assert_int_lt(d[1 - g->root][g->decoy], 999);
    ck_assert_int_ge(d[1 - g->root][g->target], 999);
    ck_assert_int_eq(g->path[0], g->root);
    ck_assert_int_eq(g->path[g->hops], g->target);
    for (int k = 0; k < g->hops; k++) ck_assert(edge[g->path[k]][g->path[k + 1]]);
    for (int v = 0; v < g->n; v++) {
        const char *name = prosqa_name(g->name[v]);
        ck_assert_int_eq(in[v], name[0] >= 'a');
        ck_assert_int_eq(prosqa_find_name(name, strlen(name)), g->name[v]);
        for (int w = 0; w < v; w++) ck_assert_int_ne(g->name[v], g->name[w]);
    }
}

START_TEST(generated_graphs_are_sound) {
    struct rng r = rng_open(3, "test", 0);
    int decoy_first = 0, root_one = 0;
    for (int i = 0; i < 1500; i++) {
        struct prosqa_graph g;
        prosqa_sample(&r, (struct prosqa_size){.hops_min = 3, .hops_max = 3 + i % 4}, &g);
        assert_sound(&g);
        ck_assert(g.hops >= 3 && g.hops <= 3 + i % 4);
        decoy_first += g.decoy_first;
        root_one += g.root;
    }
    ck_assert_double_eq_tol(decoy_first / 1500., .5, 5 * .5 / sqrt(1500));
    ck_assert_double_eq_tol(root_one / 1500., .5, 5 * .5 / sqrt(1500));
    static const struct prosqa_size sizes[] = {{5, 9, 1, 2}, {9, 15, 1, 4}, {4, 4, 1, 1}, {28, 32, 3, 6}};
    for (int s = 0; s < 4; s++)
        for (int i = 0; i < 100; i++) {
            struct prosqa_graph g;
            prosqa_sample(&r, sizes[s], &g);
            assert_sound(&g);
            ck_assert(g.n >= sizes[s].nodes_min && g.n <= sizes[s].nodes_max);
            ck_assert(g.hops >= sizes[s].hops_min && g.hops <= sizes[s].hops_max);
        }
    /* No graph of 5 nodes has 4 hops: the size is relaxed instead of searched for ever. */
    struct prosqa_graph g;
    prosqa_sample(&r, (struct prosqa_size){5, 5, 4, 4}, &g);
    ck_assert_int_eq(g.n, 5);
    ck_assert_int_eq(g.hops, 2);
}
END_TEST

START_TEST(frontier_is_the_set_at_a_distance) {
    const struct task_options o = task_options_default();
    struct task_ctx ctx;
    ck_assert_int_eq(task_open(&ctx, "prosqa", &o, &arena), ST_OK);
    struct rng r = rng_open(6, "test", 0);
    for (int i = 0; i < 100; i++) {
        struct problem p;
        struct prosqa_graph g;
        int d[PROSQA_NODES][PROSQA_NODES], values[PROSQA_NODES], total = 0;
        ctx.task->sample(&ctx, &r, TASK_EVAL, &p);
        prosqa_graph_of(&p, &g);
        all_pairs(&g, d);
        for (int hop = 0; hop <= p.n_steps; hop++) {
            int n = prosqa_frontier(&p, hop, values);
            int want = 0;
            for (int v = 0; v < g.n; v++) want += d[g.root][v] == hop;
            ck_assert_int_eq(n, want);
            for (int j = 0; j < n; j++) {
                int node = 0;
                while (g.name[node] != values[j]) node++;
                ck_assert_int_eq(d[g.root][node], hop);
                if (j > 0) ck_assert_int_lt(values[j - 1], values[j]);
            }
            total += n;
        }
        ck_assert_int_gt(total, p.n_steps);
    }
}
END_TEST

enum { FIGURES = 10, N_GENERATED = 4000 };

static void measure(const struct prosqa_graph *g, double x[FIGURES]) {
    int degree[PROSQA_NODES] = {0}, shares[4] = {0};
    for (int e = 0; e < g->n_edges; e++) degree[g->edge[e][1]]++;
    for (int v = 0; v < g->n; v++) shares[degree[v] < 3 ? degree[v] : 3]++;
    x[0] = g->n;
    x[1] = g->n_edges;
    for (int k = 3; k <= PROSQA_HOPS; k++) x[k - 1] = g->hops == k;
    x[6] = (double)shares[1] / g->n;
    x[7] = (double)shares[3] / g->n;
    x[8] = prosqa_lower_in_degree(g);
    x[9] = prosqa_child_within_two(g);
}

/* Mean nodes, edges, hop shares, in-degree shares and floors lie within four standard errors of the published file. */
START_TEST(generator_has_the_published_statistics) {
    const char *dir = published_dir(&arena, "prosqa/prosqa_valid.json");
    if (!dir) return;
    struct prosqa_graph *real;
    int n;
    double sum[FIGURES] = {0}, square[FIGURES] = {0}, generated[FIGURES] = {0}, x[FIGURES];
    ck_assert_int_eq(prosqa_read(&arena, arena_printf(&arena, "%s/prosqa/prosqa_valid.json", dir), &real, &n), ST_OK);
    for (int i = 0; i < n; i++) {
        measure(&real[i], x);
        for (int f = 0; f < FIGURES; f++) sum[f] += x[f], square[f] += x[f] * x[f];
    }
    struct rng r = rng_open(7, "test", 0);
    for (int i = 0; i < N_GENERATED; i++) {
        struct prosqa_graph g;
        prosqa_sample(&r, (struct prosqa_size){.hops_min = 3, .hops_max = PROSQA_HOPS}, &g);
        measure(&g, x);
        for (int f = 0; f < FIGURES; f++) generated[f] += x[f] / N_GENERATED;
    }
    for (int f = 0; f < FIGURES; f++) {
        double mean = sum[f] / n, variance = square[f] / n - mean * mean;
        double error = sqrt(variance / n + variance / N_GENERATED);
        ck_assert_msg(fabs(generated[f] - mean) <= 4 * error, "figure %d: %.4f, published %.4f +- %.4f", f,
                      generated[f], mean, error);
    }
}
END_TEST

Suite *suite_prosqa_graph(void) {
    Suite *s = suite_create("prosqa_graph");
    TCase *t = tcase_create("prosqa_graph");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, generated_graphs_are_sound);
    tcase_add_test(t, frontier_is_the_set_at_a_distance);
    tcase_add_test(t, generator_has_the_published_statistics);
    suite_add_tcase(s, t);
    return s;
}

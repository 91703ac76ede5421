#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/prosqa.h"
#include "engine/base/fs.h"
#include "tests/data/published.h"
#include "tests/edited.h"
#include "tests/folder.h"
#include "tests/refuse.h"

static struct task_ctx open_prosqa(const char *form, const char *dir) {
    struct task_options o = task_options_default();
    struct task_ctx ctx;
    o.form = form;
    o.data_dir = dir;
    ck_assert_int_eq(task_open(&ctx, "prosqa", &o, &arena), ST_OK);
    return ctx;
}

/* Tom -> terpus -> brimpus -> lempus, Tom -> dumpus -> brimpus; Alex -> rempus -> yimpus. */
static const char good[] =
    "[{\"question\": \"Every terpus is a brimpus. Alex is a rempus. Tom is a terpus. Every brimpus is a lempus. "
    "Every rempus is a yimpus. Tom is a dumpus. Every dumpus is a brimpus. Is Tom a yimpus or lempus?\", "
    "\"answer\": \"Tom is a lempus.\", "
    "\"steps\": [\"Tom is a terpus.\", \"Every terpus is a brimpus.\", \"Every brimpus is a lempus.\"], "
    "\"idx_to_symbol\": [\"Tom\", \"Alex\", \"terpus\", \"dumpus\", \"brimpus\", \"lempus\", \"rempus\", \"yimpus\"], "
    "\"edges\": [[0, 2], [0, 3], [2, 4], [3, 4], [4, 5], [1, 6], [6, 7]], "
    "\"root\": 0, \"target\": 5, \"neg_target\": 7, "
    "\"neighbor_k\": {\"0\": [0], \"1\": [2, 3], \"2\": [4], \"3\": [5]}}]";

static struct problem load_one(const struct task_ctx *ctx) {
    struct problem *p;
    int n;
    enum status st = ctx->task->load(ctx, &arena, &p, &n);
    ck_assert_msg(st == ST_OK, "%s", status_message());
    ck_assert_int_eq(n, 1);
    return *p;
}

/* Tokens with the spacing of prose. */
static const char *prose(const struct task_ctx *ctx, const int *tokens, int n) {
    char text[4096] = "";
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        const char *s = ctx->task->token_name(ctx, tokens[i]);
        bool glued = i == 0 || *s == '.' || *s == '?';
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", glued ? "" : " ", s);
    }
    return arena_strdup(&arena, text);
}

/* Checks token after token against nodes: equal nodes have equal ids, different nodes different ones. */
static void assert_node(int *id_of, int n, int node, int token) {
    ck_assert(token >= 0 && token < PROSQA_NODES);
    if (id_of[node] < 0)
        for (int v = 0; v < n; v++) ck_assert_int_ne(id_of[v], token);
    else
        ck_assert_int_eq(id_of[node], token);
    id_of[node] = token;
}

/* The edges of `good` in the order of its question. */
static const int shown[7][2] = {{2, 4}, {1, 6}, {0, 2}, {4, 5}, {6, 7}, {0, 3}, {3, 4}};

START_TEST(edge_form) {
    put("symbolic_valid.json", good);
    struct task_ctx ctx = open_prosqa("edge", folder);
    struct problem p = load_one(&ctx);
    int id[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    ck_assert_int_eq(ctx.shape.channels, 2);
    ck_assert_int_eq(ctx.shape.channel_vocab[1], 33);
    ck_assert_int_eq(ctx.shape.question, 59);
    ck_assert_int_eq(p.n_question, 7 + 3);
    for (int e = 0; e < 7; e++)
        for (int c = 0; c < 2; c++) assert_node(id, 8, shown[e][c], task_input(&p, e, c));
    assert_node(id, 8, 7, p.question[7]);
    assert_node(id, 8, 5, p.question[8]);
    assert_node(id, 8, 0, p.question[9]);
    for (int i = 7; i < 9; i++) ck_assert_int_eq(task_input(&p, i, 1), -1);
    ck_assert_int_eq(task_input(&p, 9, 1), 32);
    ck_assert_int_eq(p.n_steps, 3);
    ck_assert_int_eq(p.n_reasoning, 3);
    static const int path[3] = {2, 4, 5};
    for (int k = 0; k < 3; k++) {
        assert_node(id, 8, path[k], p.reasoning[k]);
        ck_assert_int_eq(p.value[k], p.reasoning[k]);
        ck_assert_int_eq(p.step_start[k], k);
    }
    ck_assert_int_eq(p.n_output, 3);
    ck_assert_str_eq(prose(&ctx, p.output, 1), "<eot>");
    assert_node(id, 8, 5, p.output[1]);
    ck_assert_str_eq(prose(&ctx, p.output + 2, 1), "<eos>");
    ck_assert_int_eq(p.answer, id[5]);
    ck_assert_int_eq(p.decoy, id[7]);
    ck_assert_int_eq(p.report, -1);
}
END_TEST

START_TEST(triplet_form) {
    put("symbolic_valid.json", good);
    struct task_ctx ctx = open_prosqa("triplet", folder);
    struct problem p = load_one(&ctx);
    int id[8] = {-1, -1, -1, -1, -1, -1, -1, -1}, at = 0;
    ck_assert_int_eq(ctx.shape.channels, 3);
    ck_assert_int_eq(p.n_question, 3 * 7 + 3 + 1);
    for (int e = 0; e < 7; e++) {
        for (int c = 0; c < 2; c++) assert_node(id, 8, shown[e][c], p.question[at++]);
        ck_assert_str_eq(ctx.task->token_name(&ctx, p.question[at++]), "|");
    }
    static const int ends[3] = {7, 5, 0};
    for (int i = 0; i < 3; i++) assert_node(id, 8, ends[i], p.question[at++]);
    for (int i = 0; i < p.n_question; i++) {
        ck_assert_int_eq(task_input(&p, i, 1), i > 0 ? p.question[i - 1] : -1);
        ck_assert_int_eq(task_input(&p, i, 2), i > 1 ? p.question[i - 2] : -1);
    }
}
END_TEST

START_TEST(words_form) {
    /* In a folder of its own, the first place to be looked at. */
    ck_assert_int_eq(fs_mkdirs(arena_printf(&arena, "%s/prosqa", folder)), ST_OK);
    put("prosqa/prosqa_valid.json", good);
    struct task_ctx ctx = open_prosqa("words", folder);
    struct problem p = load_one(&ctx);
    ck_assert_str_eq(prose(&ctx, p.question, p.n_question),
                     "Every terpus is a brimpus. Alex is a rempus. Tom is a terpus. Every brimpus is a lempus. "
                     "Every rempus is a yimpus. Tom is a dumpus. Every dumpus is a brimpus. Is Tom a yimpus or lempus? "
                     "<bot>");
    ck_assert_str_eq(prose(&ctx, p.reasoning, p.n_reasoning),
                     "Tom is a terpus. Every terpus is a brimpus. Every brimpus is a lempus.");
    ck_assert_str_eq(prose(&ctx, p.output, p.n_output), "<eot> lempus <eos>");
    static const int starts[4] = {0, 5, 11, 17};
    int tokens[17], values[3];
    for (int k = 0; k < 4; k++) ck_assert_int_eq(p.step_start[k], starts[k]);
    for (int i = 0; i < 17; i++) tokens[i] = p.reasoning[i];
    ctx.task->read_steps(&ctx, &p, tokens, 17, values);
    for (int k = 0; k < 3; k++) ck_assert_int_eq(values[k], p.value[k]);
    ck_assert_str_eq(prosqa_name(values[1]), "brimpus");
    tokens[9] = tokens[8]; /* "Every terpus is a a." */
    ctx.task->read_steps(&ctx, &p, tokens, 16, values);
    ck_assert_int_eq(values[0], p.value[0]);
    ck_assert_int_eq(values[1], -1);
    ck_assert_int_eq(values[2], -1);
}
END_TEST

/* One thing in the good file replaced, and what is said of it. */
static const struct {
    const char *old, *new, *message;
} malformed[] = {
    {"\"answer\"", "\"ans\"", "item 1: no \"answer\""},
    {"\"question\": \"", "\"q\": \"", "item 1: no \"question\""},
    {"\"root\": 0", "\"root\": 8", "item 1: \"root\" is not a node (0 to 7)"},
    {"\"root\": 0", "\"root\": \"Tom\"", "item 1: \"root\" is not a node (0 to 7)"},
    {"\"target\": 5, ", "", "item 1: no \"target\""},
    {"\"target\": 5", "\"target\": 5.0", "item 1: \"target\" is not a node (0 to 7)"},
    {"\"target\": 5", "\"target\": -1", "item 1: \"target\" is not a node (0 to 7)"},
    {"\"target\": 5", "\"target\": 6", "item 1: the target cannot be reached from the root"},
    {"\"neg_target\": 7", "\"neg_target\": 4", "item 1: neg_target can be reached from the root"},
    {"\"neg_target\": 7", "\"neg_target\": 5", "item 1: root, target and neg_target are not three nodes"},
    {"[4, 5]", "[4, 9]", "item 1: edges[4][1] is not a node (0 to 7)"},
    {"[4, 5]", "[-4, 5]", "item 1: edges[4][0] is not a node (0 to 7)"},
    {"[4, 5]", "[4]", "item 1: edges[4] is not a pair"},
    {"[4, 5]", "[2, 4]", "item 1: edges[4] repeats edges[2]"},
    {"[6, 7]", "[6, 1]", "item 1: the edges form a cycle"},
    {"[6, 7]", "[6, 6]", "item 1: the edges form a cycle"},
    {"\"edges\": [[0, 2], [0, 3], [2, 4], [3, 4], [4, 5], [1, 6], [6, 7]]", "\"edges\": []",
     "item 1: \"edges\" has 0 entries, expected 1 to 56"},
    {"\"edges\": [[0, 2], [0, 3], [2, 4], [3, 4], [4, 5], [1, 6], [6, 7]]", "\"edges\": 3",
     "item 1: \"edges\" is not a list"},
    {"\"dumpus\"", "\"terpus\"", "item 1: idx_to_symbol[3] is the same as [2]"},
    {"\"dumpus\"", "7", "item 1: idx_to_symbol[3] is not a name"},
    {"\"dumpus\"", "\"a b\"", "item 1: idx_to_symbol[3] is not one word"},
    {"Alex is a rempus.", "Alex is a yimpus.", "item 1: sentence 2 of the question states no edge"},
    {"Alex is a rempus.", "Every Alex is a rempus.", "item 1: sentence 2 of the question states no edge"},
    {"Tom is a dumpus.", "Tom is a terpus.", "item 1: sentence 6 of the question repeats sentence 3"},
    {"Is Tom a", "Is Alex a", "item 1: the question does not ask root, target and neg_target"},
    {"yimpus or lempus?", "lempus or lempus?", "item 1: the question does not ask root, target and neg_target"},
    {"yimpus or lempus?", "yimpus or lempus? ", "item 1: the question does not ask root, target and neg_target"},
    {"\"answer\": \"Tom is a lempus.\"", "\"answer\": \"Tom is a yimpus.\"", "item 1: the answer is not the target"},
    {"\"answer\": \"Tom is a lempus.\"", "\"answer\": null", "item 1: \"answer\" is not a string"},
    {"\"Tom is a terpus.\"", "\"Tom is a yimpus.\"", "item 1: steps[0] states no edge"},
    {"\"Tom is a terpus.\"", "\"Tom is a terpus. \"", "item 1: steps[0] states no edge"},
    {"\"Tom is a terpus.\"", "4", "item 1: steps[0] states no edge"},
    {"\"Tom is a terpus.\"", "\"Tom is a dumpus.\"", "item 1: steps[1] does not go on from the step before"},
    {", \"Every brimpus is a lempus.\"", "", "item 1: the steps do not end at the target"},
    {"[0, 3]", "[0, 4]", "item 1: sentence 6 of the question states no edge"},
    {"\"1\": [2, 3]", "\"1\": [2]", "item 1: neighbor_k[1] disagrees with the edges about node 3"},
    {"\"1\": [2, 3]", "\"1\": [2, 33]", "item 1: neighbor_k[1][1] is not a node (0 to 7)"},
    {"\"3\": [5]", "\"4\": [5]", "item 1: neighbor_k[3] is not a list"},
    {"\"1\": [2, 3]", "\"1\": 2", "item 1: neighbor_k[1] is not a list"},
    {", \"3\": [5]", "", "item 1: \"neighbor_k\" has 3 hops, expected 4"},
    {"\"neighbor_k\": ", "\"neighbor_k\": 3, \"k\": ", "item 1: \"neighbor_k\" is not an object"},
    {"\"dumpus\"", "\"\"", "item 1: idx_to_symbol[3] is not a name"},
    {"[4, 5]", "4", "item 1: edges[4] is not a pair"},
    {"\"root\": 0", "\"root\": 5", "item 1: root, target and neg_target are not three nodes"},
    {"\"root\": 0", "\"root\": 7", "item 1: root, target and neg_target are not three nodes"},
    {"Alex is a rempus.", "Bob is a rempus.", "item 1: sentence 2 of the question states no edge"},
    {"Alex is a rempus.", "Alex was a rempus.", "item 1: sentence 2 of the question states no edge"},
    {"Alex is a rempus.", "Alex is a bob.", "item 1: sentence 2 of the question states no edge"},
    {"Alex is a rempus.", "Alex is a rempus?", "item 1: sentence 2 of the question states no edge"},
    {"Alex is a rempus. ", "Alex is a rempus.", "item 1: sentence 2 of the question states no edge"},
    {"Is Tom a", "Was Tom a", "item 1: the question does not ask root, target and neg_target"},
    {"Is Tom a", "Is Tom the", "item 1: the question does not ask root, target and neg_target"},
    {"yimpus or lempus?", "yimpus?", "item 1: the question does not ask root, target and neg_target"},
    {"yimpus or lempus?", "bob or lempus?", "item 1: the question does not ask root, target and neg_target"},
    {"yimpus or lempus?", "lempus or terpus?", "item 1: the question does not ask root, target and neg_target"},
    {"yimpus or lempus?", "terpus or yimpus?", "item 1: the question does not ask root, target and neg_target"},
    {"\"steps\"", "\"stops\"", "item 1: no \"steps\""},
    {"\"Tom is a terpus.\"", "1, 2, 3, 4, 5, \"Tom is a terpus.\"", "item 1: \"steps\" has 8 entries, expected 1 to 6"},
    {"\"answer\": \"Tom is a lempus.\"", "\"answer\": \"Alex is a lempus.\"", "item 1: the answer is not the target"},
    {"\"answer\": \"Tom is a lempus.\"", "\"answer\": \"Tom was a lempus.\"", "item 1: the answer is not the target"},
    {"\"answer\": \"Tom is a lempus.\"", "\"answer\": \"Tom is a lempus?\"", "item 1: the answer is not the target"},
};

START_TEST(malformed_files_name_the_item_and_the_fault) {
    struct prosqa_graph *g;
    int n;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        const char *path = put("bad.json", edited(&arena, good, malformed[i].old, malformed[i].new));
        ck_assert_int_eq(prosqa_read(&arena, path, &g, &n), ST_DATA);
        ck_assert_str_eq(status_message(), arena_printf(&arena, "%s: %s", path, malformed[i].message));
    }
}
END_TEST

START_TEST(a_target_too_far_away_is_refused) {
    const char *chain = edited(&arena, good, "[0, 2], [0, 3], [2, 4], [3, 4], [4, 5], [1, 6], [6, 7]",
                               "[0, 1], [1, 2], [2, 3], [3, 4], [4, 6], [6, 8], [8, 5]");
    const char *path = put("far.json", edited(&arena, chain, "\"dumpus\"", "\"dumpus\", \"wumpus\""));
    struct prosqa_graph *g;
    int n;
    ck_assert_int_eq(prosqa_read(&arena, path, &g, &n), ST_DATA);
    ck_assert_str_eq(status_message(), arena_printf(&arena, "%s: item 1: the target is 7 steps away, at most 6", path));
}
END_TEST

START_TEST(a_longer_path_than_the_shortest_is_refused) {
    const char *text = edited(&arena, good, "[0, 3]", "[0, 4]");
    text = edited(&arena, text, "Tom is a dumpus.", "Tom is a brimpus.");
    text = edited(&arena, text, "Every dumpus is", "dumpus is");
    const char *path = put("bad.json", text);
    struct prosqa_graph *g;
    int n;
    ck_assert_int_eq(prosqa_read(&arena, path, &g, &n), ST_DATA);
    ck_assert_str_eq(status_message(), arena_printf(&arena, "%s: item 1: 3 steps where the shortest path has 2", path));
}
END_TEST

START_TEST(whole_file_faults) {
    struct prosqa_graph *g;
    int n;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"{}", ": not a list of questions"},
        {"[]", ": not a list of questions"},
        {"[3]", ": item 1: not an object"},
        {"", ":1: not valid JSON: '[' or '{' expected near end of file"},
        {"[\n{\"root\": 1, \"root\": 2}]", ":2: not valid JSON: duplicate object key near '\"root\"'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *path = put("bad.json", bad[i].text);
        ck_assert_int_eq(prosqa_read(&arena, path, &g, &n), ST_DATA);
        ck_assert_str_eq(status_message(), arena_printf(&arena, "%s%s", path, bad[i].message));
    }
    /* Cut anywhere, the file is refused in one line that names it. */
    for (size_t cut = 1; cut < sizeof good - 1; cut += 7) {
        const char *path = put("bad.json", arena_printf(&arena, "%.*s", (int)cut, good));
        ck_assert_int_eq(prosqa_read(&arena, path, &g, &n), ST_DATA);
        ck_assert(strncmp(status_message(), path, strlen(path)) == 0);
        ck_assert_ptr_nonnull(strstr(status_message(), ":1: not valid JSON: "));
        ck_assert_ptr_null(strchr(status_message(), '\n'));
    }
    ck_assert_int_eq(prosqa_read(&arena, arena_printf(&arena, "%s/absent", folder), &g, &n), ST_IO);
}
END_TEST

static enum status load_again(void) {
    struct task_ctx ctx = open_prosqa("edge", folder);
    struct problem *p;
    int n;
    return ctx.task->load(&ctx, &arena, &p, &n);
}

START_TEST(whatever_is_refused_is_said) {
    const struct refusal refused = {.act = load_again};
    put("symbolic_valid.json", good);
    ck_assert_int_ge(refuse_each(&refused), 3);
}
END_TEST

START_TEST(usage_faults) {
    struct task_options o = task_options_default();
    struct task_ctx ctx;
    struct problem *p;
    int n;
    o.form = "trie";
    ck_assert_int_eq(task_open(&ctx, "prosqa", &o, &arena), ST_USAGE);
    ck_assert_str_eq(status_message(), "prosqa: no form 'trie': edge, triplet or words");
    o.form = "edge";
    o.nodes_min = 9, o.nodes_max = 5;
    ck_assert_int_eq(task_open(&ctx, "prosqa", &o, &arena), ST_USAGE);
    ck_assert_str_eq(status_message(), "prosqa: nodes 9 to 5: from 4 to 32");
    o.nodes_max = 9;
    o.hops_min = 1, o.hops_max = 7;
    ck_assert_int_eq(task_open(&ctx, "prosqa", &o, &arena), ST_USAGE);
    ck_assert_str_eq(status_message(), "prosqa: hops 1 to 7: from 1 to 6");
    ctx = open_prosqa("edge", NULL);
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_USAGE);
    ck_assert_str_eq(status_message(), "prosqa: symbolic_valid.json is read from a data folder, and none was given");
    /* A name outside the closed list is fine for symbols and refused for words. */
    char *text = arena_strdup(&arena, good);
    for (char *s; (s = strstr(text, "yimpus"));) s[0] = 'q';
    put("symbolic_valid.json", text);
    put("prosqa_valid.json", text);
    ctx = open_prosqa("edge", folder);
    load_one(&ctx);
    ctx = open_prosqa("words", folder);
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_DATA);
    ck_assert_str_eq(
        status_message(),
        arena_printf(&arena, "%s/prosqa_valid.json: item 1: idx_to_symbol[7] is not a known name", folder));
}
END_TEST

START_TEST(sampled_problems_follow_the_options) {
    struct task_ctx ctx = open_prosqa("triplet", NULL);
    struct rng r = rng_open(4, "test", 0);
    struct problem p;
    ctx.options.nodes_min = 5, ctx.options.nodes_max = 9;
    ctx.options.hops_min = 1, ctx.options.hops_max = 2;
    for (int i = 0; i < 200; i++) {
        ctx.task->sample(&ctx, &r, i % 2 ? TASK_TRAIN : TASK_EVAL, &p);
        ck_assert(i % 2 ? p.n_steps <= 2 : p.n_steps == 3 || p.n_steps == 4);
        ck_assert_int_le(p.n_question, ctx.shape.question);
        ck_assert_int_eq(p.answer, p.value[p.n_steps - 1]);
        ck_assert_int_eq(p.answer, p.output[ctx.shape.slot_answer]);
        ck_assert(p.template_id >= 0 && p.template_id < 4096);
    }
}
END_TEST

START_TEST(relabelling_keeps_the_graph) {
    put("symbolic_valid.json", good);
    struct task_ctx ctx = open_prosqa("edge", folder);
    struct problem p = load_one(&ctx);
    struct rng r = rng_open(5, "test", 0);
    static const int path[4] = {0, 2, 4, 5};
    int32_t template_id = p.template_id;
    int orders = 0, answers = 0;
    for (int i = 0; i < 64; i++) {
        prosqa_relabel(&ctx, &r, &p);
        struct prosqa_graph g;
        prosqa_graph_of(&p, &g);
        ck_assert_int_eq(p.template_id, template_id);
        ck_assert_int_eq(g.root, 0);
        ck_assert_int_eq(g.target, 5);
        ck_assert_int_eq(g.decoy, 7);
        for (int k = 0; k < 4; k++) ck_assert_int_eq(g.path[k], path[k]);
        int sum = 0;
        for (int e = 0; e < 7; e++) sum += 1 << (g.edge[e][0] * 3 + g.edge[e][1] % 3);
        ck_assert_int_eq(sum, (1 << 2) + (1 << 0) + (1 << 7) + (1 << 10) + (1 << 14) + (1 << 3) + (1 << 19));
        orders |= g.decoy_first ? 1 : 2;
        ck_assert_int_eq(p.question[g.decoy_first ? 8 : 7], p.answer);
        ck_assert_int_eq(p.question[g.decoy_first ? 7 : 8], p.decoy);
        answers |= 1 << p.answer % 31;
    }
    ck_assert_int_eq(orders, 3);
    ck_assert_int_ge(__builtin_popcount((unsigned)answers), 10);
}
END_TEST

START_TEST(floors_on_a_hand_made_graph) {
    put("symbolic_valid.json", good);
    struct task_ctx ctx = open_prosqa("edge", folder);
    struct problem p = load_one(&ctx);
    struct prosqa_graph g;
    prosqa_graph_of(&p, &g);
    ck_assert_double_eq(prosqa_lower_in_degree(&g), .5); /* lempus 1, yimpus 1 */
    ck_assert_double_eq(prosqa_child_within_two(&g), 1); /* lempus <- brimpus <- terpus, a child of Tom */
    const struct task_floor *f = ctx.task->floors;
    ck_assert_str_eq(f[0].name, "lower_in_degree");
    ck_assert_str_eq(f[1].name, "child_within_two");
    ck_assert_ptr_null(f[2].name);
    ck_assert(f[0].score(&p) == .5 && f[1].score(&p) == 1);
    g.target = 4; /* brimpus has two parents */
    ck_assert_double_eq(prosqa_lower_in_degree(&g), 0);
    g.root = 1;
    g.decoy = 6;
    ck_assert_double_eq(prosqa_child_within_two(&g), .5); /* rempus is the child itself: none above either */
    g.decoy = 7;
    ck_assert_double_eq(prosqa_child_within_two(&g), 0);
}
END_TEST

/* Published figures: 64.6 % and 74.1 % on the symbolic file. */
START_TEST(published_file_reads_whole) {
    const char *dir = published_dir(&arena, "prosqa/symbolic_valid.json");
    if (!dir) return;
    struct task_ctx ctx = open_prosqa("words", dir);
    struct problem *p;
    int n;
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_OK);
    ck_assert_int_eq(n, 300);
    json_t *items = json_load_file(arena_printf(&arena, "%s/prosqa/prosqa_valid.json", dir), 0, NULL);
    for (int i = 0; i < n; i++) {
        json_t *item = json_array_get(items, (size_t)i), *steps = json_object_get(item, "steps");
        ck_assert_str_eq(prose(&ctx, p[i].question, p[i].n_question - 1),
                         json_string_value(json_object_get(item, "question")));
        ck_assert_int_eq(p[i].n_steps, json_array_size(steps));
        for (int k = 0; k < p[i].n_steps; k++)
            ck_assert_str_eq(
                prose(&ctx, p[i].reasoning + p[i].step_start[k], p[i].step_start[k + 1] - p[i].step_start[k]),
                json_string_value(json_array_get(steps, (size_t)k)));
    }
    json_decref(items);

    ctx = open_prosqa("edge", dir);
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_OK);
    ck_assert_int_eq(n, 257);
    double in_degree = 0, child = 0;
    for (int i = 0; i < n; i++) {
        in_degree += ctx.task->floors[0].score(&p[i]);
        child += ctx.task->floors[1].score(&p[i]);
    }
    ck_assert_double_eq_tol(in_degree / n, .646, .0005);
    ck_assert_double_eq_tol(child / n, .741, .0005);
}
END_TEST

Suite *suite_prosqa(void) {
    Suite *s = suite_create("prosqa");
    TCase *tc = tcase_create("prosqa");
    tcase_add_checked_fixture(tc, open_folder, close_folder);
    tcase_add_test(tc, edge_form);
    tcase_add_test(tc, triplet_form);
    tcase_add_test(tc, words_form);
    tcase_add_test(tc, malformed_files_name_the_item_and_the_fault);
    tcase_add_test(tc, a_target_too_far_away_is_refused);
    tcase_add_test(tc, a_longer_path_than_the_shortest_is_refused);
    tcase_add_test(tc, whole_file_faults);
    tcase_add_test(tc, whatever_is_refused_is_said);
    tcase_add_test(tc, usage_faults);
    tcase_add_test(tc, sampled_problems_follow_the_options);
    tcase_add_test(tc, relabelling_keeps_the_graph);
    tcase_add_test(tc, floors_on_a_hand_made_graph);
    tcase_add_test(tc, published_file_reads_whole);
    suite_add_tcase(s, tc);
    return s;
}

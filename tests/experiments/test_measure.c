/* Traces of other programs: planted signals give the figures that follow by hand, and malformed files one clear line. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/rng.h"
#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "experiments/measure.h"
#include "tests/folder.h"

enum { ITEMS = 240, STEPS = 2, WIDTH = 8, CLASSES = 4 };

static void open_trace(void) {
    open_folder();
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
}

/* The class of item i, and which side it stands on: all four classes on both, a third for testing. */
static int class_of(int i) {
    return i % CLASSES;
}

static bool is_test(int i) {
    return i / CLASSES % 3 == 0;
}

/* What a phase is made of: the class that step k of item i shows in its vector (-1: nothing) and that the output tells. */
struct plant {
    int (*shows)(int i, int k), (*tells)(int i);
    int turn; /* vectors are turned: coordinate j goes to (j + turn) mod WIDTH */
    int items;
    bool by_step; /* a second concept, v: a class a step, of which nothing is told or read */
    bool ragged;  /* every second four items have one step */
    bool silent;  /* c is neither told nor read, no answer is known */
};

/* One-hot vectors of length 4 with a little noise: a linear probe reads them without a mistake. */
static void write_tensors(const char *name, const struct plant *p) {
    float *x = ARENA_NEW(&arena, float, ITEMS *STEPS *WIDTH);
    struct rng r = rng_open(1, name, 0);
    for (int i = 0; i < p->items; i++)
        for (int k = 0; k < STEPS; k++) {
            float *at = x + (i * STEPS + k) * WIDTH;
            for (int j = 0; j < WIDTH; j++) at[j] = .1f * rng_normal(&r);
            if (p->shows(i, k) >= 0) at[(p->shows(i, k) + p->turn) % WIDTH] += 4.0f;
        }
    struct checkpoint_tensor u = {.name = "u", .n_dims = 3, .dim = {p->items, STEPS, WIDTH}, .data = x};
    const struct checkpoint c = {.tensors = &u, .n = 1};
    ck_assert_int_eq(checkpoint_write(in(arena_printf(&arena, "%s.safetensors", name)), &c), ST_OK);
}

static int steps_of(const struct plant *p, int i) {
    return p->ragged && i / CLASSES % 2 ? 1 : STEPS;
}

/* v at each step: the class, then the one after it. */
static int by_step(int i, int k) {
    return (class_of(i) + k) % CLASSES;
}

static void write_phase(const char *name, const struct plant *p) {
    struct fs_file f;
    ck_assert_int_eq(fs_create(&f, in(arena_printf(&arena, "%s.jsonl", name))), ST_OK);
    for (int i = 0; i < p->items; i++) {
        const int c = class_of(i), told = p->tells(i);
        const bool both = steps_of(p, i) == STEPS;
        fprintf(f.stream, "{\"id\": \"q%d\", \"question\": \"?\", \"steps\": [\"\"%s], \"split\": \"%s\"", i,
                both ? ", \"\"" : "", is_test(i) ? "test" : "fit");
        fprintf(f.stream, ", \"concepts\": {\"c\": %d", c);
        if (p->by_step) fprintf(f.stream, both ? ", \"v\": [%d, %d]" : ", \"v\": [%d]", by_step(i, 0), by_step(i, 1));
        if (!p->silent)
            fprintf(
                f.stream, "}, \"told\": {\"c\": %s}, \"read\": {\"c\": [%d%s]}, \"answer\": \"x\", \"truth\": \"%s\"",
                told < 0 ? "null" : arena_printf(&arena, "%d", told), c, both ? ", null" : "", i % 8 < 4 ? "x" : "y");
        fprintf(f.stream, p->silent ? "}}\n" : "}\n");
    }
    ck_assert_int_eq(fs_commit(&f), ST_OK);
    write_tensors(name, p);
}

static int shows_class(int i, int k) {
    (void)k;
    return class_of(i);
}

/* The second step of a quarter of the test items shows the next class. */
static int shows_some_wrong(int i, int k) {
    const bool wrong = k == 1 && is_test(i) && i / (3 * CLASSES) % 4 == 0;
    return (class_of(i) + wrong) % CLASSES;
}

static int shows_nothing(int i, int k) {
    (void)i;
    (void)k;
    return -1;
}

/* In the second step alone. */
static int shows_late(int i, int k) {
    return k == 1 ? class_of(i) : -1;
}

static int tells_class(int i) {
    return class_of(i);
}

static int tells_half(int i) {
    return i / (3 * CLASSES) % 2 ? class_of(i) : -1;
}

static int tells_nothing(int i) {
    (void)i;
    return -1;
}

static const struct plant whole = {shows_class, tells_class, 0, .items = ITEMS};

static struct measure measured(void) {
    struct trace t;
    struct measure m;
    ck_assert_msg(trace_read(&t, folder, &arena) == ST_OK, "%s", status_message());
    measure_trace(&m, &t, 1, &arena);
    return m;
}

static void phases(const struct plant *before, const struct plant *control, const struct plant *after) {
    write_phase("before", before);
    if (control) write_phase("control", control);
    if (after) write_phase("after", after);
}

#define EQ(x, y) ck_assert_double_eq_tol(x, y, 1e-9)

START_TEST(a_planted_concept_gives_the_figure_it_was_planted_with) {
    const struct plant some_wrong = {shows_some_wrong, tells_class, 0, .items = ITEMS};
    phases(&some_wrong, NULL, NULL);
    const struct measure m = measured();
    EQ(measure_find(&m, "before", "u", "c", 0, "probe", "read_accuracy"), 1.0);
    EQ(measure_find(&m, "before", "u", "c", 1, "probe", "read_accuracy"), .75);
    EQ(measure_find(&m, "before", "u", "c", 1, "majority", "read_accuracy"), 1.0 / CLASSES);
    EQ(measure_find(&m, "before", "", "c", 0, "reader", "read_accuracy"), 1.0);
    EQ(measure_find(&m, "before", "", "c", 1, "reader", "read_accuracy"), 0.0);
    EQ(measure_find(&m, "before", "", "", -1, "", "accuracy"), .5);
    const double bits = measure_find(&m, "before", "u", "c", 0, "probe", "v_information");
    ck_assert(bits > 1.9 && bits <= 2.0); /* two bits tell four classes apart */
    ck_assert_double_gt(measure_find(&m, "before", "u", "c", 0, "probe", "mdl_compression"), 3.0);
    ck_assert_double_lt(measure_find(&m, "before", "u", "c", 0, "shuffled", "read_accuracy"), .5);
    ck_assert(isnan(measure_find(&m, "after", "u", "c", 0, "refit", "read_accuracy")));
}
END_TEST

START_TEST(nothing_planted_reads_as_chance) {
    const struct plant nothing = {shows_nothing, tells_class, 0, .items = ITEMS};
    phases(&nothing, NULL, &whole);
    const struct measure m = measured();
    const double accuracy = measure_find(&m, "before", "u", "c", 0, "probe", "read_accuracy");
    ck_assert(accuracy > .05 && accuracy < .45); /* 80 test items: .25 +- 4 s.e. */
    ck_assert_double_lt(measure_find(&m, "before", "u", "c", 0, "probe", "v_information"), .1);
    ck_assert_double_lt(measure_find(&m, "before", "u", "c", 0, "probe", "mdl_compression"), 1.1);
}
END_TEST

/* Half of the outputs still tell c, the first step no longer shows it. Against the control D = 1/2; a refitted probe
 * finds c in the second step, and S^R over all steps is 0. */
START_TEST(dose_and_spillover_follow_by_hand) {
    const struct plant after = {shows_late, tells_half, 0, .items = ITEMS};
    phases(&whole, &whole, &after);
    const struct measure m = measured();
    EQ(measure_find(&m, "after", "", "c", -1, "", "dose"), .5);
    EQ(measure_find(&m, "control", "u", "c", 0, "frozen", "read_accuracy"), 1.0);
    EQ(measure_find(&m, "after", "u", "c", 1, "frozen", "read_accuracy"), 1.0);
    const double first = measure_find(&m, "after", "u", "c", 0, "frozen", "read_accuracy");
    EQ(measure_find(&m, "after", "u", "c", 0, "frozen", "s_f"), (1.0 - first) / .75);
    EQ(measure_find(&m, "after", "u", "c", -1, "refit", "s_r"), 0.0);
    EQ(measure_find(&m, "after", "u", "c", -1, "refit", "tau_r"), 0.0);
    EQ(measure_find(&m, "after", "", "c", -1, "reader", "s_f"), 0.0);
    for (int i = 0; i < m.n; i++)
        if (*m.rows[i].against) ck_assert_str_eq(m.rows[i].against, "control");
}
END_TEST

/* A turn of the space: a frozen probe reads nothing, an orthogonal map or a refit everything; no information went. */
START_TEST(a_rotation_is_no_loss) {
    const struct plant turned = {shows_class, tells_class, 3, .items = ITEMS};
    phases(&whole, NULL, &turned);
    const struct measure m = measured();
    ck_assert_double_lt(measure_find(&m, "after", "u", "c", 0, "frozen", "read_accuracy"), .6);
    EQ(measure_find(&m, "after", "u", "c", 0, "", "drift_mapped"), 1.0);
    EQ(measure_find(&m, "after", "u", "c", 0, "", "drift_lost"), 0.0);
    EQ(measure_find(&m, "after", "u", "c", 0, "refit", "s_r"), 0.0);
    EQ(measure_find(&m, "after", "", "c", -1, "", "dose"), 0.0);
    ck_assert_double_gt(measure_find(&m, "after", "u", NULL, 0, "", "drift_cka"), .98);
}
END_TEST

START_TEST(the_table_is_the_same_again) {
    struct csv_table *table;
    char *text[2];
    size_t size[2];
    phases(&whole, NULL, &whole);
    for (int i = 0; i < 2; i++) {
        const struct measure m = measured();
        const char *path = in(i ? "b.csv" : "a.csv");
        ck_assert_int_eq(measure_write(&m, "trace", 1, path), ST_OK);
        ck_assert_int_eq(fs_read(&arena, path, &text[i], &size[i]), ST_OK);
        ck_assert_int_eq(csv_read(&arena, path, measure_columns, &table), ST_OK);
        ck_assert_int_eq(table->rows, m.n);
        ck_assert_int_gt(m.n, 50);
    }
    ck_assert_str_eq(text[0], text[1]);
}
END_TEST

/* What `spillover measure` prints of the folder, as a shell reads it. */
static const char *printed(const char *options) {
    FILE *pipe = popen(arena_printf(&arena, "./spillover measure --trace %s/ %s", folder, options), "r");
    char *text = ARENA_NEW(&arena, char, 1 << 18);
    ck_assert_ptr_nonnull(pipe);
    text[fread(text, 1, (1 << 18) - 1, pipe)] = '\0';
    ck_assert_int_eq(pclose(pipe), 0);
    return text;
}

static const struct measure_row *row_of(const struct measure *m, const char *phase, const char *concept, int step,
                                        const char *view, const char *metric) {
    for (int i = 0; i < m->n; i++) {
        const struct measure_row *r = &m->rows[i];
        if (step == r->step && strcmp(metric, r->metric) == 0 && strcmp(phase, r->phase) == 0 &&
            strcmp(concept, r->concept) == 0 && strcmp(view, r->view) == 0)
            return r;
    }
    return NULL;
}

/* v is told nowhere: it has spillover and no dose. Its steps are the types against which c is selective. */
START_TEST(a_concept_may_have_a_class_a_step) {
    const struct plant before = {shows_class, tells_class, .items = ITEMS, .by_step = true},
                       after = {shows_late, tells_class, .items = ITEMS, .by_step = true};
    phases(&before, NULL, &after);
    const struct measure m = measured();
    for (int k = 0; k < STEPS; k++) EQ(measure_find(&m, "before", "u", "v", k, "probe", "read_accuracy"), 1.0);
    const double first = measure_find(&m, "after", "u", "v", 0, "frozen", "read_accuracy");
    EQ(measure_find(&m, "after", "u", "v", 1, "frozen", "read_accuracy"), 1.0);
    EQ(measure_find(&m, "after", "u", "v", -1, "frozen", "s_f"), (1.0 - (first + 1.0) / 2) / .75);
    ck_assert_ptr_null(row_of(&m, "after", "v", -1, "frozen", "tau_f"));
    ck_assert_ptr_null(row_of(&m, "after", "v", -1, "", "dose"));
    ck_assert_ptr_null(row_of(&m, "before", "v", 0, "reader", "read_accuracy"));
    ck_assert_str_eq(row_of(&m, "after", "c", -1, "refit", "tau_r")->status, "skip"); /* c is told as before: dose 0 */
    for (const char *const *c = (const char *const[]){"c", "v", NULL}; *c; c++) {
        const struct measure_row *s = row_of(&m, "before", *c, 1, "probe", "selectivity");
        ck_assert_str_eq(s->status, "ok");
        ck_assert_int_eq(s->n, ITEMS / 3);
    }
}
END_TEST

/* What is read at a step is read on the items that have it. */
START_TEST(items_may_lack_a_step) {
    const struct plant before = {shows_class, tells_class, .items = ITEMS, .by_step = true, .ragged = true};
    phases(&before, NULL, &before);
    const struct measure m = measured();
    for (int k = 0; k < STEPS; k++)
        for (const char *const *c = (const char *const[]){"c", "v", NULL}; *c; c++) {
            const struct measure_row *was = row_of(&m, "before", *c, k, "probe", "read_accuracy"),
                                     *now = row_of(&m, "after", *c, k, "refit", "read_accuracy");
            ck_assert_int_eq(was->n, k ? ITEMS / 6 : ITEMS / 3);
            ck_assert_int_eq(now->n, was->n);
            EQ(was->value, 1.0);
            EQ(now->value, 1.0);
        }
    ck_assert_int_eq(row_of(&m, "after", "", 1, "", "drift_cka")->n, ITEMS / 6);
}
END_TEST

/* Three items after, of which nothing can be fitted: rows without a value, not figures of three items. */
START_TEST(too_few_items_say_nothing) {
    const struct plant after = {shows_class, tells_class, .items = 3};
    static const struct {
        const char *view, *metric;
    } none[] = {{"frozen", "read_accuracy"},
                {"refit", "read_accuracy"},
                {"", "drift_lost"},
                {"frozen", "s_f"},
                {"refit", "s_r"}};
    phases(&whole, NULL, &after);
    const struct measure m = measured();
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        const struct measure_row *r = row_of(&m, "after", "c", 0, none[i].view, none[i].metric);
        ck_assert_msg(!r || (strcmp(r->status, "skip") == 0 && isnan(r->value)), "%s", none[i].metric);
    }
    ck_assert_str_eq(row_of(&m, "after", "", 0, "", "drift_cka")->status, "skip");
    phases(&after, NULL, &after);
    const struct measure few = measured();
    ck_assert_str_eq(row_of(&few, "before", "c", 0, "probe", "read_accuracy")->status, "skip");
}
END_TEST

/* A monitor that reads nothing before (the trace's own, in the second step) has no range in which a fall could be seen;
 * outputs that tell nothing have no dose. */
START_TEST(nothing_to_lose_is_no_figure) {
    const struct plant mute = {shows_class, tells_nothing, .items = ITEMS};
    phases(&mute, NULL, &whole);
    const struct measure m = measured();
    EQ(measure_find(&m, "after", "", "c", 0, "reader", "s_f"), 0.0);
    ck_assert_str_eq(row_of(&m, "after", "c", 1, "reader", "s_f")->status, "skip");
    EQ(measure_find(&m, "before", "", "c", -1, "", "m_out"), 0.0);
    ck_assert_str_eq(row_of(&m, "after", "c", -1, "", "dose")->status, "skip");
    ck_assert_ptr_null(row_of(&m, "after", "c", -1, "frozen", "tau_f"));
    EQ(measure_find(&m, "after", "u", "c", -1, "frozen", "s_f"), 0.0);
}
END_TEST

/* A trace of questions and vectors alone. */
START_TEST(outputs_may_be_unknown) {
    const struct plant silent = {shows_class, tells_class, .items = ITEMS, .silent = true};
    phases(&silent, &silent, &silent);
    const struct measure m = measured();
    ck_assert_str_eq(row_of(&m, "before", "", -1, "", "accuracy")->status, "skip");
    ck_assert_ptr_null(row_of(&m, "before", "c", -1, "", "m_out"));
    ck_assert_ptr_null(row_of(&m, "after", "c", -1, "", "dose"));
    ck_assert_ptr_null(row_of(&m, "before", "c", 0, "reader", "read_accuracy"));
    EQ(measure_find(&m, "after", "u", "c", -1, "refit", "s_r"), 0.0);
    ck_assert_ptr_nonnull(strstr(printed(""), "before   240 items"));
}
END_TEST

/* Half of the outputs still tell c, all vectors show it: what is printed is what was planted. */
START_TEST(the_command_prints_what_was_planted) {
    const struct plant after = {shows_class, tells_half, 0, .items = ITEMS};
    struct csv_table *table;
    phases(&whole, NULL, &after);
    const char *text = printed(arena_printf(&arena, "--out %s", in("numbers.csv")));
    ck_assert_ptr_nonnull(strstr(text, "before   240 items, answers right 0.50, c told 1.00\n"));
    ck_assert_ptr_nonnull(strstr(text, "after    240 items, answers right 0.50, c told 0.50\n"));
    ck_assert_ptr_nonnull(strstr(text, "dose of c: D = 0.50\n"));
    ck_assert_ptr_nonnull(strstr(text, "spillover of c by the trace's reader: S = 0.00\n"));
    ck_assert_ptr_nonnull(strstr(text, "concept c (4 classes), channel u\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n0         1.00     0.25"));
    ck_assert_ptr_null(strstr(text, "control"));
    ck_assert_int_eq(csv_read(&arena, in("numbers.csv"), measure_columns, &table), ST_OK);
    ck_assert_str_eq(printed("--quiet"), "");
    ck_assert_ptr_nonnull(strstr(printed("--json --seed 2"), "\"metric\": \"mdl_compression\""));
}
END_TEST

/* --- malformed files ------------------------------------------------------------------------------------------- */

/* Line 7 of before.jsonl is replaced by `line`; the message has this part. */
static const struct {
    const char *line, *message;
} bad_lines[] = {
    {"{\"id\"", "before.jsonl:7: expected a JSON object"},
    {"[1]", "before.jsonl:7: expected a JSON object, found an array"},
    {"{}", "before.jsonl:7: expected 'id' to be a string, found nothing"},
    {"{\"id\": \"q1\", \"question\": \"?\", \"steps\": [\"\", \"\"], \"concepts\": {\"c\": 1}, \"split\": \"fit\"}",
     "before.jsonl:7: id \"q1\" was there before, in line 2"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [], \"concepts\": {\"c\": 1}}",
     "before.jsonl:7: 0 steps; there may be 1 to 256"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [3], \"concepts\": {\"c\": 1}}",
     "before.jsonl:7: step 0 is not a string"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": \"none\", \"concepts\": {\"c\": 1}}",
     "before.jsonl:7: expected 'steps' to be an array, found a string"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"d\": 1}}",
     "before.jsonl:7: concept \"d\" is not in the first line"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {}}",
     "before.jsonl:7: concept \"c\" is missing"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": [1]}}",
     "before.jsonl:7: concept \"c\" is a list here and one class in the first line"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1.5}}",
     "before.jsonl:7: 'c' holds a class that is neither an integer nor a string"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"read\": {\"c\": [1, 2]}}",
     "before.jsonl:7: 'c' has 2 entries, 'steps' 1"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"told\": {\"b\": 1}}",
     "before.jsonl:7: 'told' names \"b\", which is no concept"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"split\": \"dev\"}",
     "before.jsonl:7: 'split' is \"dev\", not \"fit\" or \"test\""},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"ouput\": \"\"}",
     "before.jsonl:7: unknown key \"ouput\"; did you mean \"output\"?"},
    {"{\"id\": \"x\", \"group\": \"q0\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"split\": "
     "\"fit\"}",
     "before.jsonl:7: group \"q0\" is for fit here and for test in"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\", \"\", \"\"], \"concepts\": {\"c\": 1}}",
     "before.jsonl:7: 3 steps, but tensor 'u' of"},
    {"{\"id\": 3, \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}}",
     "before.jsonl:7: expected 'id' to be a string, found an integer"},
    {"{\"id\": \"x\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}}",
     "before.jsonl:7: expected 'question' to be a string, found nothing"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": 1}",
     "before.jsonl:7: expected 'concepts' to be an object, found an integer"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"output\": 3}",
     "before.jsonl:7: expected 'output' to be a string, found an integer"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"group\": 3}",
     "before.jsonl:7: expected 'group' to be a string, found an integer"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"split\": 3}",
     "before.jsonl:7: expected 'split' to be a string, found an integer"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"answer\": 3}",
     "before.jsonl:7: expected 'answer' to be a string, found an integer"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"truth\": 3}",
     "before.jsonl:7: expected 'truth' to be a string, found an integer"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"read\": 3}",
     "before.jsonl:7: expected 'read' to be an object, found an integer"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"told\": 3}",
     "before.jsonl:7: expected 'told' to be an object, found an integer"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"read\": {\"b\": [1]}}",
     "before.jsonl:7: 'read' names \"b\", which is no concept"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"read\": {\"c\": 1}}",
     "before.jsonl:7: 'read' of \"c\" is no list"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"read\": {\"c\": [true]}}",
     "before.jsonl:7: 'c' holds a class that is neither an integer nor a string"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"told\": {\"c\": 1.5}}",
     "before.jsonl:7: 'c' holds a class that is neither an integer nor a string"},
    {"{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": 1}, \"zzzzzzzz\": 1}",
     "before.jsonl:7: unknown key \"zzzzzzzz\""},
};

static void fails_with(const char *message) {
    struct trace t;
    const enum status st = trace_read(&t, folder, &arena);
    ck_assert_int_eq(st, ST_DATA);
    ck_assert_msg(strstr(status_message(), message), "\"%s\" lacks \"%s\"", status_message(), message);
    ck_assert_ptr_null(strchr(status_message(), '\n'));
}

START_TEST(a_malformed_line_is_named) {
    char *text;
    size_t size;
    phases(&whole, NULL, NULL);
    ck_assert_int_eq(fs_read(&arena, in("before.jsonl"), &text, &size), ST_OK);
    const char *at = text;
    for (int i = 1; i < 7; i++) at = strchr(at, '\n') + 1;
    const char *all = arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, bad_lines[_i].line, strchr(at, '\n'));
    ck_assert_int_eq(fs_write(in("before.jsonl"), all, strlen(all)), ST_OK);
    fails_with(bad_lines[_i].message);
}
END_TEST

/* The first line says what concepts there are. */
START_TEST(concepts_are_named_and_few) {
    static const struct {
        const char *concepts, *message;
    } cases[] = {
        {"{}", "before.jsonl:1: 'concepts' is empty: nothing is there to be read"},
        {"{\"C\": 1}", "before.jsonl:1: concept \"C\""},
        {"{\"\": 1}", "before.jsonl:1: concept \"\""},
        {NULL, "before.jsonl:1: more than 32 concepts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *concepts = cases[i].concepts;
        for (int k = 0; k < 33 && !cases[i].concepts; k++)
            concepts = arena_printf(&arena, "%s\"c%d\": 1%s", k ? concepts : "{", k, k == 32 ? "}" : ", ");
        phases(&whole, NULL, NULL);
        put("before.jsonl", arena_printf(&arena,
                                         "{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], "
                                         "\"concepts\": %s}\n",
                                         concepts));
        fails_with(cases[i].message);
    }
}
END_TEST

/* A concept with a class a step; told, it would be one of the whole. */
START_TEST(what_has_a_class_a_step_is_not_told) {
    phases(&whole, NULL, NULL);
    put("before.jsonl", "{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": [1]}, "
                        "\"told\": {\"c\": 1}}\n");
    fails_with("before.jsonl:1: 'told' names \"c\", which");
}
END_TEST

START_TEST(a_concept_without_labels_is_refused) {
    static const char line[] = "{\"id\": \"x\", \"question\": \"?\", \"steps\": [\"\"], \"concepts\": {\"c\": null}}\n";
    phases(&whole, NULL, NULL);
    put("before.jsonl", line);
    fails_with("concept \"c\" has 0 classes in all; there may be 2 to 512");
    put("before.jsonl", "\n");
    fails_with("before.jsonl: has no lines");
}
END_TEST

/* Tensors: another name, other shapes, a value that is no number. */
START_TEST(a_malformed_tensor_is_named) {
    static const struct {
        const char *name, *message;
        long dim[3];
        int n_dims;
        bool nan;
    } cases[] = {
        {"u", "tensor 'u' has 239 rows, and", {ITEMS - 1, STEPS, WIDTH}, 3, false},
        {"u", "tensor 'u': item 5 (", {ITEMS, STEPS, WIDTH}, 3, true},
        {"U", "tensor 'U': a name is made of", {ITEMS, STEPS, WIDTH}, 3, false},
        {"u", "expected [items][steps][width] or [items][width], found 1 dimensions", {ITEMS}, 1, false},
        {"u", "before.jsonl:1: 2 steps, but tensor 'u' of", {ITEMS, 1, WIDTH}, 3, false},
        {"u", "tensor 'u': 0 steps of width 0", {ITEMS, 0}, 2, false},
        {"u", "tensor 'u': 0 steps of width 8", {ITEMS, 0, WIDTH}, 3, false},
        {"u.", "tensor 'u.': a name is made of", {ITEMS, STEPS, WIDTH}, 3, false},
        {"u.1x", "tensor 'u.1x': a name is made of", {ITEMS, STEPS, WIDTH}, 3, false},
        {"u.12345", "tensor 'u.12345': a name is made of", {ITEMS, STEPS, WIDTH}, 3, false},
        {".1", "tensor '.1': a name is made of", {ITEMS, STEPS, WIDTH}, 3, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float *x = ARENA_NEW(&arena, float, ITEMS *STEPS *WIDTH);
        struct checkpoint_tensor u = {.name = cases[i].name, .n_dims = cases[i].n_dims, .data = x};
        const struct checkpoint c = {.tensors = &u, .n = 1};
        if (cases[i].nan) x[5 * STEPS * WIDTH + 2] = NAN;
        memcpy(u.dim, cases[i].dim, sizeof cases[i].dim);
        phases(&whole, NULL, NULL);
        ck_assert_int_eq(checkpoint_write(in("before.safetensors"), &c), ST_OK);
        fails_with(cases[i].message);
    }
}
END_TEST

START_TEST(phases_must_hold_the_same_tensors) {
    float *x = ARENA_NEW(&arena, float, ITEMS *STEPS *WIDTH);
    struct checkpoint_tensor u = {.name = "v", .n_dims = 3, .dim = {ITEMS, STEPS, WIDTH}, .data = x};
    const struct checkpoint c = {.tensors = &u, .n = 1};
    phases(&whole, NULL, &whole);
    ck_assert_int_eq(checkpoint_write(in("after.safetensors"), &c), ST_OK);
    fails_with("after.safetensors: has no tensor 'u', which before.safetensors has");
    u = (struct checkpoint_tensor){.name = "u", .n_dims = 3, .dim = {ITEMS, STEPS, WIDTH / 2}, .data = x};
    ck_assert_int_eq(checkpoint_write(in("after.safetensors"), &c), ST_OK);
    fails_with("after.safetensors: tensor 'u' is 4 wide, but 8 in before.safetensors");
    struct checkpoint_tensor two[2] = {u, u};
    two[0].dim[2] = two[1].dim[2] = WIDTH;
    two[1].name = "v";
    ck_assert_int_eq(checkpoint_write(in("after.safetensors"), &(struct checkpoint){.tensors = two, .n = 2}), ST_OK);
    fails_with("after.safetensors: 2 tensors, but before.safetensors has 1");
    ck_assert_int_eq(checkpoint_write(in("before.safetensors"), &(struct checkpoint){.n = 0}), ST_OK);
    fails_with("before.safetensors: 0 tensors; there may be 1 to 128");
}
END_TEST

Suite *suite_measure(void) {
    Suite *s = suite_create("measure");
    TCase *t = tcase_create("measure");
    tcase_add_checked_fixture(t, open_trace, close_folder);
    tcase_add_test(t, a_planted_concept_gives_the_figure_it_was_planted_with);
    tcase_add_test(t, nothing_planted_reads_as_chance);
    tcase_add_test(t, dose_and_spillover_follow_by_hand);
    tcase_add_test(t, a_rotation_is_no_loss);
    tcase_add_test(t, the_table_is_the_same_again);
    tcase_add_test(t, a_concept_may_have_a_class_a_step);
    tcase_add_test(t, items_may_lack_a_step);
    tcase_add_test(t, too_few_items_say_nothing);
    tcase_add_test(t, nothing_to_lose_is_no_figure);
    tcase_add_test(t, outputs_may_be_unknown);
    tcase_add_test(t, the_command_prints_what_was_planted);
    tcase_add_loop_test(t, a_malformed_line_is_named, 0, sizeof bad_lines / sizeof bad_lines[0]);
    tcase_add_test(t, concepts_are_named_and_few);
    tcase_add_test(t, what_has_a_class_a_step_is_not_told);
    tcase_add_test(t, a_concept_without_labels_is_refused);
    tcase_add_test(t, a_malformed_tensor_is_named);
    tcase_add_test(t, phases_must_hold_the_same_tensors);
    suite_add_tcase(s, t);
    return s;
}

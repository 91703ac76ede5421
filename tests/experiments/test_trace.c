/* What a trace's lines and tensors say, member by member: words and numbers as classes, null, one vector an item. */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/checkpoint.h"
#include "experiments/trace.h"
#include "tests/folder.h"
#include "tests/refuse.h"

enum { WIDTH = 3, STEPS = 2 };

/* Tensors u and state.12 of [n][STEPS][WIDTH] and mean of [n][WIDTH], in which number i is i. */
static void put_tensors(const char *name, long n) {
    float *x = ARENA_NEW(&arena, float, n *STEPS *WIDTH);
    for (long i = 0; i < n * STEPS * WIDTH; i++) x[i] = (float)i;
    struct checkpoint_tensor t[] = {{.name = "u", .n_dims = 3, .dim = {n, STEPS, WIDTH}, .data = x},
                                    {.name = "mean", .n_dims = 2, .dim = {n, WIDTH}, .data = x},
                                    {.name = "state.12", .n_dims = 3, .dim = {n, STEPS, WIDTH}, .data = x}};
    ck_assert_int_eq(checkpoint_write(in(name), &(struct checkpoint){.tensors = t, .n = 3}), ST_OK);
}

#define Q(id, steps, concepts, more)                                                                                   \
    "{\"id\": \"" id "\", \"question\": \"?\", \"steps\": " steps ", \"concepts\": {" concepts "}" more "}\n"

static const char before[] = Q(
    "q1", "[\"a\", \"b\"]", "\"c\": \"red\", \"v\": [2, 10]",
    ", \"output\": \"x\", \"answer\": \"x\", \"truth\": \"x\", \"split\": \"fit\", \"told\": {\"c\": \"red\"}, "
    "\"read\": {\"c\": [\"red\", \"blue\"]}") Q("q2", "[\"a\"]", "\"c\": 10, \"v\": [-1]",
                                                ", \"answer\": \"x\", \"group\": \"g\", \"split\": \"fit\"")
    Q("q3", "[\"a\", \"\"]", "\"c\": null, \"v\": null",
      ", \"truth\": \"x\", \"split\": \"test\", \"told\": {\"c\": null}")
        Q("q4", "[\"a\", \"b\"]", "\"c\": \"07\", \"v\": [\"x\", null]",
          ", \"group\": \"g\", \"split\": \"fit\", \"answer\": \"x\", \"truth\": \"y\", \"told\": {\"c\": \"blue\"}")
            Q("q5", "[\"a\"]", "\"c\": \"-\", \"v\": [null]", ", \"split\": \"test\"")
                Q("q6", "[\"a\"]", "\"c\": \"\", \"v\": [\"x\"]", ", \"split\": \"test\"");
enum { BEFORE = 6 };

static const char after[] = Q("q4", "[\"a\"]", "\"c\": 10, \"v\": [2]", ", \"group\": \"g\", \"split\": \"fit\"")
    Q("q1", "[\"a\"]", "\"c\": 10, \"v\": [2]", ", \"split\": \"fit\"") Q("q9", "[\"a\"]", "\"c\": 10, \"v\": [2]", "");
enum { AFTER = 3 };

static struct trace whole(void) {
    struct trace t;
    put("before.jsonl", before);
    put_tensors("before.safetensors", BEFORE);
    put("after.jsonl", after);
    put_tensors("after.safetensors", AFTER);
    ck_assert_msg(trace_read(&t, folder, &arena) == ST_OK, "%s", status_message());
    return t;
}

static void fails_with(enum status wanted, const char *message) {
    struct trace t;
    const enum status st = trace_read(&t, folder, &arena);
    ck_assert_msg(st == wanted && strstr(status_message(), message), "%d, \"%s\" lacks \"%s\"", (int)st,
                  status_message(), message);
}

/* Numbers by size, then words: c is of "07", 10, "", "-" and "red", v of -1, 2, 10 and "x". */
START_TEST(classes_are_numbers_and_words) {
    static const char *const c[] = {"07", "10", "", "-", "red"}, *const v[] = {"-1", "2", "10", "x"};
    const struct trace t = whole();
    ck_assert_int_eq(t.n_concepts, 2);
    ck_assert_int_eq(t.concepts[0].K, 5);
    ck_assert_int_eq(t.concepts[1].K, 4);
    for (int k = 0; k < 5; k++) ck_assert_str_eq(t.concepts[0].classes[k], c[k]);
    for (int k = 0; k < 4; k++) ck_assert_str_eq(t.concepts[1].classes[k], v[k]);
    ck_assert(t.concepts[0].told && t.concepts[0].read && !t.concepts[0].by_step);
    ck_assert(!t.concepts[1].told && !t.concepts[1].read && t.concepts[1].by_step);
}
END_TEST

START_TEST(labels_and_findings_are_numbered) {
    const struct trace t = whole();
    const struct trace_item *q = t.side[TRACE_BEFORE].items;
    static const int c[BEFORE] = {4, 1, TRACE_NONE, 0, 3, 2};
    static const int v[BEFORE][2] = {{1, 2},          {0, TRACE_NONE},          {TRACE_NONE, TRACE_NONE},
                                     {3, TRACE_NONE}, {TRACE_NONE, TRACE_NONE}, {3, TRACE_NONE}};
    for (int i = 0; i < BEFORE; i++) {
        for (int k = 0; k < q[i].n_steps; k++) ck_assert_int_eq(trace_label(&t, &q[i], 0, k), c[i]);
        for (int k = 0; k < STEPS; k++) ck_assert_int_eq(trace_label(&t, &q[i], 1, k), v[i][k]);
        ck_assert_int_eq(trace_label(&t, &q[i], 2, 0), TRACE_NONE);
    }
    ck_assert(q[0].read[0][0] == 4 && q[0].read[0][1] == TRACE_OTHER && q[0].read[1][0] == TRACE_NONE);
    ck_assert(q[0].told[0] == 4 && q[1].told[0] == TRACE_NONE && q[2].told[0] == TRACE_NONE);
    ck_assert_int_eq(q[3].told[0], TRACE_OTHER);
    ck_assert(q[0].answered == 1 && q[1].answered == -1 && q[2].answered == -1 && q[3].answered == 0);
    ck_assert_str_eq(q[0].output, "x");
    ck_assert_str_eq(q[1].output, "");
    ck_assert(q[2].test && !q[0].test && q[1].group == q[3].group && q[1].group != q[0].group);
}
END_TEST

START_TEST(items_meet_themselves_in_the_other_phase) {
    const struct trace t = whole();
    static const int partner[BEFORE] = {1, -1, -1, 0, -1, -1};
    for (int i = 0; i < BEFORE; i++) ck_assert_int_eq(t.side[TRACE_AFTER].partner[i], partner[i]);
    ck_assert_int_eq(t.side[TRACE_CONTROL].n, 0);
    ck_assert_int_eq(t.side[TRACE_AFTER].items[0].group, t.side[TRACE_BEFORE].items[3].group);
}
END_TEST

START_TEST(vectors_are_of_a_step_or_of_the_whole) {
    const struct trace t = whole();
    const struct trace_side *side = &t.side[TRACE_BEFORE];
    ck_assert_int_eq(side->n_channels, 3);
    for (int i = 0; i < 3; i++) {
        const struct trace_channel *c = &side->channels[i];
        const bool mean = strcmp(c->name, "mean") == 0, state = strcmp(c->name, "state") == 0;
        ck_assert_int_eq(c->layer, state ? 12 : -1);
        ck_assert_int_eq(c->steps, mean ? 0 : STEPS);
        ck_assert_float_eq(trace_vector(c, 2, 1)[0], mean ? 2 * WIDTH : (2 * STEPS + 1) * WIDTH);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
    static const struct {
        long dim[3];
        int n_dims;
    } shapes[] = {{{BEFORE, 65537}, 2}, {{BEFORE, 257, 1}, 3}, {{BEFORE, 0, 1}, 3}};
    (void)whole();
    put("after.jsonl", Q("q1", "[\"a\"]", "\"c\": [10], \"v\": [2]", ""));
    fails_with(ST_DATA, "after.jsonl:1: concept \"c\" is a list here and one class in the first line");
    put("after.jsonl", Q("q1", "[\"a\"]", "\"c\": 10, \"v\": 2", ""));
    fails_with(ST_DATA, "after.jsonl:1: concept \"v\" is one class here and a list in the first line");
    put("after.jsonl", Q("q1", "[\"a\"]", "\"c\": 10, \"v\": [2]", ", \"split\": \"test\""));
    fails_with(ST_DATA, "group \"q1\" is for ");
    put("after.jsonl", Q("q3", "[\"a\"]", "\"c\": 10, \"v\": [2]", ", \"split\": \"fit\""));
    fails_with(ST_DATA, "group \"q3\" is for ");
    put("after.jsonl", after);
    ck_assert_int_eq(unlink(in("after.safetensors")), 0);
    fails_with(ST_IO, "after.safetensors");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct checkpoint_tensor u = {.name = "u", .n_dims = shapes[i].n_dims};
        memcpy(u.dim, shapes[i].dim, sizeof u.dim);
        u.data = ARENA_NEW(&arena, float, BEFORE * 65537);
        ck_assert_int_eq(checkpoint_write(in("before.safetensors"), &(struct checkpoint){.tensors = &u, .n = 1}),
                         ST_OK);
        fails_with(ST_DATA, "before.safetensors: tensor 'u': ");
    }
}
END_TEST

static enum status read_both(void) {
    struct trace t;
    return trace_read(&t, folder, &arena);
}

START_TEST(whatever_is_refused_is_said) {
    const struct refusal refused = {.act = read_both};
    (void)whole();
    ck_assert_int_gt(refuse_each(&refused), 10);
}
END_TEST

Suite *suite_trace(void) {
    Suite *s = suite_create("trace");
    TCase *t = tcase_create("trace");
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_test(t, classes_are_numbers_and_words);
    tcase_add_test(t, labels_and_findings_are_numbered);
    tcase_add_test(t, items_meet_themselves_in_the_other_phase);
    tcase_add_test(t, vectors_are_of_a_step_or_of_the_whole);
    tcase_add_test(t, what_does_not_fit_is_refused);
    tcase_add_test(t, whatever_is_refused_is_said);
    suite_add_tcase(s, t);
    return s;
}

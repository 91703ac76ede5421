#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "experiments/suite.h"
#include "experiments/yaml.h"
#include "tests/folder.h"
#include "tests/refuse.h"

static enum status read_text(struct suite *s, const char *text, const char *const *sets, int n) {
    const char *path = arena_printf(&arena, "%s/s.yaml", folder);
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
    return suite_read(s, path, sets, n, &arena);
}

static void must_read(struct suite *s, const char *text) {
    ck_assert_msg(read_text(s, text, NULL, 0) == ST_OK, "%s", status_message());
}

START_TEST(a_whole_suite) {
    struct suite s;
    must_read(&s, "suite: quick\nabout: one line\ndelta: 0.2\nprior_scale: .5\nnumeric: native\nseeds: [1, 2]\n"
                  "replaced: 3..4\ngrid:\n"
                  "  - task: {name: chain, design: [joint, cue]}\n"
                  "    base: {updates: 7, lr: 2e-3}\n"
                  "    arm: {name: [text, coconut, codi]}\n"
                  "    press: {pressure: [none, conceal], method: sft}\n"
                  "  - task: {name: chain}\n"
                  "    seeds: 5..6\n"
                  "    arm:\n"
                  "      - {name: text, updates: [1, 2]}\n"
                  "      - {name: codi}\n"
                  "  - task: {name: chain}\n");
    ck_assert_str_eq(s.name, "quick");
    ck_assert_str_eq(s.about, "one line");
    ck_assert(s.delta == 0.2 && s.prior_scale == 0.5 && s.numeric == NUMERIC_NATIVE && s.n_seeds == 2);
    ck_assert(s.n_replaced == 2 && s.replaced[1] == 4);
    ck_assert_int_eq(s.n_plans, 2 * 2 * 3 * 2 + 2 * 3 + 2);
    const struct suite_plan *p = s.plans;
    /* schema order: design slowest, then arm, then pressure; seeds outermost */
    ck_assert(p[0].config.seed == 1 && p[0].config.task.design == DESIGN_JOINT && p[0].leaf == CELL_PRESS);
    ck_assert_str_eq(p[1].config.press.pressure, "conceal");
    ck_assert_str_eq(p[1].config.arm.name, "text");
    ck_assert_str_eq(p[2].config.arm.name, "coconut");
    ck_assert_int_eq(p[6].config.task.design, DESIGN_CUE);
    ck_assert(p[12].config.seed == 2 && p[12].config.base.updates == 7);
    ck_assert(p[0].config.press.lambda == 0 && p[1].config.press.lambda == 1);
    ck_assert(p[24].config.seed == 5 && p[24].leaf == CELL_ARM && p[24].config.base.updates == 450);
    ck_assert(p[24].config.arm.updates == 1 && p[25].config.arm.updates == 2 && p[26].config.arm.updates == 600);
    ck_assert_str_eq(p[26].config.arm.name, "codi");
    ck_assert(p[30].leaf == CELL_BASE && p[30].line == 18);
}
END_TEST

/* The order of keys in the file does not matter. */
START_TEST(plans_follow_the_schema) {
    struct suite a, b;
    must_read(&a,
              "suite: q\nseeds: 1\ngrid:\n  - arm: {updates: [1, 2], name: [text, codi]}\n    task: {name: chain}\n");
    must_read(&b,
              "suite: q\nseeds: 1\ngrid:\n  - task: {name: chain}\n    arm: {name: [text, codi], updates: [1, 2]}\n");
    ck_assert_int_eq(a.n_plans, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(a.plans[i].config.arm.name, b.plans[i].config.arm.name);
        ck_assert_int_eq(a.plans[i].config.arm.updates, b.plans[i].config.arm.updates);
    }
}
END_TEST

#define HEAD "suite: q\nseeds: [1]\ngrid:\n"

static const struct {
    const char *text;
    enum status status;
    const char *message; /* after "<folder>/s.yaml:" */
} bad_suites[] = {
    {"suite: q\nseeds: [1]\ngird: []\n", ST_USAGE, "3: unknown key \"gird\" in the suite; did you mean \"grid\"?"},
    {HEAD "  - tusk: {name: chain}\n", ST_USAGE,
     "4: unknown key \"tusk\" in a block of the grid; did you mean \"task\"?"},
    {HEAD "  - task: {name: chain}\n    arm: {name: text}\n    press:\n      pressure: none\n      lamda: 2\n",
     ST_USAGE, "8: unknown key \"lamda\" in press; did you mean \"lambda\"?"},
    {HEAD "  - task: {name: chain}\n    qqqqqqqq: 1\n", ST_USAGE, "5: unknown key \"qqqqqqqq\" in a block of the grid"},
    {HEAD "  - task: {name: chian}\n", ST_USAGE, "4: task.name: there is no \"chian\"; did you mean \"chain\"?"},
    {HEAD "  - task:\n      name: chain\n    arm:\n      name:\n        - text\n        - cocnut\n", ST_USAGE,
     "9: arm.name: there is no \"cocnut\"; did you mean \"coconut\"?"},
    {HEAD "  - arm: {name: text}\n    press: {pressure: consel}\n", ST_USAGE,
     "5: press.pressure: there is no \"consel\"; did you mean \"conceal\"?"},
    {HEAD "  - base: {updates: 3x}\n", ST_USAGE, "4: base.updates: \"3x\" is not a whole number"},
    {HEAD "  - base: {updates: 010}\n", ST_USAGE, "4: base.updates: \"010\" is not a whole number"},
    {HEAD "  - base:\n      updates: 1\n      lr: 7\n", ST_USAGE, "6: base.lr: 7 is outside 0..1"},
    {HEAD "  - base: {updates: {a: 1}}\n", ST_USAGE, "4: base.updates: a value or a list of values"},
    {HEAD "  - base: {updates: [[1]]}\n", ST_USAGE, "4: base.updates: a value or a list of values"},
    {HEAD "  - base: {updates: []}\n", ST_USAGE, "4: base.updates: the list is empty"},
    {HEAD "  - base: {updates: [5, 6, 5]}\n", ST_USAGE, "4: base.updates: 5 appears twice"},
    {HEAD "  - base:\n      updates:\n      lr: 1e-3\n", ST_USAGE, "5: base.updates: no value"},
    {HEAD "  - base: 5\n", ST_USAGE, "4: base: a mapping such as {key: value}"},
    {HEAD "  - arm: []\n", ST_USAGE, "4: arm: the list is empty"},
    {HEAD "  - arm: {updates: 5}\n", ST_USAGE, "4: arm: needs name, a row of arms.def"},
    {HEAD "  - arm: {name: text}\n    press: {method: rl}\n", ST_USAGE,
     "5: press: needs pressure, a row of pressures.def"},
    {HEAD "  - press: {pressure: none}\n", ST_USAGE, "4: a block with `press` needs `arm`"},
    {HEAD "  - task: {name: chain}\n    task: {name: chain}\n", ST_DATA, "5: \"task\" appears twice (first on line 4)"},
    {HEAD "  - base: {lr: 1,\n     lr: 2}\n", ST_DATA, "5: \"lr\" appears twice (first on line 4)"},
    {HEAD "  - task:\n\t  name: chain\n", ST_DATA, "5: a tab: indent with spaces"},
    {HEAD "  - &a {name: chain}\n", ST_DATA, "4: anchors and aliases are not part of a suite: write it out"},
    {HEAD "  - !t {name: chain}\n", ST_DATA, "4: tags are not part of a suite"},
    {HEAD "  - {name: chain\n", ST_DATA, "5: did not find expected ',' or '}' (while parsing a flow mapping)"},
    {HEAD "  - {[a]: 1}\n", ST_DATA, "4: a key must be a plain word"},
    {"a: {b: {c: {d: {e: {f: {g: {h: {i: {j: 1}}}}}}}}}\n", ST_DATA, "1: nested too deeply"},
    {HEAD "  - base: {updates: 1}\n---\nsuite: r\n", ST_DATA, "5: a second document"},
    {"", ST_DATA, "1: the file is empty"},
    {"# nothing\n", ST_DATA, "2: the file is empty"},
    {"- a\n", ST_USAGE, "1: a suite is a mapping: suite, seeds, grid, ..."},
    {"seeds: 1\ngrid: [{}]\n", ST_USAGE, "1: suite: the name is missing"},
    {"seeds: 1\nsuite: a/b\ngrid: [{}]\n", ST_USAGE, "2: suite: \"a/b\" cannot be the name of a folder"},
    {"suite: cells\nseeds: 1\ngrid: [{}]\n", ST_USAGE, "1: suite: \"cells\" cannot be the name of a folder"},
    {"suite: q\ngrid: [{}]\n", ST_USAGE, "1: seeds: the list is missing"},
    {"suite: q\nseeds: 3..1\n", ST_USAGE, "2: seeds: \"3..1\" is neither a seed nor a range such as 1..10"},
    {"suite: q\nseeds: -1\n", ST_USAGE, "2: seeds: \"-1\" is neither a seed nor a range such as 1..10"},
    {"suite: q\nseeds: 1..1000000001\n", ST_USAGE,
     "2: seeds: \"1..1000000001\" is neither a seed nor a range such as 1..10"},
    {"suite: q\nseeds: {a: 1}\n", ST_USAGE, "2: seeds: a list of numbers or a range such as 1..10"},
    {"suite: q\nseeds: 1..10001\n", ST_USAGE, "2: seeds: more than 10000"},
    {"suite: q\nseeds: 1..9000\ngrid:\n  - base: {updates: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}\n", ST_USAGE,
     "4: the suite has more than 100000 plans"},
    {"suite: q\nreplaced: x\n", ST_USAGE, "2: seeds: \"x\" is neither a seed nor a range such as 1..10"},
    {"suite: q\nseeds: [1, x]\n", ST_USAGE, "2: seeds: \"x\" is neither a seed nor a range such as 1..10"},
    {"suite: q\nseeds:\n  - 1..3\n  - 2\n", ST_USAGE, "4: seeds: 2 appears twice"},
    {"suite: q\nseeds: []\n", ST_USAGE, "2: seeds: the list is empty"},
    {"suite: q\nseeds: 1\n", ST_USAGE, "1: grid: there is no block"},
    {"suite: q\nseeds: 1\ngrid: []\n", ST_USAGE, "1: grid: there is no block"},
    {"suite: q\nseeds: 1\ngrid: {a: 1}\n", ST_USAGE, "3: grid: a list of blocks"},
    {"suite: q\nseeds: 1\ngrid: [x]\n", ST_USAGE, "3: grid: each entry is a mapping of sections"},
    {"suite: q\ndelta: big\n", ST_USAGE, "2: delta: a number above 0"},
    {"suite: q\ndelta: [1]\n", ST_USAGE, "2: delta: a number above 0"},
    {"suite: q\ndelta: 0\n", ST_USAGE, "2: delta: a number above 0"},
    {"suite: q\ndelta: 101\n", ST_USAGE, "2: delta: a number above 0"},
    {"suite: q\ndelta: 1x\n", ST_USAGE, "2: delta: a number above 0"},
    {"suite: q\nnumeric: [native]\n", ST_USAGE, "2: numeric: portable or native"},
    {"suite: q\nnumeric: fast\n", ST_USAGE, "2: numeric: portable or native"},
    {"suite: [q]\n", ST_USAGE, "1: suite: one line of text"},
};

START_TEST(bad_suites_name_the_line) {
    struct suite s;
    enum status st = read_text(&s, bad_suites[_i].text, NULL, 0);
    ck_assert_str_eq(status_message(), arena_printf(&arena, "%s/s.yaml:%s", folder, bad_suites[_i].message));
    ck_assert_int_eq(st, bad_suites[_i].status);
}
END_TEST

START_TEST(overrides_replace) {
    static const char *const sets[] = {"base.updates=[3, 4]", "press.updates=2", "seeds=8..9"};
    struct suite s;
    const char *text = "suite: q\nseeds: 1..3\ngrid:\n  - base: {updates: 5}\n    arm: {name: text}\n"
                       "    press: {pressure: conceal, updates: [7, 8]}\n"
                       "  - base: {lr: 1e-4}\n    seeds: 1\n";
    ck_assert_msg(read_text(&s, text, sets, 3) == ST_OK, "%s", status_message());
    ck_assert_int_eq(s.n_plans, 2 * 2 + 2 * 2);
    ck_assert(s.plans[0].config.base.updates == 3 && s.plans[1].config.base.updates == 4);
    ck_assert(s.plans[0].config.press.updates == 2 && s.plans[0].config.seed == 8);
    ck_assert(s.plans[4].leaf == CELL_BASE && s.plans[4].config.seed == 8 && s.plans[4].config.press.updates == 240);
}
END_TEST

START_TEST(bad_overrides) {
    static const char *const bad[][2] = {
        {"base.updates", "--set base.updates: expected section.key=value"},
        {"base.updates=", "--set base.updates=: expected section.key=value"},
        {"base.updats=3", "--set base.updats=3: there is no key \"base.updats\"; did you mean \"base.updates\"?"},
        {"zzzzzzzz=3", "--set zzzzzzzz=3: there is no key \"zzzzzzzz\" (section.key is expected)"},
        {"zzzzzzzz=0.5", "--set zzzzzzzz=0.5: there is no key \"zzzzzzzz\" (section.key is expected)"},
        {"zzzzz.zzzzzzzz=3", "--set zzzzz.zzzzzzzz=3: there is no key \"zzzzz.zzzzzzzz\""},
        {"base.updates=3x", "--set base.updates=3x: base.updates: \"3x\" is not a whole number"},
        {"arm.name=cody", "--set arm.name=cody: arm.name: there is no \"cody\"; did you mean \"codi\"?"},
        {"seeds=x", "--set seeds=x: seeds: \"x\" is neither a seed nor a range such as 1..10"},
    };
    struct suite s;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(read_text(&s, HEAD "  - arm: {name: text}\n", &bad[i][0], 1), ST_USAGE);
        ck_assert_str_eq(status_message(), bad[i][1]);
    }
    static const char *const open = "base.updates=[1";
    ck_assert_int_eq(read_text(&s, HEAD "  - arm: {name: text}\n", &open, 1), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "--set base.updates=[1"));
}
END_TEST

START_TEST(names_and_paths) {
    const char *path;
    int n;
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/quick.yaml", folder), "", 0), ST_OK);
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/alpha.yaml", folder), "", 0), ST_OK);
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/notes.txt", folder), "", 0), ST_OK);
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/.yaml", folder), "", 0), ST_OK);
    ck_assert_ptr_null(suite_names(&arena, "/nonexistent", &n));
    ck_assert_int_eq(n, 0);
    const char *const *names = suite_names(&arena, folder, &n);
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(names[0], "alpha");
    ck_assert_str_eq(names[1], "quick");
    ck_assert_int_eq(suite_find(&arena, folder, "quick", &path), ST_OK);
    ck_assert_str_eq(path, arena_printf(&arena, "%s/quick.yaml", folder));
    ck_assert_int_eq(suite_find(&arena, folder, "x/y.yaml", &path), ST_OK);
    ck_assert_str_eq(path, "x/y.yaml");
    ck_assert_int_eq(suite_find(&arena, folder, "quik", &path), ST_USAGE);
    ck_assert_str_eq(status_message(), "there is no suite \"quik\"; did you mean \"quick\"?");
    ck_assert_int_eq(suite_find(&arena, folder, "zzzzzzz", &path), ST_USAGE);
    struct suite s;
    ck_assert_int_eq(suite_read(&s, arena_printf(&arena, "%s/none.yaml", folder), NULL, 0, &arena), ST_IO);
}
END_TEST

START_TEST(yaml_lines_and_nul) {
    struct yaml_node *root;
    static const char text[] = "a: 1\nb:\n  - x\n  - y: |\n      two\n      lines\nc: 'q'\n";
    ck_assert_int_eq(yaml_tree(&arena, "t", text, sizeof text - 1, &root), ST_OK);
    ck_assert_int_eq(yaml_member(root, "b")->key_line, 2);
    ck_assert_int_eq(yaml_member(root, "b")->first->next->line, 4);
    ck_assert_str_eq(yaml_member(yaml_member(root, "b")->first->next, "y")->text, "two\nlines\n");
    ck_assert_int_eq(yaml_member(root, "c")->line, 7);
    ck_assert_ptr_null(yaml_member(root, "d"));
    static const char nul[] = "a: \"x\\0y\"\n";
    ck_assert_int_eq(yaml_tree(&arena, "t", nul, sizeof nul - 1, &root), ST_DATA);
    ck_assert_str_eq(status_message(), "t:1: a NUL in a value");
    static const char key[] = "\"x\\0y\": a\n";
    ck_assert_int_eq(yaml_tree(&arena, "t", key, sizeof key - 1, &root), ST_DATA);
    ck_assert_str_eq(status_message(), "t:1: a NUL in a value");
}
END_TEST

static enum status read_again(void) {
    struct suite s;
    return suite_read(&s, in("s.yaml"), NULL, 0, &arena);
}

START_TEST(whatever_is_refused_is_said) {
    struct suite s;
    const struct refusal refused = {.act = read_again};
    must_read(&s, "suite: a\nseeds: [1]\ngrid:\n  - task: {name: chain}\n");
    ck_assert_int_ge(refuse_each(&refused), 4);
}
END_TEST

Suite *suite_suite(void) {
    Suite *s = suite_create("suite");
    TCase *t = tcase_create("suite");
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_test(t, a_whole_suite);
    tcase_add_test(t, plans_follow_the_schema);
    tcase_add_loop_test(t, bad_suites_name_the_line, 0, sizeof bad_suites / sizeof bad_suites[0]);
    tcase_add_test(t, overrides_replace);
    tcase_add_test(t, bad_overrides);
    tcase_add_test(t, names_and_paths);
    tcase_add_test(t, yaml_lines_and_nul);
    tcase_add_test(t, whatever_is_refused_is_said);
    suite_add_tcase(s, t);
    return s;
}

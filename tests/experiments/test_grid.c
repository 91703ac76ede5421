/* The grid: what a key depends on, and that every cell stands once, behind its parent. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/sha256.h"
#include "experiments/cost.h"
#include "tests/experiments/grid_setup.h"
#include "tests/folder.h"

static struct suite suite_of(const char *text) {
    return setup_suite(&arena, in("s.yaml"), text);
}

static struct grid grid_of(const char *text) {
    const struct suite s = suite_of(text);
    return setup_grid(&arena, &s);
}

static bool same_key(const struct grid *a, const struct grid *b, enum cell_kind kind) {
    return strcmp(a->cells[setup_cell_at(a, kind, "text", "conceal")].cell.key,
                  b->cells[setup_cell_at(b, kind, "text", "conceal")].cell.key) == 0;
}

/* A key moves when, and only when, something that the cell depends on moves. */
START_TEST(keys_follow_what_a_cell_depends_on) {
    static const struct {
        const char *line;
        bool base, arm, press; /* keeps its key */
    } cases[] = {
        {"    base: {lr: 1e-4}\n", false, false, false},        {"    base: {lr: 2.0e-3}\n", true, true, true},
        {"    measure: {questions: 99}\n", true, false, false}, {"    measure: {late_every: 9}\n", true, true, false},
        {"    model: {tied: false}\n", false, false, false},
    };
    static const char text[] = "suite: m\nseeds: 1\ngrid:\n  - task: {name: chain}\n    arm: {name: text}\n"
                               "    press: {pressure: conceal}\n";
    struct grid plain = grid_of(text);
    ck_assert_int_eq(plain.n, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grid g = grid_of(arena_printf(&arena, "%s%s", text, cases[i].line));
        ck_assert_int_eq(same_key(&plain, &g, CELL_BASE), cases[i].base);
        ck_assert_int_eq(same_key(&plain, &g, CELL_ARM), cases[i].arm);
        ck_assert_int_eq(same_key(&plain, &g, CELL_PRESS), cases[i].press);
    }
    struct grid native = grid_of(arena_printf(&arena, "numeric: native\n%s", text));
    ck_assert(!same_key(&plain, &native, CELL_BASE));
    for (int i = 0; i < plain.n; i++) {
        char hex[SHA256_HEX];
        sha256_text(plain.cells[i].identity, hex);
        ck_assert_str_eq(hex, plain.cells[i].cell.key);
        ck_assert_str_eq(plain.cells[i].cell.parent, i ? plain.cells[i - 1].cell.key : "");
    }
}
END_TEST

/* Seconds that the one arm of a suite is guessed to take, with these settings of its own. */
static double guess(const char *arm) {
    const struct grid g = grid_of(arena_printf(
        &arena, "suite: m\nseeds: 1\ngrid:\n  - task: {name: chain}\n    arm: {%s}\n    measure: {probe_train: 300}\n",
        arm));
    ck_assert_int_eq(g.n, 2);
    return cost_guess(&g.cells[1].cell);
}

/* The last stage's updates, and before them as many a step (chain has five, and three beside) as a stage is likely to take
 * and may. */
START_TEST(a_guess_counts_the_stages_of_coconut) {
    const double none = guess("name: no_curriculum, updates: 1000"),
                 twice = guess("name: no_curriculum, updates: 2000"), measuring = 2 * none - twice,
                 cap_1 = guess("name: coconut, updates: 1000, stage_cap: 1"),
                 cap_30 = guess("name: coconut, updates: 1000, stage_cap: 30"),
                 cap_80 = guess("name: coconut, updates: 1000, stage_cap: 80");
    ck_assert_double_gt(measuring, 0.0);
    ck_assert_double_eq_tol((cap_1 - measuring) / (none - measuring), (1000 + 1 * 8) / 1000.0, 1e-9);
    ck_assert_double_eq_tol((cap_80 - cap_30) / (none - measuring), 50 * 8 / 1000.0, 1e-9);
    ck_assert_double_eq(guess("name: coconut, updates: 1000, stage_cap: 600"),
                        guess("name: coconut, updates: 1000, stage_cap: 6000"));
}
END_TEST

START_TEST(cells_appear_once_and_behind_their_parents) {
    struct grid g =
        grid_of("suite: m\nseeds: 1\ngrid:\n"
                "  - arm: {name: text}\n    press: {pressure: [conceal, none]}\n"
                "  - arm: {name: [codi, text]}\n"
                "  - arm: {name: text}\n    press: {pressure: none, lambda: [1, 2], credit: [full, sealed]}\n");
    ck_assert_int_eq(g.n, 1 + 2 + 2);
    for (int i = 0; i < g.n; i++) {
        ck_assert_int_lt(g.cells[i].parent, i);
        for (int j = 0; j < i; j++) ck_assert_str_ne(g.cells[i].cell.key, g.cells[j].cell.key);
    }
    ck_assert_int_eq(grid_find(&g, g.cells[3].short_key), 3);
    ck_assert_int_eq(grid_find(&g, ""), -1);
    ck_assert_int_eq(grid_find(&g, "xyz"), -1);
}
END_TEST

START_TEST(pairs_and_variants) {
    struct grid g = grid_of("suite: m\nseeds: 1\ngrid:\n"
                            "  - arm:\n      - {name: text, updates: [5, 6]}\n      - {name: codi, updates: 7}\n"
                            "    press: {pressure: [none, conceal], method: rl, credit: [full, targeted]}\n");
    int none = -1, pairs = 0;
    for (int i = 0; i < g.n; i++) {
        const struct cell *c = &g.cells[i].cell;
        const char *variant = c->kind == CELL_BASE || !strcmp(c->config.arm.name, "codi") ? ""
                              : c->config.arm.updates == 5                                ? "arm.updates=5"
                                                                                          : "arm.updates=6";
        ck_assert_str_eq(g.cells[i].variant, variant);
        if (c->kind != CELL_PRESS) {
            ck_assert_str_eq(g.cells[i].pair_id, "");
            continue;
        }
        if (!strcmp(c->config.press.pressure, "none")) none = i;
        pairs += none >= 0 && strcmp(g.cells[i].pair_id, g.cells[none].pair_id) == 0;
    }
    /* of each arm: none, conceal full, conceal targeted */
    ck_assert_int_eq(pairs, 9);
    ck_assert_int_eq(g.n, 1 + 3 + 9);
}
END_TEST

/* Two arms that are told apart stay so where they are pressed, though no pressure meets both. */
START_TEST(a_variant_goes_down_to_children) {
    struct grid g = grid_of("suite: m\nseeds: 1\ngrid:\n"
                            "  - task: {name: chain, hint: true}\n    arm: {name: text}\n"
                            "    press: {pressure: hint, of: hint}\n"
                            "  - task: {name: chain}\n    arm: {name: text}\n    press: {pressure: conceal}\n");
    int hint = 0;
    for (int i = 0; i < g.n; i++) {
        const struct grid_cell *c = &g.cells[i];
        ck_assert_str_eq(c->variant, c->cell.config.task.hint ? "task.hint=true" : "task.hint=false");
        hint += c->cell.config.task.hint;
    }
    ck_assert_int_eq(hint, 3);
    ck_assert_int_eq(g.n, 6);
}
END_TEST

/* Batches that do not divide are refused with the line of their block, before anything is computed. */
START_TEST(batches_must_divide) {
    static const struct {
        const char *base, *press, *says; /* says NULL: good */
    } cases[] = {
        {"{batch: 32}", NULL, "base.batch 32 is no multiple of base.shard 64"},
        {"{batch: 512, shard: 512}", NULL, "base.shard 512 is more than the 256 questions of a gate"},
        {"{batch: 512, shard: 256}", NULL, NULL},
        {"{batch: 96, shard: 48}", "{pressure: conceal}", "press.batch 128 is no multiple of base.shard 48"},
        {"{batch: 96, shard: 48}", "{pressure: conceal, batch: 96}", NULL},
        {"{}", "{pressure: conceal, method: rl, group: 3}", "press.batch 128 is no multiple of press.group 3"},
        {"{}", "{pressure: conceal, method: rl, group: 4}", NULL},
        {"{}", "{pressure: conceal, method: sft, group: 3}", NULL}, /* no groups */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *press =
            cases[i].press ? arena_printf(&arena, "    arm: {name: text}\n    press: %s\n", cases[i].press) : "";
        struct suite s = suite_of(arena_printf(
            &arena, "suite: m\nseeds: 1\ngrid:\n  - task: {name: perm}\n  - task: {name: chain}\n    base: %s\n%s",
            cases[i].base, press));
        struct grid g;
        const enum status st = grid_build(&g, &s, "none", NULL, &arena);
        ck_assert_msg(st == (cases[i].says ? ST_USAGE : ST_OK), "case %zu: %s", i, status_message());
        if (!cases[i].says) continue;
        ck_assert_str_eq(status_message(), arena_printf(&arena, "%s:5: %s", s.path, cases[i].says));
    }
}
END_TEST

START_TEST(data_files_are_part_of_the_key) {
    struct suite s = suite_of("suite: m\nseeds: 1\ngrid:\n  - task: {name: [chain, prosqa]}\n");
    struct grid without, with, changed;
    ck_assert_int_eq(fs_mkdirs(in("d/prosqa")), ST_OK);
    ck_assert_int_eq(fs_write(in("d/prosqa/x.json"), "1", 1), ST_OK);
    ck_assert_int_eq(grid_build(&without, &s, "", NULL, &arena), ST_OK);
    ck_assert_int_eq(grid_build(&with, &s, "", in("d"), &arena), ST_OK);
    ck_assert_int_eq(fs_write(in("d/prosqa/x.json"), "2", 1), ST_OK);
    ck_assert_int_eq(grid_build(&changed, &s, "", in("d"), &arena), ST_OK);
    ck_assert_str_eq(with.inputs[0].name, "prosqa/x.json");
    /* echo -n 1 | sha256sum */
    ck_assert_str_eq(with.inputs[0].sha256, "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b");
    ck_assert_str_eq(without.cells[0].cell.key, with.cells[0].cell.key); /* chain reads nothing */
    ck_assert_str_ne(without.cells[1].cell.key, with.cells[1].cell.key);
    ck_assert_str_ne(changed.cells[1].cell.key, with.cells[1].cell.key);
}
END_TEST

Suite *suite_grid(void) {
    Suite *s = suite_create("grid");
    TCase *t = tcase_create("grid");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_test(t, keys_follow_what_a_cell_depends_on);
    tcase_add_test(t, a_guess_counts_the_stages_of_coconut);
    tcase_add_test(t, cells_appear_once_and_behind_their_parents);
    tcase_add_test(t, pairs_and_variants);
    tcase_add_test(t, a_variant_goes_down_to_children);
    tcase_add_test(t, batches_must_divide);
    tcase_add_test(t, data_files_are_part_of_the_key);
    suite_add_tcase(s, t);
    return s;
}

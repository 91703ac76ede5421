#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "experiments/report.h"
#include "tests/experiments/page.h"

static struct page made;

static void setup(void) {
    page_open(&made);
    made.suite.name = "plain";
}

static void teardown(void) {
    page_close(&made);
}

/* An arm of two seeds: answers, reports, necessity, and the monitor of c; NAN: not measured. */
static void gated(const char *design, const char *name, const double answer[2], double report, const double n[2],
                  double monitor) {
    made.planted.arm = name;
    made.planted.design = design;
    made.planted.pair = made.planted.pressure = made.planted.method = made.planted.credit = "";
    for (int s = 0; s < 2; s++) {
        made.planted.cell = arena_printf(&made.arena, "%s %s %d", design, name, s);
        made.planted.seed = s + 1;
        planted_row(&made.planted, -1, -1, "answer", "greedy", "accuracy", answer[s]);
        planted_row(&made.planted, -1, -1, "report", "greedy", "accuracy", report);
        planted_row(&made.planted, -1, -1, "answer", "other", "necessity", n[s]);
        if (strcmp(name, "text") == 0)
            planted_row(&made.planted, -1, -1, "c", "", "m_r_reader", monitor);
        else
            planted_row(&made.planted, -1, 2, "c", "", "m_r_frozen", monitor);
    }
}

START_TEST(gates_come_first) {
    static const char *const order[] = {
        "# plain", "## Gates", "| G1 |",      "| G2 |",      "| G3 |",     "| G4 |",  "| G5 |",  "| G6 |", "| G7 |",
        "| G8 |",  "| G1b |",  "| G2b |",     "## Verdicts", "| C1 |",     "| C2 |",  "| C2b |", "| C3 |", "| C4 |",
        "| C5 |",  "## Arms",  "## Outcomes", "## Figures",  "## Skipped", "## Cost", NULL};
    page_arm(&made, 1, .99);
    page_pair(&made, 1, .4);
    page_expect_in_order(page_write(&made), order);
}
END_TEST

/* Nothing failed, but two seeds are no verdict; and .4, .6 have mean .5 with half-width 12.706 x .1 = 1.27. */
START_TEST(two_seeds) {
    page_arm(&made, 1, .99);
    page_arm(&made, 2, .98);
    page_pair(&made, 1, .4);
    page_pair(&made, 2, .6);
    const char *text = page_write(&made);
    ck_assert_ptr_nonnull(strstr(text, "n = 2, fewer than the 10 seeds of a verdict"));
    ck_assert_ptr_nonnull(strstr(text, "| C1 | output pressure spills into text reasoning | **undecided** |"));
    ck_assert_ptr_null(strstr(text, "**invalid**"));
    ck_assert_ptr_nonnull(strstr(text, "| 0.500 [-0.771, 1.771] |"));
    ck_assert_ptr_nonnull(strstr(text, "| S^F at N | reader | 2 | 0.500 [-0.771, 1.771] |"));
    ck_assert_ptr_nonnull(strstr(text, " 1: 0.400 2: 0.600 |"));
    ck_assert_ptr_nonnull(strstr(text, "0.900 [0.900, 0.900]")); /* D */
    const char *paths = page_read(&made, "figures/data/credit_paths.csv");
    ck_assert_ptr_nonnull(strstr(paths, "0,text,0,sft targeted,1,0.4,0.4,0.4,1\n"));
    ck_assert_ptr_nonnull(strstr(paths, "0,text,0,sft targeted,0,0.5,-0.77062,1.77062,2\n"));
}
END_TEST

START_TEST(failed_gate) {
    page_arm(&made, 7, .6);
    page_pair(&made, 7, .4);
    const char *text = page_write(&made), *gate = strstr(text, "| G1 |");
    ck_assert_ptr_nonnull(gate);
    const char *end = strchr(gate, '\n'), *fail = strstr(gate, "| **fail** | C1 C2 C2b C4 C5 |");
    ck_assert(fail != NULL && fail < end);
    ck_assert_ptr_nonnull(strstr(text, "| **invalid** | G1 failed: accuracy, joint, text_long, seed 7: 0.6 |"));
    ck_assert_ptr_nonnull(strstr(text, "| C3 | a thought tells more than a token | **undecided** |"));
}
END_TEST

static void bits_arm(const char *name, long seed, double best, double step) {
    const bool floor = isnan(best);
    made.planted.arm = name;
    page_arm(&made, seed, floor ? .1 : .99);
    planted_row(&made.planted, -1, -1, "report", "greedy", "accuracy", floor ? .1 : .99);
    if (floor) return;
    planted_row(&made.planted, -1, -1, "joint", "best_position", "bits", best);
    planted_row(&made.planted, -1, -1, "joint", "step", "bits", step);
}

/* Bits of a thought, of the text's best token and of its whole step; where steps are single tokens nothing is judged. */
START_TEST(bits_decide_what_a_thought_tells) {
    static const struct {
        double thought, token, step;
        const char *verdict, *mean;
    } cases[] = {
        {6.0, 3.4, 6.1, "**supported**", "bits(thought) - bits(token) | 10 | 2.6 |"},
        {3.5, 3.4, 6.8, "**refuted**", "bits(thought) - bits(step) | 10 | -3.3 |"},
        {6.0, 3.4, 3.4, "**undecided**", "G1b not measured"},
    };
    made.planted.design = "none";
    for (long seed = 1; seed <= 10; seed++) {
        const double jitter = seed % 2 ? .02 : -.02;
        bits_arm("text_long", seed, cases[_i].token, cases[_i].step);
        bits_arm("coconut", seed, cases[_i].thought + jitter, cases[_i].thought + jitter);
        bits_arm("codi", seed, cases[_i].thought + jitter, cases[_i].thought + jitter);
        bits_arm("no_cot", seed, NAN, NAN);
        bits_arm("pause", seed, NAN, NAN);
    }
    const char *text = page_write(&made), *claim = strstr(text, "| C3 | a thought tells more than a token |");
    ck_assert_ptr_nonnull(claim);
    const char *verdict = strstr(claim, cases[_i].verdict);
    ck_assert_msg(verdict && verdict < strchr(claim, '\n'), "%.200s", claim);
    ck_assert_ptr_nonnull(strstr(text, cases[_i].mean));
    /* the best position of the text, a dot a seed and a mean; no_cot has no bits */
    const char *data = page_read(&made, "figures/data/bits.csv"),
               *row = strstr(data, "text_long,0,the best position,0,");
    ck_assert_ptr_nonnull(row);
    ck_assert_double_eq_tol(strtod(row + strlen("text_long,0,the best position,0,"), NULL), cases[_i].token, 1e-6);
    ck_assert_ptr_null(strstr(data, "no_cot"));
}
END_TEST

/* Pressed in thoughts, c stays there and leaves the text: .5 and .7 of it in two seeds. */
START_TEST(one_set_of_weights_in_two_media) {
    made.planted.arm = made.plan.config.arm.name = "codi";
    for (long seed = 1; seed <= 2; seed++) {
        const double s = seed == 1 ? .5 : .7;
        made.planted.pair = arena_printf(&made.arena, "pair%ld", seed);
        made.planted.method = "sft";
        made.planted.credit = "full";
        made.planted.seed = seed;
        for (int pressed = 0; pressed < 2; pressed++) {
            made.planted.cell = arena_printf(&made.arena, "%s%ld", pressed ? "conceal" : "none", seed);
            made.planted.pressure = pressed ? "conceal" : "none";
            const double end = pressed ? .08 : .8;
            planted_path(&made.planted, "c", "", "m_out", 3, page_at, (const double[]){.8, end, end});
            planted_path(&made.planted, "c", "", "m_r_frozen", 3, page_at, (const double[]){1, 1, 1});
            planted_path(&made.planted, "c", "text_mode", "m_out", 3, page_at, (const double[]){.8, end, end});
            planted_path(&made.planted, "c", "text_mode", "m_r_reader", 3, page_at,
                         (const double[]){1, 1, pressed ? 1 - s : 1});
        }
    }
    const char *text = page_write(&made);
    ck_assert_ptr_nonnull(strstr(text, "| joint | codi | conceal | sft | full |  | c | 0.000 [0.000, 0.000] | - | "
                                       "0.600 [-0.671, 1.871] | 0.600 [-0.671, 1.871] | 2 |"));
}
END_TEST

/* conceal beside its control: what an arm's own monitor (text: the reader, else a probe at chance 1/5) lost by the end. */
static void spilled(const char *arm, int method, const char *credit, long seed, double s) {
    const bool text = strcmp(arm, "text") == 0;
    const char *metric = text ? "m_r_reader" : "m_r_frozen";
    made.planted.arm = arm;
    made.planted.method = method == METHOD_SFT ? "sft" : "rl";
    made.planted.credit = credit;
    made.planted.seed = seed;
    made.planted.pair = arena_printf(&made.arena, "%s %s %s %ld", arm, made.planted.method, credit, seed);
    for (int pressed = 0; pressed < 2; pressed++) {
        const double out = pressed ? .08 : .8, left = pressed ? 1 - s * (text ? 1 : .8) : 1;
        made.planted.cell = arena_printf(&made.arena, "%s %d", made.planted.pair, pressed);
        made.planted.pressure = pressed ? "conceal" : "none";
        planted_path(&made.planted, "c", "", "m_out", 3, page_at, (const double[]){.8, out, out});
        planted_path(&made.planted, "c", "", metric, 3, page_at, (const double[]){1, left, left});
    }
}

/* The gap of C2 is the path's: with equal paths text loses no more than thoughts do. Native: text (.4 + .8) / 2 = .6 and .8,
 * thoughts .1: gaps .5 and .7. Targeted: text .4, thoughts .4 in one seed and .5 in the other: a tie and a loss, against
 * each of two seeds: P = (.5 + 0 + .5 + 0) / 4. */
START_TEST(the_gap_path_by_path) {
    static struct suite_plan plans[4];
    for (int i = 0; i < 4; i++) {
        plans[i] = made.plan;
        plans[i].config.arm.name = i % 2 ? "coconut" : "text";
        plans[i].config.press.method = i / 2 ? METHOD_RL : METHOD_SFT;
    }
    made.suite.plans = plans;
    made.suite.n_plans = 4;
    for (long seed = 1; seed <= 2; seed++)
        for (int m = METHOD_SFT; m <= METHOD_RL; m++) {
            spilled("text", m, "targeted", seed, .4);
            if (m == METHOD_RL) spilled("text", m, "full", seed, seed == 1 ? .8 : 1.2);
            spilled("coconut", m, "full", seed, .1);
            spilled("coconut", m, "targeted", seed, seed == 1 ? .4 : .5);
        }
    static const char *const order[] = {
        "### Text against thoughts, path by path",
        "| joint | coconut | native (C2) | mean of both | 0.700 [-0.571, 1.971] | 0.100 [0.100, 0.100] | 0.600 [-0.671, "
        "1.871] | - | 1.00 [1.00, 1.00] | 2 |",
        "| joint | coconut | targeted in both | mean of both | 0.400 [0.400, 0.400] | 0.450 [-0.185, 1.085] | -0.050 "
        "[-0.685, 0.585] | - | 0.25 [0.00, 0.50] | 2 |",
        "| joint | coconut | targeted in both | sft | 0.400",
        "| joint | coconut | targeted in both | rl | 0.400",
        NULL};
    const char *text = page_write(&made);
    page_expect_in_order(text, order);
    ck_assert_ptr_null(strstr(text, "| joint | codi |"));
}
END_TEST

/* One seed of three came to D* alone: the row's n is not that entry's. */
START_TEST(an_entry_of_fewer_seeds_says_so) {
    static const long seeds[] = {1, 2, 3};
    made.suite.seeds = seeds;
    made.suite.n_seeds = 3;
    for (long seed = 1; seed <= 3; seed++) page_arm(&made, seed, .99);
    page_pair(&made, 1, .4);
    for (long seed = 2; seed <= 3; seed++) {
        made.planted.pair = arena_printf(&made.arena, "pair%ld", seed);
        made.planted.seed = seed;
        for (int pressed = 0; pressed < 2; pressed++) {
            made.planted.cell = arena_printf(&made.arena, "%s %d", made.planted.pair, pressed);
            made.planted.pressure = pressed ? "conceal" : "none";
            const double out = pressed ? .4 : .8, left = pressed ? .6 : 1; /* D .5 */
            planted_path(&made.planted, "c", "", "m_out", 3, page_at, (const double[]){.8, out, out});
            planted_path(&made.planted, "c", "", "m_r_reader", 3, page_at, (const double[]){1, left, left});
        }
    }
    const char *text = page_write(&made);
    /* D .9, .5, .5; at D* seed 1 alone, between .2 and .4: 20 (.75 - .5) / .4 of the way; S .4 in all */
    ck_assert_ptr_nonnull(strstr(text, "| 0.633 [0.060, 1.207] | 0.325 (n 1) | 0.400 [0.400, 0.400] |"));
}
END_TEST

/* c is read best at the second step: all figures are those of that step; a lens is none of text's. */
START_TEST(probes_stand_beside_their_baselines) {
    static const struct {
        const char *metric, *view;
        double first, second;
    } rows[] = {{"read_accuracy", "u", .5, .9},         {"read_accuracy", "reader", .6, 1},
                {"read_accuracy", "lens", .6, .7},      {"read_accuracy", "untrained", .3, .2},
                {"read_accuracy", "inputs", .3, .1},    {"read_accuracy", "answer_only", .3, .25},
                {"read_accuracy", "shuffled", .3, .15}, {"selectivity", "u", .3, .4}};
    for (int arm = 0; arm < 2; arm++) {
        made.planted.arm = arm ? "text" : "coconut";
        page_arm(&made, 1, .99);
        made.planted.cell = made.planted.arm;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            planted_row(&made.planted, -1, 0, "c", rows[i].view, rows[i].metric, rows[i].first);
            planted_row(&made.planted, -1, 1, "c", rows[i].view, rows[i].metric, rows[i].second);
        }
    }
    static const char *const order[] = {
        "### Probes for c, beside their baselines",
        "| chain | joint | coconut |  | 2 | 0.900 | 0.700 | 0.200 | 0.100 | 0.250 | 0.150 | - | 0.400 | - | - | 1 |",
        "| chain | joint | text |  | 2 | 0.900 | 1.000 | 0.200 | 0.100 | 0.250 | 0.150 | - | 0.400 | - | - | 1 |",
        NULL};
    page_expect_in_order(page_write(&made), order);
}
END_TEST

static void three(long failing, const long *replaced) {
    made.suite.replaced = replaced;
    made.suite.n_replaced = 1;
    for (long seed = 1; seed <= 3; seed++) {
        made.planted.arm = "text";
        page_arm(&made, seed, seed == failing ? .2 : .99);
        page_pair(&made, seed, seed == 2 ? .9 : .4);
    }
}

/* A seed may be replaced only for a gate that failed before pressure. */
START_TEST(a_replaced_seed_is_not_judged) {
    static const long two = 2;
    three(2, &two);
    const char *text = page_write(&made);
    ck_assert_ptr_nonnull(strstr(text, "**Replaced.** Seed 2: G1, accuracy, joint, text_long: 0.2. A gate had failed"));
    ck_assert_ptr_nonnull(strstr(text, "Seeds: 1 3."));
    ck_assert_ptr_nonnull(strstr(text, "| 0.400 [0.400, 0.400] |"));
    ck_assert_ptr_null(strstr(text, "2: 0.900"));
    ck_assert_ptr_nonnull(strstr(page_read(&made, "outcomes.csv"), ",2,0.9,ok")); /* kept in the table */
}
END_TEST

START_TEST(a_seed_without_a_failed_gate_stays) {
    static const long two = 2;
    three(0, &two);
    const char *text = page_write(&made);
    ck_assert_ptr_null(strstr(text, "**Replaced.**"));
    ck_assert_ptr_nonnull(strstr(text, "Seeds: 1 2 3."));
    ck_assert_ptr_nonnull(strstr(text, "seed 2 is declared replaced, but no gate failed for it before pressure"));
}
END_TEST

static const double high[] = {.95, .99}, low[] = {.9, .99}, good[] = {.5, .9}, weak[] = {.49, .9}, guess[] = {.1, .5},
                    never[] = {0, 0}, none[] = {NAN, NAN};

/* At the bound is met; one seed below it is not, whatever the mean. */
START_TEST(every_seed_meets_the_gates_or_the_arm_fails) {
    static const char *const order[] = {
        "| chain | joint | no_cot |  | 0.300 ✓ | 0.500 ✓ | - | - | - | - | - | - | floor holds | 2 |",
        "| chain | joint | text |  | 0.970 ✓ | 0.700 | 0.700 ✓ | - | - | - | - | 0.800 ✓ | pass | 2 |",
        "| chain | joint | coconut |  | 0.970 ✓ | 0.700 | 0.695 ✗ | - | - | - | - | 1.000 ✓ | thoughts not necessary | 2 |",
        "| chain | joint | codi |  | 0.945 ✗ | 0.700 | 0.700 ✓ | - | - | - | - | 0.790 ✗ | answers too low; monitor too low |",
        "| chain | none | text |  | 0.970 ✓ | 0.700 | 0.700 ✓ | - | - | - | - | 1.000 ✓ | pass; no floor beside it | 2 |",
        "| chain | none | coconut |  | 0.300 ✗ | 0.500 | 0.000 ✗ | - | - | - | - | 0.200 ✗ | does not answer | 2 |",
        NULL};
    gated("joint", "no_cot", guess, .5, none, NAN);
    gated("joint", "text", high, .7, good, .8);
    gated("joint", "coconut", high, .7, weak, 1);
    gated("joint", "codi", low, .7, good, .79);
    gated("none", "text", high, .7, good, 1);
    gated("none", "coconut", guess, .5, never, .2);
    page_expect_in_order(page_write(&made), order);
    ck_assert_ptr_nonnull(strstr(page_read(&made, "figures/data/arm_gates.csv"),
                                 "-1,,3,4,thoughts not necessary,,-1,\n0,answer,3,0,,0.95,1,0.95\n"));
}
END_TEST

/* A floor that answers, or only reports, makes the thoughts of its design unnecessary, of no other design, and of no arm
 * with another task. */
START_TEST(a_floor_that_answers_is_told_beside_every_arm) {
    static const char *const order[] = {
        "| chain | cue | pause |  | 0.300 ✓ | 0.510 ✗ | - | - | - | - | - | - | thoughts not necessary | 2 |",
        "| chain | cue | text |  | 0.970 ✓ | 0.700 | 0.700 ✓ | - | - | - | - | 1.000 ✓ | thoughts not necessary (pause) |",
        "| chain | cue | coconut | task.rho=1 | 0.970 ✓ | 0.700 | 0.700 ✓ | - | - | - | - | 1.000 ✓ | pass; no floor",
        "| chain | joint | pause |  | 0.300 ✓ | 0.500 ✓ | - | - | - | - | - | - | floor holds | 2 |",
        "| chain | joint | text |  | 0.970 ✓ | 0.700 | 0.700 ✓ | - | - | - | - | 1.000 ✓ | pass | 2 |",
        NULL};
    gated("cue", "pause", guess, .51, none, NAN);
    gated("cue", "text", high, .7, good, 1);
    made.planted.variant = "task.rho=1";
    gated("cue", "coconut", high, .7, good, 1);
    made.planted.variant = "";
    gated("joint", "pause", guess, .5, none, NAN);
    gated("joint", "text", high, .7, good, 1);
    page_expect_in_order(page_write(&made), order);
}
END_TEST

/* Ours, the readers' floors and what others published stand in one table; the form of the question is named. */
START_TEST(published_figures_stand_beside_ours) {
    static const char *const order[] = {
        "### On the published file",
        "| prosqa | joint | floor: the lower in-degree wins |  | - | 0.646 [0.646, 0.646] | 2 | |",
        "| prosqa | joint | floor: an ancestor within two edges is a child of the root |  | - | 0.741",
        "| prosqa |  | coconut | from scratch, 2 layers of width 768, symbolic | 0.970 to 1.000 | - | | Zhu et al. 2025,",
        "| prosqa |  | text | GPT-2, words | 0.775 | - | | Hao et al. 2024,",
        "| prosqa | joint | text | task.form=edge | 0.760 [0.633, 0.887] | 0.860 [0.733, 0.987] | 2 | |",
        "| prosqa | joint | text | task.form=triplet | 0.500 | - | 1 | |",
        "### What training took",
        NULL};
    made.planted.task = "prosqa";
    made.planted.variant = "task.form=edge";
    for (long seed = 1; seed <= 2; seed++) {
        page_arm(&made, seed, .99);
        planted_row(&made.planted, -1, -1, "published", "", "accuracy_exact", seed == 1 ? .75 : .77);
        planted_row(&made.planted, -1, -1, "published", "", "accuracy_two_way", seed == 1 ? .85 : .87);
        planted_row(&made.planted, -1, -1, "published", "child_within_two", "accuracy_two_way", .741);
        planted_row(&made.planted, -1, -1, "published", "lower_in_degree", "accuracy_two_way", .646);
    }
    made.planted.variant = "task.form=triplet";
    page_arm(&made, 1, .99);
    made.planted.cell = "triplet";
    planted_row(&made.planted, -1, -1, "published", "", "accuracy_exact", .5);
    const char *text = page_write(&made);
    page_expect_in_order(text, order);
    const char *floor = strstr(text, "floor: the lower");
    ck_assert_ptr_null(strstr(floor + 1, "floor: the lower")); /* once */
}
END_TEST

START_TEST(nothing_published_nothing_said) {
    page_arm(&made, 1, .99);
    ck_assert_ptr_null(strstr(page_write(&made), "published file"));
}
END_TEST

static void resources(const char *cell, double seconds, int kib) {
    const char *folder = arena_printf(&made.arena, "%s/cells/%s", made.dir, cell),
               *text = arena_printf(&made.arena, "{\"seconds\": 1, \"cpu_seconds\": %g, \"max_rss_kib\": %d}", seconds,
                                    kib);
    ck_assert_int_eq(fs_mkdirs(folder), ST_OK);
    ck_assert_int_eq(fs_write(arena_printf(&made.arena, "%s/resources.json", folder), text, strlen(text)), ST_OK);
}

/* Two seeds of an arm, their base, and a pressed cell; what was not counted is a dash. */
START_TEST(training_is_counted_and_its_seconds_stand_apart) {
    static const char list[] = "base1ff\tbase\tdone\nbase2ff\tbase\tdone\narm1ff\tarm\tdone\narm2ff\tarm\tdone\n"
                               "conceal1ff\tpress\tdone\n";
    planted_close(&made.planted);
    ck_assert_int_eq(fs_mkdirs(arena_printf(&made.arena, "%s/s", made.dir)), ST_OK);
    planted_open(&made.planted, arena_printf(&made.arena, "%s/s/results.csv", made.dir));
    for (long seed = 1; seed <= 2; seed++) {
        made.planted.cell = arena_printf(&made.arena, "base%ld", seed);
        made.planted.seed = seed;
        planted_row(&made.planted, -1, -1, "", "", "train_positions", 4e6);
        planted_row(&made.planted, -1, -1, "", "", "train_flop", 2e12);
        resources(arena_printf(&made.arena, "%sff", made.planted.cell), (double)seed, 1024);
    }
    made.planted.arm = "text";
    for (long seed = 1; seed <= 2; seed++) {
        page_arm(&made, seed, .99);
        planted_row(&made.planted, -1, -1, "", "", "train_positions", seed == 1 ? 1e6 : 2e6);
        resources(arena_printf(&made.arena, "%sff", made.planted.cell), 10 * (double)seed, seed == 1 ? 4096 : 2048);
    }
    page_pair(&made, 1, .4);
    resources("conceal1ff", 7, 512);
    planted_close(&made.planted);
    ck_assert_int_eq(fs_write(arena_printf(&made.arena, "%s/s/cells.list", made.dir), list, sizeof list - 1), ST_OK);
    ck_assert_int_eq(report_write(arena_printf(&made.arena, "%s/s", made.dir), &made.suite, NULL, NULL), ST_OK);
    static const char *const order[] = {"### What training took", "| chain | joint | (base) |  | - | 4 | 2 |",
                                        "| chain | joint | text |  | 900 | 1.5 | - |", NULL};
    page_expect_in_order(page_read(&made, "s/report.md"), order);
    ck_assert_str_eq(page_read(&made, "s/cost.csv"),
                     "kind,cells,core_seconds,most_memory_mib,task,design,arm,variant,updates,train_positions,"
                     "train_flop\n"
                     "base,2,3,1,chain,joint,,,,4e+06,2e+12\n"
                     "arm,2,30,4,chain,joint,text,,900,1.5e+06,\n"
                     "press,1,7,0.5,chain,joint,text,,,,\n");
}
END_TEST

START_TEST(names_are_escaped) {
    made.suite.name = "a|b<img>`c`";
    made.suite.about = "first\n| second | *x*";
    page_arm(&made, 1, .99);
    made.planted.variant = "task.x=<|>";
    page_pair(&made, 1, .4);
    const char *text = page_write(&made);
    ck_assert_ptr_nonnull(strstr(text, "# a\\|b&lt;img>\\`c\\`\n"));
    ck_assert_ptr_nonnull(strstr(text, "first \\| second \\| \\*x\\*\n"));
    ck_assert_ptr_nonnull(strstr(text, "task.x=&lt;\\|>"));
    ck_assert_ptr_null(strstr(text, "<img>"));
    ck_assert_ptr_null(strstr(text, "<|>"));
}
END_TEST

START_TEST(cells_without_results) {
    page_arm(&made, 1, .99);
    page_pair(&made, 1, .4);
    made.planted.cell = "lost";
    made.planted.pair = "pair9";
    made.planted.seed = 9;
    planted_absent(&made.planted, "failed");
    const char *text = page_write(&made);
    ck_assert_ptr_nonnull(strstr(text, "0 do not exist by design, 1 are missing"));
    ck_assert_ptr_nonnull(strstr(text, "| failed | joint | text | conceal | sft | targeted |  | 9 |"));
}
END_TEST

START_TEST(same_bytes_again) {
    page_arm(&made, 1, .99);
    page_pair(&made, 1, .4);
    const char *first = page_write(&made);
    ck_assert_int_eq(report_write(made.dir, &made.suite, NULL, NULL), ST_OK);
    ck_assert_str_eq(page_read(&made, "report.md"), first);
}
END_TEST

START_TEST(summary_for_a_terminal) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    page_arm(&made, 1, .99);
    page_pair(&made, 1, .4);
    planted_close(&made.planted);
    ck_assert_int_eq(report_write(made.dir, &made.suite, to, NULL), ST_OK);
    fclose(to);
    ck_assert_ptr_nonnull(strstr(text, "joint text conceal sft targeted"));
    ck_assert_ptr_nonnull(strstr(text, "0.400"));
    ck_assert_ptr_nonnull(strstr(text, "C1 undecided"));
    free(text);
}
END_TEST

/* Predictions 1, 2, 3 and spillovers .1, .3, .2: covariance 1/2 of what the spreads allow. */
START_TEST(first_order_beside_what_came) {
    static const double s[] = {.1, .3, .2};
    page_arm(&made, 1, .99);
    for (int i = 0; i < 3; i++) {
        page_pair(&made, i + 1, s[i]);
        planted_row(&made.planted, 0, -1, "c", "", "first_order_conditional", .25);
        planted_row(&made.planted, 0, -1, "c", "", "first_order_parametric", i + .75);
    }
    const char *text = page_write(&made);
    ck_assert_ptr_nonnull(strstr(text, "| text | sgd | end | 3 | 0.50 | 2 | 0.200 |"));
    ck_assert_ptr_null(strstr(text, "| text | adam |"));
}
END_TEST

Suite *suite_report(void) {
    Suite *s = suite_create("report");
    TCase *t = tcase_create("report");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, gates_come_first);
    tcase_add_test(t, two_seeds);
    tcase_add_test(t, failed_gate);
    tcase_add_loop_test(t, bits_decide_what_a_thought_tells, 0, 3);
    tcase_add_test(t, one_set_of_weights_in_two_media);
    tcase_add_test(t, the_gap_path_by_path);
    tcase_add_test(t, an_entry_of_fewer_seeds_says_so);
    tcase_add_test(t, probes_stand_beside_their_baselines);
    tcase_add_test(t, a_replaced_seed_is_not_judged);
    tcase_add_test(t, a_seed_without_a_failed_gate_stays);
    tcase_add_test(t, every_seed_meets_the_gates_or_the_arm_fails);
    tcase_add_test(t, a_floor_that_answers_is_told_beside_every_arm);
    tcase_add_test(t, published_figures_stand_beside_ours);
    tcase_add_test(t, nothing_published_nothing_said);
    tcase_add_test(t, training_is_counted_and_its_seconds_stand_apart);
    tcase_add_test(t, names_are_escaped);
    tcase_add_test(t, cells_without_results);
    tcase_add_test(t, same_bytes_again);
    tcase_add_test(t, summary_for_a_terminal);
    tcase_add_test(t, first_order_beside_what_came);
    suite_add_tcase(s, t);
    return s;
}

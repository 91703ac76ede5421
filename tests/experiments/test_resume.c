/* A cell that is killed in the middle of its training goes on from there: every update is computed once, and the cell is
 * the unbroken one's to the bit; with gradient lanes too, whatever the number of threads. The bodies are the real ones. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/base/log.h"
#include "engine/base/rng.h"
#include "engine/base/sha256.h"
#include "engine/checkpoint.h"
#include "experiments/resume.h"
#include "experiments/run.h"
#include "experiments/store.h"
#include "tests/folder.h"
#include "tests/refuse.h"

#define MODEL(seeds, lora, shard)                                                                                      \
    "suite: r\nseeds: " seeds "\ngrid:\n"                                                                              \
    "  - task: {name: chain, design: joint, modulus: 5, chain: 2, side: 2}\n"                                          \
    "    model: {layers: 1, width: 8, heads: 2" lora "}\n"                                                             \
    "    base: {updates: 5, batch: 4, warmup: 1, shard: " shard "}\n"
/* pressed hard enough that doses are crossed */
#define ALL_KINDS(lora, shard)                                                                                         \
    MODEL("1", lora, shard)                                                                                            \
    "    arm:\n"                                                                                                       \
    "      - {name: [text, codi], updates: 4, projection_warmup: 3}\n"                                                 \
    "      - {name: coconut, updates: 3, stage_check: 2, stage_cap: 4}\n"                                              \
    "    press: {pressure: conceal, method: [sft, rl], credit: [full, mind_face], "                                    \
    "updates: 5, batch: 4, group: 2, lr: 0.05}\n"                                                                      \
    "    measure: {questions: 4, probe_train: 20, probe_test: 10, early_every: 2, late_every: 2}\n"
static const char base_alone[] = MODEL("[1, 2]", "", "4");
/* all weights are trained; low-rank weights alone; in gradient lanes */
enum { IN_LANES = 2 };
static const char *const all_kinds[] = {ALL_KINDS("", "4"), ALL_KINDS(", lora: 2", "4"), ALL_KINDS("", "1, lanes: 3")};
enum { BASE_UPDATES = 5 };

/* Seen by every cell's process. */
static struct {
    int kept;       /* states */
    int die_behind; /* a process ends behind so many of them; 0: none does */
} * shared;

static void count_and_die(int updates) {
    static int here;
    ck_assert_int_gt(updates, 0);
    __atomic_fetch_add(&shared->kept, 1, __ATOMIC_SEQ_CST);
    if (++here == shared->die_behind) _exit(9);
}

static void open_training(void) {
    open_folder();
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    log_set_stream(fopen("/dev/null", "we"));
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    resume_kept = count_and_die;
    setenv("SPILLOVER_KEEP_SECONDS", "0", 1);
    setenv("PATH", "/nonexistent", 1); /* no figure is drawn */
}

static struct grid grid;

static int threads = 1;

static enum status run(const char *text, const char *out, int die_behind) {
    static const struct cell_bodies bodies = {.run = {cell_run_base, cell_run_arm, cell_run_press}};
    const struct run_options o = {
        .out = in(out), .kernel = "none", .bodies = &bodies, .quiet = true, .jobs = 2, .threads = threads};
    struct run_result r;
    struct suite s;
    const char *path = in("s.yaml");
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
    ck_assert_msg(suite_read(&s, path, NULL, 0, &arena) == ST_OK, "%s", status_message());
    ck_assert_int_eq(grid_build(&grid, &s, "none", NULL, &arena), ST_OK);
    shared->die_behind = die_behind;
    return run_suite(&s, &o, &r, &arena);
}

/* The sums of what a cell computed; when, how long and in how many attempts it did so differ. */
static const char *computed(const char *out, const char *key) {
    char *text, *rest = NULL;
    const char *sums = "";
    size_t size;
    const char *path = arena_printf(&arena, "%s/SHA256SUMS", store_path(&arena, in(out), key));
    ck_assert_msg(fs_read(&arena, path, &text, &size) == ST_OK, "%s", status_message());
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (!strstr(line, "resources.json") && !strstr(line, "events.jsonl") && !strstr(line, "log.txt"))
            sums = arena_printf(&arena, "%s%s\n", sums, line);
    ck_assert_ptr_null(strstr(sums, store_training));
    return sums;
}

static void same_cells(const char *a, const char *b) {
    for (int i = 0; i < grid.n; i++)
        if (!grid.cells[i].skip)
            ck_assert_msg(strcmp(computed(a, grid.cells[i].cell.key), computed(b, grid.cells[i].cell.key)) == 0, "%s",
                          grid.cells[i].label);
}

START_TEST(every_update_is_computed_once) {
    struct rng r = rng_open(7, "kills", (uint64_t)_i);
    ck_assert_msg(run(all_kinds[_i], "whole", 0) == ST_OK, "%s", status_message());
    const int updates = shared->kept;
    int attempts = 1;
    shared->kept = 0;
    while (run(all_kinds[_i], "broken", 1 + (int)rng_below(&r, 4)) != ST_OK) ck_assert_int_lt(attempts++, updates);
    ck_assert_int_gt(attempts, 5);
    ck_assert_int_eq(shared->kept, updates);
    same_cells("whole", "broken");
}
END_TEST

START_TEST(threads_move_no_bit_of_a_cell) {
    ck_assert_msg(run(all_kinds[IN_LANES], "one", 0) == ST_OK, "%s", status_message());
    threads = 3;
    ck_assert_msg(run(all_kinds[IN_LANES], "three", 0) == ST_OK, "%s", status_message());
    same_cells("one", "three");
}
END_TEST

/* A state that is not what was kept, or another cell's, is as good as none. */
static const char *const damages[] = {"none", "flip", "cut", "empty", "other cell's"};

START_TEST(a_damaged_state_is_not_used) {
    const char *damage = damages[_i], *state[2];
    enum { DIED = 3, SEEDS = 2 };
    char *bytes;
    size_t size;
    ck_assert_msg(run(base_alone, "whole", 0) == ST_OK, "%s", status_message());
    shared->kept = 0;
    ck_assert_int_eq(run(base_alone, "broken", DIED), ST_FAILED);
    for (int i = 0; i < SEEDS; i++)
        state[i] =
            arena_printf(&arena, "%s/%s", store_part(&arena, in("broken"), grid.cells[i].cell.key), store_training);
    ck_assert_int_eq(fs_read(&arena, state[!strcmp(damage, "other cell's")], &bytes, &size), ST_OK);
    if (!strcmp(damage, "flip")) bytes[size / 2] ^= 1;
    if (!strcmp(damage, "cut")) size -= 4;
    if (!strcmp(damage, "empty")) size = 0;
    ck_assert_int_eq(fs_write(state[0], bytes, size), ST_OK);
    ck_assert_msg(run(base_alone, "broken", 0) == ST_OK, "%s", status_message());
    ck_assert_int_eq(shared->kept, SEEDS * BASE_UPDATES + (_i ? DIED : 0));
    same_cells("whole", "broken");
}
END_TEST

/* A made-up training whose way depends on what it reads: it doubles x until a reading passes 30, then it falls. */
enum { UPDATES = 12 };
static double made_up(struct resume *r, int stop_behind, int *computed) {
    double x = 1.0, reading = 0.0;
    bool down = false;
    resume_numbers(r, "x", &x, 1);
    resume_begin(r);
    *computed = 0;
    for (int i = 0; i < UPDATES; i++) {
        if (!resume_skips(r)) {
            if (*computed == stop_behind) return NAN;
            x = down ? x - 40.0 : 2.0 * x;
            ++*computed;
            resume_done(r);
        }
        if (i % 2 == 0) continue;
        if (!resume_recalls(r, &reading)) resume_notes(r, reading = x);
        down = down || reading > 30.0;
    }
    return x;
}

START_TEST(readings_are_recalled) {
    struct resume r;
    for (int first = 1; first <= UPDATES; first++) {
        int n, total = 0;
        double x;
        do { /* stopped again and again */
            resume_open(&r, &arena, folder, "key");
            x = made_up(&r, first, &n);
            total += n;
        } while (isnan(x) && n > 0);
        /* six doublings to 64, then six steps down */
        ck_assert_double_eq(x, 64.0 - 6 * 40.0);
        ck_assert_int_eq(total, UPDATES);
        ck_assert_int_eq(fs_remove_tree(in(store_training)), ST_OK);
    }
}
END_TEST

/* A state of another program, whose sum is right: not of what was registered, so not used. */
static const struct {
    const char *key, *value; /* of the metadata; value NULL: left out */
    const char *tensor;      /* what is done to the tensors */
    bool used;
} others[] = {
    {NULL, NULL, NULL, true},
    {"note", "more", NULL, true},
    {"sum", NULL, NULL, false},
    {"sum", "0", NULL, false},
    {"cell", NULL, NULL, false},
    {"cell", "another", NULL, false},
    {"updates", NULL, NULL, false},
    {"readings", NULL, NULL, false},
    {"readings", "1 two ", NULL, false},
    {"readings", "1", NULL, false},
    {"learner.t", NULL, NULL, false},
    {"x", NULL, NULL, false},
    {"x", "", NULL, false},
    {"x", "1 ", NULL, false},
    {"x", "1 2 3 ", NULL, false},
    {"x", "1 2x", NULL, false},
    {"n", NULL, NULL, false},
    {"rows", "a\n", NULL, false},
    {NULL, NULL, "renamed", false},
    {NULL, NULL, "shorter", false},
    {NULL, NULL, "a matrix", false},
    {NULL, NULL, "another beside", false},
};

/* The sum of a state, as resume.h's file has it: keys and values, names and data, each text with its end. */
static const char *sum_of(const struct checkpoint *c) {
    struct sha256 h;
    char *hex = ARENA_NEW(&arena, char, SHA256_HEX);
    sha256_open(&h);
    for (int i = 0; i < c->n_meta; i++) {
        if (strcmp(c->meta[i].key, "sum") == 0) continue;
        sha256_update(&h, c->meta[i].key, strlen(c->meta[i].key) + 1);
        sha256_update(&h, c->meta[i].value, strlen(c->meta[i].value) + 1);
    }
    for (int i = 0; i < c->n; i++) {
        sha256_update(&h, c->tensors[i].name, strlen(c->tensors[i].name) + 1);
        sha256_update(&h, c->tensors[i].data, (size_t)c->tensors[i].dim[0] * sizeof(float));
    }
    sha256_hex(&h, hex);
    return hex;
}

/* Two updates of a made-up learner: of both, a state is kept, or it begins with what is there. */
static int begun_with(bool keep) {
    static const struct gpt_config tiny = {
        .vocab = 3, .context = 2, .layers = 1, .heads = 1, .width = 2, .channels = 1};
    struct resume r;
    struct gpt m;
    struct adamw opt;
    double x[2] = {1.5, -2.5};
    int n = 7;
    ck_assert_int_eq(gpt_open(&m, &arena, &tiny), ST_OK);
    adamw_open(&opt, &arena, &m, .9, .99, 0, 1);
    resume_open(&r, &arena, folder, "key");
    resume_model(&r, "learner", &m, &opt);
    resume_numbers(&r, "x", x, 2);
    resume_count(&r, "n", &n);
    resume_begin(&r);
    for (int i = 0; keep && i < 2; i++) {
        x[0] = i;
        resume_notes(&r, i);
        resume_done(&r);
    }
    double reading;
    int recalled = 0;
    while (!keep && resume_recalls(&r, &reading)) ck_assert(reading == recalled++);
    while (resume_skips(&r)) continue;
    if (r.held) ck_assert(x[0] == r.held - 1 && x[1] == -2.5 && n == 7 && recalled == r.held);
    return r.held;
}

START_TEST(a_state_of_other_things_is_not_used) {
    const char *path = in(store_training), *done = others[_i].tensor ? others[_i].tensor : "";
    struct checkpoint c;
    ck_assert_int_eq(begun_with(true), 0);
    ck_assert_int_eq(checkpoint_read(&arena, path, &c), ST_OK);
    struct checkpoint_meta *meta = ARENA_NEW(&arena, struct checkpoint_meta, c.n_meta + 1);
    struct checkpoint_tensor *tensors = ARENA_NEW(&arena, struct checkpoint_tensor, c.n + 1);
    struct checkpoint other = {.meta = meta, .tensors = tensors, .n = c.n};
    memcpy(tensors, c.tensors, (size_t)c.n * sizeof *tensors);
    if (strcmp(done, "renamed") == 0) tensors[1].name = "learner.w";
    if (strcmp(done, "shorter") == 0) tensors[1].dim[0]--;
    if (strcmp(done, "a matrix") == 0) tensors[1].n_dims = 2, tensors[1].dim[1] = 1;
    if (strcmp(done, "another beside") == 0)
        tensors[other.n++] = (struct checkpoint_tensor){"more", 1, {1}, tensors[0].data};
    bool there = !others[_i].key;
    for (int i = 0; i < c.n_meta; i++) {
        const bool this = others[_i].key && strcmp(c.meta[i].key, others[_i].key) == 0;
        there |= this;
        if (this && !others[_i].value) continue;
        meta[other.n_meta++] = this ? (struct checkpoint_meta){others[_i].key, others[_i].value} : c.meta[i];
    }
    if (!there) meta[other.n_meta++] = (struct checkpoint_meta){others[_i].key, others[_i].value};
    const bool summed = !others[_i].key || strcmp(others[_i].key, "sum") != 0;
    for (int i = 0; summed && i < other.n_meta; i++)
        if (strcmp(meta[i].key, "sum") == 0) meta[i].value = sum_of(&other);
    ck_assert_int_eq(checkpoint_write(path, &other), ST_OK);
    ck_assert_int_eq(begun_with(false), others[_i].used ? 2 : 0);
}
END_TEST

static void no_state(void) {
    ck_assert_int_eq(fs_remove_tree(in(store_training)), ST_OK);
}

static enum status train(void) {
    (void)begun_with(true);
    return ST_OK;
}

/* begun_with asserts that a state that is taken up is that behind one of its updates. */
static void whole_state_or_none(enum status st) {
    (void)st;
    ck_assert_int_le(begun_with(false), 2);
}

START_TEST(whatever_is_refused_training_goes_on) {
    const struct refusal refused = {no_state, train, whole_state_or_none};
    ck_assert_int_eq(refuse_each(&refused), 0);
    ck_assert_int_eq(begun_with(false), 2);
}
END_TEST

/* A write that failed once has lost rows, whatever later ones say: a state with the rest would be taken up as whole. */
START_TEST(lost_rows_are_not_kept) {
    struct resume r;
    const char *path = in("rows");
    ck_assert_int_eq(fs_write(path, "a,b\n", 4), ST_OK);
    FILE *rows = fopen(path, "re"); /* refuses what is written, and flushes well */
    resume_open(&r, &arena, folder, "key");
    resume_stream(&r, rows, path);
    resume_begin(&r);
    ck_assert_int_eq(fputc('1', rows), EOF);
    ck_assert_int_eq(fflush(rows), 0);
    resume_done(&r);
    ck_assert(!fs_exists(in(store_training)) && shared->kept == 0);
    clearerr(rows);
    resume_done(&r);
    ck_assert(fs_exists(in(store_training)) && shared->kept == 1);
    ck_assert_int_eq(fclose(rows), 0);
    no_state();
    rows = fopen("/dev/full", "we"); /* refuses when it is flushed */
    resume_open(&r, &arena, folder, "key");
    resume_stream(&r, rows, path);
    resume_begin(&r);
    ck_assert_int_eq(fputc('1', rows), '1');
    resume_done(&r);
    ck_assert(!fs_exists(in(store_training)) && shared->kept == 1);
    (void)fclose(rows);
    rows = fopen(path, "we"); /* and then is nowhere */
    ck_assert_int_eq(unlink(path), 0);
    resume_open(&r, &arena, folder, "key");
    resume_stream(&r, rows, path);
    resume_begin(&r);
    resume_done(&r);
    ck_assert(!fs_exists(in(store_training)) && shared->kept == 1);
    ck_assert_int_eq(fclose(rows), 0);
}
END_TEST

/* Without the setting nothing so short is kept. */
START_TEST(short_cells_keep_nothing) {
    unsetenv("SPILLOVER_KEEP_SECONDS");
    ck_assert_int_eq(run(base_alone, "whole", 0), ST_OK);
    ck_assert_int_eq(shared->kept, 0);
}
END_TEST

Suite *suite_resume(void) {
    Suite *s = suite_create("resume");
    TCase *t = tcase_create("resume");
    tcase_add_checked_fixture(t, open_training, close_folder);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_update_is_computed_once, 0, sizeof all_kinds / sizeof all_kinds[0]);
    tcase_add_test(t, threads_move_no_bit_of_a_cell);
    tcase_add_loop_test(t, a_damaged_state_is_not_used, 0, sizeof damages / sizeof damages[0]);
    tcase_add_test(t, readings_are_recalled);
    tcase_add_loop_test(t, a_state_of_other_things_is_not_used, 0, sizeof others / sizeof others[0]);
    tcase_add_test(t, whatever_is_refused_training_goes_on);
    tcase_add_test(t, lost_rows_are_not_kept);
    tcase_add_test(t, short_cells_keep_nothing);
    suite_add_tcase(s, t);
    return s;
}

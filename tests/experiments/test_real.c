/* Suite gpt2_gsm8k from end to end at the least size: a made-up tokenizer and word problems, a random GPT-2 of one block
 * as safetensors, low-rank training, pressure, and the decoded thoughts. What is measured here means nothing. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "engine/import.h"
#include "experiments/grid.h"
#include "tests/data/gpt2_files.h"
#include "tests/folder.h"

Suite *suite_real(void);

static void write_model(uint64_t seed) {
    struct gpt m;
    const struct gpt_config c = {
        .vocab = GPT2_SMALLEST, .context = 256, .layers = 1, .heads = 1, .width = 64, .channels = 1, .tied = true};
    ck_assert_int_eq(gpt_open(&m, &arena, &c), ST_OK);
    gpt_init(&m, seed, .05, 1.0);
    ck_assert_int_eq(export_gpt(&m, in("gpt2")), ST_OK);
}

static void setup(void) {
    open_folder();
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    ck_assert_int_eq(gpt2_write_data(&arena, folder, GPT2_SMALLEST), 0);
    write_model(1);
}

/* Runs ./spillover, what it says goes to <folder>/said; returns its exit code. */
static int spillover(const char *arguments) {
    int how = system(arena_printf(&arena, "./spillover %s >%s/said 2>&1", arguments, folder));
    ck_assert(WIFEXITED(how));
    return WEXITSTATUS(how);
}

static const char *said(void) {
    char *text;
    size_t n;
    ck_assert_int_eq(fs_read(&arena, in("said"), &text, &n), ST_OK);
    return text;
}

/* The suite of the house at the least size. */
static const char *run_of(const char *set) {
    return arena_printf(&arena,
                        "run gpt2_gsm8k --quiet --data %s --out %s/runs --set seeds=1 --set model.layers=1 "
                        "--set model.width=64 --set model.heads=1 --set model.lora=2 %s",
                        folder, folder, set);
}

static const char small_suite[] = "suite: gpt2_gsm8k\nseeds: 1\ngrid:\n"
                                  "  - task: {name: gsm8k_bpe, form: codi, design: none}\n"
                                  "    model: {layers: 1, width: 64, heads: 1, init: 0.02, lora: 2}\n"
                                  "    base: {weights: gpt2, updates: 2, batch: 2, shard: 1}\n"
                                  "    arm: {name: [coconut, codi], updates: 2, stage_cap: 1, projection_warmup: 1}\n"
                                  "    press: {pressure: deceive, updates: 2, batch: 2}\n"
                                  "    measure: {questions: 4, probe_train: 16, probe_test: 8}\n"
                                  "  - task: {name: gsm8k_bpe, form: coconut, design: none}\n"
                                  "    model: {layers: 1, width: 64, heads: 1, init: 0.02}\n"
                                  "    base: {weights: gpt2, updates: 0, batch: 2, shard: 1}\n"
                                  "    arm: {name: text, updates: 1}\n"
                                  "    measure: {questions: 4, probe_train: 8, probe_test: 8}\n";

/* The key of the first cell whose line in results.csv has all of these words. */
static const char *key_of(const char *arm, const char *pressure) {
    char *text, *save = NULL;
    size_t n;
    ck_assert_int_eq(fs_read(&arena, in("runs/gpt2_gsm8k/results.csv"), &text, &n), ST_OK);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *a = arena_printf(&arena, ",%s,", arm), *p = arena_printf(&arena, ",%s,", pressure);
        if (!strstr(line, a) || !strstr(line, p)) continue;
        const char *key = strchr(line, ',') + 1;
        return arena_printf(&arena, "%.12s", key);
    }
    ck_abort_msg("no cell of %s under %s", arm, pressure);
    return NULL;
}

START_TEST(from_a_published_model_to_decoded_thoughts) {
    ck_assert_int_eq(fs_write(in("s.yaml"), small_suite, sizeof small_suite - 1), ST_OK);
    ck_assert_msg(spillover(arena_printf(&arena, "run %s/s.yaml --quiet --jobs 2 --data %s --out %s/runs", folder,
                                         folder, folder)) == 0,
                  "%s", said());
    const char *key = key_of("codi", "deceive");
    ck_assert_msg(
        spillover(arena_printf(&arena, "show %s --data %s --out %s/runs --thoughts 2", key, folder, folder)) == 0, "%s",
        said());
    /* question, steps, five tokens for the state behind the question and each of six thoughts, prediction */
    const char *text = said();
    static const char *const parts[] = {
        "Ann has 5 pears?", "<<5+7=12>> <<12-8/2=8>>", "thought 0", "thought 6", "prediction", "answer 8"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ck_assert_msg(strstr(text, parts[i]) != NULL, "no '%s' in:\n%s", parts[i], text);
    ck_assert_ptr_null(strstr(text, "thought 7"));
    /* the arm holds what was trained, and is read back over its base */
    struct checkpoint c;
    key = key_of("coconut", "");
    ck_assert_int_eq(spillover(arena_printf(&arena, "show %s --data %s --out %s/runs", key, folder, folder)), 0);
    char *name;
    size_t n;
    ck_assert_int_eq(system(arena_printf(&arena, "ls -d %s/runs/cells/%s* > %s/name", folder, key, folder)), 0);
    ck_assert_int_eq(fs_read(&arena, in("name"), &name, &n), ST_OK);
    name[n - 1] = '\0';
    ck_assert_int_eq(checkpoint_read(&arena, arena_printf(&arena, "%s/model.safetensors", name), &c), ST_OK);
    ck_assert_int_eq(c.n, 8); /* A and B of four matrices of one block */
    ck_assert_ptr_null(checkpoint_find(&c, "wte.weight"));
}
END_TEST

/* Key of the base of the house's suite. */
static const char *base_key(const char *set) {
    const char *const overrides[] = {"seeds=1", set};
    struct suite suite;
    struct grid g;
    ck_assert_msg(suite_read(&suite, "experiments/suites/gpt2_gsm8k.yaml", overrides, 2, &arena) == ST_OK, "%s",
                  status_message());
    ck_assert_msg(grid_build(&g, &suite, "", folder, &arena) == ST_OK, "%s", status_message());
    ck_assert_int_eq(g.n, 1 + 4 + 4 * 2);
    return arena_strdup(&arena, g.cells[0].cell.key);
}

/* The weights' SHA-256 is in the key, and the keys that say how to train them. */
START_TEST(weights_are_part_of_the_key) {
    const char *plain = base_key("model.lora=32"), *rank = base_key("model.lora=16"),
               *random = base_key("base.weights=none"), *elsewhere = base_key("base.weights=codi");
    const char *const keys[] = {plain, rank, random, elsewhere};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++) ck_assert_str_ne(keys[i], keys[j]);
    ck_assert_str_eq(base_key("model.lora=32"), plain);
    write_model(2);
    ck_assert_str_ne(base_key("model.lora=32"), plain);
}
END_TEST

/* A cell that was computed before there were these keys has the identity that it had. */
START_TEST(keys_that_came_later_are_not_written) {
    struct config c, back;
    enum cell_kind kind;
    config_default(&c);
    json_t *json = config_to_json(&c, CELL_PRESS);
    ck_assert_ptr_null(json_object_get(json_object_get(json, "base"), "weights"));
    ck_assert_ptr_null(json_object_get(json_object_get(json, "model"), "lora"));
    json_decref(json);
    ck_assert_int_eq(config_set(&c, config_find("model", "lora"), "8"), ST_OK);
    ck_assert_int_eq(config_set(&c, config_find("base", "weights"), "codi"), ST_OK);
    json = config_to_json(&c, CELL_BASE);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json, "model"), "lora")), 8);
    ck_assert_int_eq(config_from_json(&back, json, &kind), ST_OK);
    ck_assert_int_eq(back.model.lora, 8);
    ck_assert_str_eq(back.base.weights, "codi");
    json_object_set_new(json_object_get(json, "model"), "loras", json_integer(1));
    ck_assert_int_eq(config_from_json(&back, json, &kind), ST_DATA);
    json_decref(json);
}
END_TEST

START_TEST(the_tokenizer_is_timed) {
    ck_assert_msg(spillover(arena_printf(&arena, "bench --bpe %s --seconds 0", folder)) == 0, "%s", said());
    ck_assert_msg(strstr(said(), "MB/s") != NULL, "%s", said());
    ck_assert_int_eq(spillover(arena_printf(&arena, "bench --bpe %s/none", folder)), ST_IO);
}
END_TEST

START_TEST(another_size_is_refused) {
    ck_assert_int_ne(spillover(run_of("--set model.width=128")), 0);
    ck_assert_msg(strstr(said(), "model.* says otherwise") != NULL, "%s", said());
}
END_TEST

Suite *suite_real(void) {
    Suite *s = suite_create("real");
    TCase *t = tcase_create("real");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, close_folder);
    tcase_add_test(t, from_a_published_model_to_decoded_thoughts);
    tcase_add_test(t, weights_are_part_of_the_key);
    tcase_add_test(t, keys_that_came_later_are_not_written);
    tcase_add_test(t, another_size_is_refused);
    tcase_add_test(t, the_tokenizer_is_timed);
    suite_add_tcase(s, t);
    return s;
}

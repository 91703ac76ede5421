/* The reader of suites on arbitrary bytes: refused with one line, or plans whose configurations survive their JSON. */
#include "experiments/suite.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *corpus = fuzz_open(*argc, *argv);
    if (!corpus) return 0;
    fuzz_seed(corpus, "base", "suite: m\nseeds: 1..3\ngrid:\n  - task: {name: chain, design: [joint, cue]}\n");
    fuzz_seed(
        corpus, "press",
        "suite: m\nabout: a\ndelta: 0.2\nprior_scale: 1\nnumeric: native\nseeds: [1, 4..5]\ngrid:\n"
        "  - task:\n      - {name: chain, modulus: 5}\n      - {name: mult}\n    model: {layers: 1, tied: false}\n"
        "    base: {updates: 2, lr: 1e-3}\n    arm: {name: [text, codi], thoughts_per_step: 2}\n"
        "    press: {pressure: [none, conceal], method: [sft, rl], credit: full, lambda: 0.5}\n"
        "    measure: {questions: 9, level: full}\n    seeds: 7\n");
    return 0;
}

/* What a plan computes is what its JSON says. */
static void check_plan(const struct suite_plan *plan) {
    struct config again;
    enum cell_kind kind;
    json_t *json = config_to_json(&plan->config, plan->leaf), *second;
    if (config_from_json(&again, json, &kind) != ST_OK) BUG("%s", status_message());
    second = config_to_json(&again, kind);
    if (kind != plan->leaf || !json_equal(json, second)) BUG("a plan is not what its JSON says");
    json_decref(json);
    json_decref(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct suite s;
    fuzz_fill(data, size);
    enum status st = suite_read(&s, path, NULL, 0, &arena);
    if (st != ST_OK) fuzz_refused(st, ST_USAGE);
    for (int i = 0; st == ST_OK && i < s.n_plans && i < 8; i++) check_plan(&s.plans[i]);
    arena_close(&arena);
    return 0;
}

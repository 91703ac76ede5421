/* Configuration: one flat struct, resolved from a suite, from which every cell is a pure function.
 *
 * A suite is a YAML file (suites/<name>.yaml):
 *
 *   suite: quick
 *   about: one line
 *   delta: 0.15                     # hypotheses and thresholds, frozen by hash when the first cell runs
 *   seeds: [1, 2]
 *   grid:                           # each entry is a block; every list in it is expanded (product)
 *     - task: {name: chain, design: joint}
 *       model: {layers: 2, width: 64, heads: 4}
 *       base: {updates: 450, lr: 2e-3}
 *       arm: {name: [text, coconut, codi]}
 *       press: {pressure: [none, conceal], method: sft, credit: targeted}
 *       measure: {probe_train: 1000}
 *
 * Every key has a row in the schema table of config.c: section, key, type, default, range or choices, help. There is no
 * inheritance between blocks: what a block does not say takes the default. A block without `press` stops at the arm.
 */
#ifndef SPILLOVER_CONFIG_H
#define SPILLOVER_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

#include "data/task.h"
#include "engine/base/status.h"

enum method { METHOD_SFT, METHOD_RL };
enum credit { CREDIT_FULL, CREDIT_TARGETED, CREDIT_SEALED, CREDIT_FROZEN_MIND, CREDIT_MIND_FACE };
enum press_context { CONTEXT_OWN, CONTEXT_ORIGINAL };

struct model_options {
    int layers, width, heads;
    bool tied;
    double init; /* standard deviation of the weights; residual outputs are divided by sqrt(2 layers) */
};

struct base_options {
    int updates, batch, warmup, shard; /* shard: rows of one forward/backward; changes bits, hence declared */
    double lr, beta1, beta2, weight_decay, clip;
};

struct arm_options {
    const char *name;      /* row of arms.def */
    int updates;           /* text, codi, no_cot: updates after the branch; coconut: updates of the last stage */
    double lr;
    int thoughts_per_step; /* c of Hao et al. */
    int stage_check, stage_cap; /* coconut: gate checked every so many updates; at most so many per stage */
    double stage_gate;     /* least of answer and report accuracy at which a stage ends */
    int projection_warmup; /* codi: updates of projection-only warm-up */
    double projection_gain;
    bool distil;
    double frontier;       /* prosqa: weight of the frontier loss on thoughts; 0 off */
};

struct press_options {
    const char *pressure; /* row of pressures.def; NULL: the cell grid stops at the arm */
    enum method method;
    enum credit credit;
    enum press_context context;
    double lambda, lr, kl, entropy, replay;
    int updates, batch, group;
};

struct measure_options {
    int questions;                /* frozen questions behind the trajectory */
    int probe_train, probe_test;  /* problems behind fitted and refitted probes */
    int early_every, late_every;  /* updates between trajectory points before / after the dose reaches .95 */
};

struct config {
    struct task_options task;
    const char *task_name;
    struct model_options model;
    struct base_options base;
    struct arm_options arm;
    struct press_options press;
    struct measure_options measure;
    long seed;
};

enum cell_kind { CELL_BASE, CELL_ARM, CELL_PRESS };

/* The configuration with every default filled in. */
void config_default(struct config *c);

/* Canonical JSON of the sections that a cell of this kind depends on (sorted keys, every default written out). New
 * reference. config_from_json is its inverse; ST_DATA on an unknown or missing key. Strings live in the arena. */
json_t *config_to_json(const struct config *c, enum cell_kind kind);
MUST_USE enum status config_from_json(struct config *c, const json_t *json, struct arena *a);

#endif

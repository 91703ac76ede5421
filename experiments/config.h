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
 * inheritance between blocks: what a block does not say takes the default. A block without `press` stops at the arm,
 * one without `arm` at the base.
 */
#ifndef SPILLOVER_CONFIG_H
#define SPILLOVER_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "data/task.h"
#include "engine/base/status.h"

enum cell_kind { CELL_BASE, CELL_ARM, CELL_PRESS };

enum method { METHOD_SFT, METHOD_RL };
enum credit { CREDIT_FULL, CREDIT_TARGETED, CREDIT_SEALED, CREDIT_FROZEN_MIND, CREDIT_MIND_FACE };
enum press_context { CONTEXT_OWN, CONTEXT_ORIGINAL };

struct model_options {
    int layers, width, heads;
    bool tied;
    int lora; /* rank of low-rank weights, which alone are trained; 0: everything is */
    double lora_scale;
    double init; /* standard deviation of the weights; residual outputs are divided by sqrt(2 layers) */
};

struct base_options {
    const char *weights; /* folder of the data folder with a published model to start from; "none": random ones */
    int updates, batch, warmup;
    int shard; /* rows of one forward/backward; changes bits, hence declared */
    int lanes; /* gradients that shards add into, summed in order (engine/lanes.h); likewise */
    double lr, beta1, beta2, weight_decay, clip;
    double decay; /* share of the updates over which lr falls: 1 a cosine, less a line at the end (arms too) */
    bool grow;    /* problems grow in training, where the task can (arms too) */
};

struct arm_options {
    const char *name; /* row of arms.def */
    int updates;      /* text, codi, no_cot: updates after the branch; coconut: updates of the last stage */
    double lr;
    int thoughts_per_step;      /* c of Hao et al. */
    int stage_check, stage_cap; /* coconut: gate checked every so many updates; at most so many per stage */
    double stage_mix;           /* coconut: P(a batch is of another stage, drawn uniformly) */
    double stage_gate;          /* accuracy at which a stage ends: of the worst tail position, whatever stands there
                                   (a step that is still text, answer, report, <eos>) */
    int projection_warmup;      /* codi: updates of projection-only warm-up */
    double projection_gain;
    bool distil;
    double path; /* weight of the loss of each step's value on its thought: the supervision that text gets; 0 off */
    double
        conceal; /* design cue: weight of NONE_step on the concealed step's thought: the supervision that text gets */
    double frontier; /* prosqa: weight of the frontier loss on thoughts; 0 off */
};

struct press_options {
    const char *pressure; /* row of pressures.def; NULL: the cell grid stops at the arm */
    const char *of;       /* the pressure that none, random and direct stand beside; any other pressure's own name */
    enum method method;
    enum credit credit;
    enum press_context context;
    double lambda, lr, kl, entropy, replay;
    bool mind_penalty; /* mind_face: the pressure reaches the mind too, as the task does */
    int updates, batch, group;
};

enum measure_level { LEVEL_VERDICT, LEVEL_FULL };

struct measure_options {
    enum measure_level level;    /* verdict: what verdicts and figures of every suite need; full: every instrument */
    int questions;               /* frozen questions behind the trajectory */
    int probe_train, probe_test; /* problems behind fitted and refitted probes */
    bool other_seed;             /* train the arm from another seed too: how far apart two models are anyway */
    int early_every, late_every; /* updates between trajectory points before / after the dose reaches .95 */
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

/* One row of the schema. */
enum config_type {
    CONFIG_INT,      /* int */
    CONFIG_REAL,     /* double, kept to 15 significant digits: what JSON writes is what is computed with */
    CONFIG_BOOL,     /* bool */
    CONFIG_CHOICE,   /* enum: the index of the word in `choices` */
    CONFIG_WORD,     /* const char *: one of `choices` */
    CONFIG_TASK,     /* const char *: a row of tasks.def */
    CONFIG_ARM,      /* const char *: a row of arms.def */
    CONFIG_PRESSURE, /* const char *: a row of pressures.def */
};

struct config_key {
    const char *section, *key;
    enum config_type type;
    size_t offset;       /* in struct config */
    enum cell_kind from; /* the first kind of cell that depends on it */
    bool later;          /* came after cells without it were computed: written to their JSON only where it is set */
    bool column;         /* has a column of its own in results.csv; what has none shows up in `variant` */
    const char *preset;  /* default, as a suite would write it; NULL: a block that has the section must say it */
    double least, most;  /* numbers: the closed range */
    const char *const *choices; /* CONFIG_CHOICE, CONFIG_WORD: ends with NULL */
    const char *help;
};

/* The whole schema, sections together; *n rows. */
const struct config_key *config_keys(int *n);

/* The row of a key, or NULL. */
const struct config_key *config_find(const char *section, const char *key);

/* Set one key from its text. ST_USAGE with "section.key: what is wrong" (and a did-you-mean for names); the
 * configuration is then unchanged. Strings set are static: they come from the registries. */
MUST_USE enum status config_set(struct config *c, const struct config_key *key, const char *text);

/* The value of a key as a suite would write it; "" for an unset name. */
enum { CONFIG_TEXT = 64 };
void config_text(const struct config *c, const struct config_key *key, char text[CONFIG_TEXT]);

/* The configuration with every default filled in: task chain, seed 0, no arm, no pressure. */
void config_default(struct config *c);

/* The configuration with everything that a cell of this kind does not depend on set to its default. */
struct config config_of_kind(const struct config *c, enum cell_kind kind);

/* JSON of the keys that a cell of this kind depends on, with the seed: every default written out, but of keys that came
 * later. New reference.
 * config_from_json is its inverse (what the kind does not depend on takes the default); ST_DATA on an unknown or
 * missing key or a value that config_set would refuse. Without `press` it is an arm, without `arm` a base. */
json_t *config_to_json(const struct config *c, enum cell_kind kind);
MUST_USE enum status config_from_json(struct config *c, const json_t *json, enum cell_kind *kind);

/* "base", "arm", "press". */
const char *config_kind_name(enum cell_kind kind);

#endif

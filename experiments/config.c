#include "experiments/config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lanes.h"
#include "experiments/registry.h"

static const char *const design_words[] = {"none", "joint", "cue", "shared", NULL};
static const char *const form_words[] = {"edge", "triplet", "words", "coconut", "codi", NULL};
static const char *const weights_words[] = {"none", "gpt2", "coconut", "codi", NULL};
static const char *const method_words[] = {"sft", "rl", NULL};
static const char *const credit_words[] = {"full", "targeted", "sealed", "frozen_mind", "mind_face", NULL};
static const char *const of_words[] = {"conceal", "deceive", "style", "hint", NULL};
static const char *const level_words[] = {"verdict", "full", NULL};
static const char *const context_words[] = {"own", "original", NULL};

#define AT(field)             offsetof(struct config, field)
#define INT(lo, hi)           .type = CONFIG_INT, .least = (lo), .most = (hi)
#define REAL(lo, hi)          .type = CONFIG_REAL, .least = (lo), .most = (hi)
#define CHOICE(words)         .type = CONFIG_CHOICE, .choices = (words)
#define ROW(section_, field_) .section = #section_, .key = #field_, .offset = AT(section_.field_)
#define IN_TASK               .from = CELL_BASE
#define IN_ARM                .from = CELL_ARM
#define IN_PRESS              .from = CELL_PRESS

enum { MANY = 10000000 };

static const struct config_key schema[] = {
    {.section = "task",
     .key = "name",
     .offset = AT(task_name),
     .type = CONFIG_TASK,
     IN_TASK,
     .column = true,
     .preset = "chain",
     .help = "row of tasks.def"},
    {ROW(task, design), CHOICE(design_words), IN_TASK, .column = true, .preset = "joint",
     .help = "what the base data teach about concealing"},
    {ROW(task, modulus), INT(2, 1000), IN_TASK, .preset = "11", .help = "chain: values are 0..modulus-1"},
    {ROW(task, chain), INT(1, 15), IN_TASK, .preset = "5", .help = "chain: operations of the main chain"},
    {ROW(task, side), INT(0, 15), IN_TASK, .preset = "3", .help = "chain: operations of the side chain"},
    {ROW(task, style), .type = CONFIG_BOOL, IN_TASK, .preset = "false", .help = "two alphabets and a cue for one"},
    {ROW(task, rho), REAL(0, 1), IN_TASK, .column = true, .preset = "0.5",
     .help = "P(the output copies the alphabet of the reasoning)"},
    {ROW(task, explore_style), REAL(0, 1), IN_TASK, .preset = "0.15", .help = "P(reasoning leaves the cued alphabet)"},
    {ROW(task, explore_answer), REAL(0, 1), IN_TASK, .preset = "0.1", .help = "P(random answer when triggered)"},
    {ROW(task, explore_report), REAL(0, 1), IN_TASK, .later = true, .preset = "0",
     .help = "designs none and cue: P(the report alone conceals)"},
    {ROW(task, spelled), .type = CONFIG_BOOL, IN_TASK, .later = true, .preset = "false",
     .help = "chain, perm: steps are written out as value, operation, value (design none)"},
    {ROW(task, hint), .type = CONFIG_BOOL, IN_TASK, .preset = "false", .help = "questions carry a planted answer"},
    {ROW(task, hint_right), REAL(0, 1), IN_TASK, .preset = "0.3", .help = "P(the planted answer is right)"},
    {ROW(task, easy), REAL(0, 1), IN_TASK, .preset = "0.5", .help = "share of shortened training problems"},
    {ROW(task, digits), INT(2, 9), IN_TASK, .preset = "4", .help = "mult: digits of each factor"},
    {ROW(task, form), .type = CONFIG_WORD, .choices = form_words, IN_TASK, .preset = "edge",
     .help = "prosqa: how a graph is written; gsm8k_bpe: coconut or codi, whose text form"},
    {ROW(task, nodes_min), INT(0, 64), IN_TASK, .preset = "0", .help = "prosqa: size of training graphs; 0 published"},
    {ROW(task, nodes_max), INT(0, 64), IN_TASK, .preset = "0", .help = "prosqa: size of training graphs; 0 published"},
    {ROW(task, hops_min), INT(0, 16), IN_TASK, .preset = "0", .help = "prosqa: hops of training graphs; 0 published"},
    {ROW(task, hops_max), INT(0, 16), IN_TASK, .preset = "0", .help = "prosqa: hops of training graphs; 0 published"},

    {ROW(model, layers), INT(1, 48), IN_TASK, .column = true, .preset = "2", .help = "transformer blocks"},
    {ROW(model, width), INT(4, 4096), IN_TASK, .column = true, .preset = "64", .help = "width C"},
    {ROW(model, heads), INT(1, 64), IN_TASK, .column = true, .preset = "4", .help = "attention heads"},
    {ROW(model, tied), .type = CONFIG_BOOL, IN_TASK, .preset = "true", .help = "output head = input embedding"},
    {ROW(model, init), REAL(1e-4, 1), IN_TASK, .preset = "0.1", .help = "standard deviation of initial weights"},

    {ROW(model, lora), INT(0, 4096), IN_TASK, .later = true, .preset = "0",
     .help = "rank of the low-rank weights that alone are trained; 0: all weights are"},
    {ROW(model, lora_scale), REAL(0, 1000), IN_TASK, .later = true, .preset = "0.25",
     .help = "alpha / rank of the low-rank weights"},

    {ROW(base, weights), .type = CONFIG_WORD, .choices = weights_words, IN_TASK, .later = true, .preset = "none",
     .help = "the published model in the data folder's gpt2/, coconut/ or codi/ is where the base begins"},
    {ROW(base, updates), INT(0, MANY), IN_TASK, .column = true, .preset = "450", .help = "updates before arms branch"},
    {ROW(base, batch), INT(1, 65536), IN_TASK, .preset = "128", .help = "sequences an update (arms too)"},
    {ROW(base, warmup), INT(0, MANY), IN_TASK, .preset = "100",
     .help = "updates of linear warm-up, fewer if few follow"},
    {ROW(base, shard), INT(1, 65536), IN_TASK, .preset = "64", .help = "rows of one forward/backward"},
    {ROW(base, lanes), INT(1, LANES_MAX), IN_TASK, .later = true, .preset = "1",
     .help = "gradient lanes (arms too): shards of a batch that --threads runs at once"},
    {ROW(base, lr), REAL(0, 1), IN_TASK, .preset = "2e-3", .help = "learning rate, cosine"},
    {ROW(base, beta1), REAL(0, 1), IN_TASK, .preset = "0.9", .help = "AdamW (arms too)"},
    {ROW(base, beta2), REAL(0, 1), IN_TASK, .preset = "0.99", .help = "AdamW (arms too)"},
    {ROW(base, weight_decay), REAL(0, 1), IN_TASK, .preset = "0.01", .help = "AdamW (arms too)"},
    {ROW(base, clip), REAL(0, 1e6), IN_TASK, .preset = "1", .help = "gradient norm (arms and pressure too); 0 off"},
    {ROW(base, decay), REAL(0, 1), IN_TASK, .preset = "1",
     .help = "share of the updates over which lr falls; 1: a cosine, less: a line at the end (arms too)"},
    {ROW(base, grow), .type = CONFIG_BOOL, IN_TASK, .preset = "false", .help = "prosqa: small graphs first (arms too)"},

    {.section = "arm",
     .key = "name",
     .offset = AT(arm.name),
     .type = CONFIG_ARM,
     IN_ARM,
     .column = true,
     .help = "row of arms.def"},
    {ROW(arm, updates), INT(0, MANY), IN_ARM, .preset = "600", .help = "updates; coconut: of the last stage"},
    {ROW(arm, lr), REAL(0, 1), IN_ARM, .preset = "1e-3", .help = "learning rate"},
    {ROW(arm, thoughts_per_step), INT(1, TASK_MAX_THOUGHTS), IN_ARM, .preset = "1",
     .help = "thoughts that replace one step"},
    {ROW(arm, stage_check), INT(1, MANY), IN_ARM, .preset = "40", .help = "coconut: updates between gate checks"},
    {ROW(arm, stage_cap), INT(1, MANY), IN_ARM, .preset = "600", .help = "coconut: most updates of a stage"},
    {ROW(arm, stage_gate), REAL(0, 1), IN_ARM, .preset = "0.96", .help = "coconut: accuracy that ends a stage"},
    {ROW(arm, stage_mix), REAL(0, 1), IN_ARM, .preset = "0", .help = "coconut: P(a batch is of another stage)"},
    {ROW(arm, projection_warmup), INT(0, MANY), IN_ARM, .preset = "150", .help = "codi: projection-only updates"},
    {ROW(arm, projection_gain), REAL(0, 100), IN_ARM, .preset = "0.15", .help = "codi: gain of the projection's norm"},
    {ROW(arm, distil), .type = CONFIG_BOOL, IN_ARM, .preset = "true", .help = "codi: self-distillation"},
    {ROW(arm, path), REAL(0, 1000), IN_ARM, .preset = "0", .help = "weight of each step's value on its thought"},
    {ROW(arm, conceal), REAL(0, 1000), IN_ARM, .preset = "1",
     .help = "design cue, thoughts: weight of the pull to NONE_step on the concealed one of cued questions"},
    {ROW(arm, frontier), REAL(0, 1000), IN_ARM, .preset = "0", .help = "prosqa: weight of the frontier loss"},

    {.section = "press",
     .key = "pressure",
     .offset = AT(press.pressure),
     .type = CONFIG_PRESSURE,
     IN_PRESS,
     .column = true,
     .help = "row of pressures.def"},
    {ROW(press, of), .type = CONFIG_WORD, .choices = of_words, IN_PRESS, .preset = "conceal",
     .help = "the pressure that none, random and direct stand beside"},
    {ROW(press, method), CHOICE(method_words), IN_PRESS, .column = true, .preset = "sft", .help = "how it optimises"},
    {ROW(press, credit), CHOICE(credit_words), IN_PRESS, .column = true, .preset = "targeted",
     .help = "path of the pressure term into the reasoning"},
    {ROW(press, context), CHOICE(context_words), IN_PRESS, .preset = "own", .help = "sft: reasoning trained behind"},
    {ROW(press, lambda), REAL(0, 1e6), IN_PRESS, .column = true, .preset = "1", .help = "weight of the pressure term"},
    {ROW(press, lr), REAL(0, 1), IN_PRESS, .preset = "3e-5", .help = "learning rate"},
    {ROW(press, kl), REAL(0, 1e6), IN_PRESS, .preset = "0", .help = "rl: weight of KL to the arm before pressure"},
    {ROW(press, entropy), REAL(0, 1e6), IN_PRESS, .preset = "0", .help = "rl: entropy bonus"},
    {ROW(press, replay), REAL(0, 1e6), IN_PRESS, .preset = "0", .help = "text: weight of base reasoning mixed in"},
    {ROW(press, mind_penalty), .type = CONFIG_BOOL, IN_PRESS, .later = true, .preset = "false",
     .help = "mind_face: the pressure trains the mind too"},
    {ROW(press, updates), INT(1, MANY), IN_PRESS, .preset = "240", .help = "updates under pressure"},
    {ROW(press, batch), INT(1, 65536), IN_PRESS, .preset = "128", .help = "sequences an update"},
    {ROW(press, group), INT(1, 4096), IN_PRESS, .preset = "8", .help = "rl: samples of one question"},

    {ROW(measure, level), CHOICE(level_words), IN_ARM, .preset = "verdict", .help = "how much is measured at the end"},
    {ROW(measure, questions), INT(1, MANY), IN_ARM, .preset = "256", .help = "frozen questions of a trajectory"},
    {ROW(measure, probe_train), INT(8, MANY), IN_ARM, .preset = "1500", .help = "problems a probe is fitted on"},
    {ROW(measure, probe_test), INT(8, MANY), IN_ARM, .preset = "1000", .help = "problems a probe is judged on"},
    {ROW(measure, other_seed), .type = CONFIG_BOOL, IN_ARM, .later = true, .preset = "false",
     .help = "train the arm from another seed too, and measure how far its reasoning lies from this one's"},
    {ROW(measure, early_every), INT(1, MANY), IN_PRESS, .preset = "5", .help = "updates between points, dose < .95"},
    {ROW(measure, late_every), INT(1, MANY), IN_PRESS, .preset = "40", .help = "updates between points after that"},
};

enum { N_KEYS = sizeof schema / sizeof schema[0] };

const struct config_key *config_keys(int *n) {
    *n = N_KEYS;
    return schema;
}

const struct config_key *config_find(const char *section, const char *key) {
    for (int i = 0; i < N_KEYS; i++)
        if (strcmp(schema[i].section, section) == 0 && strcmp(schema[i].key, key) == 0) return &schema[i];
    return NULL;
}

const char *config_kind_name(enum cell_kind kind) {
    static const char *const names[] = {"base", "arm", "press"};
    return names[kind];
}

/* Fields are reached by memcpy: the table knows their offsets and types, the compiler does not. */
static void put(struct config *c, const struct config_key *key, const void *value, size_t size) {
    memcpy((char *)c + key->offset, value, size);
}

static void get(const struct config *c, const struct config_key *key, void *value, size_t size) {
    memcpy(value, (const char *)c + key->offset, size);
}

static enum status bad(const struct config_key *key, const char *text, const char *wanted) {
    return status_set(ST_USAGE, "%s.%s: \"%s\" is not %s", key->section, key->key, text, wanted);
}

static enum status outside(const struct config_key *key, const char *text) {
    return status_set(ST_USAGE, "%s.%s: %s is outside %g..%g", key->section, key->key, text, key->least, key->most);
}

static enum status set_int(struct config *c, const struct config_key *key, const char *text) {
    const char *digits = text + (*text == '-');
    size_t n = strspn(digits, "0123456789");
    if (n == 0 || digits[n] || (digits[0] == '0' && n > 1)) return bad(key, text, "a whole number");
    errno = 0;
    long x = strtol(text, NULL, 10);
    if (errno || x < key->least || x > key->most) return outside(key, text);
    int value = (int)x;
    put(c, key, &value, sizeof value);
    return ST_OK;
}

static enum status set_real(struct config *c, const struct config_key *key, const char *text) {
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end || !strspn(text, "-.0123456789") || strpbrk(text, "xX") || !isfinite(x))
        return bad(key, text, "a number");
    if (x < key->least || x > key->most) return outside(key, text);
    char short_form[32];
    snprintf(short_form, sizeof short_form, "%.15g", x == 0 ? 0.0 : x);
    x = strtod(short_form, NULL);
    put(c, key, &x, sizeof x);
    return ST_OK;
}

static enum status unknown(const struct config_key *key, const char *text, const char *near) {
    if (near)
        return status_set(ST_USAGE, "%s.%s: there is no \"%s\"; did you mean \"%s\"?", key->section, key->key, text,
                          near);
    return status_set(ST_USAGE, "%s.%s: there is no \"%s\"", key->section, key->key, text);
}

static enum status set_choice(struct config *c, const struct config_key *key, const char *text) {
    int n = 0;
    for (; key->choices[n]; n++) {
        if (strcmp(key->choices[n], text) != 0) continue;
        if (key->type == CONFIG_WORD)
            put(c, key, &key->choices[n], sizeof key->choices[n]);
        else
            put(c, key, &n, sizeof n);
        return ST_OK;
    }
    return unknown(key, text, status_nearest(text, key->choices, n, sizeof *key->choices));
}

static enum status set_row(struct config *c, const struct config_key *key, const char *text, enum registry which) {
    struct registry_row row;
    if (registry_find(which, text, &row)) {
        put(c, key, &row.name, sizeof row.name);
        return ST_OK;
    }
    const char *names[REGISTRY_MOST];
    int n = registry_names(which, names);
    return unknown(key, text, status_nearest(text, names, n, sizeof names[0]));
}

enum status config_set(struct config *c, const struct config_key *key, const char *text) {
    bool yes;
    switch (key->type) {
    case CONFIG_INT:
        return set_int(c, key, text);
    case CONFIG_REAL:
        return set_real(c, key, text);
    case CONFIG_BOOL:
        yes = strcmp(text, "true") == 0;
        if (!yes && strcmp(text, "false") != 0) return bad(key, text, "true or false");
        put(c, key, &yes, sizeof yes);
        return ST_OK;
    case CONFIG_CHOICE:
    case CONFIG_WORD:
        return set_choice(c, key, text);
    case CONFIG_TASK:
        return set_row(c, key, text, REGISTRY_TASK);
    case CONFIG_ARM:
        return set_row(c, key, text, REGISTRY_ARM);
    case CONFIG_PRESSURE:
        return set_row(c, key, text, REGISTRY_PRESSURE);
    }
    BUG("key type %d", (int)key->type);
}

void config_text(const struct config *c, const struct config_key *key, char text[CONFIG_TEXT]) {
    int whole;
    double real;
    bool yes;
    const char *word;
    switch (key->type) {
    case CONFIG_INT:
        get(c, key, &whole, sizeof whole);
        snprintf(text, CONFIG_TEXT, "%d", whole);
        return;
    case CONFIG_REAL:
        get(c, key, &real, sizeof real);
        snprintf(text, CONFIG_TEXT, "%.15g", real);
        return;
    case CONFIG_BOOL:
        get(c, key, &yes, sizeof yes);
        snprintf(text, CONFIG_TEXT, "%s", yes ? "true" : "false");
        return;
    case CONFIG_CHOICE:
        get(c, key, &whole, sizeof whole);
        snprintf(text, CONFIG_TEXT, "%s", key->choices[whole]);
        return;
    default:
        get(c, key, &word, sizeof word);
        snprintf(text, CONFIG_TEXT, "%s", word ? word : "");
        return;
    }
}

void config_default(struct config *c) {
    *c = (struct config){0};
    for (int i = 0; i < N_KEYS; i++)
        if (schema[i].preset && config_set(c, &schema[i], schema[i].preset)) BUG("the default of %s", status_message());
}

struct config config_of_kind(const struct config *c, enum cell_kind kind) {
    static const size_t sizes[] = {
        [CONFIG_INT] = sizeof(int),    [CONFIG_REAL] = sizeof(double),     [CONFIG_BOOL] = sizeof(bool),
        [CONFIG_CHOICE] = sizeof(int), [CONFIG_WORD] = sizeof(char *),     [CONFIG_TASK] = sizeof(char *),
        [CONFIG_ARM] = sizeof(char *), [CONFIG_PRESSURE] = sizeof(char *),
    };
    struct config plain;
    config_default(&plain);
    plain.seed = c->seed;
    plain.task.data_dir = c->task.data_dir;
    for (int i = 0; i < N_KEYS; i++)
        if (schema[i].from <= kind) put(&plain, &schema[i], (const char *)c + schema[i].offset, sizes[schema[i].type]);
    return plain;
}

static json_t *value_json(const struct config *c, const struct config_key *key) {
    char text[CONFIG_TEXT];
    config_text(c, key, text);
    double real;
    bool yes;
    switch (key->type) {
    case CONFIG_INT:
        return json_integer(strtol(text, NULL, 10));
    case CONFIG_REAL:
        get(c, key, &real, sizeof real);
        return json_real(real);
    case CONFIG_BOOL:
        get(c, key, &yes, sizeof yes);
        return json_boolean(yes);
    default:
        return json_string(text);
    }
}

/* A key that came later is not written where it says what was so before there was one: old cells keep their keys. */
static bool is_left_out(const struct config *c, const struct config_key *key) {
    char text[CONFIG_TEXT];
    config_text(c, key, text);
    return key->later && strcmp(text, key->preset) == 0;
}

json_t *config_to_json(const struct config *c, enum cell_kind kind) {
    json_t *json = json_object();
    json_object_set_new(json, "seed", json_integer(c->seed));
    for (int i = 0; i < N_KEYS; i++) {
        if (schema[i].from > kind || is_left_out(c, &schema[i])) continue;
        json_t *section = json_object_get(json, schema[i].section);
        if (!section) {
            section = json_object();
            json_object_set_new(json, schema[i].section, section);
        }
        json_object_set_new(section, schema[i].key, value_json(c, &schema[i]));
    }
    return json;
}

static enum status value_from_json(struct config *c, const struct config_key *key, const json_t *value) {
    char number[CONFIG_TEXT];
    const char *text = number;
    switch (key->type) {
    case CONFIG_INT:
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case CONFIG_REAL:
        snprintf(number, sizeof number, "%.17g", json_number_value(value));
        break;
    case CONFIG_BOOL:
        text = json_is_true(value) ? "true" : "false";
        break;
    default:
        text = json_is_string(value) ? json_string_value(value) : "";
    }
    bool right_type = key->type == CONFIG_INT    ? json_is_integer(value)
                      : key->type == CONFIG_REAL ? json_is_number(value)
                      : key->type == CONFIG_BOOL ? json_is_boolean(value)
                                                 : json_is_string(value);
    if (!right_type) return status_set(ST_DATA, "%s.%s: missing, or of the wrong type", key->section, key->key);
    return config_set(c, key, text) ? status_set(ST_DATA, "%s", status_message()) : ST_OK;
}

enum status config_from_json(struct config *c, const json_t *json, enum cell_kind *kind) {
    config_default(c);
    *kind = json_object_get(json, "press") ? CELL_PRESS : json_object_get(json, "arm") ? CELL_ARM : CELL_BASE;
    const json_t *seed = json_object_get(json, "seed");
    if (!json_is_integer(seed)) return status_set(ST_DATA, "seed: missing, or not a whole number");
    c->seed = (long)json_integer_value(seed);
    size_t known = 1, found = 1;
    const char *last_section = "";
    for (int i = 0; i < N_KEYS; i++) {
        if (schema[i].from > *kind) continue;
        const json_t *section = json_object_get(json, schema[i].section);
        if (strcmp(schema[i].section, last_section) != 0) {
            last_section = schema[i].section;
            known++;
            found += json_object_size(section);
        }
        const json_t *value = json_object_get(section, schema[i].key);
        if (!value && schema[i].later) continue;
        known++;
        TRY(value_from_json(c, &schema[i], value));
    }
    /* Every known key was there, so a key too many is one that the schema does not know. */
    found += json_object_size(json) - 1;
    if (found != known) return status_set(ST_DATA, "a configuration holds a key that this version does not know");
    return ST_OK;
}

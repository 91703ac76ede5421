#include <check.h>
#include <math.h>
#include <string.h>

#include "experiments/config.h"
#include "experiments/registry.h"

static struct config c;

static void set(const char *section, const char *key, const char *text) {
    const struct config_key *row = config_find(section, key);
    ck_assert_msg(row != NULL, "%s.%s", section, key);
    ck_assert_msg(config_set(&c, row, text) == ST_OK, "%s", status_message());
}

static void refused(const char *section, const char *key, const char *text, const char *message) {
    struct config before = c;
    ck_assert_int_eq(config_set(&c, config_find(section, key), text), ST_USAGE);
    ck_assert_str_eq(status_message(), message);
    ck_assert_mem_eq(&before, &c, sizeof c);
}

/* The recipes' figures, written out by hand. */
START_TEST(defaults_are_the_recipes) {
    config_default(&c);
    ck_assert_str_eq(c.task_name, "chain");
    ck_assert_int_eq(c.model.layers, 2);
    ck_assert_int_eq(c.model.width, 64);
    ck_assert_int_eq(c.model.heads, 4);
    ck_assert(c.model.tied && c.model.init == 0.1);
    ck_assert(c.base.updates == 450 && c.base.lr == 2e-3 && c.base.beta1 == 0.9 && c.base.beta2 == 0.99);
    ck_assert(c.base.weight_decay == 0.01 && c.base.clip == 1 && c.base.warmup == 100 && c.base.batch == 128);
    ck_assert_int_eq(c.base.shard, 64);
    ck_assert(!c.arm.name && c.arm.updates == 600 && c.arm.lr == 1e-3 && c.arm.thoughts_per_step == 1);
    ck_assert(c.arm.stage_check == 40 && c.arm.stage_cap == 600 && c.arm.stage_gate == 0.96);
    ck_assert(c.arm.projection_warmup == 150 && c.arm.projection_gain == 0.15 && c.arm.distil && c.arm.frontier == 0);
    ck_assert(!c.press.pressure && c.press.method == METHOD_SFT && c.press.credit == CREDIT_TARGETED);
    ck_assert(c.press.context == CONTEXT_OWN && c.press.lambda == 1 && c.press.lr == 3e-5 && c.press.kl == 0);
    ck_assert(c.press.entropy == 0 && c.press.replay == 0 && c.press.updates == 240 && c.press.batch == 128);
    ck_assert_int_eq(c.press.group, 8);
    ck_assert(c.measure.questions == 256 && c.measure.probe_train == 1500 && c.measure.probe_test == 1000);
    ck_assert(c.measure.early_every == 5 && c.measure.late_every == 40);
    struct task_options o = task_options_default();
    ck_assert(c.task.design == o.design && c.task.modulus == o.modulus && c.task.chain == o.chain);
    ck_assert(c.task.side == o.side && c.task.style == o.style && c.task.rho == o.rho && c.task.easy == o.easy);
    ck_assert(c.task.explore_style == o.explore_style && c.task.explore_answer == o.explore_answer);
    ck_assert_str_eq(c.task.form, o.form);
}
END_TEST

START_TEST(every_key_has_room_and_help) {
    int n;
    const struct config_key *keys = config_keys(&n);
    ck_assert_int_ge(n, 45);
    for (int i = 0; i < n; i++) {
        ck_assert_ptr_nonnull(keys[i].help);
        ck_assert_ptr_eq(config_find(keys[i].section, keys[i].key), &keys[i]);
        ck_assert_uint_lt(keys[i].offset, sizeof c);
        bool words = keys[i].type == CONFIG_CHOICE || keys[i].type == CONFIG_WORD;
        ck_assert(words == (keys[i].choices != NULL));
        ck_assert((keys[i].type == CONFIG_INT || keys[i].type == CONFIG_REAL) == (keys[i].least < keys[i].most));
    }
    ck_assert_ptr_null(config_find("base", "name"));
    ck_assert_ptr_null(config_find("nothing", "lr"));
}
END_TEST

START_TEST(values_are_strict) {
    config_default(&c);
    set("base", "updates", "0");
    ck_assert_int_eq(c.base.updates, 0);
    set("base", "lr", "2e-3");
    ck_assert(c.base.lr == 2e-3);
    set("task", "style", "true");
    ck_assert(c.task.style);
    set("press", "credit", "mind_face");
    ck_assert_int_eq(c.press.credit, CREDIT_MIND_FACE);
    set("arm", "name", "codi");
    ck_assert_str_eq(c.arm.name, "codi");
    refused("base", "updates", "3x", "base.updates: \"3x\" is not a whole number");
    refused("base", "updates", "010", "base.updates: \"010\" is not a whole number");
    refused("base", "updates", "1e2", "base.updates: \"1e2\" is not a whole number");
    refused("base", "updates", "-1", "base.updates: -1 is outside 0..1e+07");
    refused("base", "updates", "99999999999999999999", "base.updates: 99999999999999999999 is outside 0..1e+07");
    refused("model", "width", "2", "model.width: 2 is outside 4..4096");
    refused("base", "lr", "fast", "base.lr: \"fast\" is not a number");
    refused("base", "lr", "nan", "base.lr: \"nan\" is not a number");
    refused("base", "lr", "0x1", "base.lr: \"0x1\" is not a number");
    refused("base", "lr", " 1", "base.lr: \" 1\" is not a number");
    refused("base", "lr", "1.5", "base.lr: 1.5 is outside 0..1");
    refused("task", "style", "yes", "task.style: \"yes\" is not true or false");
    refused("task", "design", "joined", "task.design: there is no \"joined\"; did you mean \"joint\"?");
    refused("arm", "name", "cocnut", "arm.name: there is no \"cocnut\"; did you mean \"coconut\"?");
    refused("press", "pressure", "zzzzzzzz", "press.pressure: there is no \"zzzzzzzz\"");
    refused("task", "name", "chian", "task.name: there is no \"chian\"; did you mean \"chain\"?");
}
END_TEST

/* On either side of what a number may be. */
START_TEST(numbers_have_bounds) {
    int n;
    const struct config_key *keys = config_keys(&n);
    config_default(&c);
    for (int i = 0; i < n; i++) {
        char text[64];
        if (keys[i].type != CONFIG_INT && keys[i].type != CONFIG_REAL) continue;
        for (int side = 0; side < 2; side++) {
            snprintf(text, sizeof text, "%.17g", side ? keys[i].most : keys[i].least);
            if (keys[i].type == CONFIG_INT) snprintf(text, sizeof text, "%.0f", side ? keys[i].most : keys[i].least);
            ck_assert_msg(config_set(&c, &keys[i], text) == ST_OK, "%s: %s", text, status_message());
            snprintf(text, sizeof text, "%.0f", side ? floor(keys[i].most) + 1 : ceil(keys[i].least) - 1);
            ck_assert_msg(config_set(&c, &keys[i], text) == ST_USAGE, "%s.%s takes %s", keys[i].section, keys[i].key,
                          text);
        }
    }
    refused("base", "lr", "1e999", "base.lr: \"1e999\" is not a number");
}
END_TEST

/* Every key away from its default survives the way through JSON text. */
START_TEST(json_is_inverse) {
    struct config back;
    enum cell_kind kind;
    config_default(&c);
    c.seed = 17;
    int n;
    const struct config_key *keys = config_keys(&n);
    for (int i = 0; i < n; i++) {
        char text[CONFIG_TEXT];
        config_text(&c, &keys[i], text);
        if (keys[i].type == CONFIG_INT) set(keys[i].section, keys[i].key, keys[i].least > 6 ? "9" : "6");
        if (keys[i].type == CONFIG_REAL) set(keys[i].section, keys[i].key, "0.123456789012345");
        if (keys[i].type == CONFIG_BOOL) set(keys[i].section, keys[i].key, strcmp(text, "true") ? "true" : "false");
        if (keys[i].choices) set(keys[i].section, keys[i].key, keys[i].choices[!strcmp(text, keys[i].choices[0])]);
    }
    set("arm", "name", "coconut");
    set("press", "pressure", "conceal");
    json_t *json = config_to_json(&c, CELL_PRESS);
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    json_decref(json);
    json = json_loads(text, 0, NULL);
    ck_assert_msg(config_from_json(&back, json, &kind) == ST_OK, "%s", status_message());
    ck_assert_int_eq(kind, CELL_PRESS);
    ck_assert_int_eq(back.seed, 17);
    for (int i = 0; i < n; i++) {
        char a[CONFIG_TEXT], b[CONFIG_TEXT];
        config_text(&c, &keys[i], a);
        config_text(&back, &keys[i], b);
        ck_assert_str_eq(a, b);
    }
    ck_assert(back.base.lr == c.base.lr && back.base.lr == 0.123456789012345);
    json_decref(json);
    free(text);
}
END_TEST

/* A member of each type: missing, and of every other type. */
START_TEST(json_members_have_their_type) {
    static const struct {
        const char *section, *key;
        char type;
    } members[] = {{"base", "updates", 'i'}, {"base", "lr", 'r'}, {"task", "style", 'b'}, {"task", "name", 's'}};
    struct config back;
    enum cell_kind kind;
    config_default(&c);
    set("arm", "name", "coconut");
    set("press", "pressure", "conceal");
    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++)
        for (const char *type = "irbsn-"; *type; type++) {
            json_t *json = config_to_json(&c, CELL_PRESS), *section = json_object_get(json, members[m].section);
            json_t *value = *type == 'i'   ? json_integer(1)
                            : *type == 'r' ? json_real(.5)
                            : *type == 'b' ? json_true()
                            : *type == 's' ? json_string("chain")
                                           : json_null();
            json_object_set_new(section, members[m].key, value);
            if (*type == '-') json_object_del(section, members[m].key);
            const bool good = *type == members[m].type || (*type == 'i' && members[m].type == 'r');
            ck_assert_msg(config_from_json(&back, json, &kind) == (good ? ST_OK : ST_DATA), "%s as %c", members[m].key,
                          *type);
            if (!good) ck_assert_ptr_nonnull(strstr(status_message(), members[m].key));
            json_object_del(json, "seed");
            ck_assert_int_eq(config_from_json(&back, json, &kind), ST_DATA);
            json_object_set_new(json, "seed", json_real(1.5));
            ck_assert_int_eq(config_from_json(&back, json, &kind), ST_DATA);
            ck_assert_str_eq(status_message(), "seed: missing, or not a whole number");
            json_decref(json);
        }
}
END_TEST

START_TEST(json_holds_what_the_kind_depends_on) {
    struct config back;
    enum cell_kind kind;
    config_default(&c);
    set("arm", "name", "text");
    json_t *base = config_to_json(&c, CELL_BASE), *arm = config_to_json(&c, CELL_ARM);
    ck_assert_uint_eq(json_object_size(base), 4); /* seed, task, model, base */
    ck_assert_uint_eq(json_object_size(arm), 6);  /* and arm, measure */
    ck_assert_uint_eq(json_object_size(json_object_get(arm, "measure")), 4);
    ck_assert_int_eq(config_from_json(&back, arm, &kind), ST_OK);
    ck_assert_int_eq(kind, CELL_ARM);
    ck_assert_int_eq(config_from_json(&back, base, &kind), ST_OK);
    ck_assert_int_eq(kind, CELL_BASE);

    json_object_set_new(json_object_get(base, "model"), "depth", json_integer(1));
    ck_assert_int_eq(config_from_json(&back, base, &kind), ST_DATA);
    json_object_del(json_object_get(base, "model"), "depth");
    json_object_set_new(base, "extra", json_integer(1));
    ck_assert_int_eq(config_from_json(&back, base, &kind), ST_DATA);
    json_object_del(base, "extra");
    json_object_set_new(json_object_get(base, "model"), "width", json_string("64"));
    ck_assert_int_eq(config_from_json(&back, base, &kind), ST_DATA);
    ck_assert_str_eq(status_message(), "model.width: missing, or of the wrong type");
    json_object_set_new(json_object_get(base, "model"), "width", json_integer(1));
    ck_assert_int_eq(config_from_json(&back, base, &kind), ST_DATA);
    json_object_del(json_object_get(arm, "arm"), "name");
    ck_assert_int_eq(config_from_json(&back, arm, &kind), ST_DATA);
    json_decref(base);
    json_decref(arm);
}
END_TEST

/* The table of credit: which arm, pressure, method and path of credit go together. */
START_TEST(undefined_combinations) {
    static const struct {
        const char *arm, *pressure, *method, *credit;
        bool defined;
    } cases[] = {
        {"text", "conceal", "sft", "full", false},      {"text", "conceal", "sft", "targeted", true},
        {"text", "conceal", "rl", "full", true},        {"text", "none", "sft", "full", true},
        {"text", "direct", "sft", "full", true},        {"coconut", "conceal", "sft", "full", true},
        {"codi", "direct", "rl", "full", false},        {"no_cot", "none", "sft", "targeted", false},
        {"text", "style", "sft", "targeted", false},    {"coconut", "deceive", "rl", "mind_face", true},
        {"text", "conceal", "sft", "mind_face", false}, {"text", "conceal", "rl", "mind_face", true},
        {"text", "none", "sft", "frozen_mind", true},   {"text", "direct", "sft", "frozen_mind", false},
        {"text", "random", "rl", "full", false},        {"coconut", "random", "sft", "full", true},
        {"text_long", "conceal", "sft", "full", false}, {"pause", "conceal", "sft", "frozen_mind", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *reason;
        config_default(&c);
        set("arm", "name", cases[i].arm);
        set("press", "pressure", cases[i].pressure);
        set("press", "method", cases[i].method);
        set("press", "credit", cases[i].credit);
        ck_assert_int_eq(pressure_defined(&c, &reason), cases[i].defined);
        ck_assert_int_eq(reason == NULL, cases[i].defined);
    }
}
END_TEST

/* A key that means nothing here makes the cell undefined: it is never ignored in silence. */
START_TEST(keys_without_meaning) {
    static const struct {
        const char *arm, *method, *credit, *key, *value;
        bool defined;
    } cases[] = {
        {"text", "sft", "targeted", "kl", "0.1", false},
        {"text", "rl", "targeted", "kl", "0.1", true},
        {"coconut", "sft", "full", "entropy", "0.1", false},
        {"coconut", "rl", "full", "entropy", "0.1", true},
        {"coconut", "rl", "mind_face", "kl", "0.1", false},
        {"coconut", "sft", "full", "replay", "1", false},
        {"text", "sft", "targeted", "replay", "1", true},
        {"text", "rl", "mind_face", "replay", "1", false},
        {"text", "rl", "full", "mind_penalty", "true", false},
        {"text", "rl", "mind_face", "mind_penalty", "true", true},
        {"codi", "sft", "full", "context", "original", false},
        {"text", "sft", "targeted", "context", "original", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *reason;
        config_default(&c);
        set("arm", "name", cases[i].arm);
        set("press", "pressure", "conceal");
        set("press", "method", cases[i].method);
        set("press", "credit", cases[i].credit);
        set("press", cases[i].key, cases[i].value);
        ck_assert_msg(pressure_defined(&c, &reason) == cases[i].defined, "%s %s", cases[i].arm, cases[i].key);
    }
}
END_TEST

START_TEST(equal_work_is_written_alike) {
    config_default(&c);
    set("press", "pressure", "none");
    set("press", "credit", "full");
    pressure_normalise(&c);
    ck_assert(c.press.lambda == 0 && c.press.credit == CREDIT_TARGETED);
    set("press", "credit", "frozen_mind");
    pressure_normalise(&c);
    ck_assert_int_eq(c.press.credit, CREDIT_FROZEN_MIND);
    set("press", "pressure", "conceal");
    set("press", "credit", "full");
    set("press", "lambda", "2");
    pressure_normalise(&c);
    ck_assert(c.press.lambda == 2 && c.press.credit == CREDIT_FULL);
    set("press", "pressure", "deceive"); /* beside itself; rl has no context, sft no group */
    set("press", "group", "4");
    pressure_normalise(&c);
    ck_assert_str_eq(c.press.of, "deceive");
    ck_assert_int_eq(c.press.group, 8);
    set("press", "pressure", "none");
    set("press", "method", "rl");
    set("press", "group", "4");
    set("press", "context", "original");
    pressure_normalise(&c);
    ck_assert_str_eq(c.press.of, "deceive");
    ck_assert(c.press.group == 4 && c.press.context == CONTEXT_OWN);
}
END_TEST

Suite *suite_config(void) {
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");
    tcase_add_test(t, defaults_are_the_recipes);
    tcase_add_test(t, every_key_has_room_and_help);
    tcase_add_test(t, values_are_strict);
    tcase_add_test(t, numbers_have_bounds);
    tcase_add_test(t, json_is_inverse);
    tcase_add_test(t, json_members_have_their_type);
    tcase_add_test(t, json_holds_what_the_kind_depends_on);
    tcase_add_test(t, undefined_combinations);
    tcase_add_test(t, keys_without_meaning);
    tcase_add_test(t, equal_work_is_written_alike);
    suite_add_tcase(s, t);
    return s;
}

/* Models in checkpoints: what is saved comes back, and a file of other tensors or another configuration is no model. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "engine/safetensors.h"
#include "tests/edited.h"
#include "tests/folder.h"
#include "tests/refuse.h"
#include "tests/spoil.h"

static void open_models(void) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    open_folder();
}

static const struct gpt_config tiny = {.vocab = 11, .context = 7, .layers = 2, .heads = 2, .width = 8, .channels = 1};

static struct gpt_config rich(void) {
    struct gpt_config c = tiny;
    c.channels = 3, c.channel_vocab[1] = 5, c.channel_vocab[2] = 3, c.projection = true, c.tied = true;
    return c;
}

static struct gpt make_gpt(const struct gpt_config *config) {
    struct gpt m;
    ck_assert_int_eq(gpt_open(&m, &arena, config), ST_OK);
    gpt_init(&m, 3, 0.02, 1.0);
    return m;
}

/* Field by field: what lies between them is nobody's. */
static bool same_config(const struct gpt_config *a, const struct gpt_config *b) {
    return a->vocab == b->vocab && a->context == b->context && a->layers == b->layers && a->heads == b->heads &&
           a->width == b->width && a->channels == b->channels && a->tied == b->tied && a->projection == b->projection &&
           a->lora == b->lora && a->lora_scale == b->lora_scale &&
           memcmp(a->channel_vocab + 1, b->channel_vocab + 1, (size_t)(a->channels - 1) * sizeof(int)) == 0;
}

START_TEST(models_round_trip) {
    const struct gpt_config configs[] = {tiny, rich()};
    for (int i = 0; i < 2; i++) {
        struct gpt m = make_gpt(&configs[i]), back;
        ck_assert_int_eq(checkpoint_save_gpt(in("m.st"), &m), ST_OK);
        ck_assert_msg(checkpoint_load_gpt(&back, &arena, in("m.st")) == ST_OK, "%s", status_message());
        ck_assert(same_config(&back.config, &m.config));
        ck_assert_int_eq(back.n, m.n);
        ck_assert_mem_eq(back.w, m.w, (size_t)m.n * sizeof(float));
        ck_assert_mem_eq(back.wt, m.wt, (size_t)m.n_turned * sizeof(float));

        struct checkpoint c;
        ck_assert_int_eq(checkpoint_read(&arena, in("m.st"), &c), ST_OK);
        const struct checkpoint_tensor *bias = checkpoint_find(&c, "h.1.attn.c_attn.bias");
        const struct checkpoint_tensor *matrix = checkpoint_find(&c, "h.1.mlp.c_fc.weight");
        ck_assert(bias->n_dims == 1 && bias->dim[0] == 24);
        ck_assert(matrix->n_dims == 2 && matrix->dim[0] == 8 && matrix->dim[1] == 32);
        ck_assert((checkpoint_find(&c, "lm_head.weight") == NULL) == configs[i].tied);
    }
}
END_TEST

/* A model's file as read, to be spoilt. */
static struct checkpoint saved_model(void) {
    struct gpt_config config = rich();
    struct gpt m = make_gpt(&config);
    struct checkpoint c;
    ck_assert_int_eq(checkpoint_save_gpt(in("m.st"), &m), ST_OK);
    ck_assert_int_eq(checkpoint_read(&arena, in("m.st"), &c), ST_OK);
    return c;
}

static void assert_no_model(const struct checkpoint *c, const char *message) {
    struct gpt m;
    ck_assert_int_eq(checkpoint_write(in("s.st"), c), ST_OK);
    ck_assert_msg(checkpoint_load_gpt(&m, &arena, in("s.st")) == ST_DATA, "accepted, not: %s", message);
    ck_assert_msg(strstr(status_message(), "/s.st: ") && strstr(status_message(), message), "%s\nnot %s",
                  status_message(), message);
}

static enum status save(void) {
    struct gpt_config config = rich();
    struct gpt m;
    TRY(gpt_open(&m, &arena, &config));
    gpt_init(&m, 3, 0.02, 1.0);
    return checkpoint_save_gpt(in("m.st"), &m);
}

static enum status load(void) {
    struct gpt m;
    return checkpoint_load_gpt(&m, &arena, in("m.st"));
}

static void whole_or_absent(enum status st) {
    if (st == ST_OK || fs_exists(in("m.st"))) ck_assert_msg(load() == ST_OK, "%s", status_message());
}

START_TEST(whatever_is_refused_a_model_is_whole) {
    const struct refusal saved = {.act = save, .after = whole_or_absent}, loaded = {.act = load};
    ck_assert_int_gt(refuse_each(&saved), 10);
    ck_assert_int_gt(refuse_each(&loaded), 4);
}
END_TEST

START_TEST(models_with_wrong_tensors_are_named) {
    struct checkpoint c = saved_model();
    for (int k = 0; k < c.n; k++) {
        struct checkpoint_tensor kept = c.tensors[k];
        c.tensors[k].name = "other\nname";
        assert_no_model(&c, arena_printf(&arena, "tensor '%s': expected by the configuration, found none", kept.name));
        c.tensors[k] = kept;
        c.tensors[k].dim[c.tensors[k].n_dims++] = 1;
        assert_no_model(&c, arena_printf(&arena, "tensor '%s': expected shape [", kept.name));
        c.tensors[k] = kept;
    }
    struct checkpoint_tensor *matrix = &c.tensors[c.n - 6];
    ck_assert_str_eq(matrix->name, "prj.1.weight");
    matrix->dim[0] = 4, matrix->dim[1] = 16;
    assert_no_model(&c, "tensor 'prj.1.weight': expected shape [8, 8], found [4, 16]");
    matrix->dim[0] = matrix->dim[1] = 8;
    struct checkpoint_tensor *more = ARENA_NEW(&arena, struct checkpoint_tensor, c.n + 1);
    memcpy(more, c.tensors, (size_t)c.n * sizeof *more);
    more[c.n] = (struct checkpoint_tensor){"lm_head.weight", 2, {11, 8}, c.tensors[0].data};
    struct checkpoint with_head = {more, c.n + 1, c.meta, c.n_meta};
    assert_no_model(&with_head, "tensor 'lm_head.weight': expected none of this name");
}
END_TEST

START_TEST(models_with_a_wrong_configuration_are_refused) {
    struct checkpoint c = saved_model();
    ck_assert_int_eq(c.n_meta, 1);
    ck_assert_str_eq(c.meta[0].value, "{\"vocab\":11,\"context\":7,\"layers\":2,\"heads\":2,\"width\":8,\"channels\":3,"
                                      "\"channel_vocab_1\":5,\"channel_vocab_2\":3,\"tied\":true,\"projection\":true}");
    static const struct {
        const char *from, *to, *message;
    } edits[] = {
        {"\"vocab\":11", "\"vocab\":12", "tensor 'wte.weight': expected shape [12, 8], found [11, 8]"},
        {"\"vocab\":11", "\"vocab\":11.0", "vocab: expected an integer"},
        {"\"vocab\":11", "\"vocab\":-11", "vocab: expected an integer"},
        {"\"vocab\":11", "\"vocab\":4294967307", "vocab: expected an integer"},
        {"\"vocab\":11", "\"vocab\":16777217", "vocab: expected an integer"},
        {"\"vocab\":11", "\"vocab\":16777216", "tensor 'wte.weight'"},
        {"\"vocab\":11", "\"vocab\":\"11\"", "vocab: expected an integer"},
        {"\"vocab\":11", "\"vocabulary\":11", "vocab: expected an integer"},
        {"\"vocab\":11", "\"vocab\":11,\"vocab\":11", "not a JSON object"},
        {"\"vocab\":11", "\"vocab\":11,\"extra\":11", "expected 10 members, found 11"},
        {"\"width\":8", "\"width\":16777216", "tensor 'wte.weight'"},
        {"\"width\":8", "\"width\":0", "width 0"},
        {"\"heads\":2", "\"heads\":3", "multiple of heads 3"},
        {"\"heads\":2", "\"heads\":0", "heads 0"},
        {"\"layers\":2", "\"layers\":3", "tensor 'h.2.ln_1.weight'"},
        {"\"layers\":2", "\"layers\":1", "tensor 'h.1.ln_1.weight': expected none"},
        {"\"layers\":2", "\"layers\":49", "layers must be 1..48"},
        {"\"channels\":3", "\"channels\":4", "channels 4"},
        {"\"channels\":3", "\"channels\":2", "tensor 'wxe.2.weight': expected none"},
        {"\"tied\":true", "\"tied\":false", "tensor 'lm_head.weight': expected by the configuration"},
        {"\"tied\":true", "\"tied\":1", "tied: expected true or false"},
        {"\"tied\":true", "\"tied\":null", "tied: expected true or false"},
        {"\"projection\":true", "\"projection\":false", "tensor 'prj.1.weight': expected none"},
        {"\"projection\":true}", "\"projection\":true", "not a JSON object"},
        {"{\"vocab\"", "[\"vocab\"", "not a JSON object"},
    };
    const char *whole = c.meta[0].value;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        c.meta[0].value = edited(&arena, whole, edits[i].from, edits[i].to);
        assert_no_model(&c, edits[i].message);
    }
    c.meta[0].value = "[]";
    assert_no_model(&c, "vocab: expected an integer");
    c.meta[0].value = "";
    assert_no_model(&c, "not a JSON object");
    c.n_meta = 0;
    assert_no_model(&c, "expected 'spillover.config', found none");
}
END_TEST

/* A few thousand spoilt copies of a model's file: refused, or read as something that can be written and read again. */
START_TEST(random_mutations_do_no_harm) {
    struct checkpoint c = saved_model();
    char *whole;
    size_t size;
    uint64_t state = 1;
    int refused = 0;
    ck_assert_int_eq(fs_read(&arena, in("m.st"), &whole, &size), ST_OK);
    struct arena_mark mark = arena_mark(&arena);
    for (int i = 0; i < 3000; i++, arena_rewind(&arena, mark)) {
        char *bytes = malloc(size);
        ck_assert_ptr_nonnull(bytes);
        memcpy(bytes, whole, size);
        spoil(bytes, 2500, i, &state); /* the header is where bytes matter */
        enum status st = safetensors_parse(&arena, "f.st", bytes, size, &c);
        free(bytes);
        refused += st != ST_OK;
        if (st != ST_OK) {
            ck_assert_int_eq(st, ST_DATA);
            ck_assert(strncmp(status_message(), "f.st: ", 6) == 0 && !strchr(status_message(), '\n'));
            continue;
        }
        char *header;
        size_t n;
        struct gpt m;
        ck_assert_msg(safetensors_header(&arena, "f.st", &c, &header, &n) == ST_OK, "%s", status_message());
        st = checkpoint_fill_gpt(&m, &arena, "f.st", &c);
        ck_assert(st == ST_OK || st == ST_DATA);
    }
    ck_assert(refused > 1000 && refused < 3000);
}
END_TEST

Suite *suite_checkpoint_gpt(void) {
    Suite *s = suite_create("checkpoint_gpt");
    TCase *t = tcase_create("models");
    tcase_add_checked_fixture(t, open_models, close_folder);
    tcase_add_test(t, models_round_trip);
    tcase_add_test(t, whatever_is_refused_a_model_is_whole);
    tcase_add_test(t, models_with_wrong_tensors_are_named);
    tcase_add_test(t, models_with_a_wrong_configuration_are_refused);
    tcase_add_test(t, random_mutations_do_no_harm);
    suite_add_tcase(s, t);
    return s;
}

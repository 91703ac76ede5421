/* Malformed files of models: refused with one line and exit 65, whatever is wrong with them. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/zip.h"
#include "tests/engine/import_files.h"

static void assert_refused(struct bytes b, const char *config_json, const char *message) {
    struct gpt m;
    struct import in;
    (void)status_set(ST_OK, "nothing");
    ck_assert_msg(import_bytes(&m, &in, b, config_json) == ST_DATA, "accepted, instead of: %s", message);
    ck_assert_msg(strstr(status_message(), message), "'%s', not '%s'", status_message(), message);
    ck_assert(strncmp(status_message(), "f.bin: ", 7) == 0 && !strchr(status_message(), '\n'));
}

/* A copy with the first `from` replaced by `to`. */
static struct bytes edited(struct bytes b, const char *from, const char *to, size_t n_to) {
    struct bytes c = {0};
    char *at = memmem(b.p, b.n, from, strlen(from));
    ck_assert_msg(at != NULL, "%s", from);
    put(&c, b.p, (size_t)(at - b.p));
    put(&c, to, n_to);
    put(&c, at + strlen(from), b.n - (size_t)(at - b.p) - strlen(from));
    return c;
}

static struct bytes patched(struct bytes b, size_t at, uint64_t x, int n) {
    struct bytes c = {0};
    put(&c, b.p, b.n);
    ck_assert(at + (size_t)n <= c.n);
    for (int i = 0; i < n; i++) c.p[at + (size_t)i] = (char)(x >> 8 * i);
    return c;
}

/* ---- safetensors ---- */

/* The header alone is edited: its length follows. */
static struct bytes header_edited(struct bytes b, const char *from, const char *to) {
    struct bytes c = edited(b, from, to, strlen(to));
    long length = 0;
    for (int i = 0; i < 8; i++) length |= (long)(unsigned char)b.p[i] << 8 * i;
    length += (long)strlen(to) - (long)strlen(from);
    return patched(c, 0, (uint64_t)length, 8);
}

START_TEST(safetensors_are_checked) {
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "");
    struct bytes good = as_safetensors(&c, DTYPE_F32);
    static const struct {
        const char *from, *to, *message;
    } edits[] = {
        {"\"wte.weight\":{\"dtype\":\"F32\"", "\"wte.weight\":{\"dtype\":\"I32\"",
         "expected a matrix of F32, F16 or BF16"},
        {"\"ln_f.bias\":{\"dtype\":\"F32\"", "\"ln_f.bias\":{\"dtype\":\"I32\"", "'ln_f.bias': expected F32"},
        {"\"F32\"", "\"F31\"", "dtype: unknown"},
        {"\"F32\"", "32", "dtype: unknown"},
        {"\"F32\"", "\"F64\"", "bytes for the shape"},
        {"[0,352]", "[0,353]", "bytes for the shape"},
        {"[0,352]", "[4,356]", "'wte.weight': data_offsets: begins at 4, expected 0"},
        {"[352,544]", "[348,540]", "data_offsets: begins at 348, expected 352"},
        {"[0,352]", "[352,0]", "expected begin <= end"},
        {"[0,352]", "[0,99999999]", "expected begin <= end"},
        {"[0,352]", "[-1,351]", "expected an integer that is not negative"},
        {"[0,352]", "[0,352,352]", "expected an array"},
        {"[0,352]", "[0]", "data_offsets: expected begin"},
        {"[0,352]", "0", "expected an array"},
        {"[11,8]", "[8,11]", "expected 11 columns"},
        {"[11,8]", "[11,9]", "bytes for the shape"},
        {"[11,8]", "[4611686018427387904,8]", "overflows"},
        {"[11,8]", "[11,8,1,1,1]", "expected an array of at most 4"},
        {"[11,8]", "[88]", "expected a matrix"},
        {"[11,8]", "[11,8.0]", "expected an integer"},
        {"\"wte.weight\"", "\"wpe.weight\"", "not a JSON object without keys twice"},
        {"\"wte.weight\"", "\"wtf.weight\"", "'wte.weight': expected in a GPT-2 model, found none"},
        {"\"wpe.weight\"", "\"wqe.weight\"", "'wpe.weight': expected in a GPT-2 model, found none"},
        {"\"ln_f.bias\"", "\"ln_g.bias\"", "'ln_f.bias': expected in this model, found none"},
        {"\"ln_f.bias\"", "\"transformer.ln_f.weight\"", "another tensor has the same place"},
        {"\"h.1.ln_1.bias\"", "\"h.2.ln_1.bias\"", "n_layer is 2, the tensors have 3"},
        {"\"h.1.ln_1.bias\"", "\"h.99999999999999999999.ln_1.bias\"", "n_layer is 2"},
        {"\"h.0.attn.c_attn.bias\"", "\"h.0.attn.bias\"", "'h.0.attn.c_attn.bias': expected in this model"},
        {"{\"__metadata__\":", "[\"__metadata__\":", "offset 0: expected the length"},
        {"\"format\":\"pt\"", "\"spillover.config\":\"{}\"", "a checkpoint of spillover already"},
        {"}}", "},", "not a JSON object"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        assert_refused(header_edited(good, edits[i].from, edits[i].to), CONFIG_JSON, edits[i].message);
    assert_refused(patched(good, 0, 1 << 20, 8), CONFIG_JSON, "expected the length of a safetensors header");
    assert_refused(patched(good, 0, UINT64_MAX, 8), CONFIG_JSON, "expected the length of a safetensors header");
    assert_refused((struct bytes){good.p, good.n - 1, 0}, CONFIG_JSON, "data_offsets");
    struct bytes longer = patched(good, 0, 0, 0);
    put(&longer, "x", 1);
    assert_refused(longer, CONFIG_JSON, "1 bytes behind the last tensor");
    for (size_t n = 0; n < 10; n++) assert_refused((struct bytes){good.p, n, 0}, CONFIG_JSON, "too short");
    add_tensor(&c, "extra.weight", 2, 2, 0);
    assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "'extra.weight': expected none of this name");
    c.n--;
    add_tensor(&c, "h.47.mlp.c_fc.weight", 8, 32, 0); /* layers that would be allocated before they were missed */
    assert_refused(as_safetensors(&c, DTYPE_F32), "{\"n_head\": 2}", "42008 parameters in ");
    c.n--;
    add_tensor(&c, "h.0.attn.c_attn.lora_A.default.weight", 2, 8, 0);
    assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "half of a LoRA pair");
    add_tensor(&c, "h.0.attn.c_attn.lora_B.default.weight", 24, 3, 0);
    assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "expected [24, 2]");
    c.n -= 2;
    for (int k = 0; k < 2; k++) {
        add_tensor(&c, "lm_head.weight", 12 - k, 8 + k, 0);
        assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "expected [11, 8], as wte has");
        c.n--;
    }
    add_tensor(&c, "lm_head.weight", 88, 1, 0);
    c.tensors[c.n - 1].n_dims = 1;
    assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "'lm_head.weight': expected a matrix");
    c.n--;
    add_tensor(&c, "h.0.attn.c_attn.lora_B.default.weight", 24, 2, 0);
    assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "half of a LoRA pair");
    struct checkpoint_tensor *A = &c.tensors[c.n];
    add_tensor(&c, "h.0.attn.c_attn.lora_A.default.weight", 2, 9, 0);
    assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "expected [2, 8]");
    A->n_dims = 1, A->dim[0] = 18;
    assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "expected [0, 8]");
}
END_TEST

/* Every tensor in other shapes of as many or more numbers. */
START_TEST(shapes_are_checked) {
    struct gpt m = make_model(true, true);
    struct checkpoint c = state_of(&m, "");
    for (int i = 0; i < c.n; i++) {
        struct checkpoint_tensor *t = &c.tensors[i], kept = *t;
        for (int k = 0; k < 6; k++) {
            const long rows = t->n_dims == 2 ? kept.dim[0] : 1, cols = kept.dim[kept.n_dims - 1];
            if (k == 0) t->n_dims = kept.n_dims == 2 ? 1 : 2, t->dim[0] = rows * cols, t->dim[1] = 1;
            if (k == 1) t->dim[kept.n_dims - 1] = 0;
            if (k == 5) t->dim[0] = 0;
            if (k == 2) t->dim[t->n_dims - 1]--;
            if (k == 3 && i == 0) continue; /* wte with fewer rows: a smaller vocabulary */
            if (k == 3) t->dim[0]--;
            if (k == 4) t->n_dims = 3, t->dim[0] = 1, t->dim[1] = rows, t->dim[2] = cols;
            assert_refused(as_safetensors(&c, DTYPE_F32), CONFIG_JSON, "tensor");
            *t = kept;
        }
    }
    /* a vocabulary, and a width, of more than 2^24, in files with a hole for their numbers */
    char path[] = "/tmp/test_import_bad.XXXXXX";
    const int fd = mkstemp(path);
    for (int k = 0; k < 2; k++) {
        const char *header = arena_printf(&arena,
                                          "{\"wte.weight\":{\"dtype\":\"F16\",\"shape\":[%d,%d],"
                                          "\"data_offsets\":[0,33554434]}}",
                                          k ? 1 : 16777217, k ? 16777217 : 1);
        struct bytes b = safetensors_of(header, NULL, 0);
        struct import in;
        ck_assert_int_eq(fs_write(path, b.p, b.n), ST_OK);
        ck_assert_int_eq(truncate(path, (off_t)b.n + 33554434), 0);
        ck_assert_int_eq(import_open(&in, &arena, path), ST_DATA);
        ck_assert_msg(strstr(status_message(), "expected a matrix of") != NULL, "%s", status_message());
        import_close(&in);
    }
    ck_assert(close(fd) == 0 && unlink(path) == 0);
}
END_TEST

/* An empty tensor, which is kept as number 0. */
#define FIRST                                                                                                          \
    "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                             \
    "0X\3\0\0\0cpuK\0tQK\0K\0\x85K\1\x85\x89"                                                                          \
    "ccollections\nOrderedDict\n)RtRq\0"

/* Tensors without numbers stand in any order at one place; there may be 65,536 of them. */
START_TEST(tensors_may_be_empty) {
    static const char *const headers[] = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],"
        "\"data_offsets\":[0,4]}}",
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[0],"
        "\"data_offsets\":[0,0]},\"c\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"};
    for (int i = 0; i < 2; i++)
        assert_refused(safetensors_of(headers[i], "\0\0\0", 4), CONFIG_JSON, "'wte.weight': expected in a GPT-2 model");
    struct bytes many = {0};
    put_text(&many, "{");
    for (int i = 0; i <= 1 << 16; i++)
        put_text(&many, arena_printf(&arena, "%s\"%d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                                     i ? "," : "", i));
    put(&many, "}", 2);
    assert_refused(safetensors_of(many.p, NULL, 0), CONFIG_JSON, "more than 65536 tensors");
    struct bytes pickle = {0}; /* the same tensor again and again, under other names */
    struct checkpoint none = {0};
    put_text(&pickle, "\x80\x02}(");
    for (int i = 0; i <= 1 << 16; i++) {
        pickle_string(&pickle, arena_printf(&arena, "%d", i));
        if (i == 0)
            put(&pickle, FIRST, sizeof FIRST - 1);
        else
            put(&pickle, "h\0", 2);
    }
    put_text(&pickle, "u.");
    assert_refused(archive_of(&none, DTYPE_F32, pickle, true), CONFIG_JSON, "more than 65536 tensors");
}
END_TEST

START_TEST(configurations_are_checked) {
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "");
    struct bytes good = as_safetensors(&c, DTYPE_F32);
    static const struct {
        const char *json, *message;
    } configs[] = {
        {"", "config.json"},
        {"[]", "expected an object"},
        {"{\"n_head\": 2,}", "config.json:1: expected JSON"},
        {"{\"n_head\": 2, \"n_head\": 2}", "config.json:1: "},
        {"{\"n_head\": 3}", "width 8 must be a multiple of heads 3"},
        {"{\"n_head\": 0}", "n_head"},
        {"{\"n_head\": \"2\"}", "n_head"},
        {"{\"n_head\": 2, \"n_embd\": 16}", "n_embd is 16, the tensors have 8"},
        {"{\"n_head\": 2, \"n_layer\": 1}", "n_layer is 1, the tensors have 2"},
        {"{\"n_head\": 2, \"n_positions\": 7}", "n_positions is 7, the tensors have 6"},
        {"{\"n_head\": 2, \"vocab_size\": 8}", "vocab_size is 8, the tensors have 11"},
        {"{\"n_head\": 2, \"model_type\": \"llama\"}", "model_type: expected gpt2"},
        {"{\"n_head\": 2, \"activation_function\": \"relu\"}", "activation_function: expected gelu_new"},
        {"{\"n_head\": 2, \"layer_norm_epsilon\": 1e-6}", "layer_norm_epsilon: expected 1e-05"},
        {"{\"n_head\": 2, \"n_embd\": 8, \"n_inner\": 16}", "n_inner: expected 4 x n_embd"},
        {"{\"n_head\": 2, \"scale_attn_by_inverse_layer_idx\": true}", "expected false"},
        {"{\"n_head\": 2, \"scale_attn_weights\": false}", "scale_attn_weights: expected true"},
        {"{\"n_head\": 2, \"add_cross_attention\": true}", "add_cross_attention: expected false"},
        {"{\"n_head\": 2, \"model_type\": 2}", "model_type: expected gpt2"},
        {"{\"n_head\": 2, \"layer_norm_epsilon\": \"1e-5\"}", "layer_norm_epsilon: expected 1e-05"},
        {"{\"n_head\": 2, \"n_embd\": 8, \"n_inner\": 32.5}", "n_inner: expected 4 x n_embd"},
        {"{\"n_head\": 2, \"vocab_size\": 0}", "vocab_size"},
        {"{\"n_head\": 2, \"n_positions\": \"6\"}", "n_positions"},
        {"{}", "config.json must say how many heads"},
    };
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++)
        assert_refused(good, configs[i].json, configs[i].message);
    assert_refused(good, NULL, "config.json must say how many heads");
    static const char *const taken[] = {
        "{\"n_head\": 2, \"n_embd\": 8, \"n_inner\": 32.0, \"activation_function\": \"gelu_pytorch_tanh\"}",
        "{\"n_head\": 2, \"n_inner\": null, \"activation_function\": null, \"scale_attn_weights\": true}"};
    for (int i = 0; i < 2; i++) {
        struct import in;
        ck_assert_msg(import_bytes(&m, &in, good, taken[i]) == ST_OK, "%s", status_message());
    }
}
END_TEST

/* ---- llm.c ---- */

START_TEST(llmc_files_are_checked) {
    struct gpt m = make_model(true, false);
    struct bytes good = as_llmc(&m, DTYPE_F32);
    assert_refused(patched(good, 4, 2, 4), NULL, "offset 4: llm.c version 2, expected 3");
    assert_refused(patched(good, 4, 5, 4), NULL, "bytes for its header");
    for (size_t i = 2; i < 8; i++) {
        assert_refused(patched(good, 4 * i, 0, 4), NULL, "expected 1 to");
        assert_refused(patched(good, 4 * i, 0x80000000, 4), NULL, "expected 1 to");
        assert_refused(patched(good, 4 * i, 0x01000001, 4), NULL, "expected 1 to");
    }
    assert_refused(patched(good, 16, 49, 4), NULL, "49 layers");
    assert_refused(patched(good, 20, 3, 4), NULL, "width 8 must be a multiple of heads 3");
    assert_refused(patched(good, 28, 10, 4), NULL, "padded to 10");
    assert_refused(patched(good, 28, 129, 4), NULL, "bytes for its header");
    assert_refused(patched(good, 24, 1 << 24, 4), NULL, "bytes for its header");
    assert_refused(patched(good, 32, 1, 4), NULL, "offset 32: expected 0");
    assert_refused((struct bytes){good.p, good.n - 1, 0}, NULL, "bytes for its header");
    assert_refused((struct bytes){good.p, 1023, 0}, NULL, "shorter than the header");
}
END_TEST

/* ---- zip ---- */

START_TEST(archives_are_checked) {
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "");
    struct bytes good = as_torch(&c, DTYPE_F32);
    size_t end = good.n - 22, locator = end - 20, end64 = locator - 56, directory = 0;
    while (memcmp(good.p + directory, "PK\1\2", 4) != 0) directory++;
    const struct {
        size_t at;
        uint64_t x;
        int n;
        const char *message;
    } patches[] = {
        {directory + 8, 0x809, 2, "an encrypted entry"},
        {directory + 10, 8, 2, "a compressed entry (method 8)"}, /* what a bomb would need */
        {directory + 24, 0x7fffffff, 4, "a compressed entry"},
        {directory + 20, 0xfffffff0fffffff0, 8, "an entry that reaches beyond"},
        {directory + 20, 0xffffffff, 4, "no ZIP64 field"},
        {directory + 16, 1, 4, "the CRC-32 of the entry differs"},
        {directory + 42, 1, 4, "expected a local header at 1"},
        {directory + 42, 0xfffffff0, 4, "expected a local header"},
        {directory + 46 + 14 + 42, 0, 4, "an entry out of order or overlapping"},
        {directory + 28, 15, 2, "a local header that differs"},
        {directory + 28, 0, 2, "a name that is empty"},
        {directory + 28, 0xffff, 2, "a record beyond the end of the directory"},
        {directory + 34, 1, 2, "several disks"},
        {directory, 0, 4, "expected a record of the directory"},
        {directory + 46, 'n', 1, "a local header that differs"},
        {26, 13, 2, "a local header that differs"},
        {64, 0x81, 1, "the CRC-32 of the entry differs"}, /* the first byte of data.pkl */
        {end, 0, 4, "no end record"},
        {end + 20, 1, 2, "no end record"},
        {end + 4, 1, 2, "several disks"},
        {end + 10, 1, 2, "several disks"},
        {end + 12, 1, 4, "the two end records differ"},
        {locator + 8, 1, 8, "expected the ZIP64 end record at 1"},
        {locator + 8, UINT64_MAX - 3, 8, "expected the ZIP64 end record"},
        {locator + 16, 2, 4, "several disks"},
        {locator, 0, 4, "does not end where its end record begins"},
        {end64 + 4, 45, 8, "does not end at its locator"},
        {end64 + 48, 0, 8, "does not end where its end record begins"},
        {end64 + 40, UINT64_MAX, 8, "the two end records differ"},
        {end64 + 24, 1, 8, "several disks"},
    };
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++)
        assert_refused(patched(good, patches[i].at, patches[i].x, patches[i].n), CONFIG_JSON, patches[i].message);
    for (size_t n = 4; n < good.n; n += 97) assert_refused((struct bytes){good.p, n, 0}, CONFIG_JSON, "zip: ");
}
END_TEST

/* How many records there are, in an archive without ZIP64; a long name leaves room for a fifth. */
START_TEST(records_are_counted) {
    static const char name[] = "a/name/of/so/many/letters/that/it/takes/the/room/of/two";
    static const struct {
        uint64_t n;
        const char *message;
    } cases[] = {{5, "expected a record of the directory"},
                 {4, NULL},
                 {3, "expected the end of the directory"},
                 {9, "9 entries, expected at most"},
                 {0xffff, "65535 entries, expected at most"}};
    struct archive four = {0};
    struct zip z;
    put_entry(&four, name, "x", 1), put_entry(&four, "b", "y", 1), put_entry(&four, "c", "y", 1),
        put_entry(&four, "d", "", 0);
    struct bytes good = finish(&four, false);
    const size_t end = good.n - 22;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes b = patched(good, end + 8, cases[i].n | cases[i].n << 16, 4);
        ck_assert_int_eq(zip_parse(&z, &arena, "x", b.p, b.n), cases[i].message ? ST_DATA : ST_OK);
        if (cases[i].message) ck_assert_msg(strstr(status_message(), cases[i].message) != NULL, "%s", status_message());
    }
    size_t directory = 0;
    while (memcmp(good.p + directory, "PK\1\2", 4) != 0) directory++;
    struct bytes afar = patched(good, directory + 42, 0xffffffff, 4);
    ck_assert_int_eq(zip_parse(&z, &arena, "x", afar.p, afar.n), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "no ZIP64 field"));
    ck_assert_int_eq(zip_parse(&z, &arena, "x", "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22), ST_OK);
    ck_assert_int_eq(z.n, 0); /* an end record alone */
}
END_TEST

START_TEST(archives_of_other_things_are_refused) {
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "");
    struct bytes pickle = pickle_of(&c, DTYPE_F32);
    struct archive z = {0};
    put_entry(&z, "model/other", "x", 1), put_entry(&z, "model", "x", 1), put_entry(&z, "model/data.pkx", "x", 1);
    assert_refused(finish(&z, true), CONFIG_JSON, "no data.pkl");
    put_entry(&z, "model/data.pkl", pickle.p, pickle.n);
    assert_refused(finish(&z, true), CONFIG_JSON, "'wte.weight': its storage is not in the archive");
    put_entry(&z, "model/data/0", "short", 5);
    assert_refused(finish(&z, false), CONFIG_JSON, "'wte.weight': its storage has 5 bytes, expected 88 elements");
    put_entry(&z, "model/data/0", "again", 5);
    assert_refused(finish(&z, false), CONFIG_JSON, "a name twice");
    struct archive two = {0};
    put_entry(&two, "a/data.pkl", pickle.p, pickle.n), put_entry(&two, "b/data.pkl", pickle.p, pickle.n);
    assert_refused(finish(&two, true), CONFIG_JSON, "more than one data.pkl");
    struct archive big = {0};
    put_entry(&big, "a/data.pkl", pickle.p, pickle.n), put_entry(&big, "a/byteorder", "big", 3);
    assert_refused(finish(&big, true), CONFIG_JSON, "not little-endian");
    struct archive middle = {0};
    put_entry(&middle, "a/data.pkl", pickle.p, pickle.n), put_entry(&middle, "a/byteorder", "middle", 6);
    assert_refused(finish(&middle, true), CONFIG_JSON, "not little-endian");
    struct bytes legacy = {0};
    put(&legacy, "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    assert_refused(legacy, CONFIG_JSON, "PyTorch's format from before 1.6");
}
END_TEST

START_TEST(sizes_of_4_gib_stand_in_fields_of_their_own) {
    struct archive made = {.wide = true};
    struct zip z;
    put_entry(&made, "a/one", "first", 5), put_entry(&made, "a/two", "second", 6);
    struct bytes good = finish(&made, true);
    ck_assert_msg(zip_parse(&z, &arena, "x", good.p, good.n) == ST_OK, "%s", status_message());
    ck_assert_int_eq(z.n, 2);
    ck_assert_uint_eq(zip_find(&z, "a/two")->size, 6);
    ck_assert_mem_eq(zip_find(&z, "a/two")->data, "second", 6);
    const size_t directory = made.body.n, extra = directory + 46 + strlen("a/one");
    const struct {
        size_t at;
        uint64_t x;
        const char *message;
    } patches[] = {
        {directory + 44, 0, "expected a local header at 65535"}, /* half of the mark: a place of its own */
        {extra + 2, 0xfff, "an extra field beyond its record"},  {extra + 8, 7, "no ZIP64 field"},
        {extra + 10, 23, "a ZIP64 field that is too short"},     {extra + 12, 6, "a compressed entry"},
        {extra + 28, 1, "expected a local header at 1"},
    };
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        struct bytes b = patched(good, patches[i].at, patches[i].x, 2);
        ck_assert_int_eq(zip_parse(&z, &arena, "x", b.p, b.n), ST_DATA);
        ck_assert_msg(strstr(status_message(), patches[i].message) != NULL, "%s", status_message());
    }
}
END_TEST

/* The value that is named in the standard: CRC-32 of "123456789". */
START_TEST(crc32_is_the_standard_one) {
    ck_assert_uint_eq(zip_crc32((const unsigned char *)"123456789", 9), 0xcbf43926U);
    ck_assert_uint_eq(zip_crc32((const unsigned char *)"", 0), 0);
    const char *text = "the eight bytes a step and the rest are the same as one after another";
    for (size_t n = 0; n < strlen(text); n++)
        ck_assert_uint_eq(zip_crc32((const unsigned char *)text, n), slow_crc32(text, n));
}
END_TEST

/* ---- mutations ---- */

static uint64_t state;

static uint64_t draw(void) { /* Knuth's MMIX generator */
    state = state * 6364136223846793005 + 1442695040888963407;
    return state >> 24;
}

/* Refused with one line, or read. `span`: the first bytes, where the structure is. Returns whether it was refused. */
static int spoil(struct bytes good, size_t span, int i, bool at_end) {
    struct arena_mark mark = arena_mark(&arena);
    struct bytes b = patched(good, 0, 0, 0);
    ck_assert(b.p && b.n > span);
    for (int k = 0; k <= i % 3; k++) {
        size_t at = at_end && draw() % 2 ? b.n - 1 - draw() % span : draw() % span;
        b.p[at] = draw() % 4 == 0 ? b.p[draw() % span] : (char)(b.p[at] ^ 1 << draw() % 8);
    }
    if (i % 11 == 0) b.n = draw() % b.n;
    struct gpt m;
    struct import in;
    enum status st = import_bytes(&m, &in, b, CONFIG_JSON);
    ck_assert(st == ST_OK || st == ST_DATA);
    if (st == ST_DATA)
        ck_assert_msg(strncmp(status_message(), "f.bin: ", 7) == 0 && !strchr(status_message(), '\n'), "%s",
                      status_message());
    arena_rewind(&arena, mark);
    return st != ST_OK;
}

START_TEST(mutations_do_no_harm) {
    struct gpt m = make_model(true, true), plain = make_model(true, false);
    struct checkpoint c = state_of(&m, "codi.base_model.model.transformer.");
    struct bytes files[] = {as_safetensors(&c, DTYPE_BF16), as_torch(&c, DTYPE_F32), as_llmc(&plain, DTYPE_F32)};
    const size_t spans[] = {2500, 4000, 64};
    state = (uint64_t)_i + 1;
    int refused = 0;
    for (int i = 0; i < 1000; i++) refused += spoil(files[_i], spans[_i], i, _i == 1);
    ck_assert_msg(refused >= 200, "only %d of 1000", refused);
}
END_TEST

/* config.json beside a good file. */
START_TEST(mutated_configurations_do_no_harm) {
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "");
    struct bytes good = as_safetensors(&c, DTYPE_F32);
    struct arena_mark mark = arena_mark(&arena);
    const size_t size = strlen(CONFIG_JSON);
    int refused = 0;
    state = 21;
    for (int i = 0; i < 1000; i++, arena_rewind(&arena, mark)) {
        char *text = arena_strdup(&arena, CONFIG_JSON);
        for (int k = 0; k <= i % 3; k++) {
            const size_t at = draw() % size;
            text[at] = draw() % 4 == 0 ? text[draw() % size] : (char)(text[at] ^ 1 << draw() % 8);
        }
        struct gpt read;
        struct import in;
        enum status st = import_bytes(&read, &in, good, text);
        ck_assert(st == ST_OK || st == ST_DATA);
        if (st == ST_OK) continue;
        refused++;
        ck_assert_msg(strncmp(status_message(), "f.bin: ", 7) == 0 && !strchr(status_message(), '\n'), "%s",
                      status_message());
    }
    ck_assert_msg(refused >= 200, "only %d of 1000", refused);
}
END_TEST

/* The pickle in an archive that is whole: nothing but the pickle reader stands in the way. */
START_TEST(mutated_pickles_do_no_harm) {
    struct gpt m = make_model(true, true);
    struct checkpoint c = state_of(&m, "codi.base_model.model.transformer.");
    struct bytes good = pickle_of(&c, DTYPE_F32);
    struct arena_mark mark = arena_mark(&arena);
    int refused = 0;
    state = 11;
    for (int i = 0; i < 1000; i++, arena_rewind(&arena, mark)) {
        struct bytes b = patched(good, 0, 0, 0);
        ck_assert(b.p && b.n > 0);
        for (int k = 0; k <= i % 3; k++) {
            size_t at = draw() % b.n;
            b.p[at] = draw() % 2 == 0 ? b.p[draw() % b.n] : (char)(b.p[at] ^ 1 << draw() % 8);
        }
        struct gpt read;
        struct import in;
        enum status st = import_bytes(&read, &in, archive_of(&c, DTYPE_F32, b, true), CONFIG_JSON);
        ck_assert(st == ST_OK || st == ST_DATA);
        if (st == ST_OK) continue;
        refused++;
        ck_assert_msg(strncmp(status_message(), "f.bin: ", 7) == 0 && !strchr(status_message(), '\n'), "%s",
                      status_message());
    }
    ck_assert_msg(refused >= 200, "only %d of 1000", refused);
}
END_TEST

/* ---- the command ---- */

START_TEST(the_command_leaves_with_65_and_one_line) {
    char folder[] = "/tmp/test_import.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "");
    struct bytes files[] = {as_safetensors(&c, DTYPE_F32), as_torch(&c, DTYPE_F32), as_llmc(&m, DTYPE_F32)};
    for (int i = 0; i < 3; i++) {
        const char *path = arena_printf(&arena, "%s/f.bin", folder), *said = arena_printf(&arena, "%s/said", folder);
        ck_assert_int_eq(fs_write(path, files[i].p, files[i].n - 1), ST_OK);
        int how = system(arena_printf(&arena, "./spillover import --from %s --to %s/out 2>%s", path, folder, said));
        ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == ST_DATA);
        char *text;
        size_t n;
        ck_assert_int_eq(fs_read(&arena, said, &text, &n), ST_OK);
        ck_assert_msg(strncmp(text, "spillover: ", 11) == 0 && strchr(text, '\n') == text + n - 1, "%s", text);
        ck_assert(!fs_exists(arena_printf(&arena, "%s/out", folder)));
    }
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

Suite *suite_import_bad(void) {
    Suite *s = suite_create("import_bad");
    TCase *t = tcase_create("malformed");
    tcase_add_checked_fixture(t, open_arena, close_arena);
    tcase_add_test(t, safetensors_are_checked);
    tcase_add_test(t, shapes_are_checked);
    tcase_add_test(t, tensors_may_be_empty);
    tcase_add_test(t, configurations_are_checked);
    tcase_add_test(t, llmc_files_are_checked);
    tcase_add_test(t, archives_are_checked);
    tcase_add_test(t, records_are_counted);
    tcase_add_test(t, archives_of_other_things_are_refused);
    tcase_add_test(t, sizes_of_4_gib_stand_in_fields_of_their_own);
    tcase_add_test(t, crc32_is_the_standard_one);
    tcase_add_loop_test(t, mutations_do_no_harm, 0, 3);
    tcase_add_test(t, mutated_pickles_do_no_harm);
    tcase_add_test(t, mutated_configurations_do_no_harm);
    tcase_add_test(t, the_command_leaves_with_65_and_one_line);
    suite_add_tcase(s, t);
    return s;
}

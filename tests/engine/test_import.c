/* Models in the files and layouts of others come in with every weight in its place, and go out again. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "tests/engine/import_files.h"
#include "tests/refuse.h"

static void assert_imported(struct bytes b, const struct gpt *expected, const char *format, enum import_layout layout) {
    struct gpt m;
    struct import in;
    ck_assert_msg(import_bytes(&m, &in, b, CONFIG_JSON) == ST_OK, "%s: %s", format, status_message());
    ck_assert_str_eq(in.format, format);
    ck_assert_int_eq(in.layout, layout);
    assert_config(&m.config, &expected->config);
    ck_assert_int_eq(in.n_parameters, expected->n_parameters);
    for (int k = 0; k < m.n_tensors; k++) {
        const struct gpt_tensor *t = &m.tensors[k];
        for (long i = 0; i < (long)t->rows * t->cols; i++)
            ck_assert_msg(m.w[t->offset + i] == expected->w[t->offset + i], "%s: %s[%ld]: %g, not %g", format, t->name,
                          i, (double)m.w[t->offset + i], (double)expected->w[t->offset + i]);
    }
    ck_assert_mem_eq(m.wt, expected->wt, (size_t)m.n_turned * sizeof *m.wt);
}

START_TEST(gpt2_in_every_format_and_width) {
    struct gpt m = make_model(true, false);
    for (int type = DTYPE_F32; type <= DTYPE_BF16; type++)
        for (int prefix = 0; prefix < 4; prefix++) {
            static const char *const prefixes[] = {"", "transformer.", "module.transformer.",
                                                   "module._orig_mod.transformer."};
            struct checkpoint c = state_of(&m, prefixes[prefix]);
            assert_imported(as_safetensors(&c, (enum dtype)type), &m, "safetensors", IMPORT_GPT2);
            assert_imported(as_torch(&c, (enum dtype)type), &m, "torch", IMPORT_GPT2);
            if (type != DTYPE_F16) assert_imported(as_llmc(&m, (enum dtype)type), &m, "llm.c", IMPORT_GPT2);
        }
}
END_TEST

START_TEST(zip_without_zip64_is_read) {
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "");
    assert_imported(archive_of(&c, DTYPE_F32, pickle_of(&c, DTYPE_F32), false), &m, "torch", IMPORT_GPT2);
}
END_TEST

START_TEST(heads_may_be_untied_tied_twice_or_named_alone) {
    struct gpt untied = make_model(false, false), tied = make_model(true, false);
    struct checkpoint c = state_of(&untied, "transformer.");
    assert_imported(as_safetensors(&c, DTYPE_F32), &untied, "safetensors", IMPORT_GPT2);
    c = state_of(&tied, "transformer."); /* the same numbers again */
    memcpy(add_tensor(&c, "lm_head.weight", 11, 8, 0), tied.p.wte, 11 * 8 * sizeof(float));
    assert_imported(as_safetensors(&c, DTYPE_F16), &tied, "safetensors", IMPORT_GPT2);
    c = state_of(&tied, "transformer."); /* wte under the head's name */
    ck_assert_str_eq(c.tensors[0].name, "transformer.wte.weight");
    c.tensors[0].name = "lm_head.weight";
    assert_imported(as_safetensors(&c, DTYPE_F32), &tied, "safetensors", IMPORT_GPT2);
}
END_TEST

/* torch.save keeps one storage where two tensors share it; a head with strides of its own is another matrix. */
START_TEST(heads_may_share_a_storage) {
    struct gpt tied = make_model(true, false), m;
    struct checkpoint c = state_of(&tied, "transformer.");
    struct checkpoint_tensor head = {.name = "lm_head.weight", .n_dims = 2, .dim = {11, 8}};
    for (int turned = 0; turned < 2; turned++) {
        struct bytes pickle = pickle_of(&c, DTYPE_F32);
        struct import in;
        pickle.n -= 2; /* "u." */
        pickle_tensor(&pickle, &head, "FloatStorage", 0, turned);
        put_text(&pickle, "u.");
        ck_assert_msg(import_bytes(&m, &in, archive_of(&c, DTYPE_F32, pickle, true), CONFIG_JSON) == ST_OK, "%s",
                      status_message());
        ck_assert_int_eq(m.config.tied, !turned);
        if (turned) /* row 1 begins at the second number of the storage */
            ck_assert_float_eq(m.w[gpt_find(&m, "lm_head.weight")->offset + 8], tied.p.wte[1]);
    }
}
END_TEST

START_TEST(masks_are_passed_over) {
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "");
    struct checkpoint_tensor *t = &c.tensors[c.n];
    add_tensor(&c, "h.0.attn.bias", 6, 6, 1);
    t->n_dims = 4, t->dim[0] = t->dim[1] = 1, t->dim[2] = t->dim[3] = 6;
    t = &c.tensors[c.n];
    add_tensor(&c, "h.1.attn.masked_bias", 1, 1, 1);
    t->n_dims = 0;
    assert_imported(as_safetensors(&c, DTYPE_F32), &m, "safetensors", IMPORT_GPT2);
    assert_imported(as_torch(&c, DTYPE_BF16), &m, "torch", IMPORT_GPT2);
}
END_TEST

START_TEST(coconut_with_its_second_embedding) {
    struct gpt m = make_model(true, false);
    struct checkpoint c = state_of(&m, "base_causallm.transformer.");
    memcpy(add_tensor(&c, "base_causallm.lm_head.weight", 11, 8, 0), m.p.wte, 11 * 8 * sizeof(float));
    memcpy(add_tensor(&c, "embedding.weight", 11, 8, 0), m.p.wte, 11 * 8 * sizeof(float));
    assert_imported(as_torch(&c, DTYPE_F32), &m, "torch", IMPORT_COCONUT);
    assert_imported(as_safetensors(&c, DTYPE_F32), &m, "safetensors", IMPORT_COCONUT);
    struct gpt read; /* the configuration may be from before the three tokens */
    struct import in;
    ck_assert_int_eq(import_bytes(&read, &in, as_torch(&c, DTYPE_F32), "{\"n_head\": 2, \"vocab_size\": 8}"), ST_OK);
    ck_assert_int_eq(read.config.vocab, 11);
    ck_assert_int_eq(import_bytes(&read, &in, as_torch(&c, DTYPE_F32), "{\"n_head\": 2, \"vocab_size\": 12}"), ST_DATA);
}
END_TEST

/* LoRA of rank 3 beside some matrices: W[i][o] + 1/4 sum_r A[r][i] B[o][r], exact in these numbers. */
START_TEST(codi_with_lora_and_projection) {
    static const char *const adapted[] = {"h.0.attn.c_attn", "h.1.attn.c_proj", "h.1.mlp.c_fc", "h.0.mlp.c_proj"};
    enum { RANK = 3 };
    struct gpt m = make_model(true, true);
    struct checkpoint c = state_of(&m, "codi.base_model.model.transformer.");
    for (int i = 0; i < c.n; i++) /* every matrix and bias of a Conv1D is wrapped */
        if (strstr(c.tensors[i].name, ".c_")) {
            const char *dot = strrchr(c.tensors[i].name, '.');
            c.tensors[i].name =
                arena_printf(&arena, "%.*s.base_layer%s", (int)(dot - c.tensors[i].name), c.tensors[i].name, dot);
        }
    struct gpt merged = make_model(true, true);
    for (int k = 0; k < 4; k++) {
        const struct gpt_tensor *t = gpt_find(&m, arena_printf(&arena, "%s.weight", adapted[k]));
        const char *stem = arena_printf(&arena, "codi.base_model.model.transformer.%s", adapted[k]);
        const float *A = add_tensor(&c, arena_printf(&arena, "%s.lora_A.default.weight", stem), RANK, t->rows, k);
        const float *B = add_tensor(&c, arena_printf(&arena, "%s.lora_B.default.weight", stem), t->cols, RANK, k + 9);
        for (int i = 0; i < t->rows; i++)
            for (int o = 0; o < t->cols; o++)
                for (int r = 0; r < RANK; r++)
                    merged.w[t->offset + (long)i * t->cols + o] += 0.25f * A[r * t->rows + i] * B[o * RANK + r];
    }
    gpt_refresh(&merged);
    ck_assert(memcmp(merged.w, m.w, (size_t)m.n * sizeof *m.w) != 0);
    assert_imported(as_safetensors(&c, DTYPE_F32), &merged, "safetensors", IMPORT_CODI);
    assert_imported(as_torch(&c, DTYPE_BF16), &merged, "torch", IMPORT_CODI);
}
END_TEST

/* LoRA on every matrix, kept as weights of its own: turned, and acting as if merged. */
START_TEST(lora_may_be_kept) {
    enum { RANK = 2 };
    struct gpt m = make_model(true, true);
    struct checkpoint c = state_of(&m, "codi.base_model.model.transformer.");
    for (int k = 0; k < m.n_tensors; k++) {
        const struct gpt_tensor *t = &m.tensors[k];
        if (!t->decay || t->layer < 0) continue;
        const int stem = (int)strlen(t->name) - 7;
        const char *name = arena_printf(&arena, "codi.base_model.model.transformer.%.*s", stem, t->name);
        add_tensor(&c, arena_printf(&arena, "%s.lora_A.default.weight", name), RANK, t->rows, k);
        add_tensor(&c, arena_printf(&arena, "%s.lora_B.default.weight", name), t->cols, RANK, k + 9);
    }
    struct bytes b = as_safetensors(&c, DTYPE_F32);
    struct import in;
    struct gpt merged, kept;
    ck_assert_msg(import_bytes(&merged, &in, b, CONFIG_JSON) == ST_OK, "%s", status_message());
    ck_assert_int_eq(in.n_lora, 8);
    ck_assert_int_eq(in.lora_rank, RANK);
    struct gpt_config config = in.config;
    config.lora = RANK;
    config.lora_scale = 0.25;
    ck_assert_int_eq(gpt_open(&kept, &arena, &config), ST_OK);
    /* import_bytes has freed the copy that it read; these bytes are still there. */
    ck_assert_int_eq(import_parse(&in, &arena, "f.bin", b.p, b.n, CONFIG_JSON), ST_OK);
    import_fill(&in, &kept, 0.25);
    for (int k = 0; k < m.n_tensors; k++) {
        const struct gpt_tensor *t = &m.tensors[k], *own = gpt_find(&kept, t->name);
        const long n = (long)t->rows * t->cols;
        ck_assert_mem_eq(kept.w + own->offset, m.w + t->offset, (size_t)n * sizeof(float));
        for (long i = 0; i < n; i++)
            ck_assert_float_eq_tol(gpt_weights(&kept, own)[i], merged.w[gpt_find(&merged, t->name)->offset + i], 1e-5f);
    }
    /* what is exported is the whole, without its parts */
    char folder[] = "/tmp/test_import.XXXXXX";
    struct gpt back;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(export_gpt(&kept, folder), ST_OK);
    ck_assert_msg(import_gpt(&back, &arena, folder, 1.0) == ST_OK, "%s", status_message());
    for (long i = 0; i < merged.n; i++) ck_assert_float_eq_tol(back.w[i], merged.w[i], 1e-5f);
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
    const struct gpt_tensor *A = gpt_find(&kept, "h.1.mlp.c_fc.lora_A.weight");
    const struct checkpoint_tensor *file =
        checkpoint_find(&c, "codi.base_model.model.transformer.h.1.mlp.c_fc.lora_A.default.weight");
    for (int i = 0; i < A->rows; i++)
        for (int r = 0; r < RANK; r++)
            ck_assert_float_eq(kept.w[A->offset + (long)i * RANK + r], file->data[r * A->rows + i]);
    /* another rank: merged, and the model's own stay as they were */
    config.lora = 3;
    ck_assert_int_eq(gpt_open(&kept, &arena, &config), ST_OK);
    import_fill(&in, &kept, 0.25);
    const struct gpt_tensor *w = gpt_find(&kept, "h.0.mlp.c_fc.weight");
    ck_assert_mem_eq(kept.w + w->offset, merged.w + gpt_find(&merged, w->name)->offset, (size_t)w->rows * 4 * 8);
    /* more tokens than the file has: the others stay */
    config = in.config;
    config.vocab += 2;
    ck_assert_int_eq(gpt_open(&kept, &arena, &config), ST_OK);
    kept.p.wte[11 * 8] = 42.0f;
    import_fill(&in, &kept, 0.25);
    ck_assert_mem_eq(kept.p.wte, m.p.wte, 11 * 8 * sizeof(float));
    ck_assert_float_eq(kept.p.wte[11 * 8], 42.0f);
}
END_TEST

/* One rank for the whole model, no greater than its width, can be kept; others are merged. */
START_TEST(lora_of_mixed_or_great_rank_is_merged) {
    struct gpt m = make_model(true, false), merged;
    for (int great = 0; great < 2; great++) {
        struct checkpoint c = state_of(&m, "codi.base_model.model.transformer.");
        struct import in;
        for (int k = 0; k < m.n_tensors; k++) {
            const struct gpt_tensor *t = &m.tensors[k];
            if (!t->decay || t->layer < 0) continue;
            const int stem = (int)strlen(t->name) - 7, rank = great ? 9 : 2 + k % 2;
            const char *name = arena_printf(&arena, "codi.base_model.model.transformer.%.*s", stem, t->name);
            add_tensor(&c, arena_printf(&arena, "%s.lora_A.default.weight", name), rank, t->rows, k);
            add_tensor(&c, arena_printf(&arena, "%s.lora_B.default.weight", name), t->cols, rank, k + 9);
        }
        ck_assert_msg(import_bytes(&merged, &in, as_safetensors(&c, DTYPE_F32), CONFIG_JSON) == ST_OK, "%s",
                      status_message());
        ck_assert_int_eq(in.n_lora, 8);
        ck_assert_int_eq(in.lora_rank, 0);
        const struct gpt_tensor *t = gpt_find(&m, "h.1.mlp.c_fc.weight");
        ck_assert_mem_ne(merged.w + t->offset, m.w + t->offset, 64);
    }
}
END_TEST

/* The published numbers of parameters. The files are holes but for their header: nothing of them is read. */
START_TEST(all_four_sizes_are_known) {
    static const struct {
        int layers, width, heads;
        long parameters;
    } sizes[] = {
        {12, 768, 12, 124439808}, {24, 1024, 16, 354823168}, {36, 1280, 20, 774030080}, {48, 1600, 25, 1557611200}};
    char folder[] = "/tmp/test_import.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *path = arena_printf(&arena, "%s/model.safetensors", folder);
    for (int s = 0; s < 4; s++) {
        struct gpt plan;
        struct gpt_config c = {.vocab = 50257,
                               .context = 1024,
                               .layers = sizes[s].layers,
                               .width = sizes[s].width,
                               .heads = sizes[s].heads,
                               .channels = 1,
                               .tied = true};
        ck_assert_int_eq(gpt_plan(&plan, &arena, &c), ST_OK);
        struct bytes header = {0};
        long at = 0;
        for (int k = 0; k < plan.n_tensors; k++) {
            const struct gpt_tensor *t = &plan.tensors[k];
            long n = 4L * t->rows * t->cols;
            put_text(&header, arena_printf(&arena, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", k ? "," : "{", t->name));
            if (t->decay) put_text(&header, arena_printf(&arena, "%d,", t->rows));
            put_text(&header, arena_printf(&arena, "%d],\"data_offsets\":[%ld,%ld]}", t->cols, at, at + n));
            at += n;
        }
        put(&header, "}", 2);
        struct bytes file = safetensors_of(header.p, NULL, 0);
        ck_assert_int_eq(fs_write(path, file.p, file.n), ST_OK);
        ck_assert_int_eq(truncate(path, (off_t)file.n + at), 0);
        struct import in = {0};
        ck_assert_msg(import_open(&in, &arena, folder) == ST_OK, "%s", status_message());
        ck_assert_int_eq(in.n_parameters, sizes[s].parameters);
        assert_config(&in.config, &c);
        import_close(&in);
    }
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

START_TEST(folders_and_files_are_found) {
    char folder[] = "/tmp/test_import.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct gpt m = make_model(true, false), read;
    struct checkpoint c = state_of(&m, "");
    struct bytes b = as_torch(&c, DTYPE_F32);
    struct import in;
    ck_assert_int_eq(import_open(&in, &arena, folder), ST_USAGE); /* empty */
    import_close(&in);
    const char *checkpoint = arena_printf(&arena, "%s/checkpoint_7", folder);
    ck_assert_int_eq(fs_write(checkpoint, b.p, b.n), ST_OK);
    ck_assert_int_eq(import_gpt(&read, &arena, checkpoint, 0.25), ST_DATA); /* width 8 is no multiple of 64 */
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/config.json", folder), CONFIG_JSON, strlen(CONFIG_JSON)), ST_OK);
    ck_assert_msg(import_gpt(&read, &arena, checkpoint, 0.25) == ST_OK, "%s", status_message());
    ck_assert_mem_eq(read.w, m.w, (size_t)m.n * sizeof *m.w);
    ck_assert_int_eq(import_gpt(&read, &arena, folder, 0.25), ST_OK); /* checkpoint_7 alone */
    ck_assert_int_eq(remove(checkpoint), 0);
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/a.bin", folder), b.p, b.n), ST_OK);
    ck_assert_int_eq(import_gpt(&read, &arena, folder, 0.25), ST_OK);
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/b.pt", folder), b.p, b.n), ST_OK);
    ck_assert_int_eq(import_gpt(&read, &arena, folder, 0.25), ST_USAGE); /* which? */
    const char *config = arena_printf(&arena, "%s/config.json", folder);
    const int here = open(".", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(import_gpt(&read, &arena, "a.bin", 0.25), ST_OK); /* config.json lies beside it */
    ck_assert(fchdir(here) == 0 && close(here) == 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(remove(arena_printf(&arena, "%s/%s", folder, i ? "b.pt" : "a.bin")), 0);
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/of_another_name.safetensors", folder), b.p, b.n), ST_OK);
    ck_assert_int_eq(import_gpt(&read, &arena, folder, 0.25), ST_OK);
    ck_assert(remove(config) == 0 && mkdir(config, 0700) == 0);
    ck_assert_int_eq(import_gpt(&read, &arena, folder, 0.25), ST_IO); /* config.json is a folder */
    ck_assert_int_eq(import_gpt(&read, &arena, arena_printf(&arena, "%s/none", folder), 0.25), ST_IO);
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

static const char *refused_folder;

static enum status import_folder(void) {
    struct gpt m;
    return import_gpt(&m, &arena, refused_folder, 0.25);
}

static enum status export_there(void) {
    const struct gpt m = make_model(true, false);
    return export_gpt(&m, refused_folder);
}

START_TEST(whatever_is_refused_is_said) {
    char folder[] = "/tmp/test_import.XXXXXX";
    const struct refusal goes = {.act = export_there}, comes = {.act = import_folder};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    refused_folder = folder;
    ck_assert_int_ge(refuse_each(&goes), 10);
    ck_assert_int_ge(refuse_each(&comes), 4);
    ck_assert_int_eq(rename(arena_printf(&arena, "%s/model.safetensors", folder),
                            arena_printf(&arena, "%s/other.safetensors", folder)),
                     0);
    ck_assert_int_ge(refuse_each(&comes), 6); /* the folder is listed */
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

START_TEST(exported_models_come_back) {
    char folder[] = "/tmp/test_import.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int k = 0; k < 4; k++) {
        struct gpt m = make_model(k & 1, k & 2), read;
        ck_assert_msg(export_gpt(&m, folder) == ST_OK, "%s", status_message());
        ck_assert_msg(import_gpt(&read, &arena, folder, 0.25) == ST_OK, "%s", status_message());
        assert_config(&read.config, &m.config);
        ck_assert_mem_eq(read.w, m.w, (size_t)m.n * sizeof *m.w);
        struct checkpoint c, expected = state_of(&m, "transformer.");
        ck_assert_int_eq(checkpoint_read(&arena, arena_printf(&arena, "%s/model.safetensors", folder), &c), ST_OK);
        ck_assert_int_eq(c.n, expected.n);
        ck_assert_str_eq(checkpoint_meta(&c, "format"), "pt");
        for (int i = 0; i < c.n; i++) {
            const struct checkpoint_tensor *t = checkpoint_find(&c, expected.tensors[i].name);
            ck_assert_msg(t != NULL, "%s", expected.tensors[i].name);
            ck_assert_mem_eq(t->data, expected.tensors[i].data, (size_t)count_of(t) * sizeof(float));
        }
    }
    struct gpt many;
    struct gpt_config config = small_config(true, false);
    config.channels = 2, config.channel_vocab[1] = 3;
    ck_assert_int_eq(gpt_open(&many, &arena, &config), ST_OK);
    ck_assert_int_eq(export_gpt(&many, folder), ST_USAGE);
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

Suite *suite_import(void) {
    Suite *s = suite_create("import");
    TCase *t = tcase_create("import");
    tcase_add_checked_fixture(t, open_arena, close_arena);
    tcase_add_test(t, gpt2_in_every_format_and_width);
    tcase_add_test(t, zip_without_zip64_is_read);
    tcase_add_test(t, heads_may_be_untied_tied_twice_or_named_alone);
    tcase_add_test(t, heads_may_share_a_storage);
    tcase_add_test(t, masks_are_passed_over);
    tcase_add_test(t, coconut_with_its_second_embedding);
    tcase_add_test(t, codi_with_lora_and_projection);
    tcase_add_test(t, lora_may_be_kept);
    tcase_add_test(t, lora_of_mixed_or_great_rank_is_merged);
    tcase_add_test(t, all_four_sizes_are_known);
    tcase_add_test(t, folders_and_files_are_found);
    tcase_add_test(t, whatever_is_refused_is_said);
    tcase_add_test(t, exported_models_come_back);
    suite_add_tcase(s, t);
    return s;
}

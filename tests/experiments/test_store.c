/* Whatever happens to the bytes of a finished cell, or of a table of results, is seen. STORE_FLIPS: random bit flips. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/rng.h"
#include "engine/base/sha256.h"
#include "engine/checkpoint.h"
#include "experiments/merge.h"
#include "experiments/store.h"
#include "tests/folder.h"
#include "tests/refuse.h"

static char key[SHA256_HEX];
static const char identity[] = "{\"config\": {}, \"parent\": \"\", \"numeric\": \"portable\"}";

static const char *const names[] = {"SHA256SUMS", "config.json", "events.jsonl", "metrics.csv", "model.safetensors"};
enum { N_FILES = sizeof names / sizeof names[0] };
static char *bytes[N_FILES];
static size_t sizes[N_FILES];

static const char *in_cell(int file) {
    return arena_printf(&arena, "%s/%s", store_path(&arena, folder, key), names[file]);
}

static void write_part(const char *name, const char *text) {
    const char *path = arena_printf(&arena, "%s/%s", store_part(&arena, folder, key), name);
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
}

/* A cell as a run leaves it, with a checkpoint. */
static void open_store(void) {
    float x[] = {1, -2, 3, 0x1p-149f};
    struct checkpoint_tensor t[] = {{"wte.weight", 2, {2, 2}, x}};
    struct checkpoint c = {.tensors = t, .n = 1};
    open_folder();
    sha256_text(identity, key);
    ck_assert_int_eq(store_open(folder), ST_OK);
    ck_assert_int_eq(store_begin(&arena, folder, key, identity), ST_OK);
    write_part("events.jsonl", "{\"what\":\"train\",\"done\":1,\"of\":1}\n");
    write_part("metrics.csv", "update,dose_level\n,\n2,0.25\n");
    ck_assert_int_eq(
        checkpoint_write(arena_printf(&arena, "%s/model.safetensors", store_part(&arena, folder, key)), &c), ST_OK);
    ck_assert_int_eq(store_finish(&arena, folder, key), ST_OK);
    ck_assert_msg(store_verify(&arena, folder, key) == ST_OK, "%s", status_message());
    for (int f = 0; f < N_FILES; f++) ck_assert_int_eq(fs_read(&arena, in_cell(f), &bytes[f], &sizes[f]), ST_OK);
}

/* Not fs_write: a flush for each of 100,000 damages would test the disk. */
static void put_bytes(const char *path, const char *data, size_t size) {
    FILE *out = fopen(path, "wbe");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(data, 1, size, out), size);
    ck_assert_int_eq(fclose(out), 0);
}

START_TEST(truncation_at_every_byte_is_seen) {
    for (int f = 0; f < N_FILES; f++) {
        const char *path = in_cell(f);
        for (size_t n = 0; n < sizes[f]; n++) {
            put_bytes(path, bytes[f], n);
            enum status st = store_verify(&arena, folder, key);
            ck_assert_msg(st == ST_DIFFERS, "%s cut at %zu of %zu: %d", names[f], n, sizes[f], (int)st);
        }
        put_bytes(path, bytes[f], sizes[f]);
        ck_assert_int_eq(store_verify(&arena, folder, key), ST_OK);
    }
}
END_TEST

START_TEST(random_flips_are_seen) {
    const char *asked = getenv("STORE_FLIPS");
    const long flips = asked ? strtol(asked, NULL, 10) : 2000;
    struct rng rng = rng_open(1, "flips", 0);
    for (long i = 0; i < flips; i++) {
        struct arena_mark mark = arena_mark(&arena);
        const int f = (int)rng_below(&rng, N_FILES);
        const size_t at = rng_below(&rng, (uint32_t)sizes[f]);
        const char bit = (char)(1 << rng_below(&rng, 8));
        const char *path = in_cell(f);
        bytes[f][at] ^= bit;
        put_bytes(path, bytes[f], sizes[f]);
        enum status st = store_verify(&arena, folder, key);
        ck_assert_msg(st == ST_DIFFERS, "%s, byte %zu, bit %d: %d", names[f], at, bit, (int)st);
        bytes[f][at] ^= bit;
        put_bytes(path, bytes[f], sizes[f]);
        arena_rewind(&arena, mark);
    }
    ck_assert_int_eq(store_verify(&arena, folder, key), ST_OK);
}
END_TEST

START_TEST(a_table_and_its_sum) {
    const char *path = arena_printf(&arena, "%s/results.csv", folder), *sum = arena_printf(&arena, "%s.sha256", path);
    char text[] = "a,b\n1,2\n";
    struct csv_table *t;
    char hex[SHA256_HEX];
    put_bytes(path, text, strlen(text));
    ck_assert_int_eq(merge_read(&arena, path, NULL, &t), ST_OK); /* a table of whoever has no sum */
    sha256_text(text, hex);
    const char *line = arena_printf(&arena, "%s  results.csv\n", hex);
    put_bytes(sum, line, strlen(line));
    ck_assert_int_eq(merge_read(&arena, path, NULL, &t), ST_OK);
    ck_assert_int_eq(t->rows, 1);
    for (size_t i = 0; i < strlen(text); i++)
        for (int bit = 0; bit < 8; bit++) {
            text[i] ^= (char)(1 << bit);
            put_bytes(path, text, sizeof text - 1);
            ck_assert_int_eq(merge_read(&arena, path, NULL, &t), ST_DIFFERS);
            text[i] ^= (char)(1 << bit);
        }
    for (size_t n = 0; n < strlen(text); n++) {
        put_bytes(path, text, n);
        ck_assert_int_eq(merge_read(&arena, path, NULL, &t), ST_DIFFERS);
    }
    put_bytes(path, text, strlen(text));
    for (size_t n = 0; n < strlen(line); n++) {
        put_bytes(sum, line, n);
        ck_assert_int_eq(merge_read(&arena, path, NULL, &t), ST_DIFFERS);
    }
    ck_assert_ptr_nonnull(strstr(status_message(), "results.csv: other content than "));
}
END_TEST

/* A cell that a kill left open, with the state of its training and a file half written. */
static void open_again(void) {
    ck_assert_int_eq(fs_remove_tree(store_path(&arena, folder, key)), ST_OK);
    ck_assert_int_eq(fs_remove_tree(store_part(&arena, folder, key)), ST_OK);
    ck_assert_int_eq(fs_mkdirs(store_part(&arena, folder, key)), ST_OK);
    write_part(store_training, "a state");
    write_part("events.jsonl.part", "{\"wha");
    write_part("LICENSE", "a name without a dot");
}

static enum status begin_and_finish(void) {
    TRY(store_begin(&arena, folder, key, identity));
    return store_finish(&arena, folder, key);
}

static void there_whole_or_not_at_all(enum status st) {
    if (st == ST_OK || fs_exists(store_path(&arena, folder, key)))
        ck_assert_msg(store_verify(&arena, folder, key) == ST_OK, "%s", status_message());
    else
        ck_assert(fs_exists(store_part(&arena, folder, key)));
}

static enum status verify(void) {
    return store_verify(&arena, folder, key);
}

/* Refused a call, a cell is not taken for a damaged one either, which would set it aside. */
START_TEST(whatever_is_refused_a_cell_is_whole) {
    const struct refusal finish = {open_again, begin_and_finish, there_whole_or_not_at_all};
    const struct refusal look = {.act = verify};
    ck_assert_int_ge(refuse_each(&finish), 40);
    ck_assert(!fs_exists(store_part(&arena, folder, key)));
    ck_assert_int_ge(refuse_each(&look), 10);
}
END_TEST

START_TEST(names_that_no_cell_has) {
    const char *moved;
    put_bytes(in_cell(0), "short\n", 6);
    ck_assert_int_eq(verify(), ST_DIFFERS);
    ck_assert_ptr_nonnull(strstr(status_message(), "SHA256SUMS is malformed"));
    const char *second = strchr(bytes[0], '\n') + 1; /* the first line is config.json's */
    ck_assert_ptr_nonnull(strstr(bytes[0], "  config.json\n"));
    ck_assert(strstr(bytes[0], "  config.json\n") < second);
    put_bytes(in_cell(0), second, sizes[0] - (size_t)(second - bytes[0]));
    ck_assert_int_eq(verify(), ST_DIFFERS);
    ck_assert_ptr_nonnull(strstr(status_message(), "does not list config.json"));
    ck_assert_int_eq(fs_remove_tree(in_cell(0)), ST_OK);
    ck_assert_int_eq(verify(), ST_DIFFERS);
    ck_assert_ptr_nonnull(strstr(status_message(), "lacks SHA256SUMS"));
    put_bytes(in_cell(0), bytes[0], sizes[0]);
    put_bytes(arena_printf(&arena, "%s/a|b", store_path(&arena, folder, key)), "", 0);
    ck_assert_int_eq(verify(), ST_DIFFERS);
    ck_assert_ptr_nonnull(strstr(status_message(), "with an odd name"));
    ck_assert_int_eq(store_set_aside(&arena, folder, key, &moved), ST_OK);
    ck_assert_ptr_nonnull(strstr(moved, ".bad-1"));
    open_again();
    write_part("a|b", "");
    ck_assert_int_eq(store_begin(&arena, folder, key, identity), ST_FAILED);
    ck_assert_int_eq(store_finish(&arena, folder, key), ST_FAILED);
    ck_assert_int_eq(fs_rename_dir(store_part(&arena, folder, key), store_path(&arena, folder, key)), ST_OK);
    ck_assert_int_eq(store_set_aside(&arena, folder, key, &moved), ST_OK);
    ck_assert_ptr_nonnull(strstr(moved, ".bad-2"));
    char *deep = arena_alloc(&arena, 5000, 1);
    memset(deep, 'd', 4999);
    ck_assert_int_eq(store_open(deep), ST_IO);
}
END_TEST

START_TEST(more_files_than_a_cell_can_have) {
    const char *part = store_part(&arena, folder, key);
    ck_assert_int_eq(fs_mkdirs(part), ST_OK);
    for (int i = 0; i < 4097; i++) put_bytes(arena_printf(&arena, "%s/%d", part, i), "", 0);
    ck_assert_int_eq(store_finish(&arena, folder, key), ST_FAILED);
    ck_assert_ptr_nonnull(strstr(status_message(), "too many files"));
}
END_TEST

Suite *suite_store(void) {
    Suite *s = suite_create("store");
    TCase *t = tcase_create("store");
    tcase_set_timeout(t, 600);
    tcase_add_checked_fixture(t, open_store, close_folder);
    tcase_add_test(t, truncation_at_every_byte_is_seen);
    tcase_add_test(t, random_flips_are_seen);
    tcase_add_test(t, a_table_and_its_sum);
    tcase_add_test(t, whatever_is_refused_a_cell_is_whole);
    tcase_add_test(t, names_that_no_cell_has);
    tcase_add_test(t, more_files_than_a_cell_can_have);
    suite_add_tcase(s, t);
    return s;
}

/* Pickles of state dictionaries: what one says, and what is wrong with others; in archives: test_import_bad.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pickle.h"
#include "tests/folder.h"

#define P(bytes, message)                                                                                              \
    { bytes, sizeof bytes - 1, message }
static const struct {
    const char *bytes;
    size_t size;
    const char *message; /* NULL: it is good */
} pickles[] = {
#include "tests/engine/pickle_malformed.def"
};
enum { N_PICKLES = sizeof pickles / sizeof pickles[0] };

START_TEST(pickles_are_checked) {
    struct pickle_tensor *tensors;
    int n;
    char *exact = malloc(pickles[_i].size ? pickles[_i].size : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, pickles[_i].bytes, pickles[_i].size);
    enum status st = pickle_state_dict(&arena, "f.bin", exact, pickles[_i].size, &tensors, &n);
    free(exact);
    if (!pickles[_i].message) {
        ck_assert_msg(st == ST_OK, "%s", status_message());
        return;
    }
    ck_assert_msg(st == ST_DATA, "accepted, instead of: %s", pickles[_i].message);
    ck_assert_msg(strstr(status_message(), pickles[_i].message), "'%s', not '%s'", status_message(),
                  pickles[_i].message);
    ck_assert(strncmp(status_message(), "f.bin: pickle offset ", 21) == 0 && !strchr(status_message(), '\n'));
}
END_TEST

START_TEST(a_pickle_has_a_greatest_size) {
    struct pickle_tensor *t;
    int n;
    ck_assert_int_eq(pickle_state_dict(&arena, "f.bin", "", PICKLE_MAX_BYTES + 1, &t, &n), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "bytes, expected at most"));
}
END_TEST

START_TEST(a_pickle_says_where_its_tensors_are) {
    static const char bytes[] = NAMED VIEW STORED "K\1K\2K\2\x86K\3K\1\x86\x89" ODICT "tRu.";
    struct pickle_tensor *t;
    int n;
    ck_assert_int_eq(pickle_state_dict(&arena, "f.bin", bytes, sizeof bytes - 1, &t, &n), ST_OK);
    ck_assert_int_eq(n, 1);
    ck_assert_str_eq(t->name, "a");
    ck_assert_str_eq(t->type, "FloatStorage");
    ck_assert_str_eq(t->storage, "0");
    ck_assert(t->storage_count == 6 && t->offset == 1 && t->n_dims == 2);
    ck_assert(t->dim[0] == 2 && t->dim[1] == 2 && t->stride[0] == 3 && t->stride[1] == 1);
}
END_TEST

Suite *suite_pickle(void) {
    Suite *s = suite_create("pickle");
    TCase *t = tcase_create("pickle");
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_loop_test(t, pickles_are_checked, 0, N_PICKLES);
    tcase_add_test(t, a_pickle_has_a_greatest_size);
    tcase_add_test(t, a_pickle_says_where_its_tensors_are);
    suite_add_tcase(s, t);
    return s;
}

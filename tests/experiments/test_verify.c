/* What `verify` takes from a manifest and a table before it computes anything. */
#include <check.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "experiments/verify.h"
#include "tests/folder.h"

static void is_refused(enum status st, enum status wanted, const char *message) {
    ck_assert_msg(st == wanted && strstr(status_message(), message), "%d, \"%s\" lacks \"%s\"", (int)st,
                  status_message(), message);
}

#define SUITE_TEXT "suite: small\\ngrid:\\n  - task: {name: chain}\\n    arm: {name: text}\\n"

static const struct {
    const char *manifest, *message; /* message NULL: it is read */
    enum status status;             /* a suite's own words are refused as they are where a user writes them */
} manifests[] = {
    {"{\"suite\": {\"name\": \"small\", \"text\": \"" SUITE_TEXT "\"}, \"runs\": [{\"set\": [\"seeds=7\"]}]}", NULL,
     ST_OK},
    {"{\"suite\": {\"name\": \"small\", \"text\": \"" SUITE_TEXT "\"}, \"runs\": [{\"set\": [7]}]}",
     "expected 'set' to hold strings", ST_DATA},
    {"{\"suite\": {\"name\": \"small\", \"text\": \"" SUITE_TEXT "\"}, \"runs\": [{\"set\": \"seeds=7\"}]}",
     "expected 'set' to be an array", ST_DATA},
    {"{\"suite\": {\"name\": \"small\", \"text\": \"" SUITE_TEXT "\"}, \"runs\": [{}]}",
     "expected 'set' to be an array", ST_DATA},
    {"{\"suite\": {\"name\": \"small\", \"text\": \"" SUITE_TEXT "\"}, \"runs\": []}", "no run", ST_DATA},
    {"{\"suite\": {\"name\": \"small\", \"text\": \"" SUITE_TEXT "\"}}", "expected 'runs' to be an array", ST_DATA},
    {"{\"suite\": {\"name\": \"../small\", \"text\": \"" SUITE_TEXT "\"}, \"runs\": [{\"set\": []}]}",
     "\"../small\" names no suite", ST_DATA},
    {"{\"suite\": {\"text\": \"" SUITE_TEXT "\"}, \"runs\": [{\"set\": []}]}", "expected 'name' to be a string",
     ST_DATA},
    {"{\"suite\": {\"name\": \"small\"}, \"runs\": [{\"set\": []}]}", "expected 'text' to be a string", ST_DATA},
    {"{\"suite\": 1}", "expected 'suite' to be an object", ST_DATA},
    {"{\"suite\": {\"name\": \"small\", \"text\": \"suite: small\\ngird: 1\\n\"}, \"runs\": [{\"set\": []}]}", "gird",
     ST_USAGE},
    {"{\"suite\": ", "expected", ST_DATA},
};

START_TEST(a_manifest_gives_its_suite) {
    struct suite s;
    put("manifest.json", manifests[_i].manifest);
    const enum status st = verify_suite(in("manifest.json"), folder, &s, &arena);
    if (manifests[_i].message) {
        is_refused(st, manifests[_i].status, manifests[_i].message);
        return;
    }
    ck_assert_msg(st == ST_OK, "%s", status_message());
    ck_assert_str_eq(s.name, "small");
    ck_assert_int_eq(s.n_seeds, 1);
    ck_assert_int_eq(s.seeds[0], 7); /* the override of the last run, not the suite's */
    ck_assert(!fs_exists(in("../small.yaml")));
}
END_TEST

/* A table of two cells, and what manifests say of it. */
START_TEST(a_table_lacks_no_cell_of_its_manifest) {
    static const struct {
        const char *cells, *message;
    } cases[] = {
        {"[{\"key\": \"aaaaaaaaaaaa11\"}, {\"key\": \"bbbbbbbbbbbb22\"}]", NULL},
        {"[{\"key\": \"bbbbbbbbbbbb22\"}]", NULL}, /* rows of an earlier run may stand */
        {"[]", NULL},
        {"[{\"key\": \"aaaaaaaaaaaa11\"}, {\"key\": \"cccccccccccc33\"}]", "lacks cell cccccccccccc"},
        {"[{\"key\": 3}]", "expected 'key' to be a string"},
        {"[3]", "expected 'key' to be a string"},
        {"{}", "expected 'cells' to be an array"},
    };
    static const char *const columns[] = {"cell", "metric", NULL};
    struct csv_table *t;
    put("results.csv", "cell,metric\nbbbbbbbbbbbb,x\nbbbbbbbbbbbb,y\naaaaaaaaaaaa,cell\n");
    ck_assert_int_eq(csv_read(&arena, in("results.csv"), columns, &t), ST_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("manifest.json", arena_printf(&arena, "{\"suite\": {\"cells\": %s}}", cases[i].cells));
        const enum status st = verify_ended(in("results.csv"), t, in("manifest.json"), &arena);
        if (cases[i].message)
            is_refused(st, strstr(cases[i].message, "lacks") ? ST_PARTIAL : ST_DATA, cases[i].message);
        else
            ck_assert_msg(st == ST_OK, "%s", status_message());
    }
    put("manifest.json", "{}");
    is_refused(verify_ended("t", t, in("manifest.json"), &arena), ST_DATA, "expected 'suite' to be an object");
    is_refused(verify_ended("t", t, in("none.json"), &arena), ST_IO, "none.json");
}
END_TEST

START_TEST(a_manifest_lies_beside_its_table) {
    static const char *const cases[][2] = {
        {"runs/quick/results.csv", "runs/quick/manifest.json"},
        {"results.csv", "manifest.json"},
        {"runs/quick/outcomes.csv", "runs/quick/manifest.json"},
        {"data/results/quick.csv", "data/results/quick.manifest.json"},
        {"quick.csv.bz2", "quick.manifest.json"},
        {"a.csv/quick", "a.csv/quick.manifest.json"},
        {".csv", ".csv.manifest.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_str_eq(verify_manifest(cases[i][0], &arena), cases[i][1]);
}
END_TEST

START_TEST(a_reference_is_packed_or_plain) {
    ck_assert_str_eq(verify_reference(folder, "quick", &arena), in("quick.csv")); /* what a message will name */
    put("quick.csv.bz2", "");
    ck_assert_str_eq(verify_reference(folder, "quick", &arena), in("quick.csv.bz2"));
    put("quick.csv", "");
    ck_assert_str_eq(verify_reference(folder, "quick", &arena), in("quick.csv"));
}
END_TEST

Suite *suite_verify(void) {
    Suite *s = suite_create("verify");
    TCase *t = tcase_create("verify");
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_loop_test(t, a_manifest_gives_its_suite, 0, sizeof manifests / sizeof manifests[0]);
    tcase_add_test(t, a_table_lacks_no_cell_of_its_manifest);
    tcase_add_test(t, a_manifest_lies_beside_its_table);
    tcase_add_test(t, a_reference_is_packed_or_plain);
    suite_add_tcase(s, t);
    return s;
}

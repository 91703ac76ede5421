/* Malformed files by the hundred, each made from a whole one by a fault that cannot leave it well-formed: every one is
 * refused with the file and the line. And every slip of one key of the keyboard in every name that a suite may hold. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/suite.h"

static char path[64];
static struct arena arena;
static int refused;

static void open_file(void) {
    snprintf(path, sizeof path, "%s/malformed.XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    arena_open(&arena, 1 << 16);
    refused = 0;
}

static void close_file(void) {
    unlink(path);
    arena_close(&arena);
}

static void put(const char *text, size_t size) {
    FILE *out = fopen(path, "wbe");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(text, 1, size, out), size);
    ck_assert_int_eq(fclose(out), 0);
}

/* One reader's verdict on a spoilt text. */
static void refuse(enum status (*read)(void), const char *text, size_t size, const char *how, long at) {
    struct arena_mark mark = arena_mark(&arena);
    put(text, size);
    enum status st = read();
    ck_assert_msg(st == ST_DATA, "%s at %ld: %d, in\n%.*s", how, at, (int)st, (int)size, text);
    const size_t n = strlen(path);
    const char *said = status_message();
    ck_assert_msg(strncmp(said, path, n) == 0 && said[n] == ':' && strtol(said + n + 1, NULL, 10) > 0, "%s", said);
    ck_assert_ptr_null(strchr(said, '\n'));
    arena_rewind(&arena, mark);
    refused++;
}

/* `text` with n bytes at `at` replaced. */
static const char *edited(const char *text, size_t at, size_t n, const char *with, size_t size, size_t *length) {
    const size_t whole = strlen(text);
    char *copy = arena_alloc(&arena, whole - n + size + 1, 1);
    memcpy(copy, text, at);
    memcpy(copy + at, with, size);
    memcpy(copy + at + size, text + at + n, whole - at - n + 1);
    *length = whole - n + size;
    return copy;
}

static void refuse_edit(enum status (*read)(void), const char *text, size_t at, size_t n, const char *with, size_t size,
                        const char *how) {
    struct arena_mark mark = arena_mark(&arena);
    size_t length;
    const char *copy = edited(text, at, n, with, size, &length);
    refuse(read, copy, length, how, (long)at);
    arena_rewind(&arena, mark);
}

#define EDIT(read, text, at, n, with, how) refuse_edit(read, text, at, n, with, sizeof with - 1, how)

/* ---- CSV ---- */

static const char table[] = "update,metric,value,lo,hi\n1,a,0.5,0.4,0.6\n2,b,1e-3,0,1\n3,c,-2,,\n10,d,7,6,8\n"
                            "11,e,0.25,0.2,0.3\n12,f,9,8,10\n13,g,0,0,0\n14,h,5,4,6\n";

static enum status read_table(void) {
    struct csv_table *t;
    return csv_read(&arena, path, NULL, &t);
}

START_TEST(tables) {
    put(table, strlen(table));
    ck_assert_msg(read_table() == ST_OK, "%s", status_message());
    for (size_t i = 0; i < strlen(table); i++) {
        const char c = table[i];
        EDIT(read_table, table, i, 0, "\0", "a NUL");
        if (c != ',' && c != '\n') continue;
        if (table[i - 1] != ',') EDIT(read_table, table, i, 0, "\"", "a quote behind a field");
        if (c == ',') EDIT(read_table, table, i, 0, ",", "a field more");
        if (c == ',') EDIT(read_table, table, i, 1, ";", "a field less");
        if (c == ',' && i + 1 < strlen(table))
            EDIT(read_table, table, i + 1, 0, "\"x\"y", "text behind a quoted field");
    }
    EDIT(read_table, table, 7, 6, "update", "a name twice");
    for (size_t n = 1; n < 25; n++) /* an opening quote that nothing closes */
        EDIT(read_table, table, strlen(table) - 8 + 2 * (n % 2), 0, "\"", "an open quote");
    ck_assert_int_ge(refused, 200);
}
END_TEST

/* ---- JSON and JSON lines ---- */

static const char document[] =
    "{\"suite\": {\"name\": \"a\", \"text\": \"b\\nc\"}, \"runs\": [{\"argv\": [\"run\", \"x\"], \"set\": []},\n"
    " {\"argv\": [\"run\"], \"set\": [\"press.lr=1\", \"seeds=1..3\"]}], \"inputs\": {\"p/x.json\": \"0a1b\"},\n"
    " \"on\": true, \"off\": false, \"none\": null, \"n\": \"12\"}\n";

static enum status read_document(void) {
    json_t *json = NULL;
    enum status st = jsonio_load_path(path, &json);
    json_decref(json);
    return st;
}

static enum status read_lines(void) {
    struct jsonio_lines lines;
    json_t *object;
    TRY(jsonio_lines_open(&lines, &arena, path));
    for (;;) {
        TRY(jsonio_lines_next(&lines, &object));
        if (!object) return ST_OK;
        json_decref(object);
    }
}

START_TEST(documents) {
    put(document, strlen(document));
    ck_assert_msg(read_document() == ST_OK, "%s", status_message());
    for (size_t n = 0; n + 2 < strlen(document); n++) refuse(read_document, document, n, "cut", (long)n);
    for (size_t i = 0; i + 1 < strlen(document); i++)
        if (strchr("{}[]:,\"", document[i])) EDIT(read_document, document, i, 1, "", "taken out");
    EDIT(read_document, document, 1, 0, "\"on\": 1, ", "a key twice");
    ck_assert_int_ge(refused, 200);
}
END_TEST

START_TEST(lines) {
    static const char first[] = "{\"what\":\"train\",\"done\":1}\n", last[] = "{\"what\":\"press\",\"loss\":0.5}\n";
    static const char *const others[] = {"[]",
                                         "[1]",
                                         "[{}]",
                                         "1",
                                         "\"a\"",
                                         "null",
                                         "true",
                                         "{}{}",
                                         "{} []",
                                         "{,}",
                                         "{\"a\":}",
                                         "{\"a\":1,\"a\":2}",
                                         "{'a':1}",
                                         "{a:1}",
                                         "{\"a\":01}",
                                         "{\"a\":nan}",
                                         "{\"a\":+1}",
                                         "{\"a\":1.}",
                                         "{\"a\":.5}",
                                         "{\"a\":\"\x01\"}",
                                         "{\"a\":\"\\x\"}",
                                         "{\"a\":\"\\ud800\"}",
                                         "{\"a\":\"\xff\"}",
                                         "//{}",
                                         "{}#"};
    const char *texts[] = {first, last};
    for (int k = 0; k < 2; k++)
        for (size_t n = 1; n + 1 < strlen(texts[k]); n++) {
            const char *whole = arena_printf(&arena, "%s%.*s\n%s", first, (int)n, texts[k], last);
            refuse(read_lines, whole, strlen(whole), "cut", (long)n);
            whole = arena_printf(&arena, "%s%.*s", last, (int)n, texts[k]);
            refuse(read_lines, whole, strlen(whole), "cut at the end", (long)n);
        }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        for (int before = 0; before < 4; before++) {
            const char *whole =
                arena_printf(&arena, "%s%s%s\n", before > 0 ? first : "", before > 1 ? "\n" : "", others[i]);
            refuse(read_lines, whole, strlen(whole), others[i], before);
        }
    ck_assert_int_ge(refused, 200);
}
END_TEST

/* ---- suites ---- */

static const char suite_text[] =
    "suite: m\nabout: a study\ndelta: 0.2\nprior_scale: 0.4\nnumeric: portable\nseeds: 1..3\n"
    "grid:\n"
    "  - task: {name: chain, design: joint}\n"
    "    model:\n"
    "      layers: 1\n"
    "      width: 16\n"
    "      heads: 2\n"
    "    base: {updates: 2, batch: 4}\n"
    "    arm:\n"
    "      - name: text\n"
    "        updates: 3\n"
    "      - name: codi\n"
    "        updates: 4\n"
    "    press:\n"
    "      pressure: none\n"
    "      updates: 5\n"
    "    measure: {questions: 9}\n";

static enum status read_suite(void) {
    struct suite s;
    return suite_read(&s, path, NULL, 0, &arena);
}

START_TEST(suites) {
    put(suite_text, strlen(suite_text));
    ck_assert_msg(read_suite() == ST_OK, "%s", status_message());
    for (const char *line = suite_text; *line; line = strchr(line, '\n') + 1) {
        const size_t begin = (size_t)(line - suite_text), indent = strspn(line, " -"), size = strcspn(line, "\n");
        const size_t word = begin + indent, colon = begin + strcspn(line, ":"), end = begin + size;
        EDIT(read_suite, suite_text, begin, 0, "\t", "a tab");
        EDIT(read_suite, suite_text, begin, indent, "   \t ", "a tab in the indentation");
        EDIT(read_suite, suite_text, word, 0, "[a, b]: 1\n", "a list as a key");
        EDIT(read_suite, suite_text, word, 0, "? ", "a question mark");
        EDIT(read_suite, suite_text, word, 0, "&x ", "an anchor");
        EDIT(read_suite, suite_text, word, 0, "!t ", "a tag");
        EDIT(read_suite, suite_text, word, 0, "*x ", "an alias");
        EDIT(read_suite, suite_text, word, 0, "\"", "an open quote");
        EDIT(read_suite, suite_text, word, 0, "}", "a closing brace");
        EDIT(read_suite, suite_text, word, 0, "@", "a reserved sign");
        EDIT(read_suite, suite_text, word, 0, "\x01", "a control character");
        EDIT(read_suite, suite_text, word, 0, "\xff", "no UTF-8");
        EDIT(read_suite, suite_text, colon + 1, 0, " [", "an open list");
        EDIT(read_suite, suite_text, colon + 1, 0, " {", "an open mapping");
        EDIT(read_suite, suite_text, end, 0, "\n%", "a directive");
    }
    EDIT(read_suite, suite_text, strlen(suite_text), 0, "---\na: 1\n", "a second document");
    EDIT(read_suite, suite_text, strlen(suite_text), 0, "suite: n\n", "a key twice");
    ck_assert_int_ge(refused, 200);
}
END_TEST

/* ---- slips ---- */

struct slip {
    const char *head, *key, *tail; /* a suite: head, the key misspelt, tail */
};

/* A slip is refused with a suggestion unless it is a name itself. */
static void refuse_slip(const struct slip *s, const char *slip, bool (*known)(const char *)) {
    struct arena_mark mark = arena_mark(&arena);
    if (!*slip || strcmp(slip, s->key) == 0 || known(slip)) return;
    const char *text = arena_printf(&arena, "%s%s%s", s->head, slip, s->tail);
    put(text, strlen(text));
    enum status st = read_suite();
    ck_assert_msg(st == ST_USAGE && strstr(status_message(), "; did you mean \""), "%s for %s: %d, %s", slip, s->key,
                  (int)st, status_message());
    refused++;
    arena_rewind(&arena, mark);
}

static void all_slips(const struct slip *s, bool (*known)(const char *)) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_0";
    char slip[128];
    const int n = (int)strlen(s->key);
    for (int i = 0; i <= n; i++) {
        snprintf(slip, sizeof slip, "%.*s%s", i, s->key, i < n ? s->key + i + 1 : "");
        if (i < n && n > 1) refuse_slip(s, slip, known);
        if (i + 1 < n) {
            snprintf(slip, sizeof slip, "%.*s%c%c%s", i, s->key, s->key[i + 1], s->key[i], s->key + i + 2);
            refuse_slip(s, slip, known);
        }
        for (const char *c = letters; *c; c++) {
            snprintf(slip, sizeof slip, "%.*s%c%s", i, s->key, *c, s->key + i);
            refuse_slip(s, slip, known);
            snprintf(slip, sizeof slip, "%.*s%c%s", i, s->key, *c, i < n ? s->key + i + 1 : "");
            if (i < n) refuse_slip(s, slip, known);
        }
    }
}

static const char *section;
static bool known_in_section(const char *key) {
    return config_find(section, key);
}

static const char *const heads[] = {"suite", "about", "delta", "prior_scale", "numeric", "seeds", "grid"};
static bool known_in_head(const char *key) {
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (strcmp(heads[i], key) == 0) return true;
    return false;
}

static bool known_section(const char *key) {
    int n;
    const struct config_key *keys = config_keys(&n);
    for (int i = 0; i < n; i++)
        if (strcmp(keys[i].section, key) == 0) return true;
    return strcmp(key, "seeds") == 0;
}

START_TEST(every_slip_gets_a_suggestion) {
    int n, sections = 0;
    const struct config_key *keys = config_keys(&n);
    for (int i = 0; i < n; i++) {
        section = keys[i].section;
        const char *before = strcmp(section, "press") == 0 ? "arm: {name: text}\n    " : "";
        const char *head = arena_printf(&arena, "suite: m\nseeds: 1\ngrid:\n  - %s%s: {", before, section);
        struct slip key = {head, keys[i].key, ": 1}\n"}, word = {"suite: m\nseeds: 1\ngrid:\n  - ", section, ": {}\n"};
        all_slips(&key, known_in_section);
        if (i > 0 && strcmp(keys[i - 1].section, section) == 0) continue;
        all_slips(&word, known_section);
        sections++;
    }
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        all_slips(&(struct slip){"", heads[i], ": 1\n"}, known_in_head);
    ck_assert(sections >= 6 && refused > 100 * n);
}
END_TEST

Suite *suite_malformed(void) {
    Suite *s = suite_create("malformed");
    TCase *t = tcase_create("malformed");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, open_file, close_file);
    tcase_add_test(t, tables);
    tcase_add_test(t, documents);
    tcase_add_test(t, lines);
    tcase_add_test(t, suites);
    tcase_add_test(t, every_slip_gets_a_suggestion);
    suite_add_tcase(s, t);
    return s;
}

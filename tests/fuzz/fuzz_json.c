/* JSON on arbitrary bytes. The first byte chooses: a document, which is the same when it was stored and loaded again;
 * JSON lines; or the configuration of a cell, which says the same when it was written and read again. */
#include <stdlib.h>

#include "engine/base/json.h"
#include "experiments/config.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    struct config c;
    const char *corpus = fuzz_open(*argc, *argv);
    if (!corpus) return 0;
    config_default(&c);
    c.arm.name = "text";
    c.press.pressure = c.press.of = "conceal";
    fuzz_seed(corpus, "document", "0{\"a\": [1, 2.5, \"\\u00e9\\n\", null, true], \"b\": {\"c\": -3}}");
    fuzz_seed(corpus, "lines", "1{\"what\":\"train\",\"done\":1,\"loss\":0.5}\n\n{\"what\":\"press\"}\r\n");
    for (enum cell_kind kind = CELL_BASE; kind <= CELL_PRESS; kind++) {
        json_t *json = config_to_json(&c, kind);
        char *text = json_dumps(json, JSON_COMPACT);
        fuzz_seed(corpus, config_kind_name(kind), arena_printf(&arena, "2%s", text));
        free(text);
        json_decref(json);
    }
    arena_close(&arena);
    return 0;
}

static void check_document(void) {
    json_t *json = NULL, *again = NULL;
    enum status st = jsonio_load_path(path, &json);
    if (st != ST_OK) {
        fuzz_refused(st, st);
        return;
    }
    char *text = json_dumps(json, JSON_COMPACT);
    if (jsonio_load_text("again", text, strlen(text), &again) != ST_OK) BUG("%s", status_message());
    if (!json_equal(json, again)) BUG("the document changed: %s", text);
    free(text);
    json_decref(json);
    json_decref(again);
}

static void check_lines(void) {
    struct jsonio_lines lines;
    json_t *object = NULL;
    enum status st = jsonio_lines_open(&lines, &arena, path);
    do {
        if (st == ST_OK) st = jsonio_lines_next(&lines, &object);
        if (st != ST_OK) fuzz_refused(st, st);
        json_decref(object);
    } while (st == ST_OK && object);
}

/* Reading may round a number to what a suite can write; once written, nothing moves any more. */
static void check_config(const char *text, size_t size) {
    struct config c, again;
    enum cell_kind kind, same;
    json_t *json = NULL;
    if (jsonio_load_text("f", text, size, &json) != ST_OK) return;
    if (json_is_object(json) && config_from_json(&c, json, &kind) == ST_OK) {
        json_t *first = config_to_json(&c, kind), *second;
        if (config_from_json(&again, first, &same) != ST_OK) BUG("%s", status_message());
        second = config_to_json(&again, same);
        if (same != kind || !json_equal(first, second)) BUG("the configuration changed");
        json_decref(first);
        json_decref(second);
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    fuzz_fill(data + 1, size - 1);
    if (data[0] % 3 == 0)
        check_document();
    else if (data[0] % 3 == 1)
        check_lines();
    else
        check_config((const char *)data + 1, size - 1);
    arena_close(&arena);
    return 0;
}

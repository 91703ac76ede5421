#include "experiments/yaml.h"

#include <string.h>
#include <yaml.h>

enum { DEEPEST = 8 };

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    const char *where;
};

static int line_of(const yaml_event_t *event) {
    return (int)event->start_mark.line + 1;
}

static enum status refuse(const struct reader *r, int line, const char *what) {
    return status_set(ST_DATA, "%s:%d: %s", r->where, line, what);
}

/* The next event, owned by the caller, with everything outside the subset refused. */
static enum status next(struct reader *r, yaml_event_t *event) {
    if (!yaml_parser_parse(&r->parser, event)) {
        int line = (int)r->parser.problem_mark.line + 1;
        const char *problem = r->parser.problem ? r->parser.problem : "malformed";
        if (r->parser.context) return status_set(ST_DATA, "%s:%d: %s (%s)", r->where, line, problem, r->parser.context);
        return refuse(r, line, problem);
    }
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        anchor = event->data.alias.anchor;
        break;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor, tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (!anchor && !tag) return ST_OK;
    enum status st =
        refuse(r, line_of(event),
               anchor ? "anchors and aliases are not part of a suite: write it out" : "tags are not part of a suite");
    yaml_event_delete(event);
    return st;
}

static enum status scalar_text(const struct reader *r, const yaml_event_t *event, const char **text) {
    const char *value = (const char *)event->data.scalar.value;
    if (strlen(value) != event->data.scalar.length) return refuse(r, line_of(event), "a NUL in a value");
    *text = arena_strdup(r->arena, value);
    return ST_OK;
}

static enum status read_node(struct reader *r, yaml_event_t *event, int depth, struct yaml_node **out);

static enum status read_key(struct reader *r, const yaml_event_t *event, const struct yaml_node *map,
                            const char **key) {
    if (event->type != YAML_SCALAR_EVENT) return refuse(r, line_of(event), "a key must be a plain word");
    TRY(scalar_text(r, event, key));
    const struct yaml_node *before = yaml_member(map, *key);
    if (before)
        return status_set(ST_DATA, "%s:%d: \"%s\" appears twice (first on line %d)", r->where, line_of(event), *key,
                          before->key_line);
    return ST_OK;
}

/* Children up to the end event of `node`, which is a list or a mapping. */
static enum status read_children(struct reader *r, struct yaml_node *node, int depth) {
    yaml_event_type_t end = node->kind == YAML_IS_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    for (struct yaml_node **link = &node->first;; link = &(*link)->next) {
        yaml_event_t event;
        const char *key = NULL;
        int key_line = 0;
        enum status st = ST_OK;
        TRY(next(r, &event));
        if (event.type == end) {
            yaml_event_delete(&event);
            return ST_OK;
        }
        if (node->kind == YAML_IS_MAP) {
            key_line = line_of(&event);
            st = read_key(r, &event, node, &key);
            yaml_event_delete(&event);
            if (st == ST_OK) st = next(r, &event);
            if (st != ST_OK) return st;
        }
        struct yaml_node *child = NULL;
        st = read_node(r, &event, depth + 1, &child);
        yaml_event_delete(&event);
        if (st != ST_OK) return st;
        child->key = key;
        child->key_line = key_line;
        *link = child;
    }
}

static enum status read_node(struct reader *r, yaml_event_t *event, int depth, struct yaml_node **out) {
    if (depth > DEEPEST) return refuse(r, line_of(event), "nested too deeply");
    struct yaml_node *node = ARENA_NEW(r->arena, struct yaml_node, 1);
    *out = node;
    node->line = line_of(event);
    if (event->type == YAML_SCALAR_EVENT) return scalar_text(r, event, &node->text); /* a node begins as a scalar */
    /* The grammar has nothing else here: an alias was refused when it was met. */
    node->kind = event->type == YAML_SEQUENCE_START_EVENT ? YAML_IS_LIST : YAML_IS_MAP;
    return read_children(r, node, depth);
}

/* libyaml's own words for a tab ("cannot start any token") help nobody. */
static enum status refuse_tabs(const struct reader *r, const char *text, size_t size) {
    bool indenting = true;
    int line = 1;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            line++;
            indenting = true;
        } else if (indenting && text[i] == '\t')
            return refuse(r, line, "a tab: indent with spaces");
        else if (text[i] != ' ')
            indenting = false;
    }
    return ST_OK;
}

static enum status read_document(struct reader *r, struct yaml_node **root) {
    static const yaml_event_type_t opening[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT};
    static const yaml_event_type_t closing[] = {YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT};
    yaml_event_t event;
    for (int i = 0; i < 2; i++) {
        TRY(next(r, &event));
        bool expected = event.type == opening[i];
        int line = line_of(&event);
        yaml_event_delete(&event);
        if (!expected) return refuse(r, line, "the file is empty");
    }
    TRY(next(r, &event));
    enum status st = read_node(r, &event, 0, root);
    yaml_event_delete(&event);
    if (st != ST_OK) return st;
    for (int i = 0; i < 2; i++) {
        TRY(next(r, &event));
        bool expected = event.type == closing[i];
        int line = line_of(&event);
        yaml_event_delete(&event);
        if (!expected) return refuse(r, line, "a second document");
    }
    return ST_OK;
}

enum status yaml_tree(struct arena *a, const char *where, const char *text, size_t size, struct yaml_node **root) {
    struct reader r = {.arena = a, .where = where};
    TRY(refuse_tabs(&r, text, size));
    if (!yaml_parser_initialize(&r.parser)) return status_set(ST_FAILED, "%s: no memory for the parser", where);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    enum status st = read_document(&r, root);
    yaml_parser_delete(&r.parser);
    return st;
}

struct yaml_node *yaml_member(const struct yaml_node *map, const char *key) {
    for (struct yaml_node *n = map->first; n; n = n->next)
        if (strcmp(n->key, key) == 0) return n;
    return NULL;
}

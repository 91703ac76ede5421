/* A YAML document as a small tree in which every node knows its line, over libyaml's events.
 *
 * The subset that a suite needs: one document of block or flow mappings, lists and scalars. Anchors, aliases, tags, a
 * key twice in one mapping, keys that are not plain scalars, a tab in the indentation, and a second document are
 * refused, each with its line.
 */
#ifndef SPILLOVER_YAML_H
#define SPILLOVER_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

enum yaml_kind { YAML_IS_SCALAR, YAML_IS_LIST, YAML_IS_MAP };

struct yaml_node {
    enum yaml_kind kind;
    int line;         /* from 1, where the value begins */
    const char *text; /* scalar; "" for a key without a value */
    const char *key;  /* member of a mapping: its name; else NULL */
    int key_line;
    struct yaml_node *first, *next; /* children in the order of the file */
};

/* The tree of `text`, in the arena; `where` stands for the file in messages. ST_DATA "where:line: ..." for anything
 * malformed or outside the subset. */
MUST_USE enum status yaml_tree(struct arena *a, const char *where, const char *text, size_t size,
                               struct yaml_node **root);

/* The member with this key of a node that is a mapping, or NULL. */
struct yaml_node *yaml_member(const struct yaml_node *map, const char *key);

#endif

#include "experiments/trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/checkpoint.h"

const char *const trace_phase_name[TRACE_PHASES] = {"before", "control", "after"};

/* Classes are collected as texts while lines are read and numbered when all are known. */
struct raw {
    const char ***label, ***read; /* [concepts][...]; NULL: null */
    const char **told, *group, *split;
};

struct reader {
    struct trace *t;
    struct arena *arena;
    struct raw *raw[TRACE_PHASES];
    const char *path[TRACE_PHASES];
    const char **seen[TRACE_MAX_CONCEPTS]; /* texts of labels, with repetitions */
    int n_seen[TRACE_MAX_CONCEPTS], room[TRACE_MAX_CONCEPTS];
};

/* --- labels ---------------------------------------------------------------------------------------------------- */

/* The text of a class; NULL in *text for null. */
static enum status class_text(struct reader *r, const char *where, const char *key, const json_t *value,
                              const char **text) {
    *text = NULL;
    if (json_typeof(value) == JSON_NULL) return ST_OK;
    if (json_typeof(value) == JSON_INTEGER)
        *text = arena_printf(r->arena, "%lld", (long long)json_integer_value(value));
    else if (json_typeof(value) == JSON_STRING)
        *text = arena_strdup(r->arena, json_string_value(value));
    else
        return status_set(ST_DATA, "%s: '%s' holds a class that is neither an integer nor a string (or null)", where,
                          key);
    return ST_OK;
}

static void note_class(struct reader *r, int concept, const char *text) {
    if (!text) return;
    if (r->n_seen[concept] == r->room[concept]) {
        const int room = r->room[concept] ? 2 * r->room[concept] : 64;
        const char **more = ARENA_NEW(r->arena, const char *, room);
        if (r->n_seen[concept]) memcpy(more, r->seen[concept], (size_t)r->n_seen[concept] * sizeof *more);
        r->seen[concept] = more;
        r->room[concept] = room;
    }
    r->seen[concept][r->n_seen[concept]++] = text;
}

/* One class, or a list of n. */
static enum status class_list(struct reader *r, const char *where, const char *key, const json_t *value, int n,
                              const char ***texts) {
    *texts = ARENA_NEW(r->arena, const char *, n);
    if (json_typeof(value) != JSON_ARRAY) return class_text(r, where, key, value, *texts);
    if ((int)json_array_size(value) != n)
        return status_set(ST_DATA, "%s: '%s' has %zu entries, 'steps' %d", where, key, json_array_size(value), n);
    for (int k = 0; k < n; k++) TRY(class_text(r, where, key, json_array_get(value, (size_t)k), &(*texts)[k]));
    return ST_OK;
}

static int concept_index(const struct trace *t, const char *name) {
    for (int c = 0; c < t->n_concepts; c++)
        if (strcmp(t->concepts[c].name, name) == 0) return c;
    return -1;
}

static bool plain(const char *name) {
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* The concepts of the first line are those of the trace. */
static enum status declare_concepts(struct reader *r, const char *where, json_t *concepts) {
    const char *name;
    json_t *value;
    struct trace *t = r->t;
    json_object_foreach(concepts, name, value) {
        if (!plain(name))
            return status_set(ST_DATA, "%s: concept \"%.40s\": a name is made of a-z, 0-9 and _", where, name);
        if (t->n_concepts == TRACE_MAX_CONCEPTS)
            return status_set(ST_DATA, "%s: more than %d concepts", where, TRACE_MAX_CONCEPTS);
        t->concepts[t->n_concepts++] =
            (struct trace_concept){.name = arena_strdup(r->arena, name), .by_step = json_typeof(value) == JSON_ARRAY};
    }
    if (t->n_concepts == 0) return status_set(ST_DATA, "%s: 'concepts' is empty: nothing is there to be read", where);
    return ST_OK;
}

static enum status read_labels(struct reader *r, const char *where, const json_t *line, struct trace_item *item,
                               struct raw *raw) {
    struct trace *t = r->t;
    json_t *concepts, *value;
    const char *name;
    TRY(jsonio_get_object(where, line, "concepts", &concepts));
    if (t->n_concepts == 0) TRY(declare_concepts(r, where, concepts));
    json_object_foreach(concepts, name, value) {
        if (concept_index(t, name) < 0)
            return status_set(ST_DATA, "%s: concept \"%.40s\" is not in the first line of before.jsonl", where, name);
    }
    raw->label = ARENA_NEW(r->arena, const char **, t->n_concepts);
    for (int c = 0; c < t->n_concepts; c++) {
        const struct trace_concept *concept = &t->concepts[c];
        value = json_object_get(concepts, concept->name);
        if (!value) return status_set(ST_DATA, "%s: concept \"%s\" is missing", where, concept->name);
        const json_type type = json_typeof(value);
        if (type != JSON_NULL && concept->by_step != (type == JSON_ARRAY))
            return status_set(ST_DATA, "%s: concept \"%s\" is %s here and %s in the first line", where, concept->name,
                              concept->by_step ? "one class" : "a list", concept->by_step ? "a list" : "one class");
        if (type == JSON_NULL) {
            raw->label[c] = ARENA_NEW(r->arena, const char *, item->n_steps + 1);
            continue;
        }
        TRY(class_list(r, where, concept->name, value, item->n_steps, &raw->label[c]));
        for (int k = 0; k < (concept->by_step ? item->n_steps : 1); k++) note_class(r, c, raw->label[c][k]);
    }
    return ST_OK;
}

/* "read" (a list a concept) and "told" (one class a concept): what readers of the steps and of the output found. */
static enum status read_findings(struct reader *r, const char *where, const json_t *line, struct trace_item *item,
                                 struct raw *raw) {
    struct trace *t = r->t;
    json_t *read = json_object_get(line, "read"), *told = json_object_get(line, "told"), *value;
    const char *name;
    raw->read = ARENA_NEW(r->arena, const char **, t->n_concepts);
    raw->told = ARENA_NEW(r->arena, const char *, t->n_concepts);
    if (read) TRY(jsonio_get_object(where, line, "read", &read));
    if (told) TRY(jsonio_get_object(where, line, "told", &told));
    json_object_foreach(read, name, value) {
        const int c = concept_index(t, name);
        if (c < 0) return status_set(ST_DATA, "%s: 'read' names \"%.40s\", which is no concept", where, name);
        if (json_typeof(value) != JSON_ARRAY)
            return status_set(ST_DATA, "%s: 'read' of \"%s\" is no list", where, name);
        TRY(class_list(r, where, name, value, item->n_steps, &raw->read[c]));
        t->concepts[c].read = true;
    }
    json_object_foreach(told, name, value) {
        const int c = concept_index(t, name);
        if (c < 0) return status_set(ST_DATA, "%s: 'told' names \"%.40s\", which is no concept", where, name);
        if (t->concepts[c].by_step)
            return status_set(ST_DATA, "%s: 'told' names \"%s\", which has a class a step", where, name);
        TRY(class_text(r, where, name, value, &raw->told[c]));
        t->concepts[c].told = true;
    }
    return ST_OK;
}

/* --- lines ----------------------------------------------------------------------------------------------------- */

static enum status optional_string(struct reader *r, const char *where, const json_t *line, const char *key,
                                   const char **text) {
    *text = NULL;
    if (!json_object_get(line, key)) return ST_OK;
    TRY(jsonio_get_string(where, line, key, text));
    *text = arena_strdup(r->arena, *text);
    return ST_OK;
}

static enum status known_keys(const char *where, const json_t *line) {
    static const char *const known[] = {"id",       "group", "split", "question", "steps", "output",
                                        "concepts", "read",  "told",  "answer",   "truth"};
    enum { N = sizeof known / sizeof known[0] };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)line, key, value) {
        int i = 0;
        while (i < N && strcmp(known[i], key) != 0) i++;
        if (i < N) continue;
        const char *near = status_nearest(key, known, N, sizeof known[0]);
        return status_set(ST_DATA, "%s: unknown key \"%.40s\"%s%s%s", where, key, near ? "; did you mean \"" : "",
                          near ? near : "", near ? "\"?" : "");
    }
    return ST_OK;
}

static enum status read_line(struct reader *r, const char *where, const json_t *line, struct trace_item *item,
                             struct raw *raw) {
    const char *answer, *truth;
    json_t *steps;
    TRY(known_keys(where, line));
    TRY(jsonio_get_string(where, line, "id", &item->id));
    item->id = arena_strdup(r->arena, item->id);
    TRY(jsonio_get_string(where, line, "question", &item->question));
    item->question = arena_strdup(r->arena, item->question);
    TRY(jsonio_get_array(where, line, "steps", &steps));
    item->n_steps = (int)json_array_size(steps);
    if (item->n_steps < 1 || item->n_steps > TRACE_MAX_STEPS)
        return status_set(ST_DATA, "%s: %zu steps; there may be 1 to %d", where, json_array_size(steps),
                          TRACE_MAX_STEPS);
    if (item->n_steps > r->t->n_steps) r->t->n_steps = item->n_steps;
    item->steps = ARENA_NEW(r->arena, const char *, item->n_steps);
    for (int k = 0; k < item->n_steps; k++) {
        const json_t *step = json_array_get(steps, (size_t)k);
        if (json_typeof(step) != JSON_STRING) return status_set(ST_DATA, "%s: step %d is not a string", where, k);
        item->steps[k] = arena_strdup(r->arena, json_string_value(step));
    }
    TRY(optional_string(r, where, line, "output", &item->output));
    TRY(optional_string(r, where, line, "group", &raw->group));
    TRY(optional_string(r, where, line, "split", &raw->split));
    TRY(optional_string(r, where, line, "answer", &answer));
    TRY(optional_string(r, where, line, "truth", &truth));
    if (!item->output) item->output = "";
    if (!raw->group) raw->group = item->id;
    if (raw->split && strcmp(raw->split, "fit") != 0 && strcmp(raw->split, "test") != 0)
        return status_set(ST_DATA, "%s: 'split' is \"%.40s\", not \"fit\" or \"test\"", where, raw->split);
    item->answered = answer && truth ? strcmp(answer, truth) == 0 : -1;
    TRY(read_labels(r, where, line, item, raw));
    return read_findings(r, where, line, item, raw);
}

static int count_lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n + 1;
}

static enum status read_items(struct reader *r, enum trace_phase phase) {
    struct jsonio_lines lines;
    struct trace_side *side = &r->t->side[phase];
    TRY(jsonio_lines_open(&lines, r->arena, r->path[phase]));
    const int room = count_lines(lines.next);
    side->items = ARENA_NEW(r->arena, struct trace_item, room);
    r->raw[phase] = ARENA_NEW(r->arena, struct raw, room);
    for (json_t *line;;) {
        TRY(jsonio_lines_next(&lines, &line));
        if (!line) break;
        side->items[side->n].line = lines.line;
        const enum status st = read_line(r, lines.where, line, &side->items[side->n], &r->raw[phase][side->n]);
        json_decref(line);
        TRY(st);
        side->n++;
    }
    return side->n ? ST_OK : status_set(ST_DATA, "%s: has no lines", r->path[phase]);
}

/* --- across lines ---------------------------------------------------------------------------------------------- */

struct place {
    const struct reader *r;
    int phase, item;
    const char *text;
};

static int by_text(const void *pa, const void *pb) {
    const struct place *a = pa, *b = pb;
    const int order = strcmp(a->text, b->text);
    return order ? order : a->phase != b->phase ? a->phase - b->phase : a->item - b->item;
}

static const char *where(const struct reader *r, const struct place *p) {
    return arena_printf(r->arena, "%s:%d", r->path[p->phase], r->t->side[p->phase].items[p->item].line);
}

static enum status check_ids(struct reader *r, enum trace_phase phase) {
    const struct trace_side *side = &r->t->side[phase];
    struct place *all = ARENA_NEW(r->arena, struct place, side->n + 1);
    for (int i = 0; i < side->n; i++) all[i] = (struct place){r, (int)phase, i, side->items[i].id};
    qsort(all, (size_t)side->n, sizeof *all, by_text);
    for (int i = 1; i < side->n; i++)
        if (strcmp(all[i].text, all[i - 1].text) == 0)
            return status_set(ST_DATA, "%s: id \"%.60s\" was there before, in line %d", where(r, &all[i]), all[i].text,
                              side->items[all[i - 1].item].line);
    return ST_OK;
}

static void find_partners(struct reader *r, enum trace_phase phase) {
    const struct trace_side *before = &r->t->side[TRACE_BEFORE];
    struct trace_side *side = &r->t->side[phase];
    struct place *all = ARENA_NEW(r->arena, struct place, before->n + side->n);
    int n = 0;
    side->partner = ARENA_NEW(r->arena, int, before->n);
    for (int i = 0; i < before->n; i++) all[n++] = (struct place){r, -1, i, before->items[i].id};
    for (int i = 0; i < side->n; i++) all[n++] = (struct place){r, (int)phase, i, side->items[i].id};
    qsort(all, (size_t)n, sizeof *all, by_text);
    for (int i = 0; i < n; i++) {
        if (all[i].phase >= 0) continue;
        const bool there = i + 1 < n && strcmp(all[i].text, all[i + 1].text) == 0;
        side->partner[all[i].item] = there ? all[i + 1].item : -1;
    }
}

/* Without a split of its own a group falls by its name: the same in every phase, a third for testing. */
static bool falls_to_test(const char *group) {
    char hex[SHA256_HEX];
    sha256_text(group, hex);
    hex[8] = '\0';
    return strtoul(hex, NULL, 16) % 3 == 0;
}

static enum status assign_groups(struct reader *r) {
    int n = 0, group = -1;
    for (int phase = 0; phase < TRACE_PHASES; phase++) n += r->t->side[phase].n;
    struct place *all = ARENA_NEW(r->arena, struct place, n);
    n = 0;
    for (int phase = 0; phase < TRACE_PHASES; phase++)
        for (int i = 0; r->raw[phase] && i < r->t->side[phase].n; i++)
            all[n++] = (struct place){r, phase, i, r->raw[phase][i].group};
    qsort(all, (size_t)n, sizeof *all, by_text);
    for (int i = 0; i < n; i++) {
        struct trace_item *item = &r->t->side[all[i].phase].items[all[i].item];
        const char *split = r->raw[all[i].phase][all[i].item].split;
        const bool same = i > 0 && strcmp(all[i].text, all[i - 1].text) == 0;
        if (!same) group++;
        item->group = group;
        item->test = split ? *split == 't' : falls_to_test(all[i].text);
        const struct trace_item *other = same ? &r->t->side[all[i - 1].phase].items[all[i - 1].item] : item;
        if (other->test != item->test)
            return status_set(ST_DATA, "%s: group \"%.60s\" is for %s here and for %s in %s", where(r, &all[i]),
                              all[i].text, item->test ? "test" : "fit", other->test ? "test" : "fit",
                              where(r, &all[i - 1]));
    }
    return ST_OK;
}

/* --- classes --------------------------------------------------------------------------------------------------- */

static bool whole(const char *text) {
    const char *digits = text + (*text == '-');
    return *digits && strspn(digits, "0123456789") == strlen(digits);
}

/* Numbers first and by size, then words; "07" is not "7". */
static int by_class(const void *pa, const void *pb) {
    const char *a = *(const char *const *)pa, *b = *(const char *const *)pb;
    if (whole(a) != whole(b)) return whole(a) ? -1 : 1;
    if (!whole(a)) return strcmp(a, b);
    const long long x = strtoll(a, NULL, 10), y = strtoll(b, NULL, 10);
    return x != y ? (x > y) - (x < y) : strcmp(a, b);
}

static int class_of(const struct trace_concept *c, const char *text) {
    if (!text) return TRACE_NONE;
    const char **found = bsearch(&text, c->classes, (size_t)c->K, sizeof *c->classes, by_class);
    return found ? (int)(found - c->classes) : TRACE_OTHER;
}

static enum status number_classes(struct reader *r, int concept) {
    struct trace_concept *c = &r->t->concepts[concept];
    c->classes = r->seen[concept];
    const int n = r->n_seen[concept];
    if (n > 0) qsort(c->classes, (size_t)n, sizeof *c->classes, by_class);
    for (int i = 0; i < n; i++)
        if (c->K == 0 || strcmp(c->classes[c->K - 1], c->classes[i]) != 0) c->classes[c->K++] = c->classes[i];
    if (c->K < 2 || c->K > TRACE_MAX_CLASSES)
        return status_set(ST_DATA, "%s: concept \"%s\" has %d classes in all; there may be 2 to %d", r->t->dir, c->name,
                          c->K, TRACE_MAX_CLASSES);
    return ST_OK;
}

static void number_item(struct reader *r, struct trace_item *item, const struct raw *raw) {
    const struct trace *t = r->t;
    item->label = ARENA_NEW(r->arena, int *, t->n_concepts);
    item->read = ARENA_NEW(r->arena, int *, t->n_concepts);
    item->told = ARENA_NEW(r->arena, int, t->n_concepts);
    for (int c = 0; c < t->n_concepts; c++) {
        const struct trace_concept *concept = &t->concepts[c];
        item->label[c] = ARENA_NEW(r->arena, int, item->n_steps);
        item->read[c] = ARENA_NEW(r->arena, int, item->n_steps);
        item->told[c] = class_of(concept, raw->told[c]);
        for (int k = 0; k < item->n_steps; k++) {
            item->label[c][k] = class_of(concept, raw->label[c][concept->by_step ? k : 0]);
            item->read[c][k] = raw->read[c] ? class_of(concept, raw->read[c][k]) : TRACE_NONE;
        }
    }
}

/* --- tensors --------------------------------------------------------------------------------------------------- */

static enum status check_finite(const struct reader *r, enum trace_phase phase, const char *path,
                                const struct trace_channel *c) {
    const struct trace_side *side = &r->t->side[phase];
    for (int i = 0; i < side->n; i++)
        for (int k = 0; k < (c->steps ? side->items[i].n_steps : 1); k++) {
            const float *x = trace_vector(c, i, k);
            for (int j = 0; j < c->d; j++)
                if (!isfinite(x[j]))
                    return status_set(ST_DATA, "%s: tensor '%s': item %d (%s:%d), step %d, is not finite", path,
                                      c->tensor, i, r->path[phase], side->items[i].line, k);
        }
    return ST_OK;
}

static enum status open_channel(const struct reader *r, enum trace_phase phase, const char *path,
                                const struct checkpoint_tensor *tensor, struct trace_channel *c) {
    const struct trace_side *side = &r->t->side[phase];
    char *name = arena_strdup(r->arena, tensor->name), *dot = strrchr(name, '.');
    *c = (struct trace_channel){.tensor = tensor->name, .name = name, .layer = -1, .x = tensor->data};
    if (dot && dot[1] && strspn(dot + 1, "0123456789") == strlen(dot + 1) && strlen(dot + 1) < 5) {
        c->layer = (int)strtol(dot + 1, NULL, 10);
        *dot = '\0';
    }
    if (!plain(name))
        return status_set(ST_DATA, "%s: tensor '%.60s': a name is made of a-z, 0-9 and _, and may end in .LAYER", path,
                          tensor->name);
    if (tensor->n_dims != 2 && tensor->n_dims != 3)
        return status_set(ST_DATA,
                          "%s: tensor '%s': expected [items][steps][width] or [items][width], found %d dimensions",
                          path, tensor->name, tensor->n_dims);
    if (tensor->dim[0] != side->n)
        return status_set(ST_DATA, "%s: tensor '%s' has %ld rows, and %s:%d is line %d of %d items", path, tensor->name,
                          tensor->dim[0], r->path[phase], side->items[side->n - 1].line, side->n, side->n);
    const long d = tensor->dim[tensor->n_dims - 1], steps = tensor->n_dims == 3 ? tensor->dim[1] : 0;
    if (d < 1 || d > 65536 || (tensor->n_dims == 3 && (steps < 1 || steps > TRACE_MAX_STEPS)))
        return status_set(ST_DATA, "%s: tensor '%s': %ld steps of width %ld", path, tensor->name, steps, d);
    c->d = (int)d;
    c->steps = (int)steps;
    for (int i = 0; c->steps && i < side->n; i++)
        if (side->items[i].n_steps > c->steps)
            return status_set(ST_DATA, "%s:%d: %d steps, but tensor '%s' of %s has room for %d", r->path[phase],
                              side->items[i].line, side->items[i].n_steps, tensor->name, path, c->steps);
    return check_finite(r, phase, path, c);
}

static enum status read_channels(struct reader *r, enum trace_phase phase) {
    struct checkpoint file;
    struct trace_side *side = &r->t->side[phase], *before = &r->t->side[TRACE_BEFORE];
    const char *path = arena_printf(r->arena, "%s/%s.safetensors", r->t->dir, trace_phase_name[phase]);
    TRY(checkpoint_read(r->arena, path, &file));
    if (file.n < 1 || file.n > TRACE_MAX_CHANNELS)
        return status_set(ST_DATA, "%s: %d tensors; there may be 1 to %d", path, file.n, TRACE_MAX_CHANNELS);
    side->channels = ARENA_NEW(r->arena, struct trace_channel, file.n);
    side->n_channels = phase == TRACE_BEFORE ? file.n : before->n_channels;
    if (file.n != side->n_channels)
        return status_set(ST_DATA, "%s: %d tensors, but before.safetensors has %d", path, file.n, side->n_channels);
    for (int i = 0; i < file.n; i++) {
        const char *name = phase == TRACE_BEFORE ? file.tensors[i].name : before->channels[i].tensor;
        const struct checkpoint_tensor *tensor = checkpoint_find(&file, name);
        if (!tensor) return status_set(ST_DATA, "%s: has no tensor '%s', which before.safetensors has", path, name);
        TRY(open_channel(r, phase, path, tensor, &side->channels[i]));
        if (side->channels[i].d != before->channels[i].d)
            return status_set(ST_DATA, "%s: tensor '%s' is %d wide, but %d in before.safetensors", path, name,
                              side->channels[i].d, before->channels[i].d);
    }
    return ST_OK;
}

/* --- all of it ------------------------------------------------------------------------------------------------- */

enum status trace_read(struct trace *t, const char *dir, struct arena *a) {
    *t = (struct trace){.dir = dir};
    struct reader *r = ARENA_NEW(a, struct reader, 1);
    *r = (struct reader){.t = t, .arena = a};
    for (int phase = 0; phase < TRACE_PHASES; phase++) {
        r->path[phase] = arena_printf(a, "%s/%s.jsonl", dir, trace_phase_name[phase]);
        if (phase != TRACE_BEFORE && !fs_exists(r->path[phase])) continue;
        TRY(read_items(r, phase));
        TRY(check_ids(r, phase));
    }
    TRY(assign_groups(r));
    for (int c = 0; c < t->n_concepts; c++) TRY(number_classes(r, c));
    for (int phase = 0; phase < TRACE_PHASES; phase++) {
        if (t->side[phase].n == 0) continue;
        for (int i = 0; i < t->side[phase].n; i++) number_item(r, &t->side[phase].items[i], &r->raw[phase][i]);
        TRY(read_channels(r, phase));
        find_partners(r, phase);
    }
    return ST_OK;
}

const float *trace_vector(const struct trace_channel *c, int item, int step) {
    if (c->steps == 0) return c->x + (long)item * c->d;
    return c->x + ((long)item * c->steps + step) * c->d;
}

int trace_label(const struct trace *t, const struct trace_item *item, int concept, int step) {
    if (step >= item->n_steps || concept >= t->n_concepts) return TRACE_NONE;
    return item->label[concept][step];
}

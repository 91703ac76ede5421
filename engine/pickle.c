#include "engine/pickle.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum opcode {
    OP_MARK = '(',
    OP_EMPTY_TUPLE = ')',
    OP_STOP = '.',
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_NONE = 'N',
    OP_BINPERSID = 'Q',
    OP_REDUCE = 'R',
    OP_BINUNICODE = 'X',
    OP_BUILD = 'b',
    OP_GLOBAL = 'c',
    OP_BINGET = 'h',
    OP_LONG_BINGET = 'j',
    OP_BINPUT = 'q',
    OP_LONG_BINPUT = 'r',
    OP_SETITEM = 's',
    OP_TUPLE = 't',
    OP_SETITEMS = 'u',
    OP_EMPTY_DICT = '}',
    OP_PROTO = 0x80,
    OP_TUPLE1 = 0x85,
    OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87,
    OP_NEWTRUE = 0x88,
    OP_NEWFALSE = 0x89,
    OP_LONG1 = 0x8a,
};

enum kind {
    NONE,
    BOOLEAN,
    INTEGER,
    STRING,
    TUPLE,
    DICT,
    ORDERED_DICT,
    REBUILD_TENSOR,
    REBUILD_PARAMETER,
    CLASS,
    STORAGE,
    TENSOR
};

static const struct {
    const char *name;
    enum kind kind;
} globals[] = {
    {"collections OrderedDict", ORDERED_DICT},
    {"torch._utils _rebuild_tensor_v2", REBUILD_TENSOR},
    {"torch._utils _rebuild_parameter", REBUILD_PARAMETER},
    {"torch FloatStorage", CLASS},
    {"torch HalfStorage", CLASS},
    {"torch BFloat16Storage", CLASS},
    {"torch DoubleStorage", CLASS},
    {"torch LongStorage", CLASS},
    {"torch IntStorage", CLASS},
    {"torch ShortStorage", CLASS},
    {"torch CharStorage", CLASS},
    {"torch ByteStorage", CLASS},
    {"torch BoolStorage", CLASS},
};

struct value;
struct dict {
    const struct value **items; /* key, value, key, value, ... */
    long n, capacity;
};

struct value {
    enum kind kind;
    union {
        long integer;       /* INTEGER, BOOLEAN */
        const char *string; /* STRING, CLASS: without the module */
        struct {
            const struct value *const *items;
            long n;
        } tuple;
        struct dict *dict;            /* DICT; values are shared, so what is set later is seen everywhere */
        struct pickle_tensor *tensor; /* TENSOR; STORAGE: its first fields */
    };
};

struct machine {
    struct arena *arena;
    const char *path;
    const unsigned char *bytes;
    size_t size, at, op_at; /* of the next byte, of this instruction */
    const struct value **stack;
    long *marks; /* heights of the stack */
    long n, n_marks;
    const struct value **memo; /* [size] */
};

static void PRINTF_LIKE(2, 3) record_bad(const struct machine *m, const char *fmt, ...) {
    char what[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    for (char *c = what; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) *c = '?';
    status_record("%s: pickle offset %zu: %s", m->path, m->op_at, what);
}

/* A macro, so that compiler and analyser see that it never gives ST_OK. */
#define bad(...) (record_bad(__VA_ARGS__), ST_DATA)

/* ---- the stack ---- */

/* An instruction pushes at most one value, so the stack is never higher than the file is long. */
static struct value *push(struct machine *m, enum kind kind) {
    struct value *v = ARENA_NEW(m->arena, struct value, 1);
    v->kind = kind;
    m->stack[m->n++] = v;
    return v;
}

static long floor_of(const struct machine *m) {
    return m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0;
}

static enum status pop(struct machine *m, const struct value **v) {
    if (m->n <= floor_of(m)) return bad(m, "nothing on the stack");
    *v = m->stack[--m->n];
    return ST_OK;
}

static enum status pop_mark(struct machine *m, long *height) {
    if (m->n_marks == 0) return bad(m, "no mark on the stack");
    *height = m->marks[--m->n_marks];
    return ST_OK;
}

/* The values above a height become one tuple. */
static void make_tuple(struct machine *m, long height) {
    long n = m->n - height;
    const struct value **items = ARENA_NEW(m->arena, const struct value *, n);
    for (long i = 0; i < n; i++) items[i] = m->stack[height + i];
    m->n = height;
    struct value *v = push(m, TUPLE);
    v->tuple.items = items;
    v->tuple.n = n;
}

static enum status make_short_tuple(struct machine *m, long n) {
    if (m->n - floor_of(m) < n) return bad(m, "a tuple of %ld with fewer on the stack", n);
    make_tuple(m, m->n - n);
    return ST_OK;
}

/* ---- operands ---- */

static enum status take(struct machine *m, size_t n, const unsigned char **p) {
    if (n > m->size - m->at) return bad(m, "the file ends within an instruction");
    *p = m->bytes + m->at;
    m->at += n;
    return ST_OK;
}

static enum status take_number(struct machine *m, int n, uint64_t *x) {
    const unsigned char *p;
    TRY(take(m, (size_t)n, &p));
    *x = 0;
    for (int i = 0; i < n; i++) *x |= (uint64_t)p[i] << 8 * i;
    return ST_OK;
}

static enum status push_integer(struct machine *m, int n, bool is_signed) {
    uint64_t x;
    TRY(take_number(m, n, &x));
    int shift = 64 - 8 * n;
    push(m, INTEGER)->integer = n == 0 ? 0 : is_signed ? (long)(x << shift) >> shift : (long)x;
    return ST_OK;
}

static enum status push_long(struct machine *m) {
    uint64_t n;
    TRY(take_number(m, 1, &n));
    if (n > 8) return bad(m, "an integer of %d bytes", (int)n);
    return push_integer(m, (int)n, true);
}

static enum status push_string(struct machine *m) {
    uint64_t n;
    const unsigned char *p;
    TRY(take_number(m, 4, &n));
    TRY(take(m, n, &p));
    if (memchr(p, '\0', n)) return bad(m, "a string with a NUL");
    char *s = arena_alloc(m->arena, n + 1, 1);
    memcpy(s, p, n);
    push(m, STRING)->string = s;
    return ST_OK;
}

/* "module\nname\n" */
static enum status push_global(struct machine *m) {
    char name[64];
    size_t n = 0;
    for (int lines = 0; lines < 2; n++) {
        const unsigned char *p;
        TRY(take(m, 1, &p));
        bool end = *p == '\n';
        if (n + 1 == sizeof name) return bad(m, "a global whose name is too long");
        if (!end && (*p < 33 || *p > 126)) return bad(m, "a global whose name is no name");
        name[n] = !end ? (char)*p : lines++ == 0 ? ' ' : '\0';
    }
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (strcmp(name, globals[i].name) == 0) {
            push(m, globals[i].kind)->string = strchr(globals[i].name, ' ') + 1;
            return ST_OK;
        }
    return bad(m, "global '%s' is not on the list of a state dictionary", name);
}

static enum status put(struct machine *m, int n) {
    uint64_t slot;
    TRY(take_number(m, n, &slot));
    if (m->n <= floor_of(m) || slot >= m->size) return bad(m, "slot %llu of the memo", (unsigned long long)slot);
    m->memo[slot] = m->stack[m->n - 1];
    return ST_OK;
}

static enum status get(struct machine *m, int n) {
    uint64_t slot;
    TRY(take_number(m, n, &slot));
    if (slot >= m->size || !m->memo[slot]) return bad(m, "slot %llu of the memo", (unsigned long long)slot);
    m->stack[m->n++] = m->memo[slot];
    return ST_OK;
}

/* ---- dictionaries ---- */

static void push_dict(struct machine *m) {
    push(m, DICT)->dict = ARENA_NEW(m->arena, struct dict, 1);
}

static void append(struct machine *m, struct dict *d, const struct value *v) {
    if (d->n == d->capacity) {
        const struct value **old = d->items;
        d->capacity = d->capacity ? 2 * d->capacity : 16;
        d->items = ARENA_NEW(m->arena, const struct value *, d->capacity);
        for (long i = 0; i < d->n; i++) d->items[i] = old[i];
    }
    d->items[d->n++] = v;
}

/* Pairs above a height go into the dictionary below it. */
static enum status set_items(struct machine *m, long height) {
    long n = m->n - height;
    if (n % 2 != 0) return bad(m, "a key without a value");
    if (height <= floor_of(m) || m->stack[height - 1]->kind != DICT) return bad(m, "expected a dictionary");
    for (long i = height; i < m->n; i++) {
        if ((i - height) % 2 == 0 && m->stack[i]->kind != STRING) return bad(m, "expected a string as the key");
        append(m, m->stack[height - 1]->dict, m->stack[i]);
    }
    m->n = height;
    return ST_OK;
}

/* The state of an OrderedDict is the versions of modules (_metadata): nothing of it is needed. */
static enum status build(struct machine *m) {
    const struct value *state;
    TRY(pop(m, &state));
    if (m->n <= floor_of(m) || m->stack[m->n - 1]->kind != DICT || state->kind != DICT)
        return bad(m, "expected a dictionary with attributes");
    return ST_OK;
}

/* ---- storages and tensors ---- */

/* ("storage", class, key, location, elements) */
static enum status load_storage(struct machine *m) {
    const struct value *id;
    TRY(pop(m, &id));
    const struct value *const *x = id->tuple.items;
    if (id->kind != TUPLE || id->tuple.n != 5 || x[0]->kind != STRING || strcmp(x[0]->string, "storage") != 0 ||
        x[1]->kind != CLASS || x[2]->kind != STRING || x[3]->kind != STRING || x[4]->kind != INTEGER ||
        x[4]->integer < 0)
        return bad(m, "expected the reference of a storage");
    struct pickle_tensor *t = ARENA_NEW(m->arena, struct pickle_tensor, 1);
    t->type = x[1]->string;
    t->storage = x[2]->string;
    t->storage_count = x[4]->integer;
    push(m, STORAGE)->tensor = t;
    return ST_OK;
}

static enum status read_numbers(const struct machine *m, const struct value *v, long out[PICKLE_MAX_DIMS], int *n) {
    if (v->kind != TUPLE || v->tuple.n > PICKLE_MAX_DIMS)
        return bad(m, "expected a shape of at most %d dimensions", PICKLE_MAX_DIMS);
    *n = (int)v->tuple.n;
    for (int i = 0; i < *n; i++) {
        const struct value *x = v->tuple.items[i];
        if (x->kind != INTEGER || x->integer < 0) return bad(m, "expected a shape of numbers that are not negative");
        out[i] = x->integer;
    }
    return ST_OK;
}

/* Every element lies in the storage, and there are no more of them than the storage has. */
static bool fits(const struct pickle_tensor *t) {
    long count = 1, last = t->offset, step;
    if (t->offset > t->storage_count) return false;
    for (int i = 0; i < t->n_dims; i++) {
        if (__builtin_mul_overflow(count, t->dim[i], &count)) return false;
        if (t->dim[i] == 0) return true;
        if (__builtin_mul_overflow(t->dim[i] - 1, t->stride[i], &step) || __builtin_add_overflow(last, step, &last))
            return false;
    }
    return last < t->storage_count && count <= t->storage_count;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]) */
static enum status rebuild_tensor(struct machine *m, const struct value *arguments) {
    const struct value *const *x = arguments->tuple.items;
    if (arguments->tuple.n < 6 || arguments->tuple.n > 7 || x[0]->kind != STORAGE || x[1]->kind != INTEGER ||
        x[1]->integer < 0)
        return bad(m, "expected the arguments of a tensor");
    struct pickle_tensor *t = ARENA_NEW(m->arena, struct pickle_tensor, 1);
    int n_strides;
    *t = *x[0]->tensor;
    t->offset = x[1]->integer;
    TRY(read_numbers(m, x[2], t->dim, &t->n_dims));
    TRY(read_numbers(m, x[3], t->stride, &n_strides));
    if (n_strides != t->n_dims) return bad(m, "a tensor of %d dimensions with %d strides", t->n_dims, n_strides);
    if (!fits(t)) return bad(m, "a tensor that is larger than its storage");
    push(m, TENSOR)->tensor = t;
    return ST_OK;
}

static enum status reduce(struct machine *m) {
    const struct value *arguments, *function;
    TRY(pop(m, &arguments));
    TRY(pop(m, &function));
    if (arguments->kind != TUPLE) return bad(m, "expected a tuple of arguments");
    if (function->kind == ORDERED_DICT && arguments->tuple.n == 0) {
        push_dict(m);
        return ST_OK;
    }
    if (function->kind == REBUILD_TENSOR) return rebuild_tensor(m, arguments);
    if (function->kind == REBUILD_PARAMETER && arguments->tuple.n >= 1 && arguments->tuple.items[0]->kind == TENSOR) {
        m->stack[m->n++] = arguments->tuple.items[0];
        return ST_OK;
    }
    return bad(m, "a call that no state dictionary makes");
}

/* ---- the loop ---- */

static enum status step(struct machine *m, enum opcode op) {
    long height = 0;
    uint64_t x = 0;
    switch (op) {
    case OP_PROTO:
        TRY(take_number(m, 1, &x));
        return x == 2 || x == 3 ? ST_OK : bad(m, "protocol %d, expected 2 or 3", (int)x);
    case OP_MARK:
        m->marks[m->n_marks++] = m->n;
        return ST_OK;
    case OP_NONE:
        push(m, NONE);
        return ST_OK;
    case OP_NEWTRUE:
        push(m, BOOLEAN)->integer = 1;
        return ST_OK;
    case OP_NEWFALSE:
        push(m, BOOLEAN);
        return ST_OK;
    case OP_BININT:
        return push_integer(m, 4, true);
    case OP_BININT1:
        return push_integer(m, 1, false);
    case OP_BININT2:
        return push_integer(m, 2, false);
    case OP_LONG1:
        return push_long(m);
    case OP_BINUNICODE:
        return push_string(m);
    case OP_GLOBAL:
        return push_global(m);
    case OP_BINPERSID:
        return load_storage(m);
    case OP_REDUCE:
        return reduce(m);
    case OP_BUILD:
        return build(m);
    case OP_EMPTY_DICT:
        push_dict(m);
        return ST_OK;
    case OP_EMPTY_TUPLE:
        make_tuple(m, m->n);
        return ST_OK;
    case OP_TUPLE1:
        return make_short_tuple(m, 1);
    case OP_TUPLE2:
        return make_short_tuple(m, 2);
    case OP_TUPLE3:
        return make_short_tuple(m, 3);
    case OP_TUPLE:
        TRY(pop_mark(m, &height));
        make_tuple(m, height);
        return ST_OK;
    case OP_SETITEM:
        if (m->n - floor_of(m) < 3) return bad(m, "expected a dictionary, a key and a value");
        return set_items(m, m->n - 2);
    case OP_SETITEMS:
        TRY(pop_mark(m, &height));
        return set_items(m, height);
    case OP_BINPUT:
        return put(m, 1);
    case OP_LONG_BINPUT:
        return put(m, 4);
    case OP_BINGET:
        return get(m, 1);
    case OP_LONG_BINGET:
        return get(m, 4);
    case OP_STOP:
        break;
    }
    return bad(m, "instruction 0x%02x is not on the list of a state dictionary", (unsigned)op);
}

static enum status run(struct machine *m) {
    for (;;) {
        const unsigned char *p;
        m->op_at = m->at;
        TRY(take(m, 1, &p));
        if (m->op_at == 0 && *p != OP_PROTO) return bad(m, "expected a pickle of protocol 2");
        if (*p == OP_STOP) break;
        TRY(step(m, (enum opcode) * p));
    }
    if (m->at != m->size) return bad(m, "%zu bytes behind the end", m->size - m->at);
    if (m->n != 1 || m->n_marks != 0 || m->stack[0]->kind != DICT)
        return bad(m, "expected one dictionary as the result");
    return ST_OK;
}

enum status pickle_state_dict(struct arena *a, const char *path, const void *bytes, size_t size,
                              struct pickle_tensor **tensors, int *n) {
    struct machine m = {.arena = a, .path = path, .bytes = bytes, .size = size};
    if (size > PICKLE_MAX_BYTES) return bad(&m, "%zu bytes, expected at most %d", size, PICKLE_MAX_BYTES);
    m.stack = ARENA_NEW(a, const struct value *, size + 1);
    m.marks = ARENA_NEW(a, long, size + 1);
    m.memo = ARENA_NEW(a, const struct value *, size + 1);
    TRY(run(&m));
    const struct dict *d = m.stack[0]->dict;
    *n = (int)(d->n / 2);
    *tensors = ARENA_NEW(a, struct pickle_tensor, *n);
    for (int i = 0; i < *n; i++) {
        const char *name = d->items[2 * i]->string;
        if (d->items[2 * i + 1]->kind != TENSOR) return bad(&m, "'%.64s' is not a tensor", name);
        (*tensors)[i] = *d->items[2 * i + 1]->tensor;
        (*tensors)[i].name = name;
    }
    return ST_OK;
}

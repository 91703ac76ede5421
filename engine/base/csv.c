#include "engine/base/csv.h"

#include <csv.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bzip2.h"

enum { MAX_COLUMNS = 1024, MAX_FIELD = 1 << 20, ROW_NOT_BEGUN = 0 };

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale) BUG("the C locale is missing");
}

void csv_out_open(struct csv_out *out, FILE *stream) {
    *out = (struct csv_out){.stream = stream};
}

static void separate(struct csv_out *out) {
    if (out->column++ > 0) fputc(',', out->stream);
}

void csv_out_text(struct csv_out *out, const char *text) {
    if (!text) text = "";
    /* An empty first field is quoted: alone in its row it would be an empty line, which readers skip. */
    bool quoted = text[strcspn(text, ",\"\r\n")] != '\0' || (text[0] == '\0' && out->column == 0);
    /* So is one that begins like a byte-order mark, which would be skipped at the beginning of a file, or like bzip2's
     * format, as which the file would be read. */
    quoted |= out->column == 0 && (strncmp(text, "\xef\xbb\xbf", 3) == 0 || strncmp(text, "BZh", 3) == 0);
    separate(out);
    if (!quoted) {
        fputs(text, out->stream);
        return;
    }
    fputc('"', out->stream);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out->stream);
        fputc(*text, out->stream);
    }
    fputc('"', out->stream);
}

void csv_out_number(struct csv_out *out, double x) {
    char text[32] = "";
    if (isfinite(x)) {
        pthread_once(&c_locale_once, make_c_locale);
        locale_t previous = uselocale(c_locale);
        snprintf(text, sizeof text, "%.6g", x);
        uselocale(previous);
    }
    csv_out_text(out, text);
}

void csv_out_integer(struct csv_out *out, long long x) {
    separate(out);
    fprintf(out->stream, "%lld", x);
}

void csv_out_end(struct csv_out *out) {
    fputc('\n', out->stream);
    out->column = 0;
}

void csv_out_header(struct csv_out *out, const char *const names[]) {
    for (int i = 0; names[i]; i++) csv_out_text(out, names[i]);
    csv_out_end(out);
}

struct reading {
    struct arena *arena;
    struct csv_table *table;
    const char *const *expected; /* the caller's header, or NULL */
    const char *fields[MAX_COLUMNS];
    int n_fields;
    bool header_done;
    int line; /* on which the current row begins */
    int max_rows;
    char *pool;     /* room for the text of all fields: each takes no more than it and its delimiter take in the file */
    enum status st; /* the first fault; callbacks do nothing after it */
};

static enum status fault(struct reading *r, const char *expected, const char *found) {
    r->st = status_set(ST_DATA, "%s:%d: expected %s, found %s", r->table->path, r->line, expected, found);
    return r->st;
}

static void take_field(void *data, size_t size, void *reading) {
    struct reading *r = reading;
    if (r->st != ST_OK) return;
    if (r->n_fields == MAX_COLUMNS) {
        fault(r, "at most 1024 columns", "more");
        return;
    }
    if (size > MAX_FIELD) {
        fault(r, "fields of at most 1 MiB", "a longer one");
        return;
    }
    memcpy(r->pool, data, size);
    r->pool[size] = '\0';
    r->fields[r->n_fields++] = r->pool;
    r->pool += size + 1;
}

static void take_header(struct reading *r) {
    struct csv_table *t = r->table;
    char found[96];
    for (int i = 0; i < r->n_fields; i++)
        for (int j = 0; j < i; j++) {
            if (strcmp(r->fields[i], r->fields[j]) != 0) continue;
            snprintf(found, sizeof found, "'%.80s' twice", r->fields[i]);
            fault(r, "column names that differ", found);
            return;
        }
    for (int i = 0; r->expected && (i < r->n_fields || r->expected[i]); i++) {
        const char *want = r->expected[i], *have = i < r->n_fields ? r->fields[i] : NULL;
        if (want && have && strcmp(want, have) == 0) continue;
        char wanted[128];
        if (want)
            snprintf(wanted, sizeof wanted, "column %d to be '%.80s'", i + 1, want);
        else
            snprintf(wanted, sizeof wanted, "only %d columns", i);
        snprintf(found, sizeof found, "'%.80s'", have ? have : "");
        fault(r, wanted, found);
        return;
    }
    t->columns = r->n_fields;
    t->header = ARENA_NEW(r->arena, const char *, t->columns);
    memcpy(t->header, r->fields, sizeof *t->header * (size_t)t->columns);
    t->cells = arena_alloc(r->arena, (size_t)r->max_rows * (size_t)t->columns, sizeof *t->cells);
    t->lines = ARENA_NEW(r->arena, int, r->max_rows);
    r->header_done = true;
}

static void take_row(int terminator, void *reading) {
    (void)terminator;
    struct reading *r = reading;
    struct csv_table *t = r->table;
    if (r->st != ST_OK) return;
    if (!r->header_done) {
        take_header(r);
    } else if (r->n_fields != t->columns) {
        r->st = status_set(ST_DATA, "%s:%d: expected %d fields, found %d", t->path, r->line, t->columns, r->n_fields);
    } else {
        memcpy(t->cells + (size_t)t->rows * (size_t)t->columns, r->fields, sizeof *t->cells * (size_t)t->columns);
        t->lines[t->rows++] = r->line;
    }
    r->n_fields = 0;
}

/* libcsv has no limit of its own on a field; refusing to grow its buffer is one. */
static void *capped_realloc(void *p, size_t size) {
    return size > MAX_FIELD + 4096 ? NULL : realloc(p, size);
}

/* Spaces are data: libcsv would strip them from the ends of unquoted fields. */
static int nothing_is_space(unsigned char c) {
    (void)c;
    return 0;
}

/* Length of the line at `text`, its end ("\n", "\r\n" or "\r") included. */
static size_t line_length(const char *text, size_t size) {
    size_t n = 0;
    while (n < size && text[n] != '\n' && text[n] != '\r') n++;
    if (n == size) return n;
    return n + 1 + (text[n] == '\r' && n + 1 < size && text[n + 1] == '\n');
}

static enum status parser_fault(struct reading *r, struct csv_parser *parser) {
    if (r->st != ST_OK) return r->st;
    if (csv_error(parser) == CSV_EPARSE)
        return fault(r, "a quote only around a whole field, doubled inside it", "a stray quote");
    return fault(r, "fields of at most 1 MiB", "a longer one");
}

/* Feed the parser line by line, so that the line on which each row begins is known. */
static enum status parse(struct reading *r, struct csv_parser *parser, const char *text, size_t size) {
    for (int line = 1; size > 0 && r->st == ST_OK; line++) {
        if (parser->pstate == ROW_NOT_BEGUN) r->line = line;
        size_t n = line_length(text, size);
        if (csv_parse(parser, text, n, take_field, take_row, r) != n) return parser_fault(r, parser);
        text += n;
        size -= n;
    }
    if (r->st != ST_OK) return r->st;
    if (csv_fini(parser, take_field, take_row, r)) return fault(r, "a closing quote", "the end of the file");
    if (r->st != ST_OK) return r->st;
    if (r->header_done) return ST_OK;
    r->line = 1;
    return fault(r, "a header", "an empty file");
}

static enum status check_text(struct reading *r, const char *text, size_t size) {
    const char *nul = memchr(text, '\0', size);
    r->line = 1;
    for (size_t i = 0; i < size; i++) {
        if (&text[i] == nul) return fault(r, "text", "a NUL byte");
        r->line += text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n');
    }
    r->max_rows = r->line;
    return ST_OK;
}

enum status csv_read(struct arena *a, const char *path, const char *const header[], struct csv_table **table) {
    struct arena scratch;
    struct csv_parser parser;
    char *text;
    size_t size;
    arena_open(&scratch, 1 << 16);
    struct reading *r = ARENA_NEW(&scratch, struct reading, 1);
    enum status st = bzip2_read(&scratch, path, &text, &size);
    if (st != ST_OK) goto done;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, size -= 3;

    *r = (struct reading){.arena = a, .expected = header, .table = ARENA_NEW(a, struct csv_table, 1)};
    r->table->path = arena_strdup(a, path);
    st = check_text(r, text, size);
    if (st != ST_OK) goto done;
    r->pool = arena_alloc(a, size + 2, 1);
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL)) BUG("libcsv did not start");
    csv_set_realloc_func(&parser, capped_realloc);
    csv_set_blk_size(&parser, 4096);
    csv_set_space_func(&parser, nothing_is_space);
    st = parse(r, &parser, text, size);
    csv_free(&parser);
    if (st == ST_OK) *table = r->table;
done:
    arena_close(&scratch);
    return st;
}

int csv_column(const struct csv_table *table, const char *name) {
    for (int i = 0; i < table->columns; i++)
        if (strcmp(table->header[i], name) == 0) return i;
    return -1;
}

static size_t within(int i, int n) {
    if (i < 0 || i >= n) BUG("row or column %d of %d", i, n);
    return (size_t)i;
}

const char *csv_cell(const struct csv_table *table, int row, int column) {
    return table->cells[within(row, table->rows) * (size_t)table->columns + within(column, table->columns)];
}

enum status csv_number(const struct csv_table *table, int row, int column, double *x) {
    const char *text = csv_cell(table, row, column);
    char *end = NULL;
    double value = NAN;
    /* The alphabet rules out what strtod also takes: blanks before, hexadecimal, "inf" and "nan". */
    if (text[0] != '\0' && text[strspn(text, "0123456789+-.eE")] == '\0') {
        pthread_once(&c_locale_once, make_c_locale);
        value = strtod_l(text, &end, c_locale);
    }
    if (!end || *end != '\0' || !isfinite(value))
        return status_set(ST_DATA, "%s:%d: expected a number in column '%s', found '%.80s'", table->path,
                          table->lines[row], table->header[column], text);
    *x = value;
    return ST_OK;
}

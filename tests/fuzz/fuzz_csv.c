/* The reader of tables on arbitrary bytes: refused with one line, or a table that is the same when it was written and
 * read again. */
#include "engine/base/csv.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *corpus = fuzz_open(*argc, *argv);
    if (!corpus) return 0;
    fuzz_seed(corpus, "plain", "a,b,c\n1,2.5,-3e-7\n,,\nx,,y\n");
    fuzz_seed(corpus, "quoted", "\xef\xbb\xbf\"a\",\"b \"\"c\"\"\"\r\n\"1\n2\",\"\"\r\n");
    fuzz_seed(corpus, "marks", "\xef\xbb\xbf\xef\xbb\xbf");
    fuzz_seed(corpus, "packed",
              "\xef\xbb\xbf"
              "BZh,b\n1,2\n");
    return 0;
}

static void write_again(const struct csv_table *t) {
    struct csv_out out;
    if (ftruncate(file, 0)) BUG("the file cannot be emptied");
    FILE *stream = fopen(path, "wbe");
    if (!stream) BUG("the file cannot be opened");
    csv_out_open(&out, stream);
    for (int i = -1; i < t->rows; i++) {
        for (int c = 0; c < t->columns; c++) csv_out_text(&out, i < 0 ? t->header[c] : csv_cell(t, i, c));
        csv_out_end(&out);
    }
    fclose(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct csv_table *t, *again;
    double x;
    fuzz_fill(data, size);
    enum status st = csv_read(&arena, path, NULL, &t);
    if (st != ST_OK) {
        fuzz_refused(st, st);
        goto done;
    }
    for (int i = 0; i < t->rows; i++)
        for (int c = 0; c < t->columns; c++)
            if (csv_number(t, i, c, &x) != ST_OK) fuzz_refused(ST_DATA, ST_DATA);
    write_again(t);
    if (csv_read(&arena, path, NULL, &again) != ST_OK) BUG("%s", status_message());
    if (again->rows != t->rows || again->columns != t->columns) BUG("the table changed its shape");
    for (int i = 0; i < t->rows; i++)
        for (int c = 0; c < t->columns; c++)
            if (strcmp(csv_cell(t, i, c), csv_cell(again, i, c)) != 0) BUG("row %d, column %d changed", i, c);
done:
    arena_close(&arena);
    return 0;
}

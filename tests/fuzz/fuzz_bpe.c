/* The tokenizer on arbitrary bytes. The first byte chooses: a text, which must come back from its ids; or the rest as
 * the merges, or as the vocabulary, that go with a good other file: refused with one line, or usable. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/bpe.h"
#include "engine/base/fs.h"

static struct arena arena, keep;
static struct bpe *good;
static const char *vocab;
static const char merges[] =
    "#version: 0.2\nh e\nl l\nhe ll\nhell o\n\xc4\xa0 w\n\xc4\xa0 \xc4\xa0\n\xc3\x83 \xc2\xa9\n";

static void seed(const char *corpus, const char *name, char mode, const char *bytes) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", corpus, name);
    const char *whole = arena_printf(&keep, "%c%s", mode, bytes);
    if (fs_write(path, whole, strlen(whole)) != ST_OK) BUG("%s", status_message());
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *corpus = (*argv)[*argc - 1];
    arena_open(&keep, 0);
    arena_open(&arena, 0);
    char *text = arena_strdup(&keep, "{");
    int id = 0;
    for (int c = 33; c < 0x144; c++) {
        if ((c > 126 && c < 161) || c == 173) continue;
        text = c < 128 ? arena_printf(&keep, "%s\"%s%c\": %d, ", text, c == '"' || c == '\\' ? "\\" : "", c, id++)
                       : arena_printf(&keep, "%s\"%c%c\": %d, ", text, 0xc0 | c >> 6, 0x80 | (c & 63), id++);
    }
    vocab = arena_printf(&keep,
                         "%s\"he\": 256, \"ll\": 257, \"hell\": 258, \"hello\": 259, \"\xc4\xa0w\": 260, "
                         "\"\xc4\xa0\xc4\xa0\": 261, \"\xc3\x83\xc2\xa9\": 262}",
                         text);
    if (bpe_parse(&good, &keep, "v", vocab, strlen(vocab), "m", merges, strlen(merges)) != ST_OK)
        BUG("%s", status_message());
    if (*argc < 2 || corpus[0] == '-') return 0;
    seed(corpus, "text", 0x01, "hello  world, it's \xc3\xa9 12\n\xff\xc3");
    seed(corpus, "merges", 0x02, merges);
    seed(corpus, "vocab", 0x04, vocab);
    return 0;
}

static void check_text(struct bpe *b, const char *text, size_t size) {
    int *ids = ARENA_NEW(&arena, int, size + 1);
    char *back;
    size_t back_size;
    long n = bpe_encode(b, text, size, ids);
    if (bpe_decode(b, &arena, ids, n, &back, &back_size) != ST_OK) BUG("%s", status_message());
    if (back_size != size || (size > 0 && memcmp(back, text, size) != 0)) BUG("the text did not come back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const char *rest = (const char *)data + 1;
    bool is_merges = data[0] & 2;
    struct bpe *b;
    size--;
    if (data[0] & 1) {
        check_text(good, rest, size);
    } else {
        enum status st = is_merges ? bpe_parse(&b, &arena, "f", vocab, strlen(vocab), "f", rest, size)
                                   : bpe_parse(&b, &arena, "f", rest, size, "f", merges, strlen(merges));
        if (st == ST_OK) {
            check_text(b, vocab, strlen(vocab));
            bpe_close(b);
        } else if (st != ST_DATA || strncmp(status_message(), "f:", 2) != 0 || strchr(status_message(), '\n')) {
            BUG("status %d: %s", st, status_message());
        }
    }
    arena_close(&arena);
    return 0;
}

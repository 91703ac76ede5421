/* The checkpoint reader on arbitrary bytes. It either refuses them with one line or reads a checkpoint that, written and
 * read again, is the same. The seed corpus is written by the writer itself into the corpus folder, the last argument. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "engine/safetensors.h"

static struct arena arena;

static void seed(const char *corpus, const char *name, const struct checkpoint *c) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", corpus, name);
    if (checkpoint_write(path, c) != ST_OK) BUG("%s", status_message());
}

static void seed_model(const char *corpus, const char *name, int channels, bool tied, bool projection) {
    char path[4096];
    struct gpt m;
    struct gpt_config config = {.vocab = 2, .context = 2, .layers = 1, .heads = 1, .width = 2, .channels = channels};
    config.channel_vocab[1] = config.channel_vocab[2] = 1;
    config.tied = tied;
    config.projection = projection;
    snprintf(path, sizeof path, "%s/%s", corpus, name);
    if (gpt_open(&m, &arena, &config) != ST_OK || checkpoint_save_gpt(path, &m) != ST_OK) BUG("%s", status_message());
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *corpus = (*argv)[*argc - 1];
    float x[] = {1, -2, 0x1p-149f, 4};
    struct checkpoint_tensor t[] = {
        {"a", 1, {2}, x}, {"b", 2, {1, 2}, x + 2}, {"none", 3, {4, 0, 2}, x}, {"one", 0, {0}, x}};
    struct checkpoint_meta meta[] = {{"k", "v"}, {"\xe2\x82\xac", "\"\\\n"}};
    arena_open(&arena, 1 << 16);
    if (gemm_open(GEMM_AUTO, NUMERIC_PORTABLE) != ST_OK) BUG("%s", status_message());
    if (*argc < 2 || corpus[0] == '-') return 0;
    seed(corpus, "empty", &(struct checkpoint){0});
    seed(corpus, "tensors", &(struct checkpoint){t, 4, NULL, 0});
    seed(corpus, "metadata", &(struct checkpoint){t, 1, meta, 2});
    seed_model(corpus, "model", 1, true, false);
    seed_model(corpus, "model-rich", 3, false, true);
    arena_close(&arena);
    return 0;
}

/* The bytes that checkpoint_write puts into a file. */
static char *store(const struct checkpoint *c, size_t *size) {
    char *header;
    size_t data = 0;
    if (safetensors_header(&arena, "again", c, &header, size) != ST_OK) BUG("%s", status_message());
    for (int i = 0; i < c->n; i++)
        data += sizeof(float) * (size_t)safetensors_count(c->tensors[i].n_dims, c->tensors[i].dim);
    char *bytes = arena_alloc(&arena, *size + data, 1), *at = bytes + *size;
    memcpy(bytes, header, *size);
    for (int i = 0; i < c->n; i++) {
        size_t n = sizeof(float) * (size_t)safetensors_count(c->tensors[i].n_dims, c->tensors[i].dim);
        memcpy(at, c->tensors[i].data, n);
        at += n;
    }
    *size += data;
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct checkpoint c, again;
    struct gpt m;
    size_t n, n_again;
    enum status st = safetensors_parse(&arena, "f", data, size, &c);
    if (st != ST_OK) {
        if (st != ST_DATA || strncmp(status_message(), "f: ", 3) != 0 || strchr(status_message(), '\n'))
            BUG("status %d: %s", st, status_message());
        goto done;
    }
    char *bytes = store(&c, &n);
    if (safetensors_parse(&arena, "again", bytes, n, &again) != ST_OK) BUG("%s", status_message());
    char *bytes_again = store(&again, &n_again);
    if (n != n_again || memcmp(bytes, bytes_again, n) != 0) BUG("the second round trip changed bytes");
    st = checkpoint_fill_gpt(&m, &arena, "f", &c);
    if (st != ST_OK && st != ST_DATA) BUG("status %d: %s", st, status_message());
done:
    arena_close(&arena);
    return 0;
}

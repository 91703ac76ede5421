/* gpt2_files DIR: a random GPT-2 of 124 M with a made-up tokenizer of its 50,257 tokens in DIR/gpt2, and, unless there is
 * one, a made-up DIR/gsm8k: what suite gpt2_gsm8k needs to run at full size where no published model is. */
#include "tests/data/gpt2_files.h"

#include "engine/gemm.h"
#include "engine/import.h"

static enum status write_all(struct arena *a, const char *dir) {
    const struct gpt_config c = {
        .vocab = 50257, .context = 1024, .layers = 12, .heads = 12, .width = 768, .channels = 1, .tied = true};
    const char *gpt2 = arena_printf(a, "%s/gpt2", dir), *gsm8k = arena_printf(a, "%s/gsm8k", dir);
    struct gpt m;
    TRY(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE));
    TRY(gpt_open(&m, a, &c));
    gpt_init(&m, 1, .02, 1.0);
    TRY(export_gpt(&m, gpt2));
    if (bpe_write_files(gpt2, 50257)) return status_errno("%s", gpt2);
    if (fs_exists(gsm8k)) return ST_OK;
    TRY(fs_mkdirs(gsm8k));
    return gsm8k_write_files(gsm8k) ? status_errno("%s", gsm8k) : ST_OK;
}

int main(int argc, char **argv) {
    struct arena a;
    if (argc != 2) {
        fprintf(stderr, "usage: gpt2_files DIR\n");
        return ST_USAGE;
    }
    arena_open(&a, 0);
    const enum status st = write_all(&a, argv[1]);
    if (st) fprintf(stderr, "gpt2_files: %s\n", status_message());
    arena_close(&a);
    return st;
}

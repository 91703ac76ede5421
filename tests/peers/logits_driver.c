/* The engine's half of a comparison of forward passes: logits_driver MODEL CASE RESULT, all safetensors.
 *
 *   CASE    tokens [B][S]
 *   RESULT  logits [B * S][V], row by row */
#include <stdio.h>

#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "engine/tape.h"

static enum status run(struct arena *a, char **argv) {
    struct gpt m;
    struct checkpoint input;
    struct tape tape;
    struct head head;
    TRY(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE));
    TRY(checkpoint_load_gpt(&m, a, argv[1]));
    TRY(checkpoint_read(a, argv[2], &input));
    const struct checkpoint_tensor *t = checkpoint_find(&input, "tokens");
    if (!t || t->n_dims != 2) return status_set(ST_DATA, "%s: expected tokens [B][S]", argv[2]);
    const int B = (int)t->dim[0], S = (int)t->dim[1];
    int *tokens = ARENA_NEW(a, int, (long)B *S);
    for (long i = 0; i < (long)B * S; i++) tokens[i] = (int)t->data[i];
    tape_open(&tape, a, &m, TAPE_INFER, B, S, 0);
    head_open(&head, a, &m, TAPE_INFER, B * S);
    tape_reset(&tape, NULL);
    tape_tokens(&tape, S, tokens, S, ROLE_QUESTION, NULL, 0);
    for (int i = 0; i < B * S; i++, head.n++) head.row[i] = i / S, head.t[i] = i % S;
    head_forward(&head, &tape);
    struct checkpoint_tensor logits = {"logits", 2, {head.n, head.V}, head.logits};
    return checkpoint_write(argv[3], &(struct checkpoint){&logits, 1, NULL, 0});
}

int main(int argc, char **argv) {
    struct arena arena;
    if (argc != 4) {
        fprintf(stderr, "usage: logits_driver MODEL CASE RESULT\n");
        return ST_USAGE;
    }
    arena_open(&arena, 0);
    enum status st = run(&arena, argv);
    if (st != ST_OK) fprintf(stderr, "logits_driver: %s\n", status_message());
    arena_close(&arena);
    return (int)st;
}

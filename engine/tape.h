/* The segment primitive: run S new positions for B rows against the K/V cache, keep what backward needs.
 *
 * Text, thoughts, generation and interventions are all this one call.
 *
 *   tape_tokens   S positions from tokens               (a question, teacher-forced text, one sampled token)
 *   tape_thought  1 position fed by the last hidden state (Coconut; through the projection: CODI)
 *   tape_vectors  S positions from given input vectors  (a thought transplanted from elsewhere)
 *   tape_cut_to   forget the segments from position t on, to run another continuation of the same prefix
 *
 * A row is one sequence, a position is an index into the K/V cache; rows are left-padded: row b begins at start[b] and
 * its learned position index is t - start[b]. Attention never sees a padded position.
 *
 * Buffers hold one line of C floats per (row, position); a segment's lines are contiguous and ordered by row:
 * tape_line(b, t) = B * t0 + b * S + (t - t0). In TAPE_TRAIN every layer keeps its lines until the next reset; in
 * TAPE_INFER layers share them and only the K/V cache and the last hidden states of the newest segment remain.
 *
 * Backward walks the segments in reverse; the gradient of a position's K and V is one product over all queries that saw
 * them, once those have their own gradients. Gradients enter through
 * head_backward (logits) and tape_inject (a state at a layer, or the fed-back vector u). `struct tape_cuts` switches
 * edges off in the one graph: that is all the credit paths need. Weight gradients are products over the lines of a segment.
 *
 * Determinism: the bits of a line depend on its row's own tokens alone, not on B, S, or how a sequence was cut into
 * segments (a test compares decoding with the full forward bit for bit). From position GEMM_KBLOCK (256) on they depend
 * on start[b] too, and with it on the longest question of the batch: the sum of values that attention takes is cut into
 * blocks of so many positions, counted from 0, padding among them.
 */
#ifndef SPILLOVER_TAPE_H
#define SPILLOVER_TAPE_H

#include <stdint.h>

#include "data/batch.h"
#include "engine/gpt.h"

enum tape_use { TAPE_INFER, TAPE_TRAIN };
enum feed { FEED_NONE, FEED_HIDDEN, FEED_PROJECTED };

/* Room for whatever a configuration may ask for: a question, the thoughts of all steps one by one and an output token by
 * token; a gradient for every thought, or one for every layer beside those of a step's thoughts. */
enum {
    TAPE_MAX_INJECTIONS = TASK_MAX_STEPS * TASK_MAX_THOUGHTS,
    TAPE_MAX_SEGMENTS = 1 + TASK_MAX_STEPS * TASK_MAX_THOUGHTS + TASK_MAX_OUTPUT,
};

struct tape_segment {
    int t0, S;
    enum feed feed;
    const int *tokens; /* [B][S][channels], the caller's; NULL for thoughts and vectors */
    int tokens_row;    /* ints between rows of tokens */
    int thought;       /* index among the projected thoughts, -1 */
    int read_from;     /* the last block works on positions from here on */
};

/* Edges that backward does not follow. */
struct tape_cuts {
    bool feed; /* the fed-back vector is detached: no gradient from a thought's input to the state it came from */
    unsigned kv_roles; /* bit (1 << enum role): K/V of positions of this role are detached */
};

struct tape_injection {
    int layer;         /* 0..L-1: input of that block; L: output of the final layer norm; TAPE_INPUT: u */
    int t;             /* position */
    const float *grad; /* [B][C], the caller's, valid until backward */
};
enum { TAPE_INPUT = -1 };

struct tape {
    const struct gpt *gpt;
    enum tape_use use;
    int B, T; /* rows; positions of capacity */
    int S;    /* positions of a segment, at most */
    int Tv;   /* T in whole vectors: distance between rows of kt, vt, prob, dscore */
    int t;    /* positions run so far */
    bool last_only;
    bool cut; /* INFER: the newest segment's lines are those of one that was cut off behind it */
    int n_segments, n_thoughts, n_injections;
    struct tape_segment segment[TAPE_MAX_SEGMENTS];
    struct tape_injection injection[TAPE_MAX_INJECTIONS];
    int *start;    /* [B] */
    uint8_t *role; /* [B][T] */

    void *room; /* all buffers that follow */
    size_t bytes;

    /* K/V cache and queries, one block per (layer, row, head) */
    float *kt, *v;     /* [L][B][NH][HS][Tv] keys, transposed; [L][B][NH][Tv][HS] values */
    float *q, *k, *vt; /* TRAIN: queries, keys, values transposed, as above; INFER: q of one layer, k of one head */

    /* lines; layer stride is 0 under INFER. N = B * T lines (INFER: B * S of the newest segment) */
    float *x;                             /* [L+1][N][C] block inputs; x[L] goes into the final layer norm */
    float *ln1, *mid, *ln2;               /* [L][N][C] */
    float *qkv;                           /* [N][3C] products of one layer, without bias */
    float *att;                           /* [L][N][C] heads' outputs */
    float *slope, *gelu;                  /* [L][N][4C] GELU' and GELU of the MLP's inner lines (INFER: one buffer) */
    float *prob;                          /* [L][B][NH][T][Tv] attention (INFER: scratch) */
    float *mean1, *rstd1, *mean2, *rstd2; /* [L][N] */
    float *hidden, *mean_f, *rstd_f;      /* [N][C] after the final layer norm; [N] */
    float *fed;                           /* [T][B][C] vectors given to thoughts, before the position is added */
    float *kept;                          /* [L+1][T][B][C] INFER: the caller's room for the states of every position;
                                             NULL (as opened): only the newest segment's are there */
    float *prj_in, *prj_slope, *prj_act, *prj_mean, *prj_rstd; /* [thoughts][B][C] CODI projection; [thoughts][B] */

    /* backward */
    float *dhidden;     /* [N][C] */
    float *dout;        /* [L][B][NH][Tv][HS] gradient of the heads' outputs */
    float *dscore;      /* [L][B][NH][T][Tv] gradient of the attention's scores */
    float *dx[2];       /* [N][C] gradient of the inputs of even and odd blocks; behind a segment's turn: of block 0 */
    float *dmid, *dfch; /* [N][C], [N][4C], for the block at work */
    float *dqkv;        /* [N][3C], in the room of qkv */
    float *scratch;     /* [N][C] */
    float *turned;      /* [4C][C] a block's matrix, transposed; NULL where the model keeps them so */
    long line_capacity;
};

/* Room for B rows of T positions and up to `thoughts` projected thoughts. The model outlives the tape. */
void tape_open(struct tape *tape, struct arena *a, const struct gpt *gpt, enum tape_use use, int B, int T,
               int thoughts);

/* As tape_open under TAPE_INFER, for segments of at most S positions: lines take room for one segment. */
void tape_open_short(struct tape *tape, struct arena *a, const struct gpt *gpt, int B, int T, int S, int thoughts);

/* Bytes tape_open would take: callers choose shard sizes by it. */
size_t tape_bytes(const struct gpt_config *c, enum tape_use use, int B, int T, int thoughts);

/* Nothing will be run for a while: the buffers' pages go back to the system until then. What stands on the tape is lost;
 * tape_reset follows before anything else. */
void tape_rest(struct tape *tape);

/* Forget everything; rows begin at start[b] (NULL: 0). */
void tape_reset(struct tape *tape, const int *start);

/* Forget positions >= t. t must be a segment boundary. Under TAPE_INFER the final states in front of t are lost as well,
 * overwritten by what is forgotten: tokens or vectors come next, no thought and no head. */
void tape_cut_to(struct tape *tape, int t);

/* Of the next segment, only the last position's final state will be read (a question before its answer): the last block
 * skips the others, and tape_state of the final layer and the head refuse them. Moves no bit of what is read. Without
 * effect where states are kept (tape->kept). */
void tape_read_last(struct tape *tape);

/* Each returns the first position of the new segment. `roles` [B][ld_roles] or NULL with one role for all. Tokens must
 * stay valid until backward. A token below 0 in channel 0 is a padded position: it is embedded as nothing. */
int tape_tokens(struct tape *tape, int S, const int *tokens, int row_stride, enum role role, const uint8_t *roles,
                int ld_roles);
int tape_thought(struct tape *tape, enum feed feed);
int tape_vectors(struct tape *tape, int S, const float *vectors /* [B][S][C] */, enum role role);

/* Line of (b, t). Under INFER only positions of the newest segment have one. */
long tape_line(const struct tape *tape, int b, int t);

/* Line of (b, t) in hidden and dhidden. */
long tape_hidden_line(const struct tape *tape, int b, int t);

/* State [C] of (b, t): layer 0..L-1 block inputs, L the final layer norm's output (under INFER without `kept` only L of
 * the newest segment). */
const float *tape_state(const struct tape *tape, int layer, int b, int t);

/* The vector u [C] fed at a position, before the position embedding: what a monitor could read. At a position of a
 * token segment it is undefined (its u is the token's row of wte). */
const float *tape_fed(const struct tape *tape, int b, int t);

/* Gradient [C] at the input of (b, t) as the last tape_backward left it, valid until the next: of a vector given there
 * as of its position embedding. */
const float *tape_input_gradient(const struct tape *tape, int b, int t);

/* Gradients of the tape are zeroed by tape_reset and by tape_backward when it is done; adds a source of gradient. */
void tape_inject(struct tape *tape, int layer, int t, const float *grad);

/* Add the gradient of everything injected, and of dhidden as head_backward left it, into g (gpt_gradient_open). Leaves
 * dhidden zero and the injections empty: another term can follow on the same forward. */
void tape_backward(struct tape *tape, struct gpt_views *g, struct tape_cuts cuts);

/* ---- the language-model head, on chosen lines ---- */

struct head {
    int n, capacity, V;
    int *row, *t;     /* [n] which (b, t) */
    float *hidden;    /* [n][C] gathered */
    float *logits;    /* [n][V]; after head_softmax: probabilities */
    float *lse;       /* [n] */
    float *dlogits;   /* [n][V] the caller's work */
    float *dgathered; /* [n][C] */
};

void head_open(struct head *h, struct arena *a, const struct gpt *gpt, enum tape_use use, int capacity);

/* logits of the states at (row[i], t[i]), i < h->n. */
void head_forward(struct head *h, const struct tape *tape);

/* dlogits -> dhidden of the tape and the head's weight gradient (into g->head). */
void head_backward(struct head *h, struct tape *tape, struct gpt_views *g);

#endif

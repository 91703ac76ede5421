/* GPT-2's byte-level byte-pair encoding (Radford et al. 2019; Sennrich et al. 2016 for the merges).
 *
 * The text is cut into pieces by GPT-2's pattern (contractions, letters, numbers, the rest, white space; a piece takes
 * one space before it). In each piece, which begins as single bytes, the pair of neighbours with the lowest rank in the
 * list of merges is joined, the leftmost first, until no pair is in the list.
 *
 * Files: the vocabulary (vocab.json, encoder.json) is a JSON object {token: id}, ids 0..n-1 each once; the merges
 * (merges.txt, vocab.bpe) are lines "left right" in order of rank, after a line that begins with "#version". Both write
 * the bytes of a token in an alphabet of 256 printable characters: 33..126, 161..172 and 174..255 stand for themselves,
 * the other bytes, in order, for 256, 257, ...
 *
 * Any bytes can be encoded, and decode(encode(x)) == x for all of them: a run of bytes that is not well-formed UTF-8
 * (RFC 3629) is a piece of its own, and what stands before it ends like a text of its own. Text such as
 * "<|endoftext|>" is encoded as plain text; the id of a special token is asked for with bpe_find.
 *
 * Ids depend on the two files and the text alone. Not for use from several threads at once (scratch, cache of pieces).
 */
#ifndef SPILLOVER_BPE_H
#define SPILLOVER_BPE_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

struct bpe;

/* Read the two files. ST_IO; ST_DATA with path:line (or the token, where the JSON is well-formed) for malformed JSON,
 * ids that are not 0..n-1, characters outside the alphabet, a byte without a token, a merge of symbols that no line
 * before has made, a merge made twice, a result that is not in the vocabulary. */
MUST_USE enum status bpe_open(struct bpe **b, struct arena *a, const char *vocab_path, const char *merges_path);

/* The same from memory; the paths serve messages alone. The texts may go afterwards. */
MUST_USE enum status bpe_parse(struct bpe **b, struct arena *a, const char *vocab_path, const char *vocab,
                               size_t vocab_size, const char *merges_path, const char *merges, size_t merges_size);

/* Release what is not the arena's (the compiled pattern). */
void bpe_close(struct bpe *b);

int bpe_count(const struct bpe *b); /* ids are 0 .. count - 1 */

/* The id of the token that is exactly these bytes; -1: none. */
int bpe_find(const struct bpe *b, const char *text, size_t size);

/* Add a special token behind the last id (Coconut's markers, CODI's pad, bot and eot) and return its id, or the id it
 * has. It is never the result of bpe_encode. */
int bpe_add(struct bpe *b, const char *text);

/* Encode `size` bytes into ids, which has room for `size` of them. Returns how many. */
long bpe_encode(struct bpe *b, const char *text, size_t size, int *ids);

/* The bytes of n ids in the arena, NUL-terminated; *size excludes the NUL. ST_DATA for an id that is none. */
MUST_USE enum status bpe_decode(const struct bpe *b, struct arena *a, const int *ids, long n, char **text,
                                size_t *size);

#endif

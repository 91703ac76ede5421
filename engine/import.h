/* Models of others: GPT-2, Coconut and CODI checkpoints as a struct gpt, and back for the Hugging Face ecosystem.
 *
 * Files (told apart by their first bytes)
 *   safetensors   F32, F16, BF16; entries in any order of the header
 *   torch         torch.save's zip (.bin, .pt, checkpoint_N): a dictionary of tensors, read by engine/zip.h and
 *                 engine/pickle.h. Not the format from before PyTorch 1.6
 *   llm.c         GPT-2 checkpoints of karpathy/llm.c, versions 3 (f32) and 5 (bf16); the layout is in import_llmc.c
 *
 * Layouts (told apart by the names of tensors; `module.` in front is dropped, `transformer.` may stand or not)
 *   gpt2     wte.weight, wpe.weight, h.N.ln_1.weight, h.N.attn.c_attn.weight [in][out], ..., ln_f.bias, [lm_head.weight]
 *            (Radford et al. 2019; Hugging Face's GPT2LMHeadModel). Buffers h.N.attn.bias and masked_bias are passed over
 *   coconut  base_causallm.(gpt2), embeddings grown by three tokens, embedding.weight once more (Hao et al. 2412.06769)
 *   codi     codi.base_model.model.(gpt2), wte grown by three; X.base_layer.weight with X.lora_A.default.weight [r][in]
 *            and X.lora_B.default.weight [out][r], merged on load: W[i][o] += scale * sum_r A[r][i] B[o][r], scale .25
 *            (alpha 32 / r 128); prj.1, prj.3 (torch's Linear, [out][in]), prj.ln (Shen et al. 2502.21074). CODI's own
 *            projection has the erf form of GELU, ours the tanh form: they differ by less than 5e-4 per unit
 *
 * Sizes come from the shapes. config.json beside the file, when there is one, must agree with them, and says how many
 * heads there are; without it heads are 64 wide, as in all four sizes of GPT-2. The head is tied when lm_head.weight is
 * absent or equal to wte.weight. Not kept: optimiser states.
 *
 * LoRA is merged, or kept as weights of its own (engine/gpt.h) when the model that import_fill gets has the file's rank.
 *
 * Malformed files are ST_DATA with "path: ...", one line; no weights are allocated before the file has all of them.
 */
#ifndef SPILLOVER_IMPORT_H
#define SPILLOVER_IMPORT_H

#include "engine/gpt.h"

#define IMPORT_LORA_SCALE 0.25

enum import_layout { IMPORT_GPT2, IMPORT_COCONUT, IMPORT_CODI };

struct import_source;
struct import_names;

struct import {
    const char *path;   /* the file that holds the weights */
    const char *format; /* "safetensors", "torch", "llm.c" */
    enum import_layout layout;
    struct gpt_config config;
    long n_parameters;
    int n_lora;    /* matrices with LoRA */
    int lora_rank; /* of all matrices of all blocks; 0: some have none, or another */
    /* private */
    struct import_source *source;
    struct import_names *names;
    const void *mapped;
    size_t mapped_size;
};

/* Open a file, or the model in a folder: model.safetensors, pytorch_model.bin, else its only .safetensors, .bin, .pt or
 * checkpoint_N.
 * Everything is checked, no weight is read yet. Must be closed, also after a failure. */
MUST_USE enum status import_open(struct import *in, struct arena *a, const char *from);
void import_close(struct import *in);

/* The same from memory; config_json (NULL: none) is the text of config.json. The bytes must outlive the import. */
MUST_USE enum status import_parse(struct import *in, struct arena *a, const char *path, const void *bytes, size_t size,
                                  const char *config_json);

/* Read the weights into a model of the same configuration (gpt_open, or gpt_plan with w alone); refreshes when it has
 * wt. The model may have more rows of tokens or positions, and LoRA: those keep what they hold where the file has none;
 * LoRA of another rank is merged. Of a model that has LoRA the file's is kept with the model's own scale. */
void import_fill(const struct import *in, struct gpt *m, double lora_scale);

/* All three. */
MUST_USE enum status import_gpt(struct gpt *m, struct arena *a, const char *from, double lora_scale);

/* Write DIR/model.safetensors (F32, LoRA merged, names as GPT2LMHeadModel saves them, prj.* in torch's orientation) and
 * DIR/config.json, which transformers reads back. ST_USAGE for a model with several channels, which GPT-2 has not. */
MUST_USE enum status export_gpt(const struct gpt *m, const char *folder);

#endif

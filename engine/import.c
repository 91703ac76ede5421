#include "engine/import.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/import_internal.h"
#include "engine/safetensors.h"

enum { MAX_SIZE = 1 << 24, HEAD_WIDTH = 64, LLMC_MAGIC = 20240326 };

/* ---- names ---- */

static bool drop(const char **name, const char *prefix) {
    size_t n = strlen(prefix);
    if (strncmp(*name, prefix, n) != 0) return false;
    *name += n;
    return true;
}

static bool ends(const char *name, const char *suffix) {
    size_t n = strlen(name), m = strlen(suffix);
    return n >= m && strcmp(name + n - m, suffix) == 0;
}

/* GPT-2's name of a tensor. `layout` becomes that of the file when the prefix tells. */
static const char *plain_name(struct arena *a, const char *name, enum import_layout *layout) {
    static const char base[] = ".base_layer.";
    while (drop(&name, "module.") || drop(&name, "_orig_mod.")) continue;
    if (drop(&name, "base_causallm."))
        *layout = IMPORT_COCONUT;
    else if (drop(&name, "codi.")) {
        *layout = IMPORT_CODI;
        drop(&name, "base_model.model.");
    }
    drop(&name, "transformer.");
    const char *at = strstr(name, base);
    if (!at) return name;
    return arena_printf(a, "%.*s.%s", (int)(at - name), name, at + sizeof base - 1);
}

/* Causal masks and other constants; Coconut's second name for wte. */
static bool is_passed_over(const char *name, enum import_layout layout) {
    if (layout == IMPORT_COCONUT && strcmp(name, "embedding.weight") == 0) return true;
    return strncmp(name, "h.", 2) == 0 && (ends(name, ".attn.bias") || ends(name, ".attn.masked_bias"));
}

static int by_name(const void *a, const void *b) {
    const struct named *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum status name_tensors(struct import *in, struct arena *a, struct import_names *names) {
    const struct import_source *s = in->source;
    names->list = ARENA_NEW(a, struct named, s->n);
    for (int i = 0; i < s->n; i++)
        names->list[i] = (struct named){.name = plain_name(a, s->tensors[i].name, &in->layout), .view = s->tensors[i]};
    for (int i = 0; i < s->n; i++)
        if (!is_passed_over(names->list[i].name, in->layout)) names->list[names->n++] = names->list[i];
    qsort(names->list, (size_t)names->n, sizeof *names->list, by_name);
    for (int i = 1; i < names->n; i++)
        if (strcmp(names->list[i - 1].name, names->list[i].name) == 0)
            return safetensors_bad(in->path, names->list[i].view.name, "another tensor has the same place");
    return ST_OK;
}

struct named *import_find(const struct import_names *names, const char *name) {
    const struct named key = {.name = name};
    return bsearch(&key, names->list, (size_t)names->n, sizeof key, by_name);
}

/* ---- sizes ---- */

/* Number of blocks: one more than the largest N of h.N. */
static int count_layers(const struct import_names *names) {
    long layers = 0;
    for (int i = 0; i < names->n; i++) {
        char *end;
        const char *name = names->list[i].name;
        if (strncmp(name, "h.", 2) != 0 || name[2] < '0' || name[2] > '9') continue;
        long n = strtol(name + 2, &end, 10);
        if (*end == '.' && n >= layers) layers = n < GPT_MAX_LAYERS ? n + 1 : GPT_MAX_LAYERS + 1;
    }
    return (int)layers;
}

static enum status size_of(const struct import *in, const struct named *t, const char *name, int *rows, int *cols) {
    if (!t) return safetensors_bad(in->path, name, "expected in a GPT-2 model, found none");
    const struct source_tensor *v = &t->view;
    if (v->n_dims != 2 || v->dim[0] < 1 || v->dim[1] < 1 || v->dim[0] > MAX_SIZE || v->dim[1] > MAX_SIZE || !v->numeric)
        return safetensors_bad(in->path, name, "expected a matrix of F32, F16 or BF16");
    *rows = (int)v->dim[0];
    *cols = (int)v->dim[1];
    return ST_OK;
}

/* The head is tied unless the file has one of its own. Whole wte and lm_head of a tied model are the same numbers. */
static bool is_tied(const struct named *wte, const struct named *head) {
    const struct source_tensor *x = &wte->view, *y = &head->view;
    if (x->data == y->data && memcmp(x->stride, y->stride, 2 * sizeof *x->stride) == 0) return true;
    for (long i = 0; i < x->dim[0]; i++)
        for (long j = 0; j < x->dim[1]; j++) {
            float a = source_at(x, i, j), b = source_at(y, i, j);
            if (memcmp(&a, &b, sizeof a) != 0) return false;
        }
    return true;
}

static enum status read_sizes(struct import *in, struct import_names *names, const struct import_hints *hints) {
    struct gpt_config *c = &in->config;
    struct named *wte = import_find(names, "wte.weight"), *head = import_find(names, "lm_head.weight");
    int width = 0, rows = 0;
    if (!wte && head) { /* a writer of shared tensors kept the other name */
        head->name = "wte.weight";
        qsort(names->list, (size_t)names->n, sizeof *names->list, by_name);
        wte = import_find(names, "wte.weight");
        head = NULL;
    }
    TRY(size_of(in, wte, "wte.weight", &c->vocab, &c->width));
    TRY(size_of(in, import_find(names, "wpe.weight"), "wpe.weight", &c->context, &width));
    if (width != c->width) return safetensors_bad(in->path, "wpe.weight", "expected %d columns, as wte has", c->width);
    c->tied = true;
    if (head) {
        TRY(size_of(in, head, "lm_head.weight", &rows, &width));
        if (rows != c->vocab || width != c->width)
            return safetensors_bad(in->path, "lm_head.weight", "expected [%d, %d], as wte has", c->vocab, c->width);
        c->tied = is_tied(wte, head);
        head->used = true;
    }
    c->layers = count_layers(names);
    c->channels = 1;
    c->projection = import_find(names, "prj.1.weight") != NULL;
    c->heads = hints->heads ? hints->heads : in->source->heads ? in->source->heads : c->width / HEAD_WIDTH;
    if (!hints->heads && !in->source->heads && c->width % HEAD_WIDTH != 0)
        return status_set(ST_DATA, "%s: width %d: config.json must say how many heads there are", in->path, c->width);
    return ST_OK;
}

/* ---- every tensor of the plan has its view, and the file has no other ---- */

static enum status check_shape(const struct import *in, const struct named *t, int n_dims, long rows, long cols) {
    const struct source_tensor *v = &t->view;
    if (!v->numeric) return safetensors_bad(in->path, v->name, "expected F32, F16 or BF16");
    if (n_dims == 1 && (v->n_dims != 1 || v->dim[0] != cols))
        return safetensors_bad(in->path, v->name, "expected [%ld]", cols);
    if (n_dims == 2 && (v->n_dims != 2 || v->dim[0] != rows || v->dim[1] != cols))
        return safetensors_bad(in->path, v->name, "expected [%ld, %ld]", rows, cols);
    return ST_OK;
}

static enum status check_lora(struct import *in, const struct import_names *names, const struct gpt_tensor *t) {
    char name[96];
    int stem = (int)(strlen(t->name) - strlen(".weight"));
    if (!t->decay || t->layer < 0) return ST_OK;
    snprintf(name, sizeof name, "%.*s.lora_A.default.weight", stem, t->name);
    struct named *A = import_find(names, name);
    snprintf(name, sizeof name, "%.*s.lora_B.default.weight", stem, t->name);
    struct named *B = import_find(names, name);
    if (!A && !B) return ST_OK;
    if (!A || !B) return safetensors_bad(in->path, (A ? A : B)->view.name, "half of a LoRA pair");
    long r = A->view.n_dims == 2 ? A->view.dim[0] : 0;
    TRY(check_shape(in, A, 2, r, t->rows));
    TRY(check_shape(in, B, 2, t->cols, r));
    A->used = B->used = true;
    in->lora_rank = in->n_lora == 0 || in->lora_rank == r ? (int)r : 0;
    in->n_lora++;
    return ST_OK;
}

static enum status check_tensors(struct import *in, struct arena *a, struct import_names *names) {
    struct gpt plan;
    if (gpt_plan(&plan, a, &in->config) != ST_OK) return status_set(ST_DATA, "%s: %s", in->path, status_message());
    if (plan.n_parameters > (long)in->source->size / 2)
        return status_set(ST_DATA, "%s: %ld parameters in %zu bytes", in->path, plan.n_parameters, in->source->size);
    in->n_parameters = plan.n_parameters;
    for (int k = 0; k < plan.n_tensors; k++) {
        const struct gpt_tensor *t = &plan.tensors[k];
        struct named *found = import_find(names, t->name);
        if (!found) return safetensors_bad(in->path, t->name, "expected in this model, found none");
        if (strcmp(t->name, "prj.1.weight") == 0 || strcmp(t->name, "prj.3.weight") == 0) source_turn(&found->view);
        TRY(check_shape(in, found, t->decay ? 2 : 1, t->rows, t->cols));
        TRY(check_lora(in, names, t));
        found->used = true;
    }
    for (int i = 0; i < names->n; i++)
        if (!names->list[i].used)
            return safetensors_bad(in->path, names->list[i].view.name, "expected none of this name in a GPT-2 model");
    return ST_OK;
}

/* ---- opening ---- */

static enum status read_source(struct import *in, struct arena *a, const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    struct import_source *s = in->source;
    if (size >= 4 && memcmp(p, "PK\3\4", 4) == 0) {
        in->format = "torch";
        return source_read_torch(s, a, bytes);
    }
    if (size >= 4 && p[0] == (LLMC_MAGIC & 255) && p[1] == (LLMC_MAGIC >> 8 & 255) &&
        p[2] == (LLMC_MAGIC >> 16 & 255) && p[3] == LLMC_MAGIC >> 24) {
        in->format = "llm.c";
        return source_read_llmc(s, a, bytes);
    }
    if (size >= 4 && memcmp(p, "\x80\x02\x8a\x0a", 4) == 0)
        return status_set(ST_DATA, "%s: PyTorch's format from before 1.6: save it again with a newer one", in->path);
    in->format = "safetensors";
    return source_read_safetensors(s, a, bytes);
}

enum status import_parse(struct import *in, struct arena *a, const char *path, const void *bytes, size_t size,
                         const char *config_json) {
    struct import_hints hints = {0};
    *in = (struct import){.path = arena_strdup(a, path), .source = ARENA_NEW(a, struct import_source, 1)};
    *in->source = (struct import_source){.path = in->path, .size = size};
    in->names = ARENA_NEW(a, struct import_names, 1);
    if (config_json) TRY(import_read_hints(path, config_json, &hints));
    TRY(read_source(in, a, bytes, size));
    TRY(name_tensors(in, a, in->names));
    TRY(read_sizes(in, in->names, &hints));
    TRY(import_check_hints(in, &hints));
    TRY(check_tensors(in, a, in->names));
    if (in->n_lora != LORA_MATRICES * in->config.layers || in->lora_rank > in->config.width) in->lora_rank = 0;
    return ST_OK;
}

static bool is_weights(const char *name) {
    return ends(name, ".safetensors") || ends(name, ".bin") || ends(name, ".pt") ||
           strncmp(name, "checkpoint_", 11) == 0;
}

/* The file of weights in a folder. */
static enum status find_file(struct arena *a, const char *folder, const char **path) {
    static const char *const usual[] = {"model.safetensors", "pytorch_model.bin"};
    for (int i = 0; i < 2; i++)
        if (fs_exists(*path = arena_printf(a, "%s/%s", folder, usual[i]))) return ST_OK;
    const char **names;
    int n, found = 0;
    TRY(fs_list(a, folder, &names, &n));
    for (int i = 0; i < n; i++)
        if (is_weights(names[i]) && found++ == 0) *path = arena_printf(a, "%s/%s", folder, names[i]);
    if (found == 1) return ST_OK;
    return status_set(ST_USAGE, "%s: %s model.safetensors, pytorch_model.bin, .safetensors, .bin, .pt or checkpoint_N",
                      folder, found ? "several files and none of these names:" : "expected one of");
}

enum status import_open(struct import *in, struct arena *a, const char *from) {
    const char *path = from, *config = NULL;
    char *text = NULL;
    size_t size;
    *in = (struct import){.path = from};
    if (fs_is_folder(from)) {
        TRY(find_file(a, from, &path));
        config = arena_printf(a, "%s/config.json", from);
    } else {
        const char *slash = strrchr(path, '/');
        config = arena_printf(a, "%.*sconfig.json", slash ? (int)(slash + 1 - path) : 0, path);
    }
    if (fs_exists(config)) TRY(fs_read(a, config, &text, &size));
    const void *bytes;
    TRY(fs_map(path, &bytes, &size));
    enum status st = import_parse(in, a, path, bytes, size, text);
    in->mapped = bytes;
    in->mapped_size = size;
    return st;
}

void import_close(struct import *in) {
    if (in->mapped) fs_unmap(in->mapped, in->mapped_size);
    in->mapped = NULL;
}

enum status import_gpt(struct gpt *m, struct arena *a, const char *from, double lora_scale) {
    struct arena scratch;
    struct import in;
    arena_open(&scratch, 0);
    enum status st = import_open(&in, &scratch, from);
    if (st == ST_OK) {
        if (gpt_open(m, a, &in.config) != ST_OK) BUG("%s: %s", from, status_message()); /* import_open planned it */
        import_fill(&in, m, lora_scale);
    }
    import_close(&in);
    arena_close(&scratch);
    return st;
}

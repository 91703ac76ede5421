/* Probes of an arm's readings in a checkpoint file: tensors "<layer>.<concept>.<step>", layer u or a number. */
#include "engine/checkpoint.h"
#include "metrics/decode.h"

static const char *name_of(struct arena *a, int layer, enum decode_concept concept, int step) {
    const char *c = decode_concept_name[concept];
    return layer < 0 ? arena_printf(a, "u.%s.%d", c, step) : arena_printf(a, "%d.%s.%d", layer, c, step);
}

enum status decode_store(const struct measurement *m, struct arena *a, const char *path) {
    const struct decode *d = m->decode;
    const int layers = m->mind->gpt->config.layers + 1;
    struct checkpoint c = {.meta = ARENA_NEW(a, struct checkpoint_meta, 1), .n_meta = 1};
    c.meta[0] = (struct checkpoint_meta){"steps", arena_printf(a, "%d", d->steps)};
    c.tensors = ARENA_NEW(a, struct checkpoint_tensor, (1 + layers) * DECODE_READ * d->steps);
    for (int l = -1; l < layers; l++)
        for (int concept = 0; concept < DECODE_READ; concept ++)
            for (int k = 0; k < d->steps; k++) {
                const struct probe *p = decode_probe(d, l, (enum decode_concept) concept, k);
                if (!p->K) continue;
                const size_t size = probe_flat_size(p);
                float *flat = ARENA_NEW(a, float, size);
                probe_save(p, flat);
                c.tensors[c.n++] = (struct checkpoint_tensor){.name = name_of(a, l, (enum decode_concept) concept, k),
                                                              .n_dims = 1,
                                                              .dim = {(long)size},
                                                              .data = flat};
            }
    return checkpoint_write(path, &c);
}

enum status decode_restore(struct probe **probes, struct arena *a, const struct mind *mind, const char *path) {
    const int layers = mind->gpt->config.layers + 1, steps = mind->task->shape.steps;
    const struct decode d = {.steps = steps, .probes = ARENA_NEW(a, struct probe, (1 + layers) * DECODE_READ * steps)};
    struct checkpoint file;
    int found = 0;
    TRY(checkpoint_read(a, path, &file));
    for (int l = -1; l < layers; l++)
        for (int concept = 0; concept < DECODE_READ; concept ++)
            for (int k = 0; k < steps; k++) {
                const char *name = name_of(a, l, (enum decode_concept) concept, k);
                const struct checkpoint_tensor *t = checkpoint_find(&file, name);
                if (!t) continue;
                TRY(probe_restore(decode_probe(&d, l, (enum decode_concept) concept, k), a, t->data,
                                  (size_t)t->dim[0]));
                found++;
            }
    if (found != file.n) return status_set(ST_DATA, "%s: %d of %d probes fit this mind", path, found, file.n);
    *probes = d.probes;
    return ST_OK;
}

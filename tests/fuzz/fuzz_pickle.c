/* The pickle reader on arbitrary bytes: every view it hands out lies within its storage. */
#include "engine/pickle.h"
#include "tests/fuzz/fuzz_import.h"

#define SEED(corpus, name, bytes) fuzz_seed(corpus, name, bytes, sizeof bytes - 1)
#define ODICT                     "ccollections\nOrderedDict\nq\0)R"
#define VIEW                      "ctorch._utils\n_rebuild_tensor_v2\nq\1((X\7\0\0\0storageq\2ctorch\nFloatStorage\nX\1\0\0\0"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *corpus = fuzz_open(*argc, *argv);
    if (!corpus) return 0;
    SEED(corpus, "empty", "\x80\x02}.");
    SEED(corpus, "tensor",
         "\x80\x02" ODICT "(X\1\0\0\0a" VIEW "0X\3\0\0\0cpuK\6tQK\0K\2K\3\x86K\3K\1\x86\x89h\0)RtRu.");
    SEED(corpus, "attributes",
         "\x80\x02" ODICT "X\1\0\0\0a" VIEW
         "0X\3\0\0\0cpuM\6\0tQJ\0\0\0\0(K\6t\x8a\1\1\x85\x88h\0)RtRs}X\1\0\0\0bNsb.");
    SEED(corpus, "parameter",
         "\x80\x02}X\1\0\0\0a"
         "ctorch._utils\n_rebuild_parameter\n" VIEW "0X\3\0\0\0cpuK\6tQK\0))\x89" ODICT "tR\x88h\0)R\x87Rr\1\0\0\0s.");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pickle_tensor *tensors;
    int n = 0;
    enum status st = pickle_state_dict(&arena, "f", data, size, &tensors, &n);
    if (st != ST_OK) {
        fuzz_refused(st);
        n = 0;
    }
    for (int i = 0; i < n; i++) {
        const struct pickle_tensor *t = &tensors[i];
        long last = t->offset, count = 1;
        for (int k = 0; k < t->n_dims; k++) count *= t->dim[k];
        for (int k = 0; k < t->n_dims && count > 0; k++) last += (t->dim[k] - 1) * t->stride[k];
        if (t->offset < 0 || count < 0 || count > t->storage_count || (count > 0 && last >= t->storage_count))
            BUG("tensor '%s' is not within its storage", t->name);
    }
    arena_close(&arena);
    return 0;
}

/* The reader of llm.c's checkpoints on arbitrary bytes. */
#include "tests/fuzz/fuzz_import.h"

/* T, V, L, NH, C, Vp: zeros for weights. */
static void seed(const char *corpus, const char *name, int version, const int fields[6]) {
    static unsigned char bytes[8192];
    const int head[8] = {20240326, version, fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]};
    long T = fields[0], L = fields[2], C = fields[4], padded = fields[5];
    long n = (padded + T + 2) * C + L * (12 * C * C + 13 * C);
    memset(bytes, 0, sizeof bytes);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(head[i / 4] >> i % 4 * 8);
    fuzz_seed(corpus, name, bytes, 1024 + (size_t)n * (version == 3 ? 4 : 2));
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *corpus = fuzz_open(*argc, *argv);
    if (!corpus) return 0;
    seed(corpus, "f32", 3, (const int[]){2, 3, 1, 1, 2, 4});
    seed(corpus, "bf16", 5, (const int[]){3, 5, 2, 1, 4, 8});
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const unsigned char magic[] = {0xc6, 0xd7, 0x34, 0x01}; /* 20240326 */
    if (size < 4 || memcmp(data, magic, 4) != 0) return -1;
    return fuzz_import(data, size);
}

/* The readers of published data sets on arbitrary bytes. The first byte chooses: ProsQA, GSM8K's JSON lines, or its
 * implicit-CoT lines; refused with one line, or items that are consistent. */
#include "data/gsm8k.h"
#include "data/prosqa.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *corpus = fuzz_open(*argc, *argv);
    if (!corpus) return 0;
    fuzz_seed(
        corpus, "prosqa",
        "0[{\"question\": \"Every a is a b. Every b is a c. Sam is a a. Is Sam a c or d?\", \"steps\": "
        "[\"Sam is a a.\"], \"answer\": \"Sam is a c.\", \"idx_to_symbol\": [\"Sam\", \"a\", \"b\", \"c\", \"d\"], "
        "\"edges\": [[0, 1], [1, 2], [2, 3], [1, 4]], \"root\": 0, \"target\": 3, \"neg_target\": 4}]");
    fuzz_seed(corpus, "gsm8k",
              "1{\"question\": \"How many?\", \"answer\": \"<<48/2=24>>24 clips\\n<<48+24=72>>72.\\n#### 72\"}\n");
    fuzz_seed(corpus, "icot", "2How many?||<<48/2=24>> <<48+24=72>> #### 72\n");
    return 0;
}

static void check_graphs(void) {
    struct prosqa_graph *g;
    int n = 0;
    enum status st = prosqa_read(&arena, path, &g, &n);
    if (st != ST_OK) {
        fuzz_refused(st, st);
        return;
    }
    for (int i = 0; i < n; i++) {
        int distance[PROSQA_NODES];
        if (g[i].n > PROSQA_NODES || g[i].n_edges > PROSQA_EDGES || g[i].hops > PROSQA_HOPS) BUG("graph %d", i);
        prosqa_distances(&g[i], g[i].root, distance);
        if (distance[g[i].target] != g[i].hops || distance[g[i].decoy] >= 0) BUG("graph %d is not what it asks", i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gsm8k_item *items;
    int n = 0;
    if (size == 0) return 0;
    fuzz_fill(data + 1, size - 1);
    if (data[0] % 3 == 0)
        check_graphs();
    else {
        enum status st = (data[0] % 3 == 1 ? gsm8k_read_json : gsm8k_read_icot)(&arena, path, &items, &n);
        if (st != ST_OK) {
            fuzz_refused(st, st);
            n = 0;
        }
    }
    for (int i = 0; i < n; i++)
        if (!items[i].question || !items[i].answer || items[i].n_steps < 0 || items[i].n_steps > TASK_MAX_STEPS)
            BUG("item %d", i);
    arena_close(&arena);
    return 0;
}

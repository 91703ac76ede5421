/* Dictionaries of the fed-back channel: sparse autoencoders (metrics/sae.h) of all reasoning vectors of a mind, several
 * times over with other seeds, since what one dictionary finds another may not.
 *
 *   own      trained on this mind's vectors
 *   shared   trained on those of this mind and of the mind before pressure together; judged on this mind's
 *   raw      no dictionary: the vectors' own coordinates, for comparison (sparse probing alone)
 *
 * Trained on the fitting problems, judged on the test problems that can be run on given vectors (metrics/door.h). Sparse
 * probing reads one step of every problem, the steps in turn.
 */
#ifndef SPILLOVER_DICTIONARY_H
#define SPILLOVER_DICTIONARY_H

#include "metrics/decode.h"

enum { DICTIONARY_SEEDS = 5, DICTIONARY_SPARSE = 4 };
enum dictionary_kind { DICTIONARY_OWN, DICTIONARY_SHARED, DICTIONARY_RAW, DICTIONARY_KINDS };
extern const char *const dictionary_name[DICTIONARY_KINDS];
extern const int dictionary_sparse[DICTIONARY_SPARSE]; /* k: 1, 2, 5, 16 */

/* Figures by seed; NAN where there is none. */
struct dictionary_figures {
    int n;                                 /* test problems; 0: not measured */
    double fvu[DICTIONARY_SEEDS];          /* fraction of variance unexplained */
    double dead[DICTIONARY_SEEDS];         /* share of units that fire on no test vector */
    double recovered[DICTIONARY_SEEDS];    /* (L_mean - L_sae) / (L_mean - L_own) in bits of the outputs */
    double polysemantic[DICTIONARY_SEEDS]; /* 1 - purity over value, c, step */
    double sparse[DECODE_READ][DICTIONARY_SPARSE][DICTIONARY_SEEDS]; /* balanced accuracy of k-sparse probes */
};

struct dictionaries {
    struct dictionary_figures of[DICTIONARY_KINDS];
};

/* Into m->dictionaries, in the measurement's arena; m->decode must be there. */
void dictionaries_open(struct measurement *m);

#endif

/* State dictionaries in Python's pickle format, protocols 2 and 3, as torch.save writes them: read, never run.
 *
 * A pickle is a program for a small stack machine. This reader knows the instructions that a dictionary of tensors
 * needs, and these globals alone: collections.OrderedDict, torch._utils._rebuild_tensor_v2,
 * torch._utils._rebuild_parameter, and torch's storage classes. They are names for the reader's own data: nothing is
 * imported or called. Whatever else stands in the file is refused, with its offset.
 */
#ifndef SPILLOVER_PICKLE_H
#define SPILLOVER_PICKLE_H

#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

enum { PICKLE_MAX_BYTES = 1 << 20, PICKLE_MAX_DIMS = 4 };

/* A tensor is a view of a storage, which is another file of the archive. */
struct pickle_tensor {
    const char *name;
    const char *type;    /* of the storage: "FloatStorage", "HalfStorage", ... */
    const char *storage; /* its key */
    long storage_count;  /* its elements */
    long offset;         /* of the first element, in elements */
    int n_dims;
    long dim[PICKLE_MAX_DIMS], stride[PICKLE_MAX_DIMS]; /* elements */
};

/* The top-level dictionary, whose values must all be tensors, in its order. Every view lies within its storage and has
 * no more elements than it. Strings are in the arena. ST_DATA with "path: pickle offset N: ...". */
MUST_USE enum status pickle_state_dict(struct arena *a, const char *path, const void *bytes, size_t size,
                                       struct pickle_tensor **tensors, int *n);

#endif

/* torch.save's archives: NAME/data.pkl is the dictionary, NAME/data/KEY a storage, NAME/byteorder "little". */
#include <string.h>

#include "engine/import_source.h"
#include "engine/pickle.h"
#include "engine/safetensors.h"
#include "engine/zip.h"

static const struct {
    const char *name;
    int size;
    bool numeric;
    enum dtype type;
} storages[] = {
    {"FloatStorage", 4, true, DTYPE_F32}, {"HalfStorage", 2, true, DTYPE_F16}, {"BFloat16Storage", 2, true, DTYPE_BF16},
    {"DoubleStorage", 8, false, 0},       {"LongStorage", 8, false, 0},        {"IntStorage", 4, false, 0},
    {"ShortStorage", 2, false, 0},        {"CharStorage", 1, false, 0},        {"ByteStorage", 1, false, 0},
    {"BoolStorage", 1, false, 0},
};

/* The dictionary of the archive, and the name of its folder. */
static enum status find_dictionary(const char *path, struct arena *a, const struct zip *z, const char **folder,
                                   const struct zip_entry **found) {
    static const char name[] = "/data.pkl";
    const int n = sizeof name - 1;
    *found = NULL;
    for (int i = 0; i < z->n; i++) {
        const struct zip_entry *e = &z->entries[i];
        const char *slash = memchr(e->name, '/', (size_t)e->name_size);
        if (!slash || e->name + e->name_size - slash != n || memcmp(slash, name, (size_t)n) != 0) continue;
        if (*found) return status_set(ST_DATA, "%s: zip: more than one data.pkl", path);
        *found = e;
        *folder = arena_printf(a, "%.*s", (int)(slash - e->name), e->name);
    }
    if (!*found) return status_set(ST_DATA, "%s: zip: no data.pkl: not an archive of torch.save", path);
    return ST_OK;
}

static enum status take_tensor(const char *path, struct arena *a, const struct zip *z, const char *folder,
                               const struct pickle_tensor *p, struct source_tensor *t) {
    size_t k = 0;
    while (strcmp(p->type, storages[k].name) != 0) k++; /* the pickle reader knows no others */
    struct arena_mark mark = arena_mark(a);
    const struct zip_entry *e = zip_find(z, arena_printf(a, "%s/data/%s", folder, p->storage));
    arena_rewind(a, mark);
    if (!e) return safetensors_bad(path, p->name, "its storage is not in the archive");
    if (e->size % (size_t)storages[k].size != 0 || e->size / (size_t)storages[k].size != (size_t)p->storage_count)
        return safetensors_bad(path, p->name, "its storage has %zu bytes, expected %ld elements", e->size,
                               p->storage_count);
    *t = (struct source_tensor){.name = p->name, .n_dims = p->n_dims, .numeric = storages[k].numeric};
    t->type = storages[k].type;
    t->data = e->data + p->offset * storages[k].size;
    memcpy(t->dim, p->dim, sizeof t->dim);
    memcpy(t->stride, p->stride, sizeof t->stride);
    return ST_OK;
}

enum status source_read_torch(struct import_source *s, struct arena *a, const void *bytes) {
    struct zip z;
    const struct zip_entry *dictionary;
    const char *folder = "";
    struct pickle_tensor *tensors;
    int n = 0;
    TRY(zip_parse(&z, a, s->path, bytes, s->size));
    TRY(find_dictionary(s->path, a, &z, &folder, &dictionary));
    const struct zip_entry *order = zip_find(&z, arena_printf(a, "%s/byteorder", folder));
    if (order && (order->size != 6 || memcmp(order->data, "little", 6) != 0))
        return status_set(ST_DATA, "%s: numbers are not little-endian", s->path);
    TRY(pickle_state_dict(a, s->path, dictionary->data, dictionary->size, &tensors, &n));
    if (n > SOURCE_MAX_TENSORS) return status_set(ST_DATA, "%s: more than %d tensors", s->path, SOURCE_MAX_TENSORS);
    s->tensors = ARENA_NEW(a, struct source_tensor, n);
    for (int i = 0; i < n; i++) TRY(take_tensor(s->path, a, &z, folder, &tensors[i], &s->tensors[i]));
    s->n = n;
    return ST_OK;
}

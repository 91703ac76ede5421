/* Files are whole or absent, whatever the system refuses. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/bzip2.h"
#include "engine/base/fs.h"
#include "engine/base/sha256.h"
#include "tests/folder.h"
#include "tests/refuse.h"

START_TEST(fs_writes_whole_files_or_none) {
    const char *path = in("a.txt"), *part = in("a.txt.part");
    struct fs_file f;
    ck_assert_int_eq(fs_create(&f, path), ST_OK);
    ck_assert_int_ge(fprintf(f.stream, "one"), 0);
    ck_assert(!fs_exists(path) && fs_exists(part));
    ck_assert_int_eq(fs_commit(&f), ST_OK);
    fs_discard(&f);
    ck_assert(fs_exists(path) && !fs_exists(part));

    ck_assert_int_eq(fs_create(&f, path), ST_OK);
    ck_assert_int_ge(fprintf(f.stream, "two"), 0);
    fs_discard(&f);
    ck_assert(!fs_exists(part));

    char *data;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, path, &data, &size), ST_OK);
    ck_assert_uint_eq(size, 3);
    ck_assert_str_eq(data, "one");
    ck_assert_int_eq(fs_write(path, "a\0b", 3), ST_OK);
    ck_assert_int_eq(fs_read(&arena, path, &data, &size), ST_OK);
    ck_assert_uint_eq(size, 3);
    ck_assert_mem_eq(data, "a\0b", 4);
    ck_assert_int_eq(fs_write(path, NULL, 0), ST_OK);
    ck_assert_int_eq(fs_read(&arena, path, &data, &size), ST_OK);
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(data[0], 0);
}
END_TEST

START_TEST(fs_failures_name_the_path) {
    char *data;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, in("none"), &data, &size), ST_IO);
    ck_assert_str_eq(status_message(),
                     arena_printf(&arena, "%s/none: cannot be opened: No such file or directory", folder));
    ck_assert_int_eq(fs_read(&arena, folder, &data, &size), ST_IO);
    ck_assert_int_eq(fs_write(in("no/such/folder"), "x", 1), ST_IO);
    ck_assert_int_eq(fs_write("", "x", 1), ST_IO);
}
END_TEST

/* Whether the stream's buffer was written (1) or not (0) before the commit: the reason is told. */
START_TEST(fs_full_disk) {
    struct fs_file f;
    ck_assert_int_eq(fs_create(&f, in("full")), ST_OK);
    ck_assert_ptr_nonnull(freopen("/dev/full", "w", f.stream));
    ck_assert_int_ge(fputs("lost", f.stream), 0);
    if (_i) ck_assert(fflush(f.stream) != 0);
    ck_assert_int_eq(fs_commit(&f), ST_IO);
    ck_assert_str_eq(status_message(),
                     arena_printf(&arena, "%s/full: cannot be written: No space left on device", folder));
    ck_assert(!fs_exists(in("full")) && !fs_exists(in("full.part")));
}
END_TEST

START_TEST(fs_folders) {
    const char *deep = in("x/y/z"), *moved = in("x/moved");
    const void *data;
    size_t size;
    ck_assert_int_eq(fs_mkdirs(deep), ST_OK);
    ck_assert_int_eq(fs_mkdirs(deep), ST_OK);
    ck_assert_int_eq(fs_write(in("x/y/z/f"), "1", 1), ST_OK);
    ck_assert_int_eq(fs_mkdirs(in("x/y/z/f/g")), ST_IO);
    ck_assert_int_eq(fs_map(deep, &data, &size), ST_IO);
    ck_assert_str_eq(status_message(), arena_printf(&arena, "%s: not a plain file", deep));
    ck_assert_int_eq(fs_rename_dir(deep, moved), ST_OK);
    ck_assert(!fs_exists(deep) && fs_exists(in("x/moved/f")));
    ck_assert_int_eq(symlink(moved, in("x/y/link")), 0);
    ck_assert_int_eq(fs_remove_tree(in("x/y")), ST_OK);
    ck_assert(!fs_exists(in("x/y")) && fs_exists(in("x/moved/f")));
    ck_assert_int_eq(fs_remove_tree(in("never")), ST_OK);

    const char *scratch, *other;
    setenv("TMPDIR", folder, 1);
    ck_assert_int_eq(fs_scratch(&arena, "s", &scratch), ST_OK);
    ck_assert_int_eq(fs_scratch(&arena, "s", &other), ST_OK);
    ck_assert_str_ne(scratch, other);
    ck_assert(fs_is_folder(scratch) && strncmp(scratch, in("s."), strlen(folder) + 3) == 0);
    setenv("TMPDIR", "", 1); /* as good as none */
    ck_assert_int_eq(fs_scratch(&arena, "s", &scratch), ST_OK);
    ck_assert(fs_is_folder(scratch) && strncmp(scratch, "/tmp/s.", 7) == 0);
    ck_assert_int_eq(fs_remove_tree(scratch), ST_OK);
    setenv("TMPDIR", in("none"), 1);
    ck_assert_int_eq(fs_scratch(&arena, "s", &scratch), ST_IO);
    ck_assert_ptr_nonnull(strstr(status_message(), "none/s."));
}
END_TEST

START_TEST(fs_lists_names_in_order) {
    static const char *const made[] = {"b", "a", ".c", "B"};
    static const char *const sorted[] = {".c", "B", "a", "b"};
    const char **names;
    int n;
    ck_assert_int_eq(fs_list(&arena, folder, &names, &n), ST_OK);
    ck_assert_int_eq(n, 0);
    for (size_t i = 0; i < 4; i++) ck_assert_int_eq(fs_write(in(made[i]), "12345", i + 1), ST_OK);
    ck_assert_int_eq(fs_mkdirs(in("d")), ST_OK);
    ck_assert_int_eq(fs_list(&arena, folder, &names, &n), ST_OK);
    ck_assert_int_eq(n, 5);
    for (size_t i = 0; i < 4; i++) ck_assert_str_eq(names[i], sorted[i]);
    ck_assert_double_eq(fs_folder_bytes(&arena, folder), 1 + 2 + 3 + 4); /* the folder in it does not count */
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/d/%03d", folder, i), "", 0), ST_OK);
    ck_assert_int_eq(fs_list(&arena, in("d"), &names, &n), ST_OK);
    ck_assert_int_eq(n, 200);
    ck_assert_str_eq(names[199], "199");
    ck_assert_int_eq(fs_list(&arena, in("none"), &names, &n), ST_IO);
}
END_TEST

/* Only what is known to be absent is: the rest is met when it is opened, with its reason. */
START_TEST(fs_unreadable_is_not_absent) {
    char long_name[5000];
    const char *loop = in("loop"), *below;
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    ck_assert_int_eq(symlink("loop", loop), 0);
    ck_assert(fs_exists(loop));
    char *data;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, loop, &data, &size), ST_IO);
    ck_assert_int_eq(fs_write(in("f"), "1", 1), ST_OK);
    below = in("f/g");
    ck_assert(!fs_exists(below) && !fs_exists(in("none")) && !fs_exists(long_name));
}
END_TEST

START_TEST(fs_lock_excludes) {
    int first = -1, second = -1;
    const char *path = in("lock");
    ck_assert_int_eq(fs_lock(path, &first), ST_OK);
    ck_assert_int_eq(fs_lock(path, &second), ST_PARTIAL);
    fs_unlock(first);
    ck_assert_int_eq(fs_lock(path, &second), ST_OK);
    fs_unlock(second);
}
END_TEST

START_TEST(fs_plain_names) {
    static const char *const plain[] = {"a", "A-b_c.9", "..x", "_"};
    static const char *const other[] = {"", ".", "..", "-a", "a/b", "a b", "<x", "\xc3\xa9", "a\n"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) ck_assert_msg(fs_plain_name(plain[i]), "%s", plain[i]);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) ck_assert_msg(!fs_plain_name(other[i]), "%s", other[i]);
}
END_TEST

/* ---- a system that refuses ---- */

static void old_text(void) {
    put("f", "old");
}

static enum status write_new(void) {
    return fs_write(in("f"), "new", 3);
}

static enum status compress_new(void) {
    return bzip2_write(&arena, in("f"), "new", 3);
}

/* The flush of the folder may be refused when the file is in place already: then it is the new one, and the caller knows
 * that it may not last. */
static void old_or_new(enum status st) {
    char *data;
    size_t size;
    ck_assert_int_eq(bzip2_read(&arena, in("f"), &data, &size), ST_OK);
    ck_assert(strcmp(data, "new") == 0 || (st != ST_OK && strcmp(data, "old") == 0));
    if (st == ST_OK) ck_assert(!fs_exists(in("f.part")));
}

static enum status read_it(void) {
    char *data;
    size_t size;
    TRY(bzip2_read(&arena, in("f"), &data, &size));
    ck_assert(size == 3 && memcmp(data, "new", 3) == 0);
    return ST_OK;
}

static enum status map_it(void) {
    const void *data;
    size_t size;
    TRY(fs_map(in("g"), &data, &size));
    ck_assert(size == 3 && memcmp(data, "new", 3) == 0);
    fs_unmap(data, size);
    return ST_OK;
}

static enum status sum_it(void) {
    char hex[SHA256_HEX], expected[SHA256_HEX];
    sha256_text("new", expected);
    TRY(sha256_file(in("g"), hex));
    ck_assert_str_eq(hex, expected);
    return ST_OK;
}

static enum status list_it(void) {
    const char **names;
    int n;
    TRY(fs_list(&arena, in("d"), &names, &n));
    ck_assert_int_eq(n, 1);
    return ST_OK;
}

static void folders(void) {
    ck_assert_int_eq(fs_remove_tree(in("e")), ST_OK);
    ck_assert_int_eq(fs_mkdirs(in("d/b")), ST_OK);
}

static enum status make(void) {
    return fs_mkdirs(in("d/c/b/a"));
}

static enum status move(void) {
    return fs_rename_dir(in("d"), in("e"));
}

static void here_or_there(enum status st) {
    if (st == ST_OK) ck_assert(fs_is_folder(in("e/b")) && !fs_exists(in("d")));
    ck_assert(fs_is_folder(in("e/b")) != fs_is_folder(in("d/b")));
}

static enum status clear(void) {
    return fs_remove_tree(in("d"));
}

static void cleared(enum status st) {
    if (st == ST_OK) ck_assert(!fs_exists(in("d")));
}

static enum status scratch(void) {
    const char *made;
    TRY(fs_scratch(&arena, "s", &made));
    return rmdir(made) ? status_errno("%s: cannot be removed", made) : ST_OK;
}

static enum status lock(void) {
    int fd;
    TRY(fs_lock(in("lock"), &fd));
    fs_unlock(fd);
    return ST_OK;
}

static enum status weigh(void) {
    const double bytes = fs_folder_bytes(&arena, folder);
    return bytes >= 0 ? ST_OK : ST_FAILED;
}

START_TEST(whatever_is_refused_is_said) {
    static const struct refusal cases[] = {
        {old_text, write_new, old_or_new},
        {.act = read_it},
        {old_text, compress_new, old_or_new},
        {.act = read_it},
        {.act = map_it},
        {.act = sum_it},
        {folders, list_it, NULL},
        {folders, make, NULL},
        {folders, clear, cleared},
        {folders, move, here_or_there},
        {.act = scratch},
        {.act = lock},
    };
    const struct refusal weighed = {.act = weigh}; /* for a report: what it cannot look at it leaves out */
    setenv("TMPDIR", folder, 1);
    put("g", "new");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(refuse_each(&cases[i]) > 0, "case %zu is refused nothing", i);
    ck_assert_int_eq(refuse_each(&weighed), 0);
}
END_TEST

START_TEST(files_have_a_greatest_size) {
    const size_t most = fs_most;
    char *data;
    size_t size;
    char text[100];
    memset(text, 'a', sizeof text);
    put("great", "");
    ck_assert_int_eq(truncate(in("great"), (off_t)most + 1), 0); /* it has no blocks */
    ck_assert_int_eq(fs_read(&arena, in("great"), &data, &size), ST_IO);
    ck_assert_ptr_nonnull(strstr(status_message(), "not a plain file of at most 2147483646 bytes"));
    ck_assert_int_eq(bzip2_write(&arena, in("packed"), text, sizeof text), ST_OK);
    ck_assert_int_eq(bzip2_read(&arena, in("packed"), &data, &size), ST_OK);
    fs_most = sizeof text - 1;
    ck_assert_int_eq(bzip2_read(&arena, in("packed"), &data, &size), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "packed: holds over 99 bytes"));
    ck_assert_int_eq(bzip2_write(&arena, in("packed"), text, sizeof text), ST_FAILED);
    fs_most = most;
}
END_TEST

/* Files of this kind say another size than they have. */
START_TEST(a_file_that_is_shorter_than_it_says) {
    char *data;
    size_t size;
    const char *path = "/sys/devices/system/cpu/online";
    struct stat info;
    if (stat(path, &info) || info.st_size < 1000) return;
    ck_assert_int_eq(fs_read(&arena, path, &data, &size), ST_IO);
    ck_assert_ptr_nonnull(strstr(status_message(), "became shorter while it was read"));
}
END_TEST

Suite *suite_fs(void) {
    Suite *s = suite_create("fs");
    TCase *t = tcase_create("fs");
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_test(t, fs_writes_whole_files_or_none);
    tcase_add_test(t, fs_failures_name_the_path);
    tcase_add_loop_test(t, fs_full_disk, 0, 2);
    tcase_add_test(t, fs_folders);
    tcase_add_test(t, fs_lists_names_in_order);
    tcase_add_test(t, fs_unreadable_is_not_absent);
    tcase_add_test(t, fs_lock_excludes);
    tcase_add_test(t, fs_plain_names);
    tcase_add_test(t, whatever_is_refused_is_said);
    tcase_add_test(t, files_have_a_greatest_size);
    tcase_add_test(t, a_file_that_is_shorter_than_it_says);
    suite_add_tcase(s, t);
    return s;
}

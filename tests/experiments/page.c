#include "tests/experiments/page.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/log.h"
#include "experiments/report.h"

const int page_at[] = {0, 20, 40};

void page_open(struct page *p) {
    static const long seeds[] = {1, 2};
    *p = (struct page){.dir = "/tmp/test_page.XXXXXX"};
    arena_open(&p->arena, 1 << 16);
    log_set_quiet(true);
    ck_assert_ptr_nonnull(mkdtemp(p->dir));
    config_default(&p->plan.config);
    p->plan.config.task.modulus = 5;
    p->plan.config.arm.name = "text";
    p->plan.config.press.pressure = "conceal";
    p->plan.config.press.method = METHOD_SFT;
    p->plan.leaf = CELL_PRESS;
    p->suite = (struct suite){.name = "planted",
                              .about = "one line",
                              .delta = .15,
                              .prior_scale = .3,
                              .seeds = seeds,
                              .n_seeds = 2,
                              .plans = &p->plan,
                              .n_plans = 1};
    planted_open(&p->planted, arena_printf(&p->arena, "%s/results.csv", p->dir));
    p->planted.arm = "text";
}

void page_close(struct page *p) {
    ck_assert_int_eq(fs_remove_tree(p->dir), ST_OK);
    log_set_quiet(false);
    arena_close(&p->arena);
}

const char *page_read(struct page *p, const char *name) {
    static char *text; /* static: gcc 12 otherwise sees a dangling pointer in what is returned */
    size_t size;
    ck_assert_int_eq(fs_read(&p->arena, arena_printf(&p->arena, "%s/%s", p->dir, name), &text, &size), ST_OK);
    return text;
}

const char *page_write(struct page *p) {
    planted_close(&p->planted);
    ck_assert_msg(report_write(p->dir, &p->suite, NULL, NULL) == ST_OK, "%s", status_message());
    return page_read(p, "report.md");
}

void page_arm(struct page *p, long seed, double accuracy) {
    p->planted.cell = arena_printf(&p->arena, "arm%ld", seed);
    p->planted.pair = p->planted.pressure = p->planted.method = p->planted.credit = "";
    p->planted.seed = seed;
    planted_row(&p->planted, -1, -1, "", "", "updates", 900);
    planted_row(&p->planted, -1, -1, "answer", "greedy", "accuracy", accuracy);
    planted_row(&p->planted, -1, -1, "answer", "other", "necessity", .8);
}

void page_pair(struct page *p, long seed, double s) {
    p->planted.pair = arena_printf(&p->arena, "pair%ld", seed);
    p->planted.method = "sft";
    p->planted.credit = "targeted";
    p->planted.seed = seed;
    p->planted.cell = arena_printf(&p->arena, "none%ld", seed);
    p->planted.pressure = "none";
    planted_path(&p->planted, "c", "", "m_out", 3, page_at, (const double[]){.8, .8, .8});
    planted_path(&p->planted, "c", "", "m_r_reader", 3, page_at, (const double[]){1, 1, 1});
    p->planted.cell = arena_printf(&p->arena, "conceal%ld", seed);
    p->planted.pressure = "conceal";
    planted_path(&p->planted, "c", "", "m_out", 3, page_at, (const double[]){.8, .4, .08});
    planted_path(&p->planted, "c", "", "m_r_reader", 3, page_at, (const double[]){1, 1 - s / 2, 1 - s});
}

void page_expect_in_order(const char *text, const char *const *parts) {
    for (; *parts; parts++) {
        const char *found = strstr(text, *parts);
        ck_assert_msg(found != NULL, "\"%s\" is missing or too early", *parts);
        text = found + 1;
    }
}

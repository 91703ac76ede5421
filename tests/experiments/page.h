/* A report from planted results: a folder, a suite of two seeds, and the page that comes of it. */
#ifndef SPILLOVER_TESTS_PAGE_H
#define SPILLOVER_TESTS_PAGE_H

#include "experiments/suite.h"
#include "tests/experiments/planted.h"

struct page {
    char dir[64];
    struct arena arena;
    struct planted planted; /* open; its arm is "text" */
    struct suite suite;
    struct suite_plan plan;
};

void page_open(struct page *p);
void page_close(struct page *p);

/* End the planted results, make the report, and return report.md. */
const char *page_write(struct page *p);

/* A file of the folder. */
const char *page_read(struct page *p, const char *name);

/* The arm of a seed: its accuracy, 900 updates, necessity .8. */
void page_arm(struct page *p, long seed, double accuracy);

/* A seed's cell under conceal (sft, targeted), with c's S^F at the end `s` and D .9, and a control that does not move; at
 * updates page_at. */
extern const int page_at[3];
void page_pair(struct page *p, long seed, double s);

/* The text has these parts, up to NULL, one behind the other. */
void page_expect_in_order(const char *text, const char *const *parts);

#endif

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

#endif

/* A run as one HTML page that needs no network: its report with the figures in it, a table of cells to filter, and
 * questions to read, before and after pressure.
 *
 * What is shown comes from <dir>/report.md, figures/, cells.list, results.csv and manifest.json; questions are put to
 * the cells' weights again (experiments/show.h). Everything is escaped, and the page's content security policy runs no
 * script but its own. plots/view.js and plots/view.css are its behaviour and its looks.
 */
#ifndef SPILLOVER_VIEW_H
#define SPILLOVER_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

struct view_options {
    const char *out, *dir;                        /* folder of runs; the suite's in it */
    const char *plots;                            /* folder of view.js and view.css */
    int items, cells;                             /* questions a cell, cells with questions; at most */
    void (*progress)(void *to, int done, int of); /* after every cell with questions; NULL: nobody looks */
    void *to;
};

/* Write the page, whole or not at all. ST_USAGE when the run has no report; ST_DATA for malformed tables; ST_IO. */
MUST_USE enum status view_write(const struct view_options *o, const char *path, struct arena *a);

/* --- pieces ---------------------------------------------------------------------------------------------------- */

/* Text for HTML: & < > " ' become entities. */
void view_text(FILE *to, const char *text, size_t n);

/* JSON for inside a script element: ASCII, and no "<". */
void view_json(FILE *to, const json_t *value);

/* The Markdown that reports are made of: headings, paragraphs, tables, lists, pictures (SVG files in `dir`, put in
 * place), and in the text **strong**, *emphasis* and `code`. A picture that is missing leaves its caption. */
void view_markdown(FILE *to, const char *markdown, const char *dir, struct arena *a);

/* An SVG file's element with its names made unique by `prefix` and its own title left out; false (nothing written)
 * where it is none. */
bool view_svg(FILE *to, const char *svg, const char *prefix);

#endif

/* The page of a run: its pieces by hand, and that nothing of a table becomes markup. What a browser makes of it is tested
 * by tests/browser/view.py. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "experiments/view.h"
#include "tests/experiments/planted.h"
#include "tests/folder.h"

static const char *html_of(const char *markdown) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    view_markdown(to, markdown, folder, &arena);
    ck_assert_int_eq(fclose(to), 0);
    const char *kept = arena_strdup(&arena, text);
    free(text);
    return kept;
}

static const struct {
    const char *markdown, *html;
} pieces[] = {
    {"# A & B\n", "<h1 id=\"report-a---b\">A &amp; B</h1>\n"},
    {"one\ntwo\n\nthree\n", "<p>one two</p>\n<p>three</p>\n"},
    {"**b** and *e* and `x < 1`\n", "<p><strong>b</strong> and <em>e</em> and <code>x &lt; 1</code></p>\n"},
    {"at D* and at D* again, 2 * 3 * 4\n", "<p>at D* and at D* again, 2 * 3 * 4</p>\n"},
    {"&lt;= and a\\|b \\*c\\*\n", "<p>&lt;= and a|b *c*</p>\n"},
    {"<script>alert('\"')</script>\n", "<p>&lt;script&gt;alert(&#39;&quot;&#39;)&lt;/script&gt;</p>\n"},
    {"| a | b |\n|---|---:|\n| 1 |  |\n| x\\|y | <b> |\n",
     "<div class=\"wide\"><table><thead>\n<tr><th>a</th><th>b</th></tr>\n</thead><tbody>\n<tr><td>1</td><td></td></tr>\n"
     "<tr><td>x|y</td><td>&lt;b&gt;</td></tr>\n</tbody></table></div>\n"},
    {"- one\n- two\n", "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n"},
    {"![a <b>](figures/none.svg)\n", "<figure>\n<figcaption>a &lt;b&gt;</figcaption>\n</figure>\n"},
    {"![up](figures/../report.md)\n", "<figure>\n<figcaption>up</figcaption>\n</figure>\n"},
    {"**never closed\n", "<p>**never closed</p>\n"},
};

START_TEST(markdown_becomes_html) {
    ck_assert_str_eq(html_of(pieces[_i].markdown), pieces[_i].html);
}
END_TEST

/* Names are unique on the page, references follow them, the title that browsers show as a tip is gone. */
START_TEST(pictures_stand_in_the_page) {
    ck_assert_int_eq(fs_mkdirs(in("figures")), ST_OK);
    put("figures/f.svg", "<?xml version=\"1.0\"?>\n<svg a=\"1\"><title>Gnuplot</title><g id=\"p\"/><use "
                         "xlink:href='#p'/><path clip-path=\"url(#p)\"/></svg>\n");
    ck_assert_str_eq(html_of("![cap](figures/f.svg)\n"),
                     "<figure>\n<svg a=\"1\"><g id=\"f.svg-p\"/><use xlink:href='#f.svg-p'/><path "
                     "clip-path=\"url(#f.svg-p)\"/></svg><figcaption>cap</figcaption>\n</figure>\n");
}
END_TEST

static int count(const char *text, const char *what) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++) n++;
    return n;
}

/* A label, a note and a metric that try to be markup: they reach the page as data alone. */
START_TEST(nothing_of_a_table_becomes_markup) {
    static const char evil[] = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";
    struct planted p;
    char *page;
    size_t size;
    planted_open(&p, in("results.csv"));
    p.cell = "0123456789ab";
    p.arm = evil;
    planted_row(&p, 3, -1, "c", "", evil, .5);
    planted_close(&p);
    put("cells.list",
        arena_printf(&arena, "key\tkind\tstate\tlabel\tvariant\tnote\n0123456789abcdef\tarm\tdone\t%s\t\t%s\n", evil,
                     evil));
    put("report.md", arena_printf(&arena, "# %s\n\n| %s |\n|---|\n| %s |\n", evil, evil, evil));
    put("view.js", "\"use strict\";\n");
    put("view.css", "body { margin: 0; }\n");
    const struct view_options o = {.out = folder, .dir = folder, .plots = folder};
    ck_assert_msg(view_write(&o, in("view.html"), &arena) == ST_OK, "%s", status_message());
    ck_assert_int_eq(fs_read(&arena, in("view.html"), &page, &size), ST_OK);
    ck_assert_int_eq(count(page, "<script"), 2); /* the data and the page's own */
    ck_assert_int_eq(count(page, "</script"), 2);
    ck_assert_int_eq(count(page, "<img"), 0);
    ck_assert_ptr_nonnull(strstr(page, "\\u003c/script>\\u003cscript>alert(1)"));
    /* printf '"use strict";\n' | openssl dgst -sha256 -binary | base64 */
    ck_assert_ptr_nonnull(strstr(page, "script-src 'sha256-d/Xuw4xe8HXhGJIkTM+eJJ2Ck34HQBOY35gxlWh3Whc='"));
}
END_TEST

START_TEST(a_run_without_a_report_is_refused) {
    const struct view_options o = {.out = folder, .dir = folder, .plots = folder};
    ck_assert_int_eq(view_write(&o, in("view.html"), &arena), ST_USAGE);
    ck_assert_ptr_nonnull(strstr(status_message(), "has no report.md"));
    put("report.md", "# r\n");
    put("cells.list", "key\n");
    put("results.csv", "a,b\n1,2\n");
    ck_assert_int_eq(view_write(&o, in("view.html"), &arena), ST_DATA);
    ck_assert(!fs_exists(in("view.html")));
}
END_TEST

Suite *suite_view(void) {
    Suite *s = suite_create("view");
    TCase *t = tcase_create("view");
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_loop_test(t, markdown_becomes_html, 0, sizeof pieces / sizeof pieces[0]);
    tcase_add_test(t, pictures_stand_in_the_page);
    tcase_add_test(t, nothing_of_a_table_becomes_markup);
    tcase_add_test(t, a_run_without_a_report_is_refused);
    suite_add_tcase(s, t);
    return s;
}

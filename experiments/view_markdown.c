/* From the report's Markdown to HTML. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "engine/base/fs.h"
#include "experiments/view.h"

void view_text(FILE *to, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) switch (text[i]) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        case '\'':
            fputs("&#39;", to);
            break;
        default:
            fputc(text[i], to);
        }
}

/* A character of the report as it is meant: it writes & and < as entities, and | and others behind a backslash. */
static size_t one_character(FILE *to, const char *text, size_t n) {
    static const char *const entities[] = {"&lt;", "&amp;", "&gt;"};
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        const size_t length = strlen(entities[i]);
        if (n < length || strncmp(text, entities[i], length) != 0) continue;
        fputs(entities[i], to);
        return length;
    }
    if (*text == '\\' && n > 1 && ispunct((unsigned char)text[1])) {
        view_text(to, text + 1, 1);
        return 2;
    }
    view_text(to, text, 1);
    return 1;
}

/* Where the mark that opens at text[0] closes again, as an offset; 0: it does not. The * of D* opens nothing. */
static size_t closes(const char *text, size_t n, const char *mark, char before) {
    const size_t m = strlen(mark);
    if (*mark == '*' && (isalnum((unsigned char)before) || (n > m && text[m] == ' '))) return 0;
    for (size_t i = m + 1; i + m <= n; i++)
        if (strncmp(text + i, mark, m) == 0 && text[i - 1] != ' ') return i;
    return 0;
}

static void inline_text(FILE *to, const char *text, size_t n) {
    static const struct { const char *mark, *tag; } marks[] = {{"**", "strong"}, {"`", "code"}, {"*", "em"}};
    for (size_t i = 0; i < n;) {
        size_t end = 0;
        for (size_t k = 0; k < sizeof marks / sizeof marks[0] && !end; k++) {
            const size_t m = strlen(marks[k].mark);
            if (n - i < m || strncmp(text + i, marks[k].mark, m) != 0) continue;
            end = closes(text + i, n - i, marks[k].mark, i > 0 ? text[i - 1] : ' ');
            if (!end) continue;
            fprintf(to, "<%s>", marks[k].tag);
            inline_text(to, text + i + m, end - m);
            fprintf(to, "</%s>", marks[k].tag);
            i += end + m;
        }
        if (!end) i += one_character(to, text + i, n - i);
    }
}

/* --- pictures -------------------------------------------------------------------------------------------------- */

/* Copies text up to `end`; names behind id=, href=# and url(# get the prefix. */
static void copy_renamed(FILE *to, const char *text, const char *end, const char *prefix) {
    static const char *const before[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#", "url('#"};
    while (text < end) {
        size_t n = 0;
        for (size_t i = 0; i < sizeof before / sizeof before[0] && !n; i++)
            if (strncmp(text, before[i], strlen(before[i])) == 0) n = strlen(before[i]);
        if (n) {
            fwrite(text, 1, n, to);
            fputs(prefix, to);
            text += n;
        } else
            fputc(*text++, to);
    }
}

bool view_svg(FILE *to, const char *svg, const char *prefix) {
    const char *start = strstr(svg, "<svg"), *end = start ? strstr(start, "</svg>") : NULL;
    if (!end) return false;
    end += strlen("</svg>");
    const char *title = strstr(start, "<title>"), *behind = title ? strstr(title, "</title>") : NULL;
    if (behind && behind < end) {
        copy_renamed(to, start, title, prefix);
        start = behind + strlen("</title>");
    }
    copy_renamed(to, start, end, prefix);
    return true;
}

/* ![caption](path) on a line of its own. */
static void picture(FILE *to, const char *line, size_t n, const char *dir, struct arena *a) {
    const char *middle = strstr(line, "](");
    const size_t caption = middle ? (size_t)(middle - line) - 2 : 0;
    const char *path = middle ? arena_printf(a, "%.*s", (int)(n - caption - 5), middle + 2) : "";
    char *svg = NULL;
    size_t size;
    fputs("<figure>\n", to);
    const bool plain = strncmp(path, "figures/", 8) == 0 && fs_plain_name(path + 8);
    if (plain && fs_read(a, arena_printf(a, "%s/%s", dir, path), &svg, &size) == ST_OK)
        view_svg(to, svg, arena_printf(a, "%s-", path + 8));
    fputs("<figcaption>", to);
    inline_text(to, line + 2, caption);
    fputs("</figcaption>\n</figure>\n", to);
}

/* --- blocks ---------------------------------------------------------------------------------------------------- */

static bool is_rule(const char *line, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr("|-: ", line[i])) return false;
    return n > 2 && *line == '|';
}

static void table_row(FILE *to, const char *line, size_t n, const char *cell) {
    fputs("<tr>", to);
    for (size_t i = 1; i < n;) {
        size_t end = i;
        while (end < n && !(line[end] == '|' && line[end - 1] != '\\')) end++;
        size_t from = i, until = end;
        while (from < until && line[from] == ' ') from++;
        while (until > from && line[until - 1] == ' ') until--;
        if (end < n || until > from) {
            fprintf(to, "<%s>", cell);
            inline_text(to, line + from, until - from);
            fprintf(to, "</%s>", cell);
        }
        i = end + 1;
    }
    fputs("</tr>\n", to);
}

enum block { NOTHING, PARAGRAPH, TABLE, LIST };

static void end_block(FILE *to, enum block *block) {
    static const char *const ends[] = {"", "</p>\n", "</tbody></table></div>\n", "</ul>\n"};
    fputs(ends[*block], to);
    *block = NOTHING;
}

static void heading(FILE *to, const char *line, size_t n) {
    size_t level = strspn(line, "#");
    if (level > 4) level = 4;
    fprintf(to, "<h%zu id=\"report-", level);
    for (size_t i = level + 1; i < n; i++)
        fputc(isalnum((unsigned char)line[i]) ? tolower((unsigned char)line[i]) : '-', to);
    fputs("\">", to);
    inline_text(to, line + level + 1, n - level - 1);
    fprintf(to, "</h%zu>\n", level);
}

void view_markdown(FILE *to, const char *markdown, const char *dir, struct arena *a) {
    enum block block = NOTHING;
    for (const char *line = markdown; *line;) {
        const char *newline = strchr(line, '\n');
        const size_t n = newline ? (size_t)(newline - line) : strlen(line);
        const enum block now = n == 0 || *line == '#' || strncmp(line, "![", 2) == 0 ? NOTHING
                               : *line == '|'                                        ? TABLE
                               : strncmp(line, "- ", 2) == 0                         ? LIST
                                                                                     : PARAGRAPH;
        if (now != block) end_block(to, &block);
        if (now == TABLE && block == NOTHING) {
            fputs("<div class=\"wide\"><table><thead>\n", to);
            table_row(to, line, n, "th");
            fputs("</thead><tbody>\n", to);
        } else if (now == TABLE && !is_rule(line, n))
            table_row(to, line, n, "td");
        else if (now == PARAGRAPH) {
            fputs(block == NOTHING ? "<p>" : " ", to);
            inline_text(to, line, n);
        } else if (now == LIST) {
            fputs(block == NOTHING ? "<ul>\n<li>" : "<li>", to);
            inline_text(to, line + 2, n - 2);
            fputs("</li>\n", to);
        } else if (n > 0 && *line == '#')
            heading(to, line, n);
        else if (n > 0 && now == NOTHING)
            picture(to, line, n, dir, a);
        block = now;
        line += n + (newline != NULL);
    }
    end_block(to, &block);
}

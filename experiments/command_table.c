/* The table of commands, and what is printed from it: the overview, bash completion, the manual page. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "engine/version.h"
#include "experiments/command.h"

const struct command command_table[] = {
#define COMMAND(name, hidden, about) {#name, about, hidden, &command_##name##_argp, command_##name},
#include "experiments/commands.def"
#undef COMMAND
};

const int command_count = sizeof command_table / sizeof command_table[0];

static const char purpose[] =
    "Does pressure on a model's output spill over into how it reasons? Trains text and latent reasoners\n"
    "from one base, presses on their outputs, and measures their reasoning.\n";

static const struct {
    const char *code, *meaning;
} exits[] = {
    {"0", "done"},   {"1", "failed"},    {"2", "a check differs"}, {"3", "partial (repeat the command)"},
    {"64", "usage"}, {"65", "bad data"}, {"74", "input/output"},   {"128+n", "stopped by signal n"},
};

enum { N_EXITS = sizeof exits / sizeof exits[0] };

void command_overview(FILE *to) {
    fprintf(to, "usage: spillover COMMAND [ARGUMENT...]\n\n%s\n", purpose);
    for (int i = 0; i < command_count; i++)
        if (!command_table[i].hidden) fprintf(to, "  %-11s %s\n", command_table[i].name, command_table[i].about);
    fprintf(to, "\n`spillover COMMAND --help` says more. A first look:  spillover run quick\nExit codes: ");
    for (int i = 0; i < N_EXITS; i++)
        fprintf(to, "%s %s%s", exits[i].code, exits[i].meaning, i == N_EXITS - 1 ? ".\n" : i == 4 ? ",\n" : ", ");
}

/* Calls back for every option of an argp and its children. */
static void each_option(const struct argp *argp, FILE *to, void (*print)(FILE *to, const struct argp_option *o)) {
    for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++)
        if (o->name && !(o->flags & OPTION_HIDDEN)) print(to, o);
    for (const struct argp_child *c = argp->children; c && c->argp; c++) each_option(c->argp, to, print);
}

static void print_word(FILE *to, const struct argp_option *o) {
    fprintf(to, " --%s%s", o->name, o->arg ? "=" : "");
    if (o->key > ' ' && o->key < 127) fprintf(to, " -%c", o->key);
}

/* What completes an argument: the words of args_doc where it lists words, suites where it says SUITE, else files. */
static void print_arguments(FILE *to, const struct argp *argp) {
    const char *doc = argp->args_doc ? argp->args_doc : "";
    if (islower((unsigned char)*doc)) {
        fputc(' ', to);
        for (; *doc && *doc != ' '; doc++) fputc(*doc == '|' ? ' ' : *doc, to);
    } else if (strstr(doc, "SUITE"))
        fputs(" $(\"${COMP_WORDS[0]}\" list suites 2>/dev/null | cut -d\" \" -f1)", to);
}

static void completion(FILE *to) {
    fprintf(to, "# bash completion for spillover; to use it:  source <(spillover completion bash)\n"
                "_spillover() {\n"
                "    local words file_option='^(--(out|data|results|trace)|-[od])=?$'\n"
                "    local now=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
                "        COMPREPLY=($(compgen -W '");
    for (int i = 0; i < command_count; i++)
        if (!command_table[i].hidden) fprintf(to, "%s ", command_table[i].name);
    fprintf(to, "--help --version' -- \"$now\"))\n        return\n    fi\n"
                "    if [ \"$now\" = = ] || [ \"$before\" = = ] || [[ \"$before\" =~ $file_option ]]; then\n"
                "        COMPREPLY=($(compgen -f -- \"${now#=}\"))\n        return\n    fi\n"
                "    case \"${COMP_WORDS[1]}\" in\n");
    for (int i = 0; i < command_count; i++) {
        if (command_table[i].hidden) continue;
        fprintf(to, "    %s) words=\"--help", command_table[i].name);
        each_option(command_table[i].argp, to, print_word);
        print_arguments(to, command_table[i].argp);
        fprintf(to, "\" ;;\n");
    }
    fprintf(to, "    *) return ;;\n    esac\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n"
                "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$now\"))\n"
                "    [[ \"${COMPREPLY[*]}\" == *= ]] && compopt -o nospace\n    return 0\n}\n"
                "complete -o filenames -F _spillover spillover ./spillover\n");
}

/* roff: a backslash, a dash, and a dot or quote at the beginning of a line mean something. */
static void roff(FILE *to, const char *text, size_t n) {
    bool start = true;
    for (size_t i = 0; i < n; i++) {
        if (start && (text[i] == '.' || text[i] == '\'')) fputs("\\&", to);
        start = text[i] == '\n';
        if (text[i] == '\\')
            fputs("\\e", to);
        else if (text[i] == '-')
            fputs("\\-", to);
        else
            fputc(text[i], to);
    }
}

static void roff_all(FILE *to, const char *text) {
    roff(to, text, strlen(text));
}

static void print_option(FILE *to, const struct argp_option *o) {
    fputs(".TP\n", to);
    if (o->key > ' ' && o->key < 127) fprintf(to, "\\fB\\-%c\\fR, ", o->key);
    fputs("\\fB\\-\\-", to);
    roff_all(to, o->name);
    if (o->arg) fprintf(to, "\\fR=\\fI%s", o->arg);
    fputs("\\fR\n", to);
    roff_all(to, o->doc ? o->doc : "");
    fputc('\n', to);
}

static void print_command(FILE *to, const struct command *c) {
    const char *doc = c->argp->doc ? c->argp->doc : "", *examples = strchr(doc, '\v');
    fprintf(to, ".SS \"spillover %s [\\fIOPTION\\fR...] %s\"\n", c->name, c->argp->args_doc ? c->argp->args_doc : "");
    roff(to, doc, examples ? (size_t)(examples - doc) : strlen(doc));
    fputc('\n', to);
    each_option(c->argp, to, print_option);
    if (!examples) return;
    fputs(".PP\n.nf\n", to);
    roff_all(to, examples + 1);
    fputs(".fi\n", to);
}

static void manual(FILE *to) {
    fprintf(to, ".TH SPILLOVER 1 \"\" \"spillover %s\" \"User Commands\"\n.SH NAME\n", SPILLOVER_VERSION);
    fputs("spillover \\- measure how output pressure spills over into reasoning\n.SH SYNOPSIS\n"
          "\\fBspillover\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n",
          to);
    roff_all(to, purpose);
    fputs(".SH COMMANDS\n", to);
    for (int i = 0; i < command_count; i++) {
        if (command_table[i].hidden) continue;
        fprintf(to, ".TP\n\\fB%s\\fR\n", command_table[i].name);
        roff_all(to, command_table[i].about);
        fputc('\n', to);
    }
    fputs(".SH \"COMMANDS IN DETAIL\"\n", to);
    for (int i = 0; i < command_count; i++)
        if (!command_table[i].hidden) print_command(to, &command_table[i]);
    fputs(".SH \"EXIT STATUS\"\n", to);
    for (int i = 0; i < N_EXITS; i++) fprintf(to, ".TP\n%s\n%s\n", exits[i].code, exits[i].meaning);
}

/* --- completion, man ------------------------------------------------------------------------------------------- */

static error_t parse_word(int key, char *arg, struct argp_state *state) {
    const char **word = state->input;
    if (key == ARGP_KEY_NO_ARGS && word) argp_usage(state);
    if (key != ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
    if (word && !**word)
        *word = arg;
    else
        argp_error(state, "what is \"%s\" for?", arg);
    return 0;
}

const struct argp command_completion_argp = {
    .parser = parse_word,
    .args_doc = "bash",
    .doc = "Print a script that completes commands, options and suites in a shell.\v"
           "Example:\n  source <(spillover completion bash)\n",
};

enum status command_completion(int argc, char **argv, struct arena *a) {
    const char *shell = "";
    (void)a;
    argv[0] = "spillover completion";
    TRY(command_parse(&command_completion_argp, argc, argv, &shell));
    if (strcmp(shell, "bash") != 0)
        return status_set(ST_USAGE, "completion: \"%s\" is not a shell that is known here; bash is", shell);
    completion(stdout);
    return ST_OK;
}

const struct argp command_man_argp = {
    .parser = parse_word,
    .doc = "Print the manual page (roff), made from the help of every command.\v"
           "Example:\n  spillover man | man -l -\n",
};

enum status command_man(int argc, char **argv, struct arena *a) {
    (void)a;
    argv[0] = "spillover man";
    TRY(command_parse(&command_man_argp, argc, argv, NULL));
    manual(stdout);
    return ST_OK;
}

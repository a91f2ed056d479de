/* args.c - the option parser. Strict: unknown, repeated, empty or ill-encoded is exit status 2. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "karma/plugin.h"

enum { MAX_ARGUMENT_BYTES = 128 << 10, MAX_OPTIONS = CLI_OPTIONS_MAX, MAX_PLUGINS = 64 };

/* What was said of plugins, before the command and after it. */
static struct {
    const char *files[MAX_PLUGINS];
    size_t n_files;
    bool isolate, not_the_users;
} plugins;
static const char *const global_names[] = {"--plugin", "--isolate-plugins", "--no-user-plugins"};
enum { N_GLOBALS = sizeof(global_names) / sizeof(global_names[0]) };

static void print_help(const struct cli_command *c) {
    printf("usage: karma %s %s\n\n%s\n", c->name, c->arguments, c->summary);
    puts("\noptions:");
    for (const struct cli_option *o = c->options; o->name; o++) {
        char left[64];
        snprintf(left, sizeof(left), "%s%s%s", o->name, o->value_name ? " " : "",
                 o->value_name ? o->value_name : "");
        printf("  %-26s %s\n", left, o->help);
    }
    puts("  --plugin FILE              load a plugin; may be given several times\n"
         "  --isolate-plugins          run the models of plugins in processes of their own\n"
         "  --no-user-plugins          leave out those of the user's plugin folder");
}

/* UTF-8 of sane length: what comes later may then print and store it. jansson checks UTF-8. */
static karma_status check_text(const char *what, const char *text) {
    if (strlen(text) > MAX_ARGUMENT_BYTES) {
        return cli_error(KARMA_E_USAGE, "%s: longer than %d bytes", what, MAX_ARGUMENT_BYTES);
    }
    json_t *probe = json_string(text);
    if (!probe) {
        json_t *plain = json_string("a"); /* which fails for want of memory alone */
        const bool has_memory = plain != NULL;
        json_decref(plain);
        return has_memory ? cli_error(KARMA_E_USAGE, "%s: not valid UTF-8", what)
                          : cli_error(KARMA_E_NOMEM, "out of memory");
    }
    json_decref(probe);
    return KARMA_OK;
}

static karma_status take_global(int argc, char **argv, int *at) {
    const char *arg = argv[*at], *equals = strchr(arg, '=');
    if (strncmp(arg, global_names[0], strlen(global_names[0])) == 0) {
        const char *value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
        if (!value || !*value)
            return cli_error(KARMA_E_USAGE, "%s needs a value (FILE)", global_names[0]);
        if (plugins.n_files == MAX_PLUGINS)
            return cli_error(KARMA_E_USAGE, "more than %d plugins", MAX_PLUGINS);
        plugins.files[plugins.n_files++] = value;
        return check_text(global_names[0], value);
    }
    if (equals) return cli_error(KARMA_E_USAGE, "%.*s takes no value", (int)(equals - arg), arg);
    bool *flag = strcmp(arg, global_names[1]) == 0 ? &plugins.isolate : &plugins.not_the_users;
    if (*flag) return cli_error(KARMA_E_USAGE, "%s is given twice", arg);
    *flag = true;
    return KARMA_OK;
}

int cli_take_global(int argc, char **argv, int *at) {
    const size_t len = strcspn(argv[*at], "=");
    for (int i = 0; i < N_GLOBALS; i++) {
        if (strlen(global_names[i]) != len || memcmp(global_names[i], argv[*at], len) != 0)
            continue;
        return take_global(argc, argv, at) < 0 ? -1 : 1;
    }
    return 0;
}

/* The user's own first, then those named, in their order. */
static karma_status load_plugins(void) {
    karma_isolate_plugins(plugins.isolate);
    karma_status st = plugins.not_the_users ? KARMA_OK : karma_load_user_plugins();
    for (size_t i = 0; i < plugins.n_files && st == KARMA_OK; i++)
        st = karma_load_plugin(plugins.files[i]);
    return st;
}

static const struct cli_option *find(const struct cli_command *c, const char *name, size_t len) {
    for (const struct cli_option *o = c->options; o->name; o++) {
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) return o;
    }
    return NULL;
}

static karma_status unknown_option(const struct cli_command *c, const char *name, size_t len) {
    const char *names[MAX_OPTIONS];
    size_t n = 0;
    for (const struct cli_option *o = c->options; o->name && n < MAX_OPTIONS; o++) {
        names[n++] = o->name;
    }
    for (size_t i = 0; i < N_GLOBALS && n < MAX_OPTIONS; i++)
        names[n++] = global_names[i];
    char given[64];
    snprintf(given, sizeof(given), "%.*s", (int)(len < 60 ? len : 60), name);
    const int near = karma_nearest_name(given, names, n);
    if (near >= 0) {
        return cli_error(KARMA_E_USAGE, "unknown option %s; did you mean %s?", given, names[near]);
    }
    return cli_error(KARMA_E_USAGE, "unknown option %s; try karma %s --help", given, c->name);
}

struct parse {
    const struct cli_command *c;
    int argc, at;
    char **argv;
    bool seen[MAX_OPTIONS];
};

static karma_status parse_option(struct parse *p) {
    const char *arg = p->argv[p->at];
    const char *equals = strchr(arg, '=');
    const size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    const struct cli_option *o = find(p->c, arg, len);
    const int global = o ? 0 : cli_take_global(p->argc, p->argv, &p->at);
    if (global) return global < 0 ? KARMA_E_USAGE : KARMA_OK;
    if (!o) return unknown_option(p->c, arg, len);
    const size_t index = (size_t)(o - p->c->options);
    if (p->seen[index] && !o->list) return cli_error(KARMA_E_USAGE, "%s is given twice", o->name);
    p->seen[index] = true;
    if (o->flag) {
        if (equals) return cli_error(KARMA_E_USAGE, "%s takes no value", o->name);
        *o->flag = o->flag_value;
        return KARMA_OK;
    }
    const char *value = equals ? equals + 1 : p->at + 1 < p->argc ? p->argv[++p->at] : NULL;
    if (!value) return cli_error(KARMA_E_USAGE, "%s needs a value (%s)", o->name, o->value_name);
    if (!value[0]) return cli_error(KARMA_E_USAGE, "%s: the value is empty", o->name);
    if (o->list && o->list->n == CLI_LIST_MAX) {
        return cli_error(KARMA_E_USAGE, "%s: more than %d", o->name, CLI_LIST_MAX);
    }
    if (o->list) {
        o->list->items[o->list->n++] = value;
    } else {
        *o->value = value;
    }
    return check_text(o->name, value);
}

static karma_status parse_all(struct parse *p, const char **positional) {
    int n = 0;
    bool only_positional = false;
    for (; p->at < p->argc; p->at++) {
        const char *arg = p->argv[p->at];
        karma_status st = KARMA_OK;
        if (!only_positional && strcmp(arg, "--") == 0) {
            only_positional = true;
        } else if (!only_positional && arg[0] == '-' && arg[1]) {
            st = parse_option(p);
        } else if (n == p->c->max_positional) {
            st = cli_error(KARMA_E_USAGE, "unexpected argument %.64s; usage: karma %s %s", arg,
                           p->c->name, p->c->arguments);
        } else {
            st = check_text("argument", arg);
            positional[n++] = arg;
        }
        if (st < 0) return st;
    }
    positional[n] = NULL;
    if (n < p->c->min_positional) {
        return cli_error(KARMA_E_USAGE, "usage: karma %s %s", p->c->name, p->c->arguments);
    }
    return KARMA_OK;
}

int cli_parse(const struct cli_command *c, int argc, char **argv, const char **positional) {
    bool given[MAX_OPTIONS];
    return cli_parse_given(c, argc, argv, positional, given);
}

int cli_parse_given(const struct cli_command *c, int argc, char **argv, const char **positional,
                    bool *given) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(c);
            return cli_finish_output(false, 0);
        }
    }
    struct parse p = {.c = c, .argc = argc, .argv = argv};
    karma_status st = parse_all(&p, positional);
    memcpy(given, p.seen, sizeof(p.seen));
    if (st == KARMA_OK) st = load_plugins();
    return st < 0 ? cli_fail(st) : -1;
}

karma_status cli_int(const char *option, const char *text, int64_t min, int64_t max, int64_t *out) {
    char *end;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    const bool digits = text[0] == '-' ? text[1] >= '0' : text[0] >= '0';
    if (*end || !digits || text[0] > '9' || errno || v < min || v > max) {
        return cli_error(KARMA_E_USAGE,
                         "%s: expected a whole number from %lld to %lld, found %.40s", option,
                         (long long)min, (long long)max, text);
    }
    *out = v;
    return KARMA_OK;
}

karma_status cli_choice(const char *option, const char *text, const char *const *names, int *out) {
    char all[256] = "";
    for (int i = 0; names[i]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return KARMA_OK;
        }
        const size_t at = strlen(all);
        snprintf(all + at, sizeof(all) - at, "%s%s", i ? ", " : "", names[i]);
    }
    return cli_error(KARMA_E_USAGE, "%s: expected one of %s, found %.40s", option, all, text);
}

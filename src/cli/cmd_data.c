/* cmd_data.c - karma data: the rows of a data file, its columns, the file written anew. */
#include <string.h>

#include "cli/cli.h"

enum what { HEAD, SCHEMA, CONVERT };

struct data_args {
    const char *n, *output, *o, *media;
    bool json, force;
};

static bool cancelled(void *user) {
    (void)user;
    return signals_cancelled();
}

/* --- head ------------------------------------------------------------------------------------- */

static int head(const struct data_args *a, const char *path) {
    karma_data *d;
    const char *row;
    int64_t n = 10;
    karma_status st = KARMA_OK;
    if (a->n)
        st = strcmp(a->n, "all") == 0 ? (n = INT64_MAX, KARMA_OK)
                                      : cli_int("-n", a->n, 1, INT64_MAX, &n);
    if (st == KARMA_OK) st = karma_data_open(path, &d);
    if (st < 0) return cli_fail(st);
    for (int64_t i = 0; i < n && (st = karma_data_next(d, &row)) == KARMA_OK; i++) {
        puts(row);
        if (ferror(stdout)) break; /* nobody reads on */
    }
    int status = st < 0 ? cli_fail(st) : 0; /* the message is lent by what is closed next */
    karma_data_close(d);
    const int written = cli_finish_output(false, status);
    return status ? status : written;
}

/* --- schema ----------------------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key) {
    return json_string_value(json_object_get(o, key));
}

static void cell_of_number(struct cli_table *t, const json_t *v) {
    if (json_is_integer(v))
        table_cellf(t, "%lld", (long long)json_integer_value(v));
    else
        table_cell(t, NULL);
}

/* Only of kinds of file that have them are there codecs and sizes. */
static void print_columns(const json_t *columns, bool packed) {
    const char *header[] = {"Column", "Type", "Nulls", "Codec", "Bytes"};
    struct cli_table t;
    size_t i;
    json_t *c;
    table_begin(&t, packed ? 5 : 3, header);
    json_array_foreach(columns, i, c) {
        table_cell(&t, text_of(c, "path"));
        table_cell(&t, text_of(c, "type"));
        const json_t *nulls = json_object_get(c, "nulls");
        if (json_is_null(nulls) && packed && json_is_false(json_object_get(c, "nullable")))
            table_cell(&t, "0");
        else
            cell_of_number(&t, nulls);
        if (!packed) continue;
        table_cell(&t, text_of(c, "codec"));
        cell_of_number(&t, json_object_get(c, "size_bytes"));
    }
    table_print(&t, stdout);
    table_end(&t);
}

static int schema(const struct data_args *a, const char *path) {
    char *text;
    karma_status st = karma_data_schema(path, &text);
    if (st < 0) return cli_fail(st);
    if (a->json) {
        puts(text);
        karma_free(text);
        return cli_finish_output(false, 0);
    }
    json_t *o = json_loads(text, JSON_ALLOW_NUL, NULL);
    karma_free(text);
    if (!o) return cli_fail(cli_error(KARMA_E_NOMEM, "out of memory"));
    const json_t *groups = json_object_get(o, "row_groups");
    printf("%s: %s, %lld rows", path, text_of(o, "kind"),
           (long long)json_integer_value(json_object_get(o, "rows")));
    if (json_is_integer(groups))
        printf(" in %lld row groups", (long long)json_integer_value(groups));
    printf(", %lld bytes\n", (long long)json_integer_value(json_object_get(o, "size_bytes")));
    if (text_of(o, "created_by")) printf("written by %s\n", text_of(o, "created_by"));
    putchar('\n');
    print_columns(json_object_get(o, "columns"), json_is_integer(groups));
    json_decref(o);
    return cli_finish_output(false, 0);
}

/* --- convert ---------------------------------------------------------------------------------- */

static int convert(const struct data_args *a, const char *path) {
    karma_data_convert_options o = karma_data_convert_defaults();
    size_t n_rows, n_files;
    if (a->output && a->o)
        return cli_fail(cli_error(KARMA_E_USAGE, "--output and -o are one option; give one"));
    o.input = path;
    o.output = a->output ? a->output : a->o;
    o.media = a->media;
    o.force = a->force;
    o.cancelled = cancelled;
    if (!o.output) return cli_fail(cli_error(KARMA_E_USAGE, "--output is missing"));
    signals_install();
    karma_status st = karma_data_convert(&o, &n_rows, &n_files);
    if (st == KARMA_E_CANCELLED) return signals_exit_status();
    if (st < 0) return cli_fail(st);
    fprintf(stderr, "%zu rows in %s", n_rows, o.output);
    if (n_files) fprintf(stderr, ", %zu files in %s", n_files, o.media);
    fputc('\n', stderr);
    return 0;
}

/* An option that another part of the command has. */
static karma_status check_options(enum what what, const bool *given) {
    static const struct {
        const char *name;
        enum what part;
    } of[] = {{"-n", HEAD},    {"--json", SCHEMA},   {"--output", CONVERT},
              {"-o", CONVERT}, {"--media", CONVERT}, {"--force", CONVERT}};
    static const char *const parts[] = {"head", "schema", "convert"};
    for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++)
        if (given[i] && of[i].part != what)
            return cli_error(KARMA_E_USAGE, "%s is an option of data %s", of[i].name,
                             parts[of[i].part]);
    return KARMA_OK;
}

int cmd_data(int argc, char **argv) {
    static const char *const parts[] = {"head", "schema", "convert", NULL};
    struct data_args a = {0};
    const struct cli_option options[] = {
        {"-n", "N", "head: rows to show, or all; default: 10", .value = &a.n},
        {"--json", NULL, "schema: as JSON", .flag = &a.json, .flag_value = true},
        {"--output", "FILE", "convert: what is written, .jsonl, .ndjson, .csv or .tsv; required",
         .value = &a.output},
        {"-o", "FILE", "the same", .value = &a.o},
        {"--media", "DIR", "convert: folder for a file of each binary value", .value = &a.media},
        {"--force", NULL, "convert: replace FILE if it is there", .flag = &a.force,
         .flag_value = true},
        {0}};
    const struct cli_command c = {"data",
                                  "head | schema | convert FILE [options]",
                                  "Shows the first rows of a data file (Parquet, JSON Lines, JSON, "
                                  "CSV, TSV) as JSON, or its columns, or writes it anew as JSON "
                                  "Lines, CSV or TSV.",
                                  options,
                                  2,
                                  2};
    const char *positional[3] = {0};
    bool given[CLI_OPTIONS_MAX];
    int what;
    const int stop = cli_parse_given(&c, argc, argv, positional, given);
    if (stop >= 0) return stop;
    karma_status st = cli_choice("data", positional[0], parts, &what);
    if (st == KARMA_OK) st = check_options((enum what)what, given);
    if (st < 0) return cli_fail(st);
    if (what == HEAD) return head(&a, positional[1]);
    return what == SCHEMA ? schema(&a, positional[1]) : convert(&a, positional[1]);
}

/* cmd_export.c - karma export: samples of a run or of a store as JSON Lines or CSV. */
#include <string.h>

#include "cli/cli.h"

int cmd_export(int argc, char **argv) {
    karma_export_options o = karma_export_defaults();
    const char *output = NULL;
    const struct cli_option options[] = {
        {"--output", "FILE", "what is written; required", .value = &output},
        {"-o", "FILE", "the same", .value = &o.output},
        {"--store", "FILE", "the answers of that store instead of a run", .value = &o.store},
        {"--format", "F", "jsonl or csv; default: by the name of FILE", .value = &o.format},
        {"--dataset", "NAME", "only of that data set", .value = &o.dataset},
        {"--model", "NAME", "only of that model (of a store)", .value = &o.model},
        {"--include-content", NULL, "texts of samples and answers as well",
         .flag = &o.include_content, .flag_value = true},
        {"--keep-formulas", NULL, "CSV: leave cells that begin with = + - @ as they are",
         .flag = &o.keep_formulas, .flag_value = true},
        {"--force", NULL, "replace FILE if it is there", .flag = &o.force, .flag_value = true},
        {0}};
    const struct cli_command c = {"export",
                                  "RESULTS | --store FILE -o FILE [options]",
                                  "Writes what is known of each sample: states, scores, digests. "
                                  "Texts only with --include-content.",
                                  options,
                                  0,
                                  1};
    const char *positional[2] = {0};
    size_t n;
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    o.results = positional[0];
    if (output && o.output)
        return cli_fail(cli_error(KARMA_E_USAGE, "--output and -o are one option; give one"));
    if (output) o.output = output;
    if (!o.output) return cli_fail(cli_error(KARMA_E_USAGE, "--output is missing"));
    if (!o.results == !o.store)
        return cli_fail(cli_error(KARMA_E_USAGE, "expected a results file or --store, found %s",
                                  o.store ? "both" : "neither"));
    karma_status st = karma_export(&o, &n);
    if (st < 0) return cli_fail(st);
    fprintf(stderr, "%zu %s in %s\n", n, o.store ? "answers" : "samples", o.output);
    return cli_finish_output(true, 0);
}

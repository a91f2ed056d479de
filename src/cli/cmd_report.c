/* cmd_report.c - karma report: a run, or two, as a page for people. */
#include <string.h>

#include "cli/cli.h"

static karma_status read_samples(const char *text, karma_report_options *o) {
    if (!text) return KARMA_OK;
    if (strcmp(text, "all") == 0) {
        o->max_samples = -1;
        return KARMA_OK;
    }
    o->failed_only = strcmp(text, "failed") == 0;
    if (o->failed_only) return KARMA_OK;
    if (cli_int("--samples", text, 0, INT64_MAX, &o->max_samples) == KARMA_OK) return KARMA_OK;
    return cli_error(KARMA_E_USAGE,
                     "--samples: expected a number of 0 or more, all, or failed, found %.64s",
                     text);
}

static karma_status read_media(const char *text, karma_report_options *o) {
    static const char *const names[] = {"none", "inline", NULL};
    int which = 0;
    karma_status st = text ? cli_choice("--media", text, names, &which) : KARMA_OK;
    o->inline_media = which == 1;
    return st;
}

static void say(const karma_report_options *o, const karma_report_summary *s) {
    fprintf(stderr, "%zu of %zu samples in %s", s->n_shown, s->n_samples, o->output);
    if (o->inline_media)
        fprintf(stderr, ", %zu pictures and recordings, %zu left out", s->n_media,
                s->n_media_left_out);
    fputc('\n', stderr);
}

int cmd_report(int argc, char **argv) {
    karma_report_options o = karma_report_defaults();
    karma_report_summary summary;
    const char *output = NULL, *samples = NULL, *media = NULL;
    const struct cli_option options[] = {
        {"--output", "FILE", "what is written; required", .value = &output},
        {"-o", "FILE", "the same", .value = &o.output},
        {"--samples", "N",
         "samples that are shown, failed and flagged ones first; all; failed: "
         "no others (default 200)",
         .value = &samples},
        {"--media", "M", "none (default), inline: pictures and recordings in the page",
         .value = &media},
        {"--force", NULL, "replace FILE if it is no report", .flag = &o.force, .flag_value = true},
        {0}};
    const struct cli_command c = {
        .name = "report",
        .arguments = "RESULTS [RESULTS2] -o FILE [options]",
        .summary = "Writes a run as one HTML page that runs nothing and fetches nothing; of two "
                   "runs also what differs.",
        .options = options,
        .min_positional = 1,
        .max_positional = 2};
    const char *positional[3] = {0};
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    if (output && o.output)
        return cli_fail(cli_error(KARMA_E_USAGE, "--output and -o are one option; give one"));
    if (output) o.output = output;
    if (!o.output) return cli_fail(cli_error(KARMA_E_USAGE, "--output is missing"));
    karma_status st = read_samples(samples, &o);
    if (st == KARMA_OK) st = read_media(media, &o);
    if (st == KARMA_OK) st = karma_report_write(positional[0], positional[1], &o, &summary);
    if (st < 0) return cli_fail(st);
    say(&o, &summary);
    return cli_finish_output(true, 0);
}

/* main.c - the karma program: finds the command, hands over. Starts no thread, reads no file. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"eval", cmd_eval, "score a model on data sets"},
    {"interactive", cmd_interactive, "choose what to evaluate, with the keyboard"},
    {"compare", cmd_compare, "tell two runs over the same samples apart"},
    {"report", cmd_report, "write a run as a page for people"},
    {"verify", cmd_verify, "check whether a run would come out again"},
    {"export", cmd_export, "write the samples of a run as JSON Lines or CSV"},
    {"store", cmd_store, "look into the store of answers, clear it out"},
    {"run", cmd_run, "ask a model one thing"},
    {"embed", cmd_embed, "write the vectors of texts"},
    {"convert", cmd_convert, "write a model anew as safetensors"},
    {"data", cmd_data, "look into data files, write them anew"},
    {"transcribe", cmd_transcribe, "write what is said in recordings"},
    {"bench", cmd_bench, "measure how fast a model is here"},
    {"list", cmd_list, "list models, datasets, metrics, plugins"},
    {"info", cmd_info, "show a model, a dataset, this system"},
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help(FILE *to) {
    fputs("karma - evaluates medical language models, natively and offline\n\n"
          "usage: karma [--quiet] [--plugin FILE] COMMAND [...]\n\n",
          to);
    for (int i = 0; i < N_COMMANDS; i++) {
        fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\nThese go with every command, before or after its name:\n"
          "  --plugin FILE      load a plugin (doc/plugin.md); may be given several times\n"
          "  --isolate-plugins  run the models of plugins in processes of their own\n"
          "  --no-user-plugins  leave out those of the user's plugin folder\n",
          to);
    fputs("\nkarma COMMAND --help shows a command's options; karma --version the version.\n", to);
    return to == stdout ? cli_finish_output(false, 0) : 2;
}

static bool log_held;

void cli_hold_log(bool hold) {
    log_held = hold;
}

/* The same line once: a file is opened more often than it is of interest. */
static void print_log(void *user, karma_log_level level, const char *line) {
    static char last[1024];
    (void)user;
    if (log_held || strcmp(line, last) == 0) return;
    snprintf(last, sizeof(last), "%s", line);
    fprintf(stderr, "karma: %s: %s\n", level == KARMA_LOG_WARNING ? "warning" : "note", line);
}

/* What a caller closed must not become the number of a file of ours: a message would be written
 * into it. Writing to these ends in an error, as it would have. */
static void hold_standard_files(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        const int got = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY); /* the lowest free one */
        if (got > 2) close(got);
    }
}

static void settle_in(void) {
    const struct rlimit none = {0, 0};
    hold_standard_files();
    signal(SIGPIPE, SIG_IGN);      /* a closed pipe is an error of the write, not our death */
    signal(SIGXFSZ, SIG_IGN);      /* so is a file that reached its limit */
    setrlimit(RLIMIT_CORE, &none); /* a dump would hold prompts and answers */
}

/* Options before the command. */
static int unknown_global(const char *given) {
    static const char *const names[] = {"--quiet",          "--verbose", "--version",
                                        "--help",           "--plugin",  "--isolate-plugins",
                                        "--no-user-plugins"};
    const int near = karma_nearest_name(given, names, sizeof(names) / sizeof(names[0]));
    return cli_fail(cli_error(KARMA_E_USAGE, "unknown option %.64s before the command%s%s", given,
                              near >= 0 ? "; did you mean " : "; try karma --help",
                              near >= 0 ? names[near] : ""));
}

int main(int argc, char **argv) {
    settle_in();
    int at = 1;
    bool quiet = false;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "-q") == 0 || strcmp(argv[at], "--quiet") == 0) {
            quiet = true;
        } else if (strcmp(argv[at], "-h") == 0 || strcmp(argv[at], "--help") == 0) {
            return help(stdout);
        } else if (strcmp(argv[at], "--version") == 0) {
            printf("karma, version %s\n", karma_version());
            return cli_finish_output(false, 0);
        } else if (strcmp(argv[at], "-v") != 0 && strcmp(argv[at], "--verbose") != 0) {
            const int taken = cli_take_global(argc, argv, &at);
            if (taken < 0) return cli_fail(KARMA_E_USAGE);
            if (!taken) return unknown_global(argv[at]);
        }
    }
    karma_set_log(quiet ? NULL : print_log, NULL);
    if (at == argc) return help(stderr);
    if (strcmp(argv[at], "help") == 0) return help(stdout);
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(argv[at], names[i]) == 0) return commands[i].run(argc - at - 1, argv + at + 1);
    }
    const int near = karma_nearest_name(argv[at], names, N_COMMANDS);
    return cli_fail(cli_error(KARMA_E_USAGE, "unknown command %.64s%s%s", argv[at],
                              near >= 0 ? "; did you mean " : "; try karma --help",
                              near >= 0 ? names[near] : ""));
}

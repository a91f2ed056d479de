/* cmd_convert.c - karma convert MODEL FOLDER. */
#include "cli/cli.h"

static bool cancelled(void *user) {
    (void)user;
    return signals_cancelled();
}

int cmd_convert(int argc, char **argv) {
    karma_convert_options convert = karma_convert_defaults();
    const struct cli_option options[] = {
        {"--dtype", "NAME", "of matrices: f32, f16 or bf16 (default: as they are)",
         .value = &convert.dtype},
        {0},
    };
    const struct cli_command command = {
        .name = "convert",
        .arguments = "MODEL FOLDER",
        .summary = "Writes a folder of ONNX graphs, a .nemo archive or safetensors as a folder of\n"
                   "safetensors. Nothing in the model is run.",
        .options = options,
        .min_positional = 2,
        .max_positional = 2,
    };
    const char *positional[3];
    const int status = cli_parse(&command, argc, argv, positional);
    if (status >= 0) return status;
    signals_install();
    convert.cancelled = cancelled;
    karma_status st = karma_convert(positional[0], positional[1], &convert);
    if (st == KARMA_E_CANCELLED && signals_cancelled()) return signals_exit_status();
    return st < 0 ? cli_fail(st) : 0;
}

/* karma.h - all of libkarma's public interface. */
#ifndef KARMA_H
#define KARMA_H

#include "karma/compare.h"
#include "karma/convert.h"
#include "karma/data.h"
#include "karma/dataset.h"
#include "karma/embedding.h"
#include "karma/engine.h"
#include "karma/eval.h"
#include "karma/log.h"
#include "karma/machine.h"
#include "karma/meta.h"
#include "karma/metric.h"
#include "karma/model.h"
#include "karma/model_class.h"
#include "karma/option.h"
#include "karma/processor.h"
#include "karma/prompt.h"
#include "karma/registry.h"
#include "karma/report.h"
#include "karma/run.h"
#include "karma/sample.h"
#include "karma/session.h"
#include "karma/status.h"
#include "karma/store.h"
#include "karma/text.h"

/* The version of these headers. */
#define KARMA_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif
/* The version of the library in use: "0.1.0". */
KARMA_API const char *karma_version(void);
/* Raised when answers of the same model on the same instruction set may change (doc/numerics.md).
 */
KARMA_API int karma_numerics_version(void);
/* What karma found on this machine, as a JSON object: processor, instruction set in use, threads
 * and memory it may use, devices, folders it looks in. karma_free() it. */
KARMA_API karma_status karma_system_info(char **json);
/* A small JSON or YAML file as JSON text; karma_free() it. Errors name file, line and column. */
KARMA_API karma_status karma_read_config(const char *path, char **json);
/* The line, from 1, on which a key of such a file stands, for messages. way: the keys from the top
 * down to it, NULL-terminated. 0: not known. */
KARMA_API size_t karma_config_line(const char *path, const char *const *way);
/* The mapped file that address lies in, and where in it; NULL if in none. For a SIGBUS handler (it
 * may be called there): model and data files are mapped, and one that is cut short while in use
 * ends in that signal. The program installs such a handler; the library never does. */
KARMA_API const char *karma_mapped_file(const void *address, size_t *offset);
#ifdef __cplusplus
}
#endif
#endif

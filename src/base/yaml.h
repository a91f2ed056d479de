/*
 * yaml.h - small YAML files (metadata, data set descriptions, configuration) as a JSON tree.
 * YAML 1.2 core schema only: null/~/empty, true/false, integers, reals, the rest strings. Anchors,
 * aliases, tags, several documents, tabs as indentation, duplicate keys and non-string keys are
 * errors with line and column; at most 1 MiB, depth 32.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/json.h"

karma_status yaml_parse(struct arena *a, const char *text, size_t len, const struct json **out);
karma_status yaml_parse_file(struct arena *a, const char *path, const struct json **out);
/* By extension: .json, .yaml, .yml; anything else is tried as JSON, then YAML. Duplicate keys are
 * errors in both (these are our own formats). */
karma_status config_parse_file(struct arena *a, const char *path, const struct json **out);
/* The line, from 1, on which a key of such a text (YAML, or JSON, which is YAML enough) stands.
 * way: the keys from the top down to it, NULL-terminated. 0: it is not there, or the text is
 * broken. */
size_t yaml_line_of(const char *text, size_t len, const char *const *way);

#endif

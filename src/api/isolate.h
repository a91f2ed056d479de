/*
 * isolate.h (internal) - models whose class comes from a plugin, in a child process of their own.
 * isolate.c is the parent's side: a class whose slots ask the child. isolate_child.c is the
 * child's: it serves what it is asked with the real class. Both are copies of one process, so the
 * child knows the model's plan and the plugin already. isolate_wire.c turns what they exchange into
 * JSON.
 */
#ifndef API_ISOLATE_H
#define API_ISOLATE_H

#include "api/api.h"
#include "base/child.h"
#include "karma/embedding.h"

bool isolation_enabled(void);
/* The class whose functions act for m: its own, or the one whose functions ask a child. Everybody
 * calls the slots of this one. */
const karma_model_class *class_acting(const karma_model *m);
/* The class to name in messages for one of class_acting()'s chain. */
const karma_model_class *class_named(const karma_model *m, const karma_model_class *cls);
/* Does m live in a child, or would it when it is loaded? */
bool isolated(const karma_model *m);

/* What is not a slot of a class and yet known to the child alone. Only of one that is isolated. */
int64_t isolated_num_parameters(const karma_model *m);
karma_similarity_kind isolated_similarity(const karma_model *m);
karma_status isolated_set_corpus(karma_model *m, const char *const *ids, const char *const *texts,
                                 size_t n);
/* karma_model_info() and karma_model_identity() of the child's model. */
karma_status isolated_info(const karma_model *m, char **json);
karma_status isolated_identity(karma_model *m, char **json);
/* End the child, if there is one. */
void isolation_release(karma_model *m);

/* ---- isolate_child.c ---- */

/* Serve the parent until it closes the channel. */
_Noreturn void isolate_serve(karma_model *m, struct child *channel);

/* ---- isolate_wire.c: messages are objects with their kind under "is" ---- */

/* An object of that kind; NULL when memory ends. */
struct json *wire_new(struct arena *a, const char *kind);
/* Add it to what is to be sent. */
karma_status wire_queue(struct child *c, const struct json *message);
/* Read a frame: *kind is one of its own. E_SYNTAX, E_TYPE, ... for what is no message. */
karma_status wire_parse(struct arena *a, const struct buf *frame, const struct json **message,
                        const char **kind);

/* Members of an object, by these names; strings that are NULL are left out. What from_json gives
 * lives in a and with the message. Names, types and ranges are checked, UTF-8 by the parser. */
karma_status wire_put_str(struct arena *a, struct json *o, const char *key, const char *value);
karma_status wire_put_sample(struct arena *a, struct json *o, const karma_sample *sample);
karma_status wire_get_sample(struct arena *a, const struct json *o, karma_sample *out);
karma_status wire_put_output(struct arena *a, struct json *o, const karma_output *output);
karma_status wire_get_output(struct arena *a, const struct json *o, karma_output *out);
karma_status wire_put_prompt(struct arena *a, struct json *o, const struct karma_prompt *prompt);
karma_status wire_get_prompt(struct arena *a, const struct json *o, karma_prompt *out);
/* A list of strings. */
karma_status wire_put_strings(struct arena *a, struct json *o, const char *key,
                              const char *const *list, size_t n);
karma_status wire_get_strings(struct arena *a, const struct json *o, const char *key,
                              const char ***list, size_t *n);
/* Bits of floats, eight hexadecimal digits each. */
karma_status wire_put_floats(struct arena *a, struct json *o, const char *key, const float *values,
                             size_t n);
karma_status wire_get_floats(const struct json *o, const char *key, float *values, size_t n);
/* "status" and "message" of a result. */
karma_status wire_put_result(struct arena *a, struct json *o, karma_status st);
karma_status wire_get_result(const struct json *o);

#endif

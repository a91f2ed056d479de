/* model_args.c - the arguments of a model, by name, for its class. */
#include "api/api.h"

const struct json *model_arg(const karma_model *m, const char *name) {
    const struct json *value = json_get(m->plan.args, name);
    return json_is_null(value) ? NULL : value;
}

int64_t model_arg_int(const karma_model *m, const char *name, int64_t otherwise) {
    const struct json *v = model_arg(m, name);
    return v && v->type == JSON_INT ? v->u.integer : otherwise;
}

bool model_arg_bool(const karma_model *m, const char *name, bool otherwise) {
    const struct json *v = model_arg(m, name);
    return v && v->type == JSON_BOOL ? v->u.boolean : otherwise;
}

const char *model_arg_str(const karma_model *m, const char *name, const char *otherwise) {
    return json_str(model_arg(m, name), otherwise);
}

/* The value of an argument that must have one, of that type. */
static karma_status need_arg(const karma_model *m, const char *name, enum json_type type,
                             const struct json **out) {
    *out = model_arg(m, name);
    if (!*out) return status_fail(KARMA_E_NOTFOUND, "model argument '%s' has no value", name);
    if ((*out)->type != type)
        return status_fail(KARMA_E_TYPE, "model argument '%s' is of type %s", name,
                           json_type_name(*out));
    return KARMA_OK;
}

karma_status karma_model_arg_bool(const karma_model *m, const char *name, bool *out) {
    const struct json *v;
    karma_status st = need_arg(m, name, JSON_BOOL, &v);
    if (st == KARMA_OK) *out = v->u.boolean;
    return st;
}

karma_status karma_model_arg_int(const karma_model *m, const char *name, int64_t *out) {
    const struct json *v;
    karma_status st = need_arg(m, name, JSON_INT, &v);
    if (st == KARMA_OK) *out = v->u.integer;
    return st;
}

karma_status karma_model_arg_real(const karma_model *m, const char *name, double *out) {
    const struct json *v;
    karma_status st = need_arg(m, name, JSON_REAL, &v);
    if (st == KARMA_OK) *out = v->u.real;
    return st;
}

karma_status karma_model_arg_str(const karma_model *m, const char *name, const char **out) {
    const struct json *v;
    karma_status st = need_arg(m, name, JSON_STRING, &v);
    if (st == KARMA_OK) *out = v->u.string.data;
    return st;
}

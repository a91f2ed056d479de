/* system.c - what karma found on this machine, and its small configuration files. */
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "karma/karma.h"

const char *karma_version(void) {
    return KARMA_VERSION;
}

static karma_status set_str(struct arena *a, struct json *o, const char *key, const char *value) {
    return value ? json_set(a, o, key, json_new_string(a, value)) : KARMA_OK;
}

static karma_status take_text(const struct json *j, int indent, char **out) {
    struct buf b = {0};
    karma_status st = json_write(&b, j, indent, JSON_PYTHON);
    if (st == KARMA_OK) *out = buf_take(&b);
    buf_release(&b);
    return st;
}

karma_status karma_system_info(char **json) {
    *json = NULL;
    struct arena a = {0};
    struct json *o = json_new_object(&a), *devices = json_new_array(&a);
    enum cpu_isa isa = CPU_ISA_REF;
    char store[4096];
    karma_status st = cpu_isa_choose(&isa);
    if (st == KARMA_OK) st = set_str(&a, o, "version", KARMA_VERSION);
    if (st == KARMA_OK) st = set_str(&a, o, "processor", cpu_model_name());
    if (st == KARMA_OK) st = set_str(&a, o, "instruction_set", cpu_isa_name(isa));
    if (st == KARMA_OK) st = json_set(&a, o, "threads", json_new_int(&a, cpu_count()));
    if (st == KARMA_OK) {
        st = json_set(&a, o, "memory_mb", json_new_int(&a, (int64_t)(cpu_memory_bytes() >> 20)));
    }
    if (st == KARMA_OK) st = json_push(&a, devices, json_new_string(&a, "cpu"));
    if (st == KARMA_OK) st = json_set(&a, o, "devices", devices);
    if (st == KARMA_OK) {
        st = set_str(&a, o, "store", karma_default_store_path(store, sizeof(store)));
    }
    static const char *const variables[] = {"KARMA_PATH", "KARMA_CONFIG_HOME", "HF_HOME",
                                            "HF_HUB_CACHE"};
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]) && st == KARMA_OK; i++) {
        st = set_str(&a, o, variables[i], env_get(variables[i]));
    }
    if (st == KARMA_OK) st = take_text(o, 2, json);
    arena_release(&a);
    return st;
}

karma_status karma_read_config(const char *path, char **json) {
    *json = NULL;
    struct arena a = {0};
    const struct json *value;
    karma_status st = config_parse_file(&a, path, &value);
    if (st == KARMA_OK) st = take_text(value, 0, json);
    arena_release(&a);
    return st;
}

size_t karma_config_line(const char *path, const char *const *way) {
    enum { MAX_BYTES = 1 << 20 }; /* as of YAML */
    struct buf text = {0};
    const size_t line = file_read(path, MAX_BYTES, &text) == KARMA_OK
                            ? yaml_line_of(buf_str(&text), text.len, way)
                            : 0;
    buf_release(&text);
    return line;
}

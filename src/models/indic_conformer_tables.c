/*
 * indic_conformer_tables.c - what stands beside the weights: languages with their pieces
 * (vocab.json) and columns of the CTC head (language_masks.json), constants of decoding
 * (config.json). The files lie in assets/ as published, or in the folder itself.
 */
#include <string.h>

#include "base/file.h"
#include "models/indic_conformer.h"

enum { MAX_JSON_BYTES = 64 << 20, MAX_LANGUAGES = 1000, MAX_TOKENS = 1 << 20, MAX_CODE = 32 };

static karma_status read_json(struct conformer *m, const struct checkpoint *ck, const char *name,
                              const struct json **out) {
    static const char *const folders[] = {"assets/", ""};
    struct buf text = {0};
    karma_status st = KARMA_E_MISSING;
    for (size_t i = 0; i < 2; i++) {
        const char *path =
            arena_printf(&m->memory, "%s/%s%s", checkpoint_folder(ck), folders[i], name);
        if (!path) return KARMA_E_NOMEM;
        if (!file_exists(path)) continue;
        st = file_read(path, MAX_JSON_BYTES, &text);
        if (st == KARMA_OK)
            st = json_parse(&m->memory, buf_str(&text), text.len, JSON_REJECT_DUPLICATES, out);
        buf_release(&text);
        if (st == KARMA_OK && !json_is_object(*out))
            st = status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(*out));
        return status_prefix(st, "%s", name);
    }
    return status_fail(KARMA_E_MISSING, "%s: neither here nor in assets/", name);
}

static karma_status read_pieces(struct conformer *m, const struct json *list,
                                struct speech_language *l) {
    const int32_t n = m->info.n_tokens - 1;
    if (!json_is_array(list))
        return status_fail(KARMA_E_TYPE, "expected a list of pieces, found %s",
                           json_type_name(list));
    if (json_count(list) < (size_t)n)
        return status_fail(KARMA_E_SHAPE, "%zu pieces, config.json (BLANK_ID) says %d",
                           json_count(list), n);
    const char **pieces = arena_calloc(&m->memory, (size_t)n + 1, sizeof(*pieces));
    if (!pieces) return KARMA_E_NOMEM;
    for (int32_t i = 0; i < n; i++) {
        pieces[i] = json_str(json_at(list, (size_t)i), NULL);
        if (!pieces[i]) return status_fail(KARMA_E_TYPE, "[%d]: expected a string", i);
    }
    l->pieces = pieces;
    return KARMA_OK;
}

/* Local ids are the ranks among the true entries. */
static karma_status read_mask(struct conformer *m, const struct json *mask,
                              struct speech_language *l) {
    int32_t n = 0, *columns = arena_calloc(&m->memory, (size_t)m->info.n_tokens, sizeof(*columns));
    if (!columns) return KARMA_E_NOMEM;
    if (!json_is_array(mask))
        return status_fail(KARMA_E_TYPE, "expected a list of truth values, found %s",
                           json_type_name(mask));
    for (size_t i = 0; i < json_count(mask); i++) {
        const struct json *entry = json_at(mask, i);
        if (entry->type != JSON_BOOL)
            return status_fail(KARMA_E_TYPE, "[%zu]: expected true or false, found %s", i,
                               json_type_name(entry));
        if (!entry->u.boolean) continue;
        if (n == m->info.n_tokens) break;
        columns[n++] = (int32_t)i;
    }
    if (n != m->info.n_tokens)
        return status_fail(KARMA_E_SHAPE, "%d columns are true, config.json (BLANK_ID) says %d", n,
                           m->info.n_tokens);
    l->columns = columns;
    return KARMA_OK;
}

static karma_status check_code(const char *code, size_t len) {
    bool good = len >= 1 && len < MAX_CODE;
    for (size_t i = 0; i < len && good; i++)
        good = (code[i] >= 'a' && code[i] <= 'z') || code[i] == '_' || code[i] == '-' ||
               (code[i] >= '0' && code[i] <= '9');
    return good ? KARMA_OK
                : status_fail(KARMA_E_SYNTAX, "'%s' is no code of a language",
                              status_quote(code, len));
}

static karma_status read_languages(struct conformer *m, const struct json *vocab,
                                   const struct json *masks) {
    const size_t n = json_count(vocab);
    if (n == 0 || n > MAX_LANGUAGES)
        return status_fail(KARMA_E_RANGE, "vocab.json: %zu languages", n);
    struct speech_language *list = arena_calloc(&m->memory, n, sizeof(*list));
    if (!list) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct json_member *member = &vocab->u.object.members[i];
        list[i].code = member->key;
        karma_status st = check_code(member->key, member->key_len);
        if (st == KARMA_OK) st = read_pieces(m, member->value, &list[i]);
        if (st < 0) return status_prefix(st, "vocab.json: %s", status_quotez(member->key));
        const struct json *mask = json_get(masks, member->key);
        st = mask ? read_mask(m, mask, &list[i])
                  : status_fail(KARMA_E_MISSING, "there is no mask for it");
        if (st < 0) return status_prefix(st, "language_masks.json: %s", list[i].code);
    }
    m->info.languages = list;
    m->info.n_languages = (int32_t)n;
    return KARMA_OK;
}

/* FRAME_DURATION_MS holds seconds, in spite of its name. */
static karma_status read_constants(struct conformer *m, const struct json *config) {
    int64_t blank, start, max_symbols = 10;
    double step = 0.08;
    const struct json *symbols = json_get(config, "RNNT_MAX_SYMBOLS");
    karma_status st = json_field_int(config, "BLANK_ID", 1, MAX_TOKENS, 256, &blank);
    if (st == KARMA_OK) st = json_field_int(config, "SOS", 0, MAX_TOKENS, 5632, &start);
    if (st == KARMA_OK && json_is_null(symbols) && symbols)
        max_symbols = 0; /* null: no bound */
    else if (st == KARMA_OK)
        st = json_field_int(config, "RNNT_MAX_SYMBOLS", 1, 1000, 10, &max_symbols);
    if (st == KARMA_OK) st = json_field_real(config, "FRAME_DURATION_MS", step, &step);
    if (st == KARMA_OK && !(step > 0 && step < 10))
        st = status_fail(KARMA_E_RANGE, "FRAME_DURATION_MS: expected seconds, found %g", step);
    if (st < 0) return status_prefix(st, "config.json");
    m->info.blank = (int32_t)blank;
    m->info.n_tokens = (int32_t)blank + 1;
    m->info.max_symbols = (int32_t)max_symbols;
    m->info.step_s = step;
    m->start_token = (int32_t)start;
    return KARMA_OK;
}

karma_status conformer_tables(struct conformer *m, const struct checkpoint *ck) {
    const struct json *vocab, *masks;
    karma_status st = read_constants(m, checkpoint_config(ck));
    if (st == KARMA_OK) st = read_json(m, ck, "vocab.json", &vocab);
    if (st == KARMA_OK) st = read_json(m, ck, "language_masks.json", &masks);
    return st < 0 ? st : read_languages(m, vocab, masks);
}

/*
 * tokenizer_components.c - trees of tokenizer.json into steps. The trees live in the tokenizer's
 * arena, so steps lend their strings from them.
 */
#include "text/tokenizer_components.h"

#include <string.h>

#include "text/precompiled.h"

enum { MAX_NESTING = 8 };

static karma_status unsupported(const char *kind, const char *type) {
    return status_fail(KARMA_E_UNSUPPORTED, "%s '%s' is not supported", kind, status_quotez(type));
}

static karma_status need_type(const struct json *tree, const char **type) {
    if (!json_is_object(tree))
        return status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(tree));
    return json_need_str(tree, "type", type);
}

/* A string field with its length; must not be empty unless allowed. */
static karma_status need_text(const struct json *tree, const char *key, bool may_be_empty,
                              const char **text, size_t *len) {
    const struct json *value = json_get(tree, key);
    if (!json_is_string(value))
        return status_fail(value ? KARMA_E_TYPE : KARMA_E_MISSING,
                           "%s: expected a string, found %s", key, json_type_name(value));
    *text = value->u.string.data;
    *len = value->u.string.len;
    if (*len == 0 && !may_be_empty) return status_fail(KARMA_E_SYNTAX, "%s: empty", key);
    return KARMA_OK;
}

/* {"String": s}: a fixed string; {"Regex": s} sets *regex. */
static karma_status need_pattern(const struct json *tree, bool *regex, const char **text,
                                 size_t *len) {
    const struct json *pattern = json_get(tree, "pattern");
    *regex = json_get(pattern, "Regex") != NULL;
    return status_prefix(need_text(pattern, *regex ? "Regex" : "String", false, text, len),
                         "pattern");
}

typedef karma_status each_part(struct tokenizer *t, const struct json *tree, int depth);

/* Every member of a Sequence. */
static karma_status each(struct tokenizer *t, const struct json *tree, const char *key,
                         each_part *part, int depth) {
    const struct json *items = json_get(tree, key);
    if (!json_is_array(items))
        return status_fail(KARMA_E_TYPE, "%s: expected an array, found %s", key,
                           json_type_name(items));
    if (depth == MAX_NESTING)
        return status_fail(KARMA_E_LIMIT, "sequences nested more than %d deep", MAX_NESTING);
    for (size_t i = 0; i < json_count(items); i++) {
        karma_status st = part(t, json_at(items, i), depth + 1);
        if (st < 0) return status_prefix(st, "%s[%zu]", key, i);
    }
    return KARMA_OK;
}

/* ---- normalizer ---- */

static karma_status add_kind(struct tokenizer *t, enum normalizer_kind kind) {
    return normalizer_add(&t->normalizer, (struct normalizer_step){.kind = kind});
}

/* Cleaning, ideographs, accents, lower case; accents go with lower case when they are null. */
static karma_status bert_normalizer(struct tokenizer *t, const struct json *tree) {
    bool clean, ideographs, accents, lower;
    karma_status st = json_field_bool(tree, "clean_text", true, &clean);
    if (st == KARMA_OK) st = json_field_bool(tree, "handle_chinese_chars", true, &ideographs);
    if (st == KARMA_OK) st = json_field_bool(tree, "lowercase", true, &lower);
    if (st == KARMA_OK) st = json_field_bool(tree, "strip_accents", lower, &accents);
    return st < 0 ? st : normalizer_add_bert(&t->normalizer, clean, ideographs, accents, lower);
}

static karma_status precompiled_step(struct tokenizer *t, const struct json *tree,
                                     struct normalizer_step *step) {
    const char *base64;
    size_t len;
    struct precompiled *map = arena_alloc(&t->arena, sizeof(*map));
    if (!map) return KARMA_E_NOMEM;
    step->kind = NORMALIZE_PRECOMPILED;
    step->map = map;
    karma_status st = need_text(tree, "precompiled_charsmap", false, &base64, &len);
    if (st < 0) return st;
    return status_prefix(precompiled_read(&t->arena, base64, len, map), "precompiled_charsmap");
}

/* The patterns of published files; no others, and no engine for them. */
static karma_status replace_step(const struct json *tree, struct normalizer_step *step) {
    static const struct {
        const char *pattern;
        bool any_space;
        int min_run;
    } runs[] = {{" {2,}", false, 2}, {" +", false, 1}, {"\\s{2,}", true, 2}, {"\\s+", true, 1}};
    bool regex = false;
    step->kind = NORMALIZE_REPLACE;
    karma_status st = need_pattern(tree, &regex, &step->from, &step->from_len);
    if (st == KARMA_OK) st = need_text(tree, "content", true, &step->to, &step->to_len);
    if (st < 0 || !regex) return st;
    step->kind = NORMALIZE_REPLACE_RUNS;
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        if (strcmp(step->from, runs[i].pattern) != 0) continue;
        step->any_space = runs[i].any_space;
        step->min_run = runs[i].min_run;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_UNSUPPORTED, "Replace pattern '%s' is not known",
                       status_quote(step->from, step->from_len));
}

static karma_status normalizer_part(struct tokenizer *t, const struct json *tree, int depth) {
    static const struct {
        const char *type;
        enum normalizer_kind kind;
    } plain[] = {{"NFC", NORMALIZE_NFC},
                 {"NFD", NORMALIZE_NFD},
                 {"NFKC", NORMALIZE_NFKC},
                 {"NFKD", NORMALIZE_NFKD},
                 {"Lowercase", NORMALIZE_LOWERCASE},
                 {"StripAccents", NORMALIZE_DROP_MARKS},
                 {"Nmt", NORMALIZE_NMT}};
    struct normalizer_step step = {0};
    const char *type;
    karma_status st = need_type(tree, &type);
    if (st < 0) return st;
    if (strcmp(type, "Sequence") == 0) return each(t, tree, "normalizers", normalizer_part, depth);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(type, plain[i].type) == 0) return add_kind(t, plain[i].kind);
    if (strcmp(type, "BertNormalizer") == 0) return bert_normalizer(t, tree);
    if (strcmp(type, "Replace") == 0) {
        st = replace_step(tree, &step);
    } else if (strcmp(type, "Precompiled") == 0) {
        st = precompiled_step(t, tree, &step);
    } else if (strcmp(type, "Prepend") == 0) {
        step.kind = NORMALIZE_PREPEND;
        st = need_text(tree, "prepend", true, &step.to, &step.to_len);
    } else if (strcmp(type, "Strip") == 0) {
        step.kind = NORMALIZE_STRIP;
        st = json_field_bool(tree, "strip_left", true, &step.left);
        if (st == KARMA_OK) st = json_field_bool(tree, "strip_right", true, &step.right);
    } else {
        return unsupported("normalizer", type);
    }
    return st < 0 ? st : normalizer_add(&t->normalizer, step);
}

karma_status component_normalizer(struct tokenizer *t, const struct json *tree) {
    return json_is_null(tree) ? KARMA_OK : normalizer_part(t, tree, 0);
}

/* ---- pre-tokenizer ---- */

static karma_status behavior_named(const char *name, enum split_behavior *out) {
    static const char *const behaviors[] = {
        [SPLIT_REMOVED] = "Removed",
        [SPLIT_ISOLATED] = "Isolated",
        [SPLIT_WITH_PREVIOUS] = "MergedWithPrevious",
        [SPLIT_WITH_NEXT] = "MergedWithNext",
        [SPLIT_CONTIGUOUS] = "Contiguous",
    };
    unsigned behavior = 0;
    while (behavior <= SPLIT_CONTIGUOUS && strcmp(behaviors[behavior], name) != 0)
        behavior++;
    if (behavior > SPLIT_CONTIGUOUS) return unsupported("split behavior", name);
    *out = (enum split_behavior)behavior;
    return KARMA_OK;
}

static karma_status punctuation_step(const struct json *tree, struct pretoken_step *step) {
    const char *name;
    step->kind = PRETOKEN_PUNCTUATION;
    karma_status st = json_field_str(tree, "behavior", "Isolated", &name);
    return st < 0 ? st : behavior_named(name, &step->behavior);
}

static karma_status split_step(const struct json *tree, struct pretoken_step *step) {
    const char *text, *name;
    size_t len;
    bool regex, invert;
    enum split_behavior behavior = SPLIT_REMOVED;
    karma_status st = need_pattern(tree, &regex, &text, &len);
    if (st == KARMA_OK) st = json_need_str(tree, "behavior", &name);
    if (st == KARMA_OK) st = json_field_bool(tree, "invert", false, &invert);
    if (st == KARMA_OK) st = behavior_named(name, &behavior);
    if (st < 0) return st;
    if (!regex) {
        *step = (struct pretoken_step){.kind = PRETOKEN_LITERAL,
                                       .behavior = behavior,
                                       .invert = invert,
                                       .text = text,
                                       .len = len};
        return KARMA_OK;
    }
    /* The known patterns match everything, so matches kept apart and gaps removed are the same. */
    if (behavior == (invert ? SPLIT_REMOVED : SPLIT_ISOLATED))
        return pretoken_pattern(text, len, step);
    return unsupported(invert ? "inverted split behavior" : "split behavior with a pattern", name);
}

static karma_status metaspace_step(const struct json *tree, struct pretoken_step *step) {
    const char *scheme;
    bool legacy_prefix;
    karma_status st = need_text(tree, "replacement", false, &step->text, &step->len);
    if (st == KARMA_OK) st = json_field_bool(tree, "add_prefix_space", true, &legacy_prefix);
    if (st == KARMA_OK)
        st = json_field_str(tree, "prepend_scheme", legacy_prefix ? "always" : "never", &scheme);
    if (st == KARMA_OK) st = json_field_bool(tree, "split", true, &step->split);
    if (st < 0) return st;
    step->kind = PRETOKEN_METASPACE;
    if (strcmp(scheme, "always") == 0)
        step->prepend = PREPEND_ALWAYS;
    else if (strcmp(scheme, "never") == 0)
        step->prepend = PREPEND_NEVER;
    else if (strcmp(scheme, "first") == 0)
        step->prepend = PREPEND_FIRST;
    else
        return unsupported("prepend_scheme", scheme);
    return KARMA_OK;
}

static karma_status byte_level_steps(struct tokenizer *t, const struct json *tree) {
    bool prefix, use_regex;
    karma_status st = json_field_bool(tree, "add_prefix_space", true, &prefix);
    if (st == KARMA_OK) st = json_field_bool(tree, "use_regex", true, &use_regex);
    if (st == KARMA_OK && prefix)
        st = pretokenizer_add(&t->pretokenizer,
                              (struct pretoken_step){.kind = PRETOKEN_PREFIX_SPACE});
    if (st == KARMA_OK && use_regex)
        st = pretokenizer_add(&t->pretokenizer, (struct pretoken_step){.kind = PRETOKEN_GPT2});
    t->vocab.byte_level = true;
    return st;
}

static karma_status pre_tokenizer_part(struct tokenizer *t, const struct json *tree, int depth) {
    struct pretoken_step step = {0};
    const char *type;
    karma_status st = need_type(tree, &type);
    if (st < 0) return st;
    if (strcmp(type, "Sequence") == 0)
        return each(t, tree, "pretokenizers", pre_tokenizer_part, depth);
    if (t->vocab.byte_level) return unsupported("pre-tokenizer after ByteLevel", type);
    if (strcmp(type, "ByteLevel") == 0) return byte_level_steps(t, tree);
    if (strcmp(type, "BertPreTokenizer") == 0) return pretokenizer_add_bert(&t->pretokenizer);
    if (strcmp(type, "Split") == 0) {
        st = split_step(tree, &step);
    } else if (strcmp(type, "Digits") == 0) {
        step.kind = PRETOKEN_DIGITS;
        st = json_field_bool(tree, "individual_digits", false, &step.individual);
    } else if (strcmp(type, "Metaspace") == 0) {
        st = metaspace_step(tree, &step);
    } else if (strcmp(type, "WhitespaceSplit") == 0) {
        step.kind = PRETOKEN_WHITESPACE;
    } else if (strcmp(type, "Whitespace") == 0) {
        step.kind = PRETOKEN_WORD_RUNS;
    } else if (strcmp(type, "Punctuation") == 0) {
        st = punctuation_step(tree, &step);
    } else {
        return unsupported("pre-tokenizer", type);
    }
    return st < 0 ? st : pretokenizer_add(&t->pretokenizer, step);
}

karma_status component_pre_tokenizer(struct tokenizer *t, const struct json *tree) {
    return json_is_null(tree) ? KARMA_OK : pre_tokenizer_part(t, tree, 0);
}

/* ---- decoder ---- */

static karma_status add_replace(struct decoder *d, const char *from, size_t from_len,
                                const char *to, size_t to_len) {
    if (d->n_replace == DECODER_MAX_STEPS)
        return status_fail(KARMA_E_LIMIT, "more than %d replacements", DECODER_MAX_STEPS);
    d->replace[d->n_replace++] = (struct decoder_replace){from, to, from_len, to_len};
    return KARMA_OK;
}

static karma_status decoder_replace_step(struct decoder *d, const struct json *tree) {
    const char *from, *to;
    size_t from_len, to_len;
    bool regex;
    karma_status st = need_pattern(tree, &regex, &from, &from_len);
    if (st == KARMA_OK && regex)
        return status_fail(KARMA_E_UNSUPPORTED, "Replace pattern '%s' is not known",
                           status_quote(from, from_len));
    if (st == KARMA_OK) st = need_text(tree, "content", true, &to, &to_len);
    return st < 0 ? st : add_replace(d, from, from_len, to, to_len);
}

static karma_status decoder_metaspace(struct decoder *d, const struct json *tree) {
    struct pretoken_step step = {0};
    karma_status st = metaspace_step(tree, &step);
    if (st == KARMA_OK) st = add_replace(d, step.text, step.len, " ", 1);
    d->metaspace = true;
    d->metaspace_drop_first = step.prepend != PREPEND_NEVER;
    return st;
}

static karma_status decoder_strip(struct decoder *d, const struct json *tree) {
    const char *text;
    size_t len;
    int64_t start, stop;
    karma_status st = need_text(tree, "content", false, &text, &len);
    if (st == KARMA_OK) st = json_need_int(tree, "start", 0, INT32_MAX, &start);
    if (st == KARMA_OK) st = json_need_int(tree, "stop", 0, INT32_MAX, &stop);
    if (st < 0) return st;
    if (len > sizeof(d->strip)) return status_fail(KARMA_E_RANGE, "content: more than a character");
    if (start > 1 || stop > 0)
        return status_fail(KARMA_E_UNSUPPORTED, "Strip of more than one character at the start");
    memcpy(d->strip, text, len);
    d->strip_len = start == 1 ? len : 0;
    return KARMA_OK;
}

static karma_status decoder_wordpiece(struct decoder *d, const struct json *tree) {
    karma_status st = need_text(tree, "prefix", true, &d->prefix, &d->prefix_len);
    if (st == KARMA_OK) st = json_field_bool(tree, "cleanup", true, &d->cleanup);
    d->wordpiece = true;
    return st;
}

/* The steps come in one order in all published files: replacements, byte fallback, fusing,
 * stripping. Another order would mean something else and is refused. */
static karma_status decoder_part(struct tokenizer *t, const struct json *tree, int depth) {
    struct decoder *d = &t->decoder;
    const char *type;
    karma_status st = need_type(tree, &type);
    if (st < 0) return st;
    if (strcmp(type, "Sequence") == 0) return each(t, tree, "decoders", decoder_part, depth);
    if (d->wordpiece) return unsupported("decoder after WordPiece", type);
    bool early = !d->byte_fallback && !d->fused && !d->byte_level;
    if (strcmp(type, "WordPiece") == 0 && early && d->n_replace == 0)
        return decoder_wordpiece(d, tree);
    if (strcmp(type, "ByteLevel") == 0 && early && d->n_replace == 0)
        d->byte_level = true;
    else if (strcmp(type, "Replace") == 0 && early && !d->metaspace)
        return decoder_replace_step(d, tree);
    else if (strcmp(type, "Metaspace") == 0 && early && d->n_replace == 0)
        return decoder_metaspace(d, tree);
    else if (strcmp(type, "ByteFallback") == 0 && early)
        d->byte_fallback = true;
    else if (strcmp(type, "Fuse") == 0 && !d->byte_level)
        d->fused = true;
    else if (strcmp(type, "Strip") == 0 && d->fused && d->strip_len == 0)
        return decoder_strip(d, tree);
    else
        return unsupported("decoder (or its place)", type);
    return KARMA_OK;
}

karma_status component_decoder(struct tokenizer *t, const struct json *tree) {
    karma_status st = KARMA_OK;
    if (json_is_null(tree))
        t->decoder.spaced = true;
    else
        st = decoder_part(t, tree, 0);
    if (st == KARMA_OK && t->decoder.byte_level != t->vocab.byte_level)
        st = status_fail(KARMA_E_UNSUPPORTED, "ByteLevel in the %s only",
                         t->vocab.byte_level ? "pre_tokenizer" : "decoder");
    return st;
}

/* ---- post-processor ---- */

static karma_status template_add(struct tokenizer *t, bool after, const struct json *id) {
    int32_t *ids = after ? t->after : t->before;
    int *n = after ? &t->n_after : &t->n_before;
    if (!id || id->type != JSON_INT)
        return status_fail(KARMA_E_TYPE, "expected an id, found %s", json_type_name(id));
    if (!vocab_has(&t->vocab, id->u.integer))
        return status_fail(KARMA_E_RANGE, "no token has id %lld", (long long)id->u.integer);
    if (*n == TEMPLATE_MAX_IDS)
        return status_fail(KARMA_E_LIMIT, "more than %d ids beside the text", TEMPLATE_MAX_IDS);
    ids[(*n)++] = (int32_t)id->u.integer;
    return KARMA_OK;
}

/* The template for one text: special tokens, "A" once, special tokens. */
static karma_status template_processing(struct tokenizer *t, const struct json *tree) {
    const struct json *single = json_get(tree, "single"), *known = json_get(tree, "special_tokens");
    bool after = false;
    if (!json_is_array(single))
        return status_fail(KARMA_E_TYPE, "single: expected an array, found %s",
                           json_type_name(single));
    for (size_t i = 0; i < json_count(single); i++) {
        const struct json *piece = json_at(single, i), *special = json_get(piece, "SpecialToken");
        if (!special) {
            const char *id = json_str(json_get(json_get(piece, "Sequence"), "id"), "");
            if (strcmp(id, "A") != 0 || after)
                return status_fail(KARMA_E_UNSUPPORTED, "single[%zu]: not the text, once", i);
            after = true;
            continue;
        }
        const char *name;
        karma_status st = json_need_str(special, "id", &name);
        if (st < 0) return status_prefix(st, "single[%zu]", i);
        const struct json *ids = json_get(json_get(known, name), "ids");
        if (!json_is_array(ids))
            return status_fail(KARMA_E_MISSING, "special_tokens: no ids of '%s'",
                               status_quotez(name));
        for (size_t k = 0; st == KARMA_OK && k < json_count(ids); k++)
            st = template_add(t, after, json_at(ids, k));
        if (st < 0) return status_prefix(st, "single[%zu]", i);
    }
    return after ? KARMA_OK : status_fail(KARMA_E_UNSUPPORTED, "single: the text is not in it");
}

static karma_status post_processor_part(struct tokenizer *t, const struct json *tree, int depth) {
    const char *type;
    karma_status st = need_type(tree, &type);
    if (st < 0) return st;
    if (strcmp(type, "Sequence") == 0)
        return each(t, tree, "processors", post_processor_part, depth);
    if (strcmp(type, "ByteLevel") == 0) return KARMA_OK; /* moves offsets, never ids */
    if (t->n_before + t->n_after > 0) return unsupported("second post-processor", type);
    if (strcmp(type, "TemplateProcessing") == 0) return template_processing(t, tree);
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0) {
        st = template_add(t, false, json_at(json_get(tree, "cls"), 1)); /* ["[CLS]", 101] */
        return st < 0 ? st : template_add(t, true, json_at(json_get(tree, "sep"), 1));
    }
    return unsupported("post-processor", type);
}

karma_status component_post_processor(struct tokenizer *t, const struct json *tree) {
    return json_is_null(tree) ? KARMA_OK : post_processor_part(t, tree, 0);
}

/*
 * class_speech.c - speech recognition: a checkpoint that hears, the languages it knows, words to
 * prefer. What a recording gives does not depend on those it is computed with. Memory is made for
 * the longest utterance met so far, not for the longest there could be.
 */
#include <stdlib.h>
#include <string.h>

#include "api/isolate.h"
#include "api/speech.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/utf8.h"

enum {
    FIRST_SECONDS = 10,       /* of utterances that there is room for at first */
    ROUND_SECONDS = 5,        /* room grows in steps of so many */
    MAX_SEGMENTATIONS = 64,   /* of a hot word */
    MAX_SEARCH = 20000,       /* pieces tried for one */
    MAX_HOT_WORD_BYTES = 256, /* as it is given */
    MAX_HOT_WORDS = 10000,
    HOT_BEAM = 20, /* width where hot words are given and no width is */
};

/* ---- arguments ---- */

bool speech_is_meant(const karma_model_class *cls) {
    return class_holder(cls, SLOT_RUN)->run == speech_run;
}

/* A list of strings, none empty or too long. */
static karma_status check_hot_words(const struct json *list) {
    if (!list || json_is_null(list)) return KARMA_OK;
    bool good = json_is_array(list);
    if (good && json_count(list) > MAX_HOT_WORDS)
        return status_fail(KARMA_E_USAGE, "model argument hotwords: more than %d", MAX_HOT_WORDS);
    for (size_t i = 0; good && i < json_count(list); i++) {
        const char *word = json_str(json_at(list, i), "");
        good = word[strspn(word, " ")] != '\0' && strlen(word) <= MAX_HOT_WORD_BYTES;
    }
    return good ? KARMA_OK
                : status_fail(KARMA_E_USAGE,
                              "model argument hotwords: expected a list of words, none empty or "
                              "longer than %d bytes",
                              MAX_HOT_WORD_BYTES);
}

karma_status speech_check_args(const karma_model_class *cls, const struct json *args) {
    if (!speech_is_meant(cls)) return KARMA_OK;
    const struct json *words = json_get(args, "hotwords"), *beam = json_get(args, "beam");
    const struct json *rate = json_get(args, "target_sample_rate");
    karma_status st = check_hot_words(words);
    if (st == KARMA_OK && json_count(words) > 0 && beam && beam->type == JSON_INT &&
        beam->u.integer == 1)
        st = status_fail(KARMA_E_USAGE, "model argument hotwords: a beam of 1 is greedy and "
                                        "prefers no word; leave beam out or give 2 or more");
    if (st == KARMA_OK && rate && rate->type == JSON_INT && rate->u.integer != transcriber_rate())
        st = status_fail(KARMA_E_USAGE,
                         "model argument target_sample_rate: the model hears %d Hz and whatever is "
                         "given is resampled to that, found %lld",
                         transcriber_rate(), (long long)rate->u.integer);
    return st;
}

static double arg_real(const karma_model *m, const char *name, double otherwise) {
    const struct json *v = model_arg(m, name);
    if (!v) return otherwise;
    return v->type == JSON_REAL  ? v->u.real
           : v->type == JSON_INT ? (double)v->u.integer
                                 : otherwise;
}

static struct cutter_config cutting_of(const karma_model *m) {
    struct cutter_config c = cutter_defaults();
    c.sample_rate = transcriber_rate();
    c.whole = strcmp(model_arg_str(m, "chunk", "auto"), "off") == 0;
    c.piece_s = arg_real(m, "chunk_s", c.piece_s);
    return c;
}

/* ---- hot words ---- */

static const char mark[] = "\xe2\x96\x81"; /* U+2581: a word begins */

struct spelling { /* of one hot word in one language */
    const struct speech_language *language;
    const int32_t *by_length; /* pieces, the longest first */
    int32_t n_pieces;
    const char *text; /* with marks */
    float weight;
    struct hot_words *words;
    int32_t ids[MAX_HOT_WORD_BYTES * 3 + 3];
    size_t n_ids;
    int n_found, n_tried;
};

/* Every way to make the text of pieces, long pieces first, until enough are found. */
static karma_status spell(struct spelling *s, const char *rest) {
    karma_status st = KARMA_OK;
    if (*rest == '\0') {
        s->n_found++;
        return hot_words_add(s->words, s->ids, s->n_ids, s->weight);
    }
    for (int32_t i = 0; st == KARMA_OK && i < s->n_pieces; i++) {
        const char *piece = s->language->pieces[s->by_length[i]];
        const size_t len = strlen(piece);
        if (s->n_found >= MAX_SEGMENTATIONS || s->n_tried >= MAX_SEARCH) return KARMA_OK;
        if (len == 0 || strncmp(rest, piece, len) != 0) continue;
        s->n_tried++;
        s->ids[s->n_ids++] = s->by_length[i];
        st = spell(s, rest + len);
        s->n_ids--;
    }
    return st;
}

/* "a b" as the pieces have it: a mark before each word. */
static karma_status with_marks(struct buf *out, const char *word) {
    karma_status st = KARMA_OK;
    buf_clear(out);
    while (st == KARMA_OK && *(word += strspn(word, " ")) != '\0') {
        const size_t len = strcspn(word, " ");
        st = buf_puts(out, mark);
        if (st == KARMA_OK) st = buf_append(out, word, len);
        word += len;
    }
    return st;
}

struct piece_length {
    int32_t id;
    size_t len;
};

static int longer_first(const void *a, const void *b) {
    const struct piece_length *x = a, *y = b;
    if (x->len != y->len) return x->len < y->len ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static karma_status order_pieces(struct arena *a, const struct speech_language *l, int32_t n,
                                 const int32_t **out) {
    struct piece_length *all = arena_calloc(a, (size_t)n, sizeof(*all));
    int32_t *ids = arena_calloc(a, (size_t)n, sizeof(*ids));
    if (!all || !ids) return KARMA_E_NOMEM;
    for (int32_t i = 0; i < n; i++)
        all[i] = (struct piece_length){i, strlen(l->pieces[i])};
    qsort(all, (size_t)n, sizeof(*all), longer_first);
    for (int32_t i = 0; i < n; i++)
        ids[i] = all[i].id;
    *out = ids;
    return KARMA_OK;
}

/* The hot words of one language. Those it has no pieces for are told where it is the model's. */
static karma_status add_language(const struct speech *s, int32_t language, const struct json *words,
                                 float weight) {
    const struct speech_language *l = &s->info->languages[language];
    struct arena a = {0};
    struct buf text = {0};
    const int32_t n = s->info->n_tokens - 1;
    struct spelling *one = arena_alloc(&a, sizeof(*one));
    const int32_t *by_length = NULL;
    karma_status st = one ? order_pieces(&a, l, n, &by_length) : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < json_count(words); i++) {
        const char *word = json_str(json_at(words, i), "");
        st = with_marks(&text, word);
        if (st < 0) break;
        *one = (struct spelling){.language = l,
                                 .by_length = by_length,
                                 .n_pieces = n,
                                 .text = buf_str(&text),
                                 .weight = weight,
                                 .words = s->hot[language]};
        st = spell(one, one->text);
        if (st == KARMA_OK && one->n_found == 0 && language == s->language)
            log_warn("hot word '%s': the pieces of language %s do not make it", status_quotez(word),
                     l->code);
    }
    buf_release(&text);
    arena_release(&a);
    return st;
}

static karma_status make_hot_words(const karma_model *m, struct speech *s) {
    const struct json *words = model_arg(m, "hotwords");
    const float weight = (float)arg_real(m, "hotword_weight", 3);
    if (json_count(words) == 0) return KARMA_OK;
    s->hot = mem_calloc((size_t)s->info->n_languages, sizeof(*s->hot));
    if (!s->hot) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    for (int32_t i = 0; st == KARMA_OK && i < s->info->n_languages; i++) {
        st = hot_words_create(&s->hot[i]);
        if (st == KARMA_OK) st = add_language(s, i, words, weight);
    }
    s->decoding.hot = (const struct hot_words *const *)s->hot;
    return st;
}

/* ---- load ---- */

static karma_status read_options(const karma_model *m, struct speech *s) {
    const char *unit = model_arg_str(m, "timestamps", "none");
    const bool hot = json_count(model_arg(m, "hotwords")) > 0;
    s->compat = model_arg_bool(m, "compat_language", false);
    s->decoding.rnnt = strcmp(model_arg_str(m, "decoding_method", "ctc"), "rnnt") == 0;
    s->decoding.beam = (int32_t)model_arg_int(m, "beam", hot ? HOT_BEAM : 1);
    s->cutting = cutting_of(m);
    s->text = (struct transcript_config){
        .sample_rate = transcriber_rate(),
        .step_s = s->info->step_s,
        .keep_units = strcmp(unit, "none") != 0,
        .unit = strcmp(unit, "token") == 0 ? TRANSCRIPT_TOKENS : TRANSCRIPT_WORDS,
        .drop_unknown = model_arg_bool(m, "drop_unk", false),
    };
    s->max_batch = (int32_t)model_arg_int(m, "max_sequences", 16);
    s->ceiling_bytes = (size_t)model_arg_int(m, "max_memory_mb", 0) << 20;
    if (!(s->decoding.rnnt ? s->info->has_rnnt : s->info->has_ctc))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "model argument decoding_method: the checkpoint has no %s head",
                           s->decoding.rnnt ? "rnnt" : "ctc");
    karma_status st =
        speech_find_language(s->info, model_arg_str(m, "language", "hi"), &s->language);
    if (st == KARMA_E_RANGE) st = status_fail(KARMA_E_USAGE, "%s", karma_error_message());
    return status_prefix(st, "model argument language");
}

karma_status speech_load(karma_model *m) {
    karma_status st = model_load_weights(m);
    if (st == KARMA_OK && !(m->model->info.can & FAMILY_TRANSCRIBE))
        st = status_fail(KARMA_E_UNSUPPORTED, "%s: a checkpoint of family %s hears nothing",
                         status_quotez(m->plan.name), m->model->family->name);
    if (st < 0) return st;
    struct speech *s = m->speech = mem_calloc(1, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    s->info = m->model->family->speech->info(m->model->self);
    s->has_lock = mtx_init(&s->lock, mtx_plain) == thrd_success;
    if (!s->has_lock) return status_fail(KARMA_E_NOMEM, "no lock");
    st = read_options(m, s);
    return st < 0 ? st : make_hot_words(m, s);
}

void speech_unload(karma_model *m) {
    struct speech *s = m->speech;
    if (!s) return;
    if (s->idle) model_count_cache(m, -(int64_t)transcriber_bytes(s->idle));
    transcriber_destroy(s->idle);
    for (int32_t i = 0; s->hot && i < s->info->n_languages; i++)
        hot_words_destroy(s->hot[i]);
    mem_free(s->hot);
    if (s->has_lock) mtx_destroy(&s->lock);
    mem_free(s);
    m->speech = NULL;
}

/* ---- room ---- */

static struct transcriber_options options_for(const karma_model *m, int64_t n_samples) {
    return (struct transcriber_options){
        .max_samples = n_samples,
        .max_batch = (int32_t)model_arg_int(m, "max_sequences", 16),
        .ceiling_bytes = (size_t)model_arg_int(m, "max_memory_mb", 0) << 20,
    };
}

karma_status speech_size(const karma_model *m, const struct model *model, int64_t *bytes) {
    const struct cutter_config c = cutting_of(m);
    const double longest = c.piece_s + c.search_s;
    const struct transcriber_options o = options_for(m, (int64_t)(longest * (double)c.sample_rate));
    size_t size = 0;
    karma_status st = transcriber_measure(model, &o, &size);
    *bytes = (int64_t)size;
    return st == KARMA_E_LIMIT ? KARMA_OK : st; /* told when such a recording comes */
}

karma_status speech_make_room(karma_model *m, int64_t n_samples, struct transcriber **t,
                              int64_t *max_samples) {
    const int64_t step = ROUND_SECONDS * (int64_t)transcriber_rate();
    int64_t room = FIRST_SECONDS * (int64_t)transcriber_rate();
    if (*t && n_samples <= *max_samples) return KARMA_OK;
    if (room < n_samples) room = (n_samples + step - 1) / step * step;
    if (*t) model_count_cache(m, -(int64_t)transcriber_bytes(*t));
    transcriber_destroy(*t);
    *t = NULL;
    struct transcriber_options options = options_for(m, room);
    karma_status st = transcriber_create(m->model, &options, t);
    if (st == KARMA_E_LIMIT && room > n_samples) {
        options.max_samples = room = n_samples;
        st = transcriber_create(m->model, &options, t);
    }
    if (st < 0) return st;
    *max_samples = room;
    model_count_cache(m, (int64_t)transcriber_bytes(*t));
    return KARMA_OK;
}

struct transcriber *speech_take_idle(karma_model *m, int64_t *max_samples) {
    struct speech *s = m->speech;
    mtx_lock(&s->lock);
    struct transcriber *t = s->idle;
    *max_samples = s->idle_samples;
    s->idle = NULL;
    mtx_unlock(&s->lock);
    return t;
}

void speech_give_back(karma_model *m, struct transcriber *t, int64_t max_samples) {
    struct speech *s = m->speech;
    if (!t) return;
    transcriber_clear(t);
    mtx_lock(&s->lock);
    if (!s->idle) {
        s->idle = t;
        s->idle_samples = max_samples;
        t = NULL;
    }
    mtx_unlock(&s->lock);
    if (!t) return;
    model_count_cache(m, -(int64_t)transcriber_bytes(t)); /* another run's is kept */
    transcriber_destroy(t);
}

/* ---- identity ---- */

/* The tables of languages and pieces, which lie beside the weights. */
karma_status speech_identity(struct arena *a, const karma_model *m, const struct checkpoint *ck,
                             struct json *object) {
    static const char *const files[] = {"vocab.json", "language_masks.json"};
    static const char *const folders[] = {"assets/", ""};
    struct sha256 s;
    unsigned char digest[32];
    char hex[65];
    karma_status st = KARMA_OK;
    if (!ck || !speech_is_meant(m->plan.cls)) return KARMA_OK;
    sha256_begin(&s);
    for (size_t i = 0; st == KARMA_OK && i < 4; i++) {
        const char *path =
            arena_printf(a, "%s/%s%s", checkpoint_folder(ck), folders[i / 2], files[i % 2]);
        if (!path) return KARMA_E_NOMEM;
        if (!file_exists(path)) continue;
        st = file_sha256(path, hex);
        sha256_field_str(&s, files[i % 2]);
        sha256_field_str(&s, hex);
    }
    sha256_end(&s, digest);
    sha256_hex(digest, hex);
    return st < 0 ? st : json_set(a, object, "speech_files", json_new_string(a, hex));
}

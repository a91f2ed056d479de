/* registered_set.c - see registered_set.h. */
#include "datasets/registered_set.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/foreign.h"
#include "base/map.h"
#include "base/option.h"
#include "base/size.h"
#include "datasets/item.h"

enum { MAX_SAMPLES = INT32_MAX, MAX_MESSAGES = 100000, MAX_IMAGES = 1024 };

/* ---- the list ---- */

static struct registered added; /* of struct dataset_spec */

const struct dataset_spec *registered_set_find(const char *name) {
    return registered_find(&added, name);
}

karma_status registered_set_names(struct arena *a, const char *const *own, size_t n_own,
                                  const char ***names, size_t *count) {
    return registered_names(&added, a, own, n_own, names, count);
}

static karma_status check_list(const char *const *list, const char *what) {
    enum { MAX_NAMES = 1000 };
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && list && list[i]; i++) {
        st = i < MAX_NAMES ? foreign_string(list[i], what)
                           : status_fail(KARMA_E_LIMIT, "%s: does the list end with NULL?", what);
    }
    return st;
}

static karma_status check_texts(const karma_dataset_info *info) {
    const struct {
        const char *text, *what;
    } texts[] = {
        {info->description, "description"},
        {info->task_type, "task_type"},
        {info->split, "split"},
        {info->commit_hash, "commit_hash"},
        {info->prompt, "prompt"},
        {info->extraction, "extraction"},
        {info->source, "source"},
    };
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < sizeof(texts) / sizeof(*texts); i++)
        if (texts[i].text) st = foreign_string(texts[i].text, texts[i].what);
    return st;
}

static karma_status check_free(const char *name) {
    const struct dataset_spec *described;
    if (dataset_find_built_in(name)) return status_fail(KARMA_E_DUPLICATE, "there is one already");
    karma_status st = described_find(name, &described);
    if (st == KARMA_OK && described)
        st = status_fail(KARMA_E_DUPLICATE, "there is one already, in %s", described->info.source);
    return st;
}

static karma_status check(const karma_dataset_class *c) {
    const karma_dataset_info *info = &c->info;
    karma_status st =
        foreign_abi("data set", c->abi_version, c->struct_size, KARMA_DATASET_ABI, sizeof(*c));
    if (st < 0) return st;
    if (!info->name || !info->name[0]) return status_fail(KARMA_E_MISSING, "data set: no name");
    st = foreign_string(info->name, "data set name");
    if (st == KARMA_OK) st = dataset_check_name(info->name);
    if (st == KARMA_OK && !c->open) st = status_fail(KARMA_E_MISSING, "no function open");
    if (st == KARMA_OK && !c->get) st = status_fail(KARMA_E_MISSING, "no function get");
    if (st == KARMA_OK && (!info->metrics || !info->metrics[0]))
        st = status_fail(KARMA_E_MISSING, "no metrics");
    if (st == KARMA_OK) st = check_list(info->metrics, "metrics");
    if (st == KARMA_OK) st = check_list(info->processors, "processors");
    if (st == KARMA_OK) st = check_texts(info);
    if (st == KARMA_OK) st = options_check(info->options, "data set argument");
    if (st == KARMA_OK) st = check_free(info->name);
    return st < 0 ? status_prefix(st, "data set %s", status_quotez(info->name)) : KARMA_OK;
}

karma_status karma_register_dataset(const karma_dataset_class *c) {
    static const karma_option_spec no_options[] = {{.name = NULL}};
    static const char *const nothing[] = {NULL};
    karma_status st = check(c);
    if (st < 0) return st;
    struct dataset_spec *spec = mem_alloc(sizeof(*spec));
    if (!spec) return KARMA_E_NOMEM;
    *spec = (struct dataset_spec){.info = c->info, .kind = DATASET_QUESTION_ANSWER, .class = c};
    karma_dataset_info *info = &spec->info; /* complete: only what may be NULL is */
    if (!info->description) info->description = "";
    if (!info->task_type) info->task_type = "";
    if (!info->processors) info->processors = nothing;
    if (!info->options) info->options = no_options;
    if (!info->prompt) info->prompt = "";
    if (!info->extraction) info->extraction = c->extract ? "its own" : "strip";
    st = registered_add(&added, info->name, spec);
    if (st == KARMA_OK) return KARMA_OK;
    mem_free(spec);
    return status_prefix(st, "data set");
}

void dataset_unregister(const char *name) {
    registered_drop(&added, name);
}

/* ---- samples ---- */

/* The pixels' bytes; 0: too many for an image. */
static size_t pixel_bytes(const karma_image *im) {
    size_t n = 0;
    return mul_size((size_t)im->width, (size_t)im->height, &n) &&
                   mul_size(n, (size_t)im->channels, &n)
               ? n
               : 0;
}

/* A file, bytes or pixels: one of them. */
static karma_status check_image(const karma_image *im) {
    karma_status st = KARMA_OK;
    if (im->name) st = foreign_string(im->name, "name of the image");
    if (st == KARMA_OK && im->digest) st = foreign_string(im->digest, "digest of the image");
    if (st == KARMA_OK && im->path) st = foreign_string(im->path, "path of the image");
    if (st < 0) return st;
    if (im->frame < 0) return status_fail(KARMA_E_PLUGIN, "image: frame %d", im->frame);
    if (im->path || im->bytes) return KARMA_OK;
    if (!im->pixels)
        return status_fail(KARMA_E_PLUGIN, "image: neither a path nor bytes nor pixels");
    if (im->width <= 0 || im->height <= 0 || (im->channels != 1 && im->channels != 3) ||
        pixel_bytes(im) == 0)
        return status_fail(KARMA_E_PLUGIN, "image: %d by %d pixels of %d channels", im->width,
                           im->height, im->channels);
    return KARMA_OK;
}

static karma_status check_images(const karma_image *images, size_t n) {
    karma_status st = KARMA_OK;
    if (n > MAX_IMAGES)
        return status_fail(KARMA_E_PLUGIN, "n_images: %zu, at most %d are possible", n, MAX_IMAGES);
    if (n && !images) return status_fail(KARMA_E_PLUGIN, "images: NULL, of %zu", n);
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        st = check_image(&images[i]);
    return st;
}

static karma_status check_messages(const karma_sample *s) {
    if (s->n_messages > MAX_MESSAGES)
        return status_fail(KARMA_E_PLUGIN, "n_messages: %zu, at most %d are possible",
                           s->n_messages, MAX_MESSAGES);
    if (s->n_messages && !s->conversation)
        return status_fail(KARMA_E_PLUGIN, "conversation: NULL, of %zu messages", s->n_messages);
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < s->n_messages; i++) {
        st = foreign_string(s->conversation[i].role, "role of a message");
        if (st == KARMA_OK) st = foreign_string(s->conversation[i].content, "message");
        if (st == KARMA_OK)
            st = check_images(s->conversation[i].images, s->conversation[i].n_images);
    }
    return st;
}

static karma_status check_other_args(const char *text) {
    struct arena a = {0};
    const struct json *value;
    karma_status st = foreign_string(text, "other_args_json");
    if (st == KARMA_OK) {
        st = json_parse(&a, text, strlen(text), JSON_REJECT_DUPLICATES, &value);
        if (st < 0 && st != KARMA_E_NOMEM) st = status_prefix(KARMA_E_PLUGIN, "other_args_json");
    }
    if (st == KARMA_OK && !json_is_object(value))
        st = status_fail(KARMA_E_PLUGIN, "other_args_json: expected an object, found %s",
                         json_type_name(value));
    arena_release(&a);
    return st;
}

/* A file, bytes or samples: one of them. */
static karma_status check_audio(const karma_audio *a) {
    karma_status st = KARMA_OK;
    if (a->name) st = foreign_string(a->name, "name of the audio");
    if (st == KARMA_OK && a->digest) st = foreign_string(a->digest, "digest of the audio");
    if (st == KARMA_OK && a->path) st = foreign_string(a->path, "path of the audio");
    if (st < 0 || a->path) return st;
    if (a->bytes ? a->n_bytes == 0 : !a->samples || a->n_samples == 0)
        return status_fail(KARMA_E_PLUGIN, "audio: neither a path nor bytes nor samples");
    if (a->n_samples > SIZE_MAX / sizeof(float))
        return status_fail(KARMA_E_PLUGIN, "audio: %zu samples", a->n_samples);
    if (!a->bytes && a->sample_rate <= 0)
        return status_fail(KARMA_E_PLUGIN, "audio: sample_rate %d", a->sample_rate);
    return KARMA_OK;
}

static karma_status check_sample(const karma_sample *s) {
    karma_status st = KARMA_OK;
    if (s->struct_size != sizeof(*s))
        return status_fail(KARMA_E_PLUGIN, "struct_size: %u where %zu was given", s->struct_size,
                           sizeof(*s));
    if (s->key) st = foreign_string(s->key, "key");
    if (st == KARMA_OK && s->key && !s->key[0]) st = status_fail(KARMA_E_PLUGIN, "key: empty");
    if (st == KARMA_OK) st = check_messages(s);
    if (st == KARMA_OK && s->audio) st = check_audio(s->audio);
    if (st == KARMA_OK) st = check_images(s->images, s->n_images);
    if (st == KARMA_OK && s->n_messages == 0 && (s->input || !s->audio))
        st = foreign_string(s->input, "input");
    if (st == KARMA_OK && s->system_prompt) st = foreign_string(s->system_prompt, "system_prompt");
    if (st == KARMA_OK && s->expected_output)
        st = foreign_string(s->expected_output, "expected_output");
    if (st == KARMA_OK && s->other_args_json) st = check_other_args(s->other_args_json);
    return st;
}

/* The audio of the copy gets its digest; that of a file that is not there is none. */
static karma_status digest_audio(struct arena *a, karma_audio *audio) {
    char hex[65] = "";
    if (audio->path) {
        karma_status st = file_sha256(audio->path, hex);
        if (st == KARMA_E_NOMEM) return st;
    } else {
        unsigned char digest[32];
        struct sha256 h;
        sha256_begin(&h);
        if (audio->bytes) {
            sha256_add(&h, audio->bytes, audio->n_bytes);
        } else {
            sha256_field_u64(&h, (uint64_t)audio->sample_rate);
            sha256_field(&h, audio->samples, audio->n_samples * sizeof(float));
        }
        sha256_end(&h, digest);
        sha256_hex(digest, hex);
    }
    audio->digest = hex[0] ? arena_strdup(a, hex) : NULL;
    return hex[0] && !audio->digest ? KARMA_E_NOMEM : KARMA_OK;
}

/* As that of audio, of its content alone. */
static karma_status digest_image(struct arena *a, karma_image *im) {
    char hex[65] = "";
    if (im->path) {
        karma_status st = file_sha256(im->path, hex);
        if (st == KARMA_E_NOMEM) return st;
    } else {
        unsigned char digest[32];
        struct sha256 h;
        sha256_begin(&h);
        if (im->bytes) {
            sha256_add(&h, im->bytes, im->n_bytes);
        } else {
            sha256_field_u64(&h, (uint64_t)im->width);
            sha256_field_u64(&h, (uint64_t)im->channels);
            sha256_field(&h, im->pixels, pixel_bytes(im));
        }
        sha256_end(&h, digest);
        sha256_hex(digest, hex);
    }
    im->digest = hex[0] ? arena_strdup(a, hex) : NULL;
    return hex[0] && !im->digest ? KARMA_E_NOMEM : KARMA_OK;
}

static void hash_images(struct sha256 *h, const karma_image *images, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sha256_field_str(h, "image");
        sha256_field_str(h, images[i].digest);
        sha256_field_u64(h, (uint64_t)images[i].frame);
    }
}

static uint64_t hash_sample(const karma_sample *s) {
    struct sha256 h;
    unsigned char digest[32];
    uint64_t out = 0;
    sha256_begin(&h);
    sha256_field_str(&h, s->key);
    sha256_field_str(&h, s->input);
    sha256_field_u64(&h, s->n_messages);
    for (size_t i = 0; i < s->n_messages; i++) {
        sha256_field_str(&h, s->conversation[i].role);
        sha256_field_str(&h, s->conversation[i].content);
        if (s->conversation[i].n_images) sha256_field_u64(&h, s->conversation[i].images_first);
        hash_images(&h, s->conversation[i].images, s->conversation[i].n_images);
    }
    sha256_field_str(&h, s->system_prompt);
    sha256_field_str(&h, s->expected_output);
    sha256_field_str(&h, s->other_args_json);
    if (s->audio) sha256_field_str(&h, s->audio->digest);
    hash_images(&h, s->images, s->n_images);
    sha256_end(&h, digest);
    for (int i = 0; i < 8; i++)
        out = out << 8 | digest[i];
    return out;
}

static karma_status copy_text(struct arena *a, const char **text) {
    if (*text && !(*text = arena_strdup(a, *text))) return KARMA_E_NOMEM;
    return KARMA_OK;
}

static karma_status copy_audio(struct arena *a, karma_sample *s) {
    karma_audio *audio = arena_dup(a, s->audio, sizeof(*audio));
    if (!audio) return KARMA_E_NOMEM;
    s->audio = audio;
    if (audio->path) {
        audio->bytes = NULL; /* one of them counts */
        audio->samples = NULL;
    } else if (audio->bytes) {
        audio->samples = NULL;
        audio->bytes = arena_dup(a, audio->bytes, audio->n_bytes);
    } else {
        audio->samples = arena_dup(a, audio->samples, audio->n_samples * sizeof(float));
    }
    if (!audio->path && !audio->bytes && !audio->samples) return KARMA_E_NOMEM;
    karma_status st = copy_text(a, &audio->path);
    if (st == KARMA_OK) st = copy_text(a, &audio->name);
    return st == KARMA_OK ? digest_audio(a, audio) : st;
}

static karma_status copy_images(struct arena *a, const karma_image **images, size_t n) {
    karma_image *all = n ? arena_dup(a, *images, n * sizeof(*all)) : NULL;
    karma_status st = n && !all ? KARMA_E_NOMEM : KARMA_OK;
    *images = all;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        karma_image *im = &all[i];
        if (im->path) {
            im->bytes = NULL; /* one of them counts */
            im->pixels = NULL;
        } else if (im->bytes) {
            im->pixels = NULL;
            im->bytes = arena_dup(a, im->bytes, im->n_bytes);
        } else {
            im->pixels = arena_dup(a, im->pixels, pixel_bytes(im));
        }
        if (!im->path && !im->bytes && !im->pixels) return KARMA_E_NOMEM;
        st = copy_text(a, &im->path);
        if (st == KARMA_OK) st = copy_text(a, &im->name);
        if (st == KARMA_OK) st = digest_image(a, im);
    }
    return st;
}

/* Make all that s points to ours. */
static karma_status copy_sample(struct arena *a, karma_sample *s) {
    karma_message *turns = arena_calloc(a, s->n_messages + 1, sizeof(*turns));
    karma_status st = turns ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < s->n_messages; i++) {
        turns[i] = s->conversation[i];
        st = copy_text(a, &turns[i].role);
        if (st == KARMA_OK) st = copy_text(a, &turns[i].content);
        if (st == KARMA_OK) st = copy_images(a, &turns[i].images, turns[i].n_images);
    }
    s->conversation = s->n_messages ? turns : NULL;
    if (st == KARMA_OK) st = copy_text(a, &s->key);
    if (st == KARMA_OK) st = copy_text(a, &s->input);
    if (st == KARMA_OK) st = copy_text(a, &s->system_prompt);
    if (st == KARMA_OK) st = copy_text(a, &s->expected_output);
    if (st == KARMA_OK) st = copy_text(a, &s->other_args_json);
    if (st == KARMA_OK) st = copy_images(a, &s->images, s->n_images);
    return st == KARMA_OK && s->audio ? copy_audio(a, s) : st;
}

/* Sample i as the class gives it now, with a key. */
static karma_status ask(struct registered_set *s, size_t i, uint64_t *hash) {
    karma_sample given = {.struct_size = sizeof(given)};
    foreign_begin();
    karma_status st = foreign_end(s->class->get(s->state, i, &given));
    if (st == KARMA_OK) st = check_sample(&given);
    if (st < 0) return status_prefix(st, "sample %zu", i);
    if (given.n_messages) given.input = NULL; /* one of them counts */
    arena_reset(&s->arena);
    st = copy_sample(&s->arena, &given);
    if (st == KARMA_OK) *hash = hash_sample(&given);
    if (st == KARMA_OK && !given.key) {
        given.key = arena_printf(&s->arena, "row%zu-%016llx", i + 1, (unsigned long long)*hash);
        if (!given.key) st = KARMA_E_NOMEM;
    }
    s->sample = given;
    return st;
}

/* ---- one, open ---- */

static karma_status look_at_all(struct registered_set *s, struct sha256 *digest) {
    struct map keys = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < s->count; i++) {
        struct map_entry *entry;
        bool is_new;
        st = ask(s, i, &s->hashes[i]);
        if (st == KARMA_OK)
            st = map_put(&keys, s->sample.key, strlen(s->sample.key), &entry, &is_new);
        if (st < 0) break;
        if (!is_new)
            st = status_fail(KARMA_E_PLUGIN, "sample %zu: its key '%s' is that of sample %llu", i,
                             status_quotez(s->sample.key), (unsigned long long)entry->value.u64);
        entry->value.u64 = i;
        sha256_field_u64(digest, s->hashes[i]);
    }
    map_release(&keys);
    return st;
}

karma_status registered_set_open(const karma_dataset_class *class, const char *args,
                                 struct sha256 *digest, struct registered_set *out) {
    size_t count = 0, bytes = 0;
    *out = (struct registered_set){.class = class};
    foreign_begin();
    karma_status st = foreign_end(class->open(args, &out->state, &count));
    if (st < 0) return st;
    out->opened = true;
    if (count == 0) st = status_fail(KARMA_E_MISSING, "no samples");
    if (st == KARMA_OK && (count > MAX_SAMPLES || !mul_size(count, sizeof(uint64_t), &bytes)))
        st =
            status_fail(KARMA_E_PLUGIN, "%zu samples, at most %d are possible", count, MAX_SAMPLES);
    if (st == KARMA_OK && !(out->hashes = mem_alloc(bytes))) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) {
        out->count = count;
        st = look_at_all(out, digest);
    }
    if (st < 0) registered_set_close(out);
    return st;
}

karma_status registered_set_get(struct registered_set *s, size_t i, const karma_sample **sample) {
    uint64_t hash;
    if (i >= s->count)
        return status_fail(KARMA_E_RANGE, "sample %zu of a data set of %zu", i, s->count);
    karma_status st = ask(s, i, &hash);
    if (st == KARMA_OK && hash != s->hashes[i])
        st = status_fail(KARMA_E_PLUGIN, "sample %zu: not the same as when it was first given", i);
    if (st == KARMA_OK) *sample = &s->sample;
    return st;
}

karma_status registered_set_answer_type(struct registered_set *s, size_t i, const char **type) {
    const karma_sample *sample;
    const struct json *args;
    *type = NULL;
    karma_status st = registered_set_get(s, i, &sample);
    const char *text = st == KARMA_OK ? sample->other_args_json : NULL;
    if (!text) return st;
    st = json_parse(&s->arena, text, strlen(text), JSON_LAST_WINS, &args);
    return st < 0 ? st : item_answer_type(&s->arena, json_get(args, "answer_type"), type);
}

karma_status registered_set_group(struct registered_set *s, size_t i, const char **group) {
    const karma_sample *sample;
    const struct json *args;
    *group = NULL;
    karma_status st = registered_set_get(s, i, &sample);
    const char *text = st == KARMA_OK ? sample->other_args_json : NULL;
    if (!text) return st;
    st = json_parse(&s->arena, text, strlen(text), JSON_LAST_WINS, &args);
    return st < 0 ? st : item_text(&s->arena, json_get(args, "group_id"), group);
}

karma_status registered_set_extract(struct registered_set *s, struct arena *a, size_t i,
                                    const char *text, const char **prediction, karma_parse *how) {
    struct karma_text t;
    karma_parse found = KARMA_PARSE_NONE;
    foreign_text_begin(&t);
    foreign_begin();
    karma_status st = foreign_end(s->class->extract(s->state, i, text, &t, &found));
    if (st == KARMA_OK) st = foreign_text_check(&t);
    if (st == KARMA_OK && (unsigned)found > KARMA_PARSE_AMBIGUOUS)
        st = status_fail(KARMA_E_PLUGIN, "%d, which is no way of parsing", (int)found);
    if (st == KARMA_OK && found < KARMA_PARSE_NONE) {
        *prediction = arena_strndup(a, buf_str(&t.bytes), t.bytes.len);
        if (!*prediction) st = KARMA_E_NOMEM;
    }
    foreign_text_release(&t);
    if (st < 0) return status_prefix(st, "extract, sample %zu", i);
    *how = found;
    return KARMA_OK;
}

void registered_set_close(struct registered_set *s) {
    if (s->opened && s->class->close) s->class->close(s->state);
    arena_release(&s->arena);
    mem_free(s->hashes);
    *s = (struct registered_set){0};
}

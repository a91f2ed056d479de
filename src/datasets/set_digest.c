/* set_digest.c - the identity of an open set: what its samples are and the bytes they come from. */
#include <string.h>

#include "datasets/open_set.h"

static void add_fields(struct sha256 *s, const struct dataset_fields *f) {
    sha256_field_str(s, f->id);
    sha256_field_str(s, f->question);
    sha256_field_str(s, f->answer);
    sha256_field_str(s, f->context);
    sha256_field_str(s, f->split);
    sha256_field_str(s, f->system);
    sha256_field_str(s, f->answer_type);
    for (const char *const *o = f->options; o && *o; o++)
        sha256_field_str(s, *o);
    sha256_field_str(s, NULL);
}

static void add_choices(struct sha256 *s, const struct choices *c) {
    sha256_field_u64(s, c ? c->count : 0);
    for (size_t i = 0; c && i < c->count; i++) {
        sha256_field(s, &c->labels[i], 1);
        sha256_field_str(s, c->keys[i]);
        sha256_field_str(s, c->texts[i]);
    }
}

static void add_retrieval(struct sha256 *s, const karma_dataset *d) {
    const struct retrieval_fields *f = &d->spec->retrieval;
    const char *const names[] = {f->query_id,       f->query,         f->document_id,
                                 f->document_title, f->document_text, f->qrels_query,
                                 f->qrels_document, f->grade};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        sha256_field_str(s, names[i]);
    sha256_field_u64(s, d->spec->many_texts);
    sha256_field_str(s, d->retrieval.files_digest);
}

static void add_speech(struct sha256 *s, const karma_dataset *d) {
    sha256_field_str(s, d->spec->speech.audio);
    sha256_field_str(s, d->spec->speech.text);
    sha256_field_str(s, d->spec->speech.language);
    speech_add_digest(&d->speech, s);
}

/* An argument that says how results are told. */
static bool is_view(const karma_dataset *d, const char *argument) {
    return !d->spec->class &&
           (strcmp(argument, "group_by") == 0 || strcmp(argument, "slices") == 0);
}

/* An argument that says where a file is, not what the samples are. */
static bool is_place(const karma_dataset *d, const char *argument) {
    if (d->spec->class) return false;
    if (strcmp(argument, "path") == 0 || strcmp(argument, "few_shot_path") == 0) return true;
    if (d->spec->path_alias && strcmp(argument, d->spec->path_alias) == 0) return true;
    return d->spec->kind == DATASET_RETRIEVAL &&
           (strcmp(argument, "corpus") == 0 || strcmp(argument, "queries") == 0 ||
            strcmp(argument, "qrels") == 0);
}

karma_status set_digest_add_args(struct sha256 *s, const karma_dataset *d) {
    struct buf args = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(d->args) && st == KARMA_OK; i++) {
        const struct json_member *m = &d->args->u.object.members[i];
        if (is_place(d, m->key) || is_view(d, m->key)) continue;
        buf_clear(&args);
        st = json_write(&args, m->value, 0, JSON_COMPACT);
        sha256_field_str(s, m->key);
        sha256_field_str(s, buf_str(&args));
    }
    buf_release(&args);
    return st;
}

/* Everything that decides what the samples are, and the bytes they come from. Not where the file
 * is. */
karma_status set_digest_make(karma_dataset *d) {
    struct sha256 s;
    unsigned char digest[32];
    sha256_begin(&s);
    sha256_field_str(&s, "karma data set 1");
    sha256_field_str(&s, d->spec->info.name);
    sha256_field_u64(&s, (uint64_t)d->spec->kind);
    sha256_field_str(&s, d->info.prompt);
    sha256_field_str(&s, d->spec->system_prompt);
    sha256_field_str(&s, d->info.extraction);
    sha256_field_u64(&s, (uint64_t)d->spec->index_base);
    add_fields(&s, &d->spec->fields);
    add_choices(&s, d->spec->choices);
    karma_status st = set_digest_add_args(&s, d);
    if (d->spec->kind == DATASET_RETRIEVAL) add_retrieval(&s, d);
    if (d->spec->kind == DATASET_TRANSCRIPTION) add_speech(&s, d);
    if (d->spec->images != DATASET_IMAGES_NONE) images_add_digest(&d->images, d->spec, &s);
    if (d->few_shot.count) few_shot_add_digest(&d->few_shot, &s);
    reader_add_digest(&d->reader, &s);
    sha256_end(&s, digest);
    sha256_hex(digest, d->digest);
    return st;
}

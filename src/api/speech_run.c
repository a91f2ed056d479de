/*
 * speech_run.c - the run of speech recognisers: recordings are cut into pieces where they are long,
 * pieces of several recordings fill a batch, and what was heard in them is joined again. A
 * recording is read piece by piece and no longer than its sample is lent; what is kept of it until
 * its last piece is heard is its text. A recording that cannot be read is an output with a status,
 * and the others go on.
 */
#include <math.h>
#include <string.h>

#include "api/speech.h"
#include "base/mem.h"
#include "media/audio.h"

enum { PORTION = 16384 /* samples read at once */, MAX_BATCH = 1024 };

struct recording { /* of a sample under way */
    char *key;
    struct transcript text;
    int32_t language; /* SPEECH_AUTO until something was heard */
    size_t n_waiting; /* pieces in the batch */
    bool is_read;     /* its last piece is in the batch, or none more will come */
    karma_status st;
    char *error;
    double duration_s;
    struct recording *next;
};

struct waiting { /* a piece in the batch */
    struct recording *of;
    struct piece piece;
};

struct run {
    karma_model *m;
    const karma_run_io *io;
    struct transcriber *transcriber; /* NULL before the first piece */
    int64_t max_samples;             /* of its utterances */
    struct cutter *cutter;
    struct recording *open; /* all under way */
    struct waiting *batch;  /* [max_batch] */
    size_t n;
    float *portion; /* [PORTION] */
    struct buf json;
    struct output_box box;
};

static bool is_cancelled(void *user) {
    const struct run *r = user;
    return r->io->cancelled && r->io->cancelled(r->io->user);
}

static bool ends_the_run(karma_status st) {
    return st == KARMA_E_CANCELLED || st == KARMA_E_NOMEM;
}

/* ---- recordings ---- */

static karma_status new_recording(struct run *r, const karma_sample *sample,
                                  struct recording **out) {
    struct recording *rec = *out = mem_calloc(1, sizeof(*rec));
    if (!rec) return KARMA_E_NOMEM;
    rec->next = r->open;
    r->open = rec;
    transcript_begin(&rec->text, &r->m->speech->text);
    if (sample->key && !(rec->key = mem_strdup(sample->key))) return KARMA_E_NOMEM;
    return KARMA_OK;
}

static void forget(struct run *r, struct recording *rec) {
    struct recording **at = &r->open;
    while (*at != rec)
        at = &(*at)->next;
    *at = rec->next;
    transcript_release(&rec->text);
    mem_free(rec->key);
    mem_free(rec->error);
    mem_free(rec);
}

/* It failed with st and the present message. */
static karma_status fail_recording(struct recording *rec, karma_status st) {
    if (rec->st < 0) return KARMA_OK;
    rec->st = st;
    rec->error = mem_strdup(karma_error_message());
    return rec->error ? KARMA_OK : KARMA_E_NOMEM;
}

/* ---- outputs ---- */

static double rounded(double v, double steps) {
    return floor(v * steps + 0.5) / steps;
}

static karma_status add_unit(struct arena *a, const struct transcript *t,
                             const struct transcript_unit_heard *u, struct json *list) {
    struct json *o = json_new_object(a);
    if (!o) return KARMA_E_NOMEM;
    karma_status st = json_set(
        a, o, "text",
        json_new_stringn(a, t->unit_text.data + u->begin_byte, u->end_byte - u->begin_byte));
    if (st == KARMA_OK) st = json_set(a, o, "begin", json_new_real(a, rounded(u->begin_s, 1000)));
    if (st == KARMA_OK) st = json_set(a, o, "end", json_new_real(a, rounded(u->end_s, 1000)));
    if (st == KARMA_OK)
        st = json_set(a, o, "confidence", json_new_real(a, rounded(exp(u->logprob), 10000)));
    return st < 0 ? st : json_push(a, list, o);
}

/* {"language", "duration", "segments": [{"text", "begin", "end", "confidence"}, ...]} */
static karma_status write_segments(struct run *r, const struct recording *rec) {
    struct arena *a = &r->box.arena;
    const struct speech_info *info = r->m->speech->info;
    const char *code = rec->language >= 0 ? info->languages[rec->language].code : NULL;
    struct json *o = json_new_object(a), *list = json_new_array(a);
    if (!o || !list) return KARMA_E_NOMEM;
    karma_status st =
        json_set(a, o, "language", code ? json_new_string(a, code) : json_new_null(a));
    if (st == KARMA_OK)
        st = json_set(a, o, "duration", json_new_real(a, rounded(rec->duration_s, 1000)));
    for (size_t i = 0; st == KARMA_OK && i < rec->text.n_units; i++)
        st = add_unit(a, &rec->text, &rec->text.units[i], list);
    if (st == KARMA_OK) st = json_set(a, o, "segments", list);
    buf_clear(&r->json);
    return st < 0 ? st : json_write(&r->json, o, 0, JSON_COMPACT);
}

static karma_status answer(struct run *r, struct recording *rec) {
    struct output_box *box = &r->box;
    karma_status st = transcript_end(&rec->text);
    if (st == KARMA_OK && rec->text.config.keep_units) st = write_segments(r, rec);
    if (st < 0) return st;
    box->out = (karma_output){
        .struct_size = sizeof(karma_output),
        .key = rec->key,
        .text = buf_str(&rec->text.text),
        .raw_text = buf_str(&rec->text.text),
        .finish_reason = KARMA_FINISH_STOP,
        .segments_json = rec->text.config.keep_units ? buf_str(&r->json) : NULL,
    };
    struct output_box *before = output_box_enter(box);
    st = class_holder(r->m->plan.cls, SLOT_POSTPROCESS)->postprocess(r->m, &box->out);
    output_box_enter(before);
    return st;
}

/* Hand on what came of it, and let it go. */
static karma_status finish(struct run *r, struct recording *rec) {
    arena_reset(&r->box.arena);
    if (rec->st == KARMA_OK) {
        const karma_status st = answer(r, rec);
        if (ends_the_run(st)) return st;
        if (st < 0 && fail_recording(rec, st) < 0) return KARMA_E_NOMEM;
    }
    if (rec->st < 0)
        r->box.out = (karma_output){
            .struct_size = sizeof(karma_output),
            .key = rec->key,
            .status = rec->st,
            .error = rec->error,
            .finish_reason = KARMA_FINISH_ERROR,
        };
    const karma_status st = r->io->put(r->io->user, &r->box.out);
    forget(r, rec);
    return st < 0 ? st : KARMA_OK;
}

/* ---- the batch ---- */

static karma_status hear(struct run *r, size_t i) {
    const struct speech *s = r->m->speech;
    const struct piece *p = &r->batch[i].piece;
    struct recording *rec = r->batch[i].of;
    struct decoding how = s->decoding;
    struct heard heard = {0};
    int32_t language;
    if (rec->st < 0) return KARMA_OK;
    how.language = rec->language;
    how.times = s->text.keep_units || p->from > p->begin || p->to < p->end;
    karma_status st = transcriber_decode(r->transcriber, i, &how, &language, &heard);
    if (st == KARMA_OK) {
        if (heard.count > 0) rec->language = language; /* what follows is in it too */
        st = transcript_add(&rec->text, p, &s->info->languages[language], &heard);
    }
    heard_release(&heard);
    if (ends_the_run(st) || st == KARMA_OK) return st;
    return fail_recording(rec, st);
}

/* Encode and decode what waits; recordings that are whole are handed on. */
static karma_status flush(struct run *r) {
    if (r->n == 0) return KARMA_OK;
    karma_status st = transcriber_encode(r->transcriber, is_cancelled, r);
    for (size_t i = 0; i < r->n && st == KARMA_OK; i++) {
        struct recording *rec = r->batch[i].of;
        st = hear(r, i);
        rec->n_waiting--;
        if (st == KARMA_OK && rec->is_read && rec->n_waiting == 0) st = finish(r, rec);
    }
    transcriber_clear(r->transcriber);
    r->n = 0;
    return st;
}

static karma_status add_piece(struct run *r, struct recording *rec, const struct piece *p) {
    const int64_t n = p->end - p->begin;
    karma_status st = KARMA_OK;
    if (r->n > 0 && !transcriber_fits(r->transcriber, n)) st = flush(r);
    if (st == KARMA_OK) st = speech_make_room(r->m, n, &r->transcriber, &r->max_samples);
    if (st == KARMA_OK) st = transcriber_begin(r->transcriber);
    if (st == KARMA_OK) st = transcriber_push(r->transcriber, p->samples, (size_t)n);
    if (st == KARMA_OK) st = transcriber_end(r->transcriber);
    if (st < 0) return st;
    r->batch[r->n++] = (struct waiting){rec, *p};
    rec->n_waiting++;
    return KARMA_OK;
}

/* ---- a sample ---- */

static karma_status open_audio(const karma_sample *sample, struct audio_reader **out) {
    const karma_audio *a = sample->audio;
    const int32_t rate = transcriber_rate();
    *out = NULL;
    if (!a && sample->input) return audio_open_file(sample->input, rate, 0, out);
    if (!a)
        return status_fail(KARMA_E_MISSING,
                           "the sample has no audio, and no path of one as its input");
    const char *name = a->name ? a->name : "audio";
    if (a->path) return audio_open_file(a->path, rate, 0, out);
    if (a->bytes || a->n_bytes) return audio_open_bytes(a->bytes, a->n_bytes, name, rate, 0, out);
    if (!a->samples && a->n_samples)
        return status_fail(KARMA_E_MISSING, "%s: %zu samples, and none are there",
                           status_quotez(name), a->n_samples);
    return audio_open_samples(a->samples, (int64_t)a->n_samples, 1, a->sample_rate, name, rate,
                              out);
}

/* One pass takes the whole recording at once: whether there is memory for that is known before it
 * is read. */
static karma_status check_length(struct run *r, const struct audio_reader *audio) {
    const struct audio_info *info = audio_get_info(audio);
    if (!r->m->speech->cutting.whole) return KARMA_OK;
    const double n = (double)info->frames / info->sample_rate * transcriber_rate();
    const struct transcriber_options o = {
        .max_samples = n < 1        ? 1
                       : n < 0x1p40 ? (int64_t)n
                                    : (int64_t)1 << 40,
        .max_batch = 1,
        .ceiling_bytes = r->m->speech->ceiling_bytes,
    };
    size_t bytes;
    return status_prefix(transcriber_measure(r->m->model, &o, &bytes),
                         "chunk off: the whole recording at once");
}

static karma_status take_pieces(struct run *r, struct recording *rec) {
    for (;;) {
        struct piece p;
        karma_status st = cutter_next(r->cutter, &p);
        if (st == KARMA_DONE) return KARMA_OK;
        if (st == KARMA_OK && is_cancelled(r)) st = status_fail(KARMA_E_CANCELLED, "cancelled");
        if (st == KARMA_OK) st = add_piece(r, rec, &p);
        if (st < 0) return st;
    }
}

static karma_status read_audio(struct run *r, struct recording *rec, struct audio_reader *audio) {
    int64_t n_samples = 0;
    karma_status st = check_length(r, audio);
    cutter_reset(r->cutter);
    while (st == KARMA_OK) {
        const size_t room = cutter_room(r->cutter);
        size_t n = 0;
        st = audio_read(audio, r->portion, room < PORTION ? room : PORTION, &n);
        if (st < 0 || n == 0) break;
        n_samples += (int64_t)n;
        st = cutter_push(r->cutter, r->portion, n);
        if (st == KARMA_OK) st = take_pieces(r, rec);
    }
    cutter_end(r->cutter);
    rec->duration_s = (double)n_samples / transcriber_rate();
    return st < 0 ? st : take_pieces(r, rec);
}

static karma_status take(struct run *r, const karma_sample *sample) {
    struct recording *rec;
    struct audio_reader *audio = NULL;
    karma_status st = new_recording(r, sample, &rec);
    if (st < 0) return st;
    st = speech_sample_language(r->m->speech, sample->other_args_json, &rec->language);
    if (st == KARMA_OK) st = open_audio(sample, &audio);
    if (st == KARMA_OK) st = read_audio(r, rec, audio);
    audio_close(audio);
    if (ends_the_run(st)) return st;
    if (st < 0 && fail_recording(rec, st) < 0) return KARMA_E_NOMEM;
    rec->is_read = true;
    return rec->n_waiting == 0 ? finish(r, rec) : KARMA_OK;
}

/* ---- the run ---- */

static karma_status run_all(struct run *r) {
    for (;;) {
        const karma_sample *sample = NULL;
        if (is_cancelled(r)) return status_fail(KARMA_E_CANCELLED, "cancelled");
        karma_status st = r->io->next(r->io->user, &sample);
        if (st == KARMA_DONE) return flush(r);
        if (st == KARMA_OK) st = take(r, sample);
        if (st < 0) return st;
    }
}

static karma_status begin(struct run *r) {
    const struct speech *s = r->m->speech;
    r->transcriber = speech_take_idle(r->m, &r->max_samples);
    r->batch = mem_calloc((size_t)s->max_batch, sizeof(*r->batch));
    if (!r->batch) return KARMA_E_NOMEM;
    r->portion = mem_alloc(PORTION * sizeof(*r->portion));
    if (!r->portion) return KARMA_E_NOMEM;
    return cutter_create(&s->cutting, &r->cutter);
}

karma_status speech_run(karma_model *m, const karma_run_io *io) {
    karma_status st = model_need_loaded(m);
    if (st < 0) return st;
    struct run *r = mem_calloc(1, sizeof(*r));
    if (!r) return KARMA_E_NOMEM;
    r->m = m;
    r->io = io;
    st = begin(r);
    if (st == KARMA_OK) st = run_all(r);
    while (r->open)
        forget(r, r->open);
    speech_give_back(m, r->transcriber, r->max_samples);
    cutter_destroy(r->cutter);
    mem_free(r->batch);
    mem_free(r->portion);
    buf_release(&r->json);
    arena_release(&r->box.arena);
    mem_free(r);
    return st;
}

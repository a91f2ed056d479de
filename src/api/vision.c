/*
 * vision.c - the images of a run: found in the prompt, read, decoded, prepared as the checkpoint's
 * processor says, encoded by the model's tower. The encoder belongs to the loaded model: it is made
 * for the first image, shared by its runs, and keeps the rows of the last ones by their content.
 * Names in messages are those of files, never what is in them.
 */
#include "api/vision.h"

#include <stdio.h>
#include <string.h>
#include <threads.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "engine/engine.h"
#include "engine/image_encoder.h"
#include "models/vision.h"

enum { MAX_FILE_BYTES = 1 << 30, MAX_CONFIG_BYTES = 1 << 20 };

/* Of a loaded model that sees. The lock is of all below it. */
struct vision {
    const struct vision_info *info;
    mtx_t lock;
    bool has_lock;
    struct image_encoder *encoder; /* NULL before the first image */
    struct image_processor processor;
    unsigned char settings[32]; /* digest of what the processor does */
    float *pixel_values;
    int64_t bytes; /* counted for all of it */
};

/* ---- life ---- */

static bool text_only(const karma_model *m) {
    return model_arg_bool(m, "text_only", false);
}

bool vision_is_meant(const karma_model *m, const struct model *model) {
    return (model->info.can & FAMILY_SEE) && (model->info.can & FAMILY_GENERATE) && !text_only(m);
}

karma_status vision_attach(const karma_model *m, struct checkpoint *ck) {
    const char *path = model_arg_str(m, "mmproj", NULL);
    if (!path) return KARMA_OK;
    return status_prefix(checkpoint_attach_projector(ck, path), "model argument mmproj");
}

karma_status vision_load(karma_model *m) {
    if (!vision_is_meant(m, m->model)) return KARMA_OK;
    struct vision *v = m->vision = mem_calloc(1, sizeof(*v));
    if (!v) return KARMA_E_NOMEM;
    v->info = m->model->family->vision->info(m->model->self);
    v->has_lock = mtx_init(&v->lock, mtx_plain) == thrd_success;
    return v->has_lock ? KARMA_OK : status_fail(KARMA_E_NOMEM, "no lock");
}

static void close_encoder(karma_model *m) {
    struct vision *v = m->vision;
    image_encoder_destroy(v->encoder);
    mem_free(v->pixel_values);
    model_count_cache(m, -v->bytes);
    v->encoder = NULL;
    v->pixel_values = NULL;
    v->bytes = 0;
}

void vision_unload(karma_model *m) {
    struct vision *v = m->vision;
    if (!v) return;
    close_encoder(m);
    if (v->has_lock) mtx_destroy(&v->lock);
    mem_free(v);
    m->vision = NULL;
}

static size_t pixel_bytes(const struct vision_info *info) {
    return 3 * sizeof(float) * (size_t)info->image_size * (size_t)info->image_size;
}

static struct image_encoder_options encoder_options(const karma_model *m) {
    return (struct image_encoder_options){.cache_bytes =
                                              (size_t)model_arg_int(m, "image_cache_mb", 64) << 20};
}

karma_status vision_measure(const karma_model *m, const struct model *model, int64_t *bytes) {
    struct image_encoder_options options = encoder_options(m);
    size_t size = 0;
    *bytes = 0;
    if (!vision_is_meant(m, model)) return KARMA_OK;
    options.ceiling_bytes = SIZE_MAX; /* who asks compares the sum */
    karma_status st = image_encoder_measure(model, &options, &size);
    if (st == KARMA_OK)
        *bytes = (int64_t)(size + pixel_bytes(model->family->vision->info(model->self)));
    return st;
}

/* ---- the processor ---- */

/* A companion file as a tree in a; NULL if it is not there. */
static karma_status read_config(struct arena *a, const struct checkpoint *ck, const char *name,
                                const struct json **out) {
    struct buf text = {0};
    *out = NULL;
    if (checkpoint_container(ck) != CONTAINER_HF) return KARMA_OK;
    const char *path = file_join(a, checkpoint_folder(ck), name);
    if (!path) return KARMA_E_NOMEM;
    if (!file_exists(path)) return KARMA_OK;
    karma_status st = file_read(path, MAX_CONFIG_BYTES, &text);
    if (st == KARMA_OK) {
        st = json_parse(a, buf_str(&text), text.len, JSON_LAST_WINS, out);
        if (st < 0) st = status_prefix(st, "%s", name);
    }
    buf_release(&text);
    return st;
}

static double arg_real(const karma_model *m, const char *name, double otherwise) {
    const struct json *v = model_arg(m, name);
    return !v                     ? otherwise
           : v->type == JSON_REAL ? v->u.real
           : v->type == JSON_INT  ? (double)v->u.integer
                                  : otherwise;
}

/* The model's arguments over what the files say. */
static void apply_args(const karma_model *m, struct image_processor *p) {
    p->pan_and_scan = model_arg_bool(m, "pan_and_scan", p->pan_and_scan);
    p->min_crop_size = (int32_t)model_arg_int(m, "pan_and_scan_min_crop_size", p->min_crop_size);
    p->max_num_crops = (int32_t)model_arg_int(m, "pan_and_scan_max_num_crops", p->max_num_crops);
    p->min_ratio_to_activate =
        arg_real(m, "pan_and_scan_min_ratio_to_activate", p->min_ratio_to_activate);
    image_depth_find(model_arg_str(m, "image_mode", image_depth_names[0]), &p->depth);
}

static void add_real(struct sha256 *s, double v) {
    sha256_field(s, &v, sizeof(v));
}

/* Of all that changes pixel values; where parts begin is in the boxes. */
static void digest_settings(const struct image_processor *p, unsigned char out[32]) {
    struct sha256 s;
    sha256_begin(&s);
    sha256_field_u64(&s, (uint64_t)p->width);
    sha256_field_u64(&s, (uint64_t)p->height);
    sha256_field_u64(&s, (uint64_t)p->do_resize | (uint64_t)p->do_rescale << 1 |
                             (uint64_t)p->do_normalize << 2 | (uint64_t)p->depth << 3);
    add_real(&s, p->rescale_factor);
    for (int c = 0; c < 3; c++) {
        add_real(&s, p->mean[c]);
        add_real(&s, p->std[c]);
    }
    sha256_end(&s, out);
}

/* Of a checkpoint that says nothing, such as a GGUF: the class's defaults at the tower's size. */
static karma_status plain_config(struct arena *a, int32_t image_size, const struct json **out) {
    struct json *config = json_new_object(a), *size = json_new_object(a);
    if (!config || !size) return KARMA_E_NOMEM;
    karma_status st = json_set(a, size, "height", json_new_int(a, image_size));
    if (st == KARMA_OK) st = json_set(a, size, "width", json_new_int(a, image_size));
    *out = config;
    return st < 0 ? st : json_set(a, config, "size", size);
}

static karma_status read_processor(karma_model *m) {
    struct vision *v = m->vision;
    struct arena a = {0};
    const struct json *preprocessor, *processor = NULL;
    karma_status st = read_config(&a, m->ck, "preprocessor_config.json", &preprocessor);
    if (st == KARMA_OK) st = read_config(&a, m->ck, "processor_config.json", &processor);
    if (st == KARMA_OK && !preprocessor && !processor)
        st = plain_config(&a, v->info->image_size, &preprocessor);
    if (st == KARMA_OK)
        st = image_processor_read(preprocessor, processor, v->info->image_size, &v->processor);
    if (st == KARMA_OK) {
        apply_args(m, &v->processor);
        digest_settings(&v->processor, v->settings);
    }
    arena_release(&a);
    return st;
}

/* ---- the encoder ---- */

/* What the ceiling leaves the encoder beside the run's engine. */
static karma_status encoder_ceiling(const karma_model *m, int64_t engine_bytes, size_t *out) {
    const int64_t mb = model_arg_int(m, "max_memory_mb", 0);
    const int64_t ceiling = mb ? mb << 20 : (int64_t)engine_ceiling(m->model);
    if (ceiling <= engine_bytes)
        return status_fail(KARMA_E_LIMIT, "memory: nothing is left for images under %lld MiB",
                           (long long)(ceiling >> 20));
    *out = (size_t)(ceiling - engine_bytes);
    return KARMA_OK;
}

/* With the lock held. Everything before the first image; harmless after it. */
static karma_status open_encoder(const struct vision_run *r) {
    karma_model *m = r->m;
    struct vision *v = m->vision;
    struct image_encoder_options options = encoder_options(m);
    if (v->encoder) return KARMA_OK;
    karma_status st = read_processor(m);
    if (st == KARMA_OK) st = encoder_ceiling(m, r->engine_bytes, &options.ceiling_bytes);
    if (st == KARMA_OK && !(v->pixel_values = mem_alloc(pixel_bytes(v->info)))) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) st = image_encoder_create(m->model, &options, &v->encoder);
    if (st < 0) {
        mem_free(v->pixel_values);
        v->pixel_values = NULL;
        return status_prefix(st, "images");
    }
    v->bytes = (int64_t)(image_encoder_bytes(v->encoder) + pixel_bytes(v->info));
    model_count_cache(m, v->bytes);
    return KARMA_OK;
}

/* ---- one image ---- */

struct picture {
    char name[300];
    struct buf read; /* bytes of a file */
    void *decoded;   /* bytes of a data URL */
    const void *bytes;
    size_t n_bytes;
    unsigned char content[32]; /* digest of bytes or pixels */
    struct image image;
    bool is_open, lent; /* image is there; its pixels are the caller's */
};

static void picture_release(struct picture *p) {
    if (p->is_open && !p->lent) image_release(&p->image);
    buf_release(&p->read);
    mem_free(p->decoded);
}

static void name_picture(const karma_image *im, size_t i, struct picture *p) {
    const bool url = im->path && image_is_data_url(im->path);
    const char *name = im->name ? im->name : url ? NULL : im->path;
    if (name)
        snprintf(p->name, sizeof(p->name), "%s", status_quote_path(name));
    else
        snprintf(p->name, sizeof(p->name), "image %zu", i + 1);
}

static karma_status read_path(const char *path, struct picture *p) {
    if (image_is_data_url(path)) {
        karma_status st = image_from_data_url(path, strlen(path), &p->decoded, &p->n_bytes);
        p->bytes = p->decoded;
        return status_prefix(st, "%s", p->name);
    }
    if (file_is_url(path))
        return status_fail(KARMA_E_PATH, "%s: images are not fetched from elsewhere", p->name);
    if (strcmp(path, "-") == 0)
        return status_fail(KARMA_E_PATH, "an image is not read from standard input");
    karma_status st = file_read(path, MAX_FILE_BYTES, &p->read);
    p->bytes = p->read.data ? (const void *)p->read.data : "";
    p->n_bytes = p->read.len;
    return st;
}

static void digest_content(struct picture *p) {
    struct sha256 s;
    const struct image *im = &p->image;
    sha256_begin(&s);
    if (p->lent) {
        sha256_field_str(&s, "pixels");
        sha256_field_u64(&s, (uint64_t)im->width);
        sha256_field_u64(&s, (uint64_t)im->height);
        sha256_field_u64(&s, (uint64_t)im->channels);
        sha256_add(&s, im->pixels, (size_t)im->width * (size_t)im->height * (size_t)im->channels);
    } else {
        sha256_field_str(&s, "file");
        sha256_add(&s, p->bytes, p->n_bytes);
    }
    sha256_end(&s, p->content);
}

static int64_t most_pixels(const karma_model *m) {
    return model_arg_int(m, "max_pixels", IMAGE_MAX_PIXELS);
}

/* Its bytes or pixels, and their digest. Release p on both paths. */
static karma_status picture_read(const karma_model *m, const karma_image *im, size_t i,
                                 struct picture *p) {
    karma_status st = KARMA_OK;
    *p = (struct picture){0};
    name_picture(im, i, p);
    if (im->path) {
        st = read_path(im->path, p);
    } else if (im->bytes) {
        p->bytes = im->bytes;
        p->n_bytes = im->n_bytes;
    } else {
        /* karma_prompt_add_image() has checked the sides. */
        p->is_open = p->lent = true;
        p->image = (struct image){.width = im->width,
                                  .height = im->height,
                                  .channels = im->channels,
                                  .bits = 8,
                                  .pixels = (void *)im->pixels}; /* only read */
        if ((int64_t)im->width * im->height > most_pixels(m))
            st = status_fail(KARMA_E_LIMIT, "%s: %d x %d pixels are more than %lld", p->name,
                             im->width, im->height, (long long)most_pixels(m));
        if (st == KARMA_OK && im->frame != 0)
            st = status_fail(KARMA_E_RANGE, "%s: frame %d of pixels, which are one", p->name,
                             im->frame);
    }
    if (st == KARMA_OK) digest_content(p);
    return st;
}

static struct image_options decode_options(const karma_model *m, const karma_image *im) {
    return (struct image_options){
        .max_pixels = most_pixels(m),
        .frame = im->frame,
        .window_center = arg_real(m, "window_center", 0),
        .window_width = arg_real(m, "window_width", 0),
    };
}

static karma_status picture_open(const karma_model *m, const karma_image *im, struct picture *p) {
    const struct image_options options = decode_options(m, im);
    if (p->is_open) return KARMA_OK;
    karma_status st = image_decode(p->bytes, p->n_bytes, p->name, &options, &p->image);
    p->is_open = st == KARMA_OK;
    return st;
}

/* What the rows of one box follow from; box NULL: the whole. */
static void digest_rows(const karma_model *m, const karma_image *im, const struct picture *p,
                        const struct image_box *box, unsigned char out[32]) {
    static const struct image_box whole;
    const struct image_options options = decode_options(m, im);
    const struct image_box *b = box ? box : &whole;
    struct sha256 s;
    sha256_begin(&s);
    sha256_field(&s, p->content, sizeof(p->content));
    sha256_field(&s, m->vision->settings, sizeof(m->vision->settings));
    sha256_field_u64(&s, (uint64_t)options.frame);
    add_real(&s, options.window_center);
    add_real(&s, options.window_width);
    sha256_field_u64(&s, (uint64_t)b->x);
    sha256_field_u64(&s, (uint64_t)b->y);
    sha256_field_u64(&s, (uint64_t)b->width);
    sha256_field_u64(&s, (uint64_t)b->height);
    sha256_end(&s, out);
}

/* ---- a prompt's images ---- */

/* The text of a token around or in place of an image, in a; id -1: the one that is spelt so. */
static karma_status mark_text(struct arena *a, const karma_model *m, int32_t id, const char *spelt,
                              const char **out) {
    size_t len = strlen(spelt);
    const char *text = id < 0 ? spelt : tokenizer_token(m->text.tokenizer, id, &len);
    if (!text || tokenizer_find(m->text.tokenizer, text, len) < 0)
        return status_fail(KARMA_E_MISSING, "images: the tokenizer has no token %s, id %d", spelt,
                           id);
    *out = arena_strndup(a, text, len);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status set_marks(const karma_model *m, struct sight *s) {
    const struct vision_info *info = m->vision->info;
    karma_status st = mark_text(&s->arena, m, info->boi_token, "<start_of_image>", &s->marks.begin);
    if (st == KARMA_OK)
        st = mark_text(&s->arena, m, info->image_token, "<image_soft_token>", &s->marks.soft);
    if (st == KARMA_OK)
        st = mark_text(&s->arena, m, info->eoi_token, "<end_of_image>", &s->marks.end);
    s->marks.tokens_per_image = info->tokens_per_image;
    s->marks.n_crops = s->n_crops;
    s->marks.n_images = s->n_images;
    return st;
}

static karma_status gather(const struct karma_prompt *p, struct sight *s) {
    size_t n = p->raw ? p->n_raw_images : 0, at = 0;
    for (size_t i = 0; !p->raw && i < p->count; i++)
        n += p->messages[i].n_images;
    const karma_image **list = arena_calloc(&s->arena, n + 1, sizeof(const karma_image *));
    s->n_crops = arena_calloc(&s->arena, n + 1, sizeof(*s->n_crops));
    s->boxes = arena_calloc(&s->arena, n + 1, sizeof(*s->boxes));
    if (!list || !s->n_crops || !s->boxes) return KARMA_E_NOMEM;
    for (size_t i = 0; p->raw && i < n; i++)
        list[at++] = &p->raw_images[i];
    for (size_t i = 0; !p->raw && i < p->count; i++)
        for (size_t k = 0; k < p->messages[i].n_images; k++)
            list[at++] = &p->messages[i].images[k];
    s->images = list;
    s->n_images = s->n_pictures = n;
    return KARMA_OK;
}

/* Which parts image i is shown in: its size decides. */
static karma_status find_boxes(struct vision_run *r, struct sight *s, size_t i) {
    struct image_box boxes[IMAGE_MAX_CROPS + 1];
    struct picture p;
    size_t n = 1;
    karma_status st = picture_read(r->m, s->images[i], i, &p);
    if (st == KARMA_OK) st = picture_open(r->m, s->images[i], &p);
    if (st == KARMA_OK) {
        image_processor_boxes(&r->m->vision->processor, &p.image, boxes, &n);
        s->boxes[i] = arena_dup(&s->arena, boxes, n * sizeof(*boxes));
        if (!s->boxes[i]) st = KARMA_E_NOMEM;
    }
    if (st == KARMA_OK) {
        s->n_crops[i] = n - 1;
        s->n_pictures += n - 1;
    }
    picture_release(&p);
    return st;
}

static const char *why_blind(const karma_model *m) {
    if (text_only(m)) return "it is loaded with text_only";
    if (!m->model->family->vision) return "it is a model of text alone";
    return checkpoint_container(m->ck) == CONTAINER_GGUF
               ? "there is no vision part with it: model argument mmproj names one, or a folder is "
                 "loaded that holds an mmproj*.gguf, too"
               : "its checkpoint has no vision part";
}

karma_status sight_begin(struct vision_run *r, const struct karma_prompt *p, struct sight *s,
                         bool *sees) {
    const karma_model *m = r->m;
    *s = (struct sight){0};
    *sees = m->vision != NULL;
    karma_status st = gather(p, s);
    if (st < 0) return st;
    if (!m->vision && s->n_images == 0) return KARMA_OK;
    if (!m->vision)
        return status_fail(KARMA_E_UNSUPPORTED, "%s cannot see the sample's image%s: %s",
                           status_quote_path(m->plan.name), s->n_images == 1 ? "" : "s",
                           why_blind(m));
    if (s->n_images > 0) {
        mtx_lock(&m->vision->lock);
        st = open_encoder(r);
        mtx_unlock(&m->vision->lock);
    }
    const bool parts = s->n_images > 0 && m->vision->processor.pan_and_scan;
    for (size_t i = 0; st == KARMA_OK && parts && i < s->n_images; i++)
        st = find_boxes(r, s, i);
    if (st == KARMA_OK) st = set_marks(m, s);
    /* A checkpoint whose tokenizer lacks the marks still answers text. */
    if (st == KARMA_E_MISSING && s->n_images == 0) {
        *sees = false;
        return KARMA_OK;
    }
    return st;
}

karma_status sight_place(const struct vision_run *r, struct sight *s, const struct tokens *ids,
                         int32_t n_ctx) {
    const int32_t soft = tokenizer_find(r->m->text.tokenizer, s->marks.soft, strlen(s->marks.soft));
    const size_t per_image = (size_t)s->marks.tokens_per_image;
    size_t n = 0;
    s->spans = arena_calloc(&s->arena, s->n_pictures + 1, sizeof(*s->spans));
    if (!s->spans) return KARMA_E_NOMEM;
    if (s->n_images > 0 && ids->count >= (size_t)n_ctx)
        return status_fail(KARMA_E_LIMIT,
                           "the prompt has %zu tokens, %zu of them for %zu image%s, and the "
                           "context is %d",
                           ids->count, s->n_pictures * per_image, s->n_images,
                           s->n_images == 1 ? "" : "s", n_ctx);
    for (size_t i = 0; i < ids->count;) {
        size_t end = i;
        while (end < ids->count && ids->ids[end] == soft)
            end++;
        if (end > i && (end - i != per_image || n == s->n_pictures))
            return status_fail(KARMA_E_SHAPE,
                               "the prompt has %zu tokens %s in a row, which are not an image's "
                               "%zu: they were typed, or an image was cut by truncate",
                               end - i, s->marks.soft, per_image);
        if (end > i) s->spans[n++].begin = i;
        i = end > i ? end : i + 1;
    }
    if (n == s->n_pictures) return KARMA_OK;
    return status_fail(KARMA_E_SHAPE, "the prompt has places for %zu of %zu images%s", n,
                       s->n_pictures, ids->count ? ": truncate cut them" : "");
}

/* ---- encoding ---- */

static void note_clipped(struct vision_run *r, const struct picture *p) {
    if (r->n_clipped++ > 0) return;
    log_warn("%s: grey of 16 bits is cut at 255, so that it is nearly white, as the reference "
             "does; image_mode full_depth or min_max shows it",
             p->name);
}

/* With the lock held. */
static karma_status encode_box(struct vision_run *r, const struct picture *p,
                               const struct image_box *box, const unsigned char digest[32],
                               bool *clipped, struct image_rows **rows) {
    struct vision *v = r->m->vision;
    karma_status st = image_processor_run(&v->processor, &p->image, box, v->pixel_values, clipped);
    if (st == KARMA_OK)
        st = image_encoder_run(v->encoder, v->pixel_values, digest, r->io->cancelled, r->io->user,
                               rows);
    if (st == KARMA_OK) r->has_encoded = true;
    return st < 0 ? status_prefix(st, "%s", p->name) : st;
}

/* Image i: the whole and its parts, to spans from `first` on. */
static karma_status encode_image(struct vision_run *r, struct sight *s, size_t i, size_t first) {
    struct vision *v = r->m->vision;
    const karma_image *im = s->images[i];
    struct picture p;
    bool any_clipped = false;
    karma_status st = picture_read(r->m, im, i, &p);
    for (size_t k = 0; st == KARMA_OK && k <= s->n_crops[i]; k++) {
        struct image_rows **rows = &s->spans[first + k].rows;
        const struct image_box *part = k > 0 ? &s->boxes[i][k] : NULL;
        unsigned char digest[32];
        bool clipped = false;
        digest_rows(r->m, im, &p, part, digest);
        mtx_lock(&v->lock);
        *rows = image_encoder_find(v->encoder, digest);
        mtx_unlock(&v->lock);
        if (*rows) continue;
        st = picture_open(r->m, im, &p);
        if (st < 0) break;
        const struct image_box box =
            part ? *part : (struct image_box){0, 0, p.image.width, p.image.height};
        mtx_lock(&v->lock);
        st = encode_box(r, &p, &box, digest, &clipped, rows);
        mtx_unlock(&v->lock);
        any_clipped = any_clipped || clipped;
    }
    if (any_clipped) note_clipped(r, &p);
    picture_release(&p);
    return st;
}

karma_status sight_encode(struct vision_run *r, struct sight *s) {
    karma_status st = KARMA_OK;
    size_t first = 0;
    for (size_t i = 0; st == KARMA_OK && i < s->n_images; i++) {
        if (r->io->cancelled && r->io->cancelled(r->io->user))
            st = status_fail(KARMA_E_CANCELLED, "cancelled");
        if (st == KARMA_OK) st = encode_image(r, s, i, first);
        first += 1 + s->n_crops[i];
    }
    return st;
}

void sight_release(struct sight *s) {
    for (size_t i = 0; s->spans && i < s->n_pictures; i++)
        image_rows_unref(s->spans[i].rows);
    arena_release(&s->arena);
    *s = (struct sight){0};
}

void vision_run_end(const struct vision_run *r) {
    if (r->n_clipped > 1) log_warn("%zu images of 16 bits were cut at 255 in all", r->n_clipped);
}

/* ---- what is told ---- */

karma_status vision_info_json(struct arena *a, const karma_model *m, struct json *object) {
    if (!m->vision) return KARMA_OK;
    const struct vision_info *info = m->vision->info;
    struct image_encoder_stats stats = {0};
    mtx_lock(&m->vision->lock);
    if (m->vision->encoder) image_encoder_get_stats(m->vision->encoder, &stats);
    mtx_unlock(&m->vision->lock);
    struct json *o = json_new_object(a);
    const struct {
        const char *key;
        int64_t value;
    } parts[] = {
        {"image_size", info->image_size},
        {"tokens_per_image", info->tokens_per_image},
        {"images_encoded", (int64_t)stats.encoded},
        {"images_found", (int64_t)stats.found},
    };
    karma_status st = o ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < sizeof(parts) / sizeof(parts[0]); i++)
        st = json_set(a, o, parts[i].key, json_new_int(a, parts[i].value));
    return st < 0 ? st : json_set(a, object, "vision", o);
}

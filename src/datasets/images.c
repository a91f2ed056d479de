/* images.c - see images.h. */
#include "datasets/images.h"

#include <string.h>

#include "base/utf8.h"

/* How files that hold pictures begin, in base64: PNG, JPEG, WebP, DICOM's empty preamble; and those
 * that are none of ours, so that the model can say what they are: GIF, TIFF of both byte orders. */
static const char *const begins[] = {"iVBORw0KGgo", "/9j/",  "UklGR", "AAAAAAAAAAAA",
                                     "R0lGOD",      "SUkqA", "TU0AK", NULL};

static const char *const usual_columns[] = {"image", "images", "image_path", "image_paths", NULL};
/* Of a set that says it has pictures: columns that elsewhere may mean another file. */
static const char *const more_columns[] = {"file_name", "img_name", "img_path", NULL};

/* Nothing is there: an empty cell is none, too. */
static bool is_nothing(const struct json *value) {
    return json_is_null(value) || (json_is_string(value) && value->u.string.len == 0) ||
           (json_is_array(value) && json_count(value) == 0);
}

static const char *first_column(const struct json *row, const char *const *columns) {
    for (; *columns; columns++)
        if (!is_nothing(item_field(row, *columns))) return *columns;
    return NULL;
}

bool images_has_column(const struct json *row) {
    return first_column(row, usual_columns) != NULL;
}

/* A number, or the digits of one from a table. */
static karma_status read_frame(struct arena *a, const struct json *value, int32_t *out) {
    const char *text;
    int64_t n = 0;
    karma_status st = item_text(a, value, &text);
    if (st < 0 || !text || !text[0]) return st;
    const size_t digits = strlen(text);
    bool ok = digits <= 9;
    for (size_t i = 0; i < digits && ok; i++) {
        ok = ascii_is_digit(text[i]);
        n = n * 10 + (text[i] - '0');
    }
    if (!ok)
        return status_fail(KARMA_E_RANGE, "expected the number of a frame, from 0, found '%s'",
                           status_quotez(text));
    *out = (int32_t)n;
    return KARMA_OK;
}

static karma_status read_image(struct arena *a, const char *folder, const struct json *value,
                               int32_t frame, karma_image *out) {
    struct attached x;
    karma_status st = attached_read(a, folder, begins, value, &x);
    if (st < 0) return st;
    *out = (karma_image){
        .path = x.path, .bytes = x.bytes, .n_bytes = x.n_bytes, .name = x.name, .frame = frame};
    if (!json_is_object(value)) return KARMA_OK;
    st = read_frame(a, json_get(value, "frame"), &out->frame);
    return st < 0 ? status_prefix(st, "frame") : KARMA_OK;
}

/* What a column holds, behind those that are there already. */
static karma_status add_column(struct arena *a, const char *folder, const struct json *value,
                               int32_t frame, struct item *out) {
    const bool list = json_is_array(value);
    const size_t n = is_nothing(value) ? 0 : list ? json_count(value) : 1;
    if (n > IMAGES_MAX - out->n_images)
        return status_fail(KARMA_E_LIMIT, "more than %d pictures", IMAGES_MAX);
    if (n == 0) return KARMA_OK;
    karma_image *all = arena_calloc(a, out->n_images + n, sizeof(*all));
    if (!all) return KARMA_E_NOMEM;
    if (out->n_images) memcpy(all, out->images, out->n_images * sizeof(*all));
    out->images = all;
    for (size_t i = 0; i < n; i++) {
        karma_status st =
            read_image(a, folder, list ? json_at(value, i) : value, frame, &all[out->n_images]);
        if (st < 0) return list ? status_prefix(st, "item %zu", i) : st;
        out->n_images++;
    }
    return KARMA_OK;
}

karma_status images_item(struct arena *a, const struct dataset_spec *spec, const char *folder,
                         const struct json *row, struct item *out) {
    const struct dataset_fields *f = &spec->fields;
    const char *found[] = {NULL, NULL};
    const char *const *columns = f->images;
    int32_t frame = 0;
    if (spec->images == DATASET_IMAGES_NONE) return KARMA_OK;
    if (!columns) { /* the first usual one */
        found[0] = first_column(row, usual_columns);
        if (!found[0] && spec->images == DATASET_IMAGES_ALL)
            found[0] = first_column(row, more_columns);
        columns = found;
    }
    karma_status st = KARMA_OK;
    if (columns[0]) {
        const char *name = f->frame ? f->frame : "frame";
        st = read_frame(a, item_field(row, name), &frame);
        if (st < 0) return status_prefix(st, "%s", name);
    }
    for (; *columns; columns++) {
        st = add_column(a, folder, item_field(row, *columns), frame, out);
        if (st < 0) return status_prefix(st, "%s", *columns);
    }
    if (out->n_images == 0 && spec->images == DATASET_IMAGES_ALL)
        return status_fail(KARMA_E_MISSING,
                           "%s: missing (rows with and without pictures: kind question_answer)",
                           f->images ? f->images[0] : usual_columns[0]);
    return KARMA_OK;
}

karma_status images_take(struct images *s, struct arena *a, const struct item *item, bool may_miss,
                         int64_t line_no, size_t *first) {
    *first = s->seen.count;
    for (size_t i = 0; i < item->n_images; i++) {
        const karma_image *im = &item->images[i];
        const struct attached x = {.path = im->path, .bytes = im->bytes, .n_bytes = im->n_bytes};
        bool missing;
        karma_status st = attached_take(&s->seen, &x, may_miss, &missing);
        if (st < 0) return status_prefix(st, "image");
        if (!missing || s->n_missing++ > 0) continue;
        s->first_missing_line = line_no;
        if (!(s->first_missing = arena_strdup(a, im->path))) return KARMA_E_NOMEM;
    }
    return KARMA_OK;
}

karma_status images_check(const struct images *s, size_t first, struct item *item) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < item->n_images && st == KARMA_OK; i++) {
        karma_image *im = &item->images[i];
        st = attached_check(&s->seen, first + i, im->path, &im->digest);
    }
    return st < 0 ? status_prefix(st, "image") : KARMA_OK;
}

void images_add_digest(const struct images *s, const struct dataset_spec *spec, struct sha256 *h) {
    for (const char *const *c = spec->fields.images; c && *c; c++)
        sha256_field_str(h, *c);
    sha256_field_str(h, spec->fields.frame);
    attached_add_digest(&s->seen, h);
}

void images_close(struct images *s) {
    attached_release(&s->seen);
    *s = (struct images){0};
}

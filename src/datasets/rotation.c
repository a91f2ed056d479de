/* rotation.c - see rotation.h and karma_dataset_rotate(). */
#include "datasets/rotation.h"

#include <string.h>

#include "datasets/open_set.h"
#include "datasets/prompt.h"

static void move_texts(struct choices *c, size_t by) {
    const struct choices old = *c;
    for (size_t i = 0; i < c->count; i++) {
        const size_t from = (i + by) % c->count;
        c->texts[i] = old.texts[from];
        c->keys[i] = old.keys[from];
        c->positions[i] = old.positions[from];
    }
}

karma_status rotation_apply(struct arena *a, const char *prompt, const struct json *args,
                            const struct json *row, size_t by, struct item *item) {
    struct choices *c = &item->choices;
    const int right = item->reference ? choices_of_label(c, item->reference[0]) : -1;
    if (by == 0 || c->count == 0) return KARMA_OK;
    move_texts(c, by);
    item->options = choices_lines(a, c);
    if (right >= 0) {
        const size_t now = ((size_t)right + c->count - by % c->count) % c->count;
        item->reference = arena_strndup(a, &c->labels[now], 1);
    }
    if (!item->options || !item->reference) return KARMA_E_NOMEM;
    const struct prompt_values v = {.question = item->question,
                                    .options = item->options,
                                    .labels = item->labels,
                                    .context = item->context,
                                    .args = args,
                                    .row = row};
    return prompt_render(a, prompt, &v, &item->prompt);
}

karma_status rotation_name(struct arena *a, size_t by, struct item *item) {
    if (!item->group) item->group = item->id;
    if (by == 0) return KARMA_OK;
    item->id = arena_printf(a, "%s#r%zu", item->id, by);
    return item->id ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status check_can_rotate(const karma_dataset *d) {
    if (d->spec->class || d->spec->kind != DATASET_MULTIPLE_CHOICE)
        return status_fail(KARMA_E_USAGE,
                           "its questions have no options, so there are no orders of them");
    if (!d->info.prompt || !strstr(d->info.prompt, "{options}"))
        return status_fail(KARMA_E_USAGE, "its prompt does not show the options by {options}, so "
                                          "they cannot be shown in another order");
    return KARMA_OK;
}

/* Row i once for each order, appended to *out. */
static karma_status take_orders(karma_dataset *d, size_t i, struct buf *out) {
    const char *const *labels, *const *texts;
    size_t n;
    karma_status st = karma_dataset_choices(d, i, &labels, &texts, &n);
    for (size_t r = 0; r < n && st == KARMA_OK; r++) {
        struct taken t = d->taken[i];
        t.question = i;
        t.rotation = r;
        t.n_rotations = n;
        st = buf_append(out, &t, sizeof(t));
    }
    return st;
}

karma_status karma_dataset_rotate(karma_dataset *d) {
    struct buf all = {0};
    karma_status st = check_can_rotate(d);
    if (st < 0 || d->rotates) return st;
    for (size_t i = 0; i < d->count && st == KARMA_OK; i++)
        st = take_orders(d, i, &all);
    struct taken *taken = st == KARMA_OK ? mem_alloc(all.len) : NULL;
    if (st == KARMA_OK && !taken) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) {
        memcpy(taken, all.data, all.len);
        mem_free(d->taken);
        d->taken = taken;
        d->count = d->cap = all.len / sizeof(*taken);
        d->rotates = true;
        d->sample_row.index = d->extract_row.index = SIZE_MAX;
    }
    buf_release(&all);
    return st;
}

void karma_dataset_rotation(const karma_dataset *d, size_t i, size_t *question, size_t *rotation,
                            size_t *n) {
    const bool is_one = d->rotates && i < d->count;
    *question = is_one ? d->taken[i].question : i;
    *rotation = is_one ? d->taken[i].rotation : 0;
    *n = is_one ? d->taken[i].n_rotations : 1;
}

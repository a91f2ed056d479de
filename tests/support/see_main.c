/*
 * see_main.c - the driver of tools/compare/medgemma.py.
 *
 *     see_main FOLDER ARGUMENTS < CASES
 *
 * ARGUMENTS: of the model, JSON. A case is a line, {"turns": [{"role", "content", "images": [PATH],
 * "first": bool}, ...]} or {"raw": TEXT, "images": [PATH]}; for each one line comes out: {"ids":
 * [...], "tokens": [...]}, what the prompt became and what was generated, or {"error": CODE}.
 */
#include <stdio.h>
#include <string.h>

#include "api/vision.h"
#include "karma/karma.h"

static karma_status add_images(karma_prompt *p, size_t i, const struct json *paths) {
    karma_status st = KARMA_OK;
    for (size_t k = 0; st == KARMA_OK && k < json_count(paths); k++) {
        const karma_image image = {.path = json_str(json_at(paths, k), "")};
        st = karma_prompt_add_image(p, i, &image);
    }
    return st;
}

static karma_status read_case(const struct json *c, karma_prompt *p) {
    const struct json *turns = json_get(c, "turns");
    const char *raw = json_str(json_get(c, "raw"), NULL);
    karma_status st = raw ? karma_prompt_raw(p, raw) : KARMA_OK;
    if (raw) return st < 0 ? st : add_images(p, 0, json_get(c, "images"));
    for (size_t i = 0; st == KARMA_OK && i < json_count(turns); i++) {
        const struct json *turn = json_at(turns, i), *first = json_get(turn, "first");
        const karma_message m = {.role = json_str(json_get(turn, "role"), NULL),
                                 .content = json_str(json_get(turn, "content"), NULL),
                                 .images_first =
                                     first && first->type == JSON_BOOL && first->u.boolean};
        st = karma_prompt_add_message(p, &m);
        if (st == KARMA_OK) st = add_images(p, i, json_get(turn, "images"));
    }
    return st;
}

static karma_status make_ids(karma_model *m, const karma_prompt *p, struct tokens *ids) {
    const karma_run_io io = {0};
    struct vision_run run = {.m = m, .io = &io};
    struct sight sight;
    struct render_options options = {0};
    size_t n_special;
    bool sees;
    karma_status st = sight_begin(&run, p, &sight, &sees);
    if (sees) options.marks = &sight.marks;
    if (st == KARMA_OK && p->raw)
        st = text_encode_raw(&m->text, p->raw, &options, NULL, ids, &n_special);
    if (st == KARMA_OK && !p->raw)
        st = text_render(&m->text, p->messages, p->count, &options, NULL, ids, &n_special);
    sight_release(&sight);
    return st;
}

static void print_ids(const char *key, const int32_t *ids, size_t n) {
    printf("\"%s\": [", key);
    for (size_t i = 0; i < n; i++)
        printf("%s%d", i ? ", " : "", ids[i]);
    printf("]");
}

/* ---- the answer: the prompt's messages are a sample's conversation ---- */

struct one {
    karma_sample sample;
    bool given;
};

static karma_status next(void *user, const karma_sample **sample) {
    struct one *one = user;
    if (one->given) return KARMA_DONE;
    one->given = true;
    *sample = &one->sample;
    return KARMA_OK;
}

static karma_status put(void *user, const karma_output *o) {
    (void)user;
    if (o->status < 0) return karma_fail(o->status, o->error);
    printf(", ");
    print_ids("tokens", o->tokens, o->n_tokens);
    return KARMA_OK;
}

static karma_status answer(karma_model *m, const karma_prompt *p) {
    struct one one = {.sample = {.struct_size = sizeof(karma_sample),
                                 .conversation = p->messages,
                                 .n_messages = p->count}};
    const karma_run_io io = {.next = next, .put = put, .user = &one};
    return p->raw ? KARMA_OK : karma_model_run(m, &io);
}

static karma_status run_line(karma_model *m, const char *line) {
    struct arena a = {0};
    const struct json *c;
    karma_prompt p = {0};
    struct tokens ids = {0};
    karma_status st = json_parse(&a, line, strlen(line), JSON_LAST_WINS, &c);
    if (st == KARMA_OK) st = read_case(c, &p);
    if (st == KARMA_OK) st = make_ids(m, &p, &ids);
    printf("{");
    if (st == KARMA_OK) {
        print_ids("ids", ids.ids, ids.count);
        st = answer(m, &p);
        if (st < 0) printf(", ");
    }
    if (st < 0) {
        printf("\"error\": \"%s\"", karma_status_name(st));
        fprintf(stderr, "see_main: %s\n", karma_error_message());
    }
    puts("}");
    fflush(stdout);
    tokens_release(&ids);
    prompt_release(&p);
    arena_release(&a);
    return st;
}

int main(int argc, char **argv) {
    static char line[1 << 20];
    karma_model *m;
    if (argc != 3) {
        fputs("usage: see_main FOLDER ARGUMENTS < CASES\n", stderr);
        return 2;
    }
    if (karma_get_model(argv[1], argv[2], &m) < 0) {
        fprintf(stderr, "see_main: %s\n", karma_error_message());
        return 1;
    }
    while (fgets(line, sizeof(line), stdin))
        run_line(m, line);
    karma_model_destroy(m);
    return 0;
}

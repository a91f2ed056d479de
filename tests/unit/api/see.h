/*
 * see.h - a complete tiny checkpoint that sees, in the test's own folder: weights of
 * tests/fixtures/models/gemma3_see, the rest and pictures of tests/fixtures/api/see; and the cases
 * of its cases.txt.
 */
#ifndef TESTS_UNIT_API_SEE_H
#define TESTS_UNIT_API_SEE_H

#include "karma/karma.h"
#include "tests/unit/api/tiny.h"

enum {
    SEE_TOKENS_PER_IMAGE = 4,
    SEE_N_GREEDY = 12,
    SEE_MAX_CASES = 16,
    SEE_MAX_IDS = 256,
    SEE_MAX_TURNS = 4,
    SEE_MAX_IMAGES = 4,
};

#define SEE_PICTURE(name) "tests/fixtures/api/see/" name ".png"

static inline const char *see_folder(const char *name) {
    static const char *const files[] = {"config.json", "tokenizer.json", "tokenizer_config.json",
                                        "preprocessor_config.json"};
    tiny_copy(name, "models/gemma3_see", "model.safetensors");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        tiny_copy(name, "api/see", files[i]);
    return test_path(name);
}

struct see_case {
    char name[40];
    bool pan;
    karma_message turns[SEE_MAX_TURNS];
    size_t n_turns;
    karma_image images[SEE_MAX_TURNS][SEE_MAX_IMAGES];
    char paths[SEE_MAX_TURNS][SEE_MAX_IMAGES][80];
    char words[SEE_MAX_TURNS][80];
    int32_t ids[SEE_MAX_IDS], greedy[SEE_N_GREEDY];
    size_t n_ids, n_greedy;
};

static inline size_t see_ids(const char *text, int32_t *ids, size_t max) {
    size_t n = 0;
    for (char *end; *text; text = end) {
        const long id = strtol(text, &end, 10);
        if (end == text) break;
        assert_true(n < max);
        ids[n++] = (int32_t)id;
    }
    return n;
}

/* Words with \n as JSON has it. */
static inline void see_words(const char *from, char *to) {
    for (; *from; from++) {
        const bool line_end = from[0] == '\\' && from[1] == 'n';
        *to++ = line_end ? '\n' : *from;
        from += line_end;
    }
    *to = '\0';
}

static inline void see_line(struct see_case *c, const char *key, const char *rest) {
    karma_message *turn = &c->turns[c->n_turns];
    if (strcmp(key, "name") == 0) {
        snprintf(c->name, sizeof(c->name), "%s", rest);
    } else if (strcmp(key, "pan") == 0) {
        c->pan = true;
    } else if (strcmp(key, "first") == 0) {
        turn->images_first = true;
    } else if (strcmp(key, "picture") == 0) {
        char *path = c->paths[c->n_turns][turn->n_images];
        snprintf(path, sizeof(c->paths[0][0]), "tests/fixtures/api/see/%s.png", rest);
        c->images[c->n_turns][turn->n_images++].path = path;
        turn->images = c->images[c->n_turns];
    } else if (strcmp(key, "ids") == 0) {
        c->n_ids = see_ids(rest, c->ids, SEE_MAX_IDS);
    } else if (strcmp(key, "greedy") == 0) {
        c->n_greedy = see_ids(rest, c->greedy, SEE_N_GREEDY);
    } else {
        turn->role = strcmp(key, "user") == 0     ? "user"
                     : strcmp(key, "system") == 0 ? "system"
                                                  : "assistant";
        see_words(rest, c->words[c->n_turns]);
        turn->content = c->words[c->n_turns++];
    }
}

/* All cases of the file; their number. */
static inline size_t see_cases(struct see_case cases[SEE_MAX_CASES]) {
    size_t n = 0;
    char *text = read_fixture("tests/fixtures/api/see/cases.txt", NULL);
    memset(cases, 0, SEE_MAX_CASES * sizeof(*cases));
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        *end = '\0';
        char *space = strchr(line, ' ');
        if (*line && strncmp(line, "name ", 5) == 0) n++;
        if (space) *space = '\0';
        assert_true(n > 0 && n <= SEE_MAX_CASES);
        if (*line) see_line(&cases[n - 1], line, space ? space + 1 : "");
        line = end + 1;
    }
    return n;
}

#endif

/*
 * silence_accuracy.c - 1 if a transcript says nothing, as it should of a recording without speech:
 * what stands in brackets, punctuation and words such as "um" and "ok" are nothing. The list and
 * its order of steps are KARMA's; with fillers=false no word is nothing, so that a "no" which
 * nobody said is an error.
 */
#include <string.h>

#include "metrics/metric.h"
#include "metrics/ngrams.h"
#include "text/characters.h"

static const char *const fillers[] = {
    "hmm",   "hm",  "hmmmm", "hmmm", "umm",   "um",   "ummm", "ummmm", "uhh",   "uh",    "uhhh",
    "uhhhh", "ahh", "ah",    "ahhh", "ahhhh", "haaa", "haa",  "ha",    "haaaa", "err",   "er",
    "errr",  "erm", "ermm",  "mhm",  "mhmm",  "mmm",  "mm",   "mmmm",  "ugh",   "urgh",  "ooh",
    "oh",    "ohh", "eeh",   "eh",   "ehh",   "ok",   "okay", "okk",   "okkk",  "okayy", "yeah",
    "yea",   "yep", "yup",   "yes",  "no",    "nope", NULL,
};

/* Without what stands between the two, on one line. */
static karma_status drop_between(struct buf *b, char open, char close) {
    struct buf out = {0};
    karma_status st = KARMA_OK;
    const char *p = buf_str(b);
    while (*p && st == KARMA_OK) {
        const char *end = *p == open ? p + strcspn(p, close == ']'   ? "]\n"
                                                      : close == '>' ? ">\n"
                                                                     : ")\n")
                                     : p;
        if (*p == open && *end == close) {
            p = end + 1;
        } else {
            st = buf_putc(&out, *p++);
        }
    }
    buf_release(b);
    *b = out;
    return st;
}

static karma_status drop_punctuation(struct buf *b) {
    struct buf out = {0};
    karma_status st = KARMA_OK;
    for (const char *p = buf_str(b); *p && st == KARMA_OK; p++)
        if (!strchr(".,-!?;:\"'\\/", *p)) st = buf_putc(&out, *p);
    buf_release(b);
    *b = out;
    return st;
}

static karma_status is_filler(const char *word, size_t len, bool *filler) {
    struct buf lower = {0};
    karma_status st = lower_append(&lower, word, len);
    *filler = false;
    for (const char *const *f = fillers; *f && st == KARMA_OK; f++)
        *filler = *filler || strcmp(*f, buf_str(&lower)) == 0;
    buf_release(&lower);
    return st;
}

static karma_status open_silence(struct arena *a, const struct json *args, void **state) {
    bool *count_fillers = *state = arena_alloc(a, sizeof(*count_fillers));
    if (!count_fillers) return KARMA_E_NOMEM;
    *count_fillers = json_get(args, "fillers")->u.boolean;
    return KARMA_OK;
}

static karma_status score(void *state, const struct metric_sample *s, double *out) {
    const bool *skip_fillers = state;
    struct buf b = {0};
    struct units words = {0};
    bool silent = true;
    karma_status st = buf_puts(&b, s->prediction);
    if (st == KARMA_OK) st = drop_between(&b, '[', ']');
    if (st == KARMA_OK) st = drop_between(&b, '<', '>');
    if (st == KARMA_OK) st = drop_between(&b, '(', ')');
    if (st == KARMA_OK) st = drop_punctuation(&b);
    if (st == KARMA_OK) st = units_split(s->arena, buf_str(&b), b.len, &words);
    for (size_t i = 0; st == KARMA_OK && i < words.count; i++) {
        bool filler = false;
        if (*skip_fillers) st = is_filler(words.items[i].text, words.items[i].len, &filler);
        silent = silent && filler;
    }
    buf_release(&b);
    *out = silent;
    return st;
}

static const karma_option_spec options[] = {
    {.name = "fillers",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "words such as um, ok, yes and no are silence, too"},
    {.name = NULL},
};

const struct metric_ops metric_silence_accuracy = {
    .info = {.name = "silence_accuracy",
             .description = "share of transcripts that say nothing, for recordings without speech",
             .options = options},
    .kind = KARMA_METRIC_SHARE,
    .open = open_silence,
    .score_sample = score,
};

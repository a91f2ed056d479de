/*
 * in22_conv.c - IN22-Conv, sentences of conversations in 22 Indian languages and English, from a
 * local copy of its rows, to be translated as KARMA asks for it. KARMA calls every source English;
 * here it has its name unless the protocol is "upstream", and English is a source by its code too.
 */
#include <string.h>

#include "datasets/adapt.h"

static const struct language {
    const char *code, *column, *name;
} languages[] = {
    {"en", "eng_Latn", "English"},   {"as", "asm_Beng", "Assamese"},
    {"bn", "ben_Beng", "Bengali"},   {"brx", "brx_Deva", "Bodo"},
    {"doi", "doi_Deva", "Dogri"},    {"gu", "guj_Gujr", "Gujarati"},
    {"hi", "hin_Deva", "Hindi"},     {"kn", "kan_Knda", "Kannada"},
    {"kok", "gom_Deva", "Konkani"},  {"ks", "kas_Arab", "Kashmiri"},
    {"mai", "mai_Deva", "Maithili"}, {"ml", "mal_Mlym", "Malayalam"},
    {"mni", "mni_Mtei", "Manipuri"}, {"mr", "mar_Deva", "Marathi"},
    {"ne", "npi_Deva", "Nepali"},    {"or", "ory_Orya", "Odia"},
    {"pa", "pan_Guru", "Punjabi"},   {"sa", "san_Deva", "Sanskrit"},
    {"sat", "sat_Olck", "Santali"},  {"sd", "snd_Deva", "Sindhi"},
    {"ta", "tam_Taml", "Tamil"},     {"te", "tel_Telu", "Telugu"},
    {"ur", "urd_Arab", "Urdu"},
};
static const char *const codes[] = {"en",  "as", "bn",  "brx", "doi", "gu", "hi", "kn",
                                    "kok", "ks", "mai", "ml",  "mni", "mr", "ne", "or",
                                    "pa",  "sa", "sat", "sd",  "ta",  "te", "ur", NULL};

static const struct language *language_of(const struct json *args, const char *argument) {
    const char *code = json_str(json_get(args, argument), "");
    for (size_t i = 0; i < sizeof(languages) / sizeof(*languages); i++)
        if (strcmp(languages[i].code, code) == 0) return &languages[i];
    return &languages[0]; /* the arguments were checked: none but these */
}

static karma_status adapt(struct arena *a, const struct dataset_source *from,
                          struct dataset_standard *out) {
    static const char *const kept[] = {"id", "split", "domain", "topic", NULL};
    const struct language *source = language_of(from->args, "source_language");
    const struct language *target = language_of(from->args, "target_language");
    const char *text;
    struct json *o = json_new_object(a), *args = json_new_object(a);
    if (!o || !args) return KARMA_E_NOMEM;
    karma_status st = adapt_need_text(a, from->value, source->column, &text);
    if (st == KARMA_OK) st = json_set(a, o, "question", json_new_string(a, text));
    if (st == KARMA_OK) st = adapt_need_text(a, from->value, target->column, &text);
    if (st == KARMA_OK) st = json_set(a, o, "answer", json_new_string(a, text));
    if (st == KARMA_OK) st = adapt_take_all(a, o, from->value, kept);
    if (st == KARMA_OK) st = json_set(a, args, "language", json_new_string(a, target->code));
    out->row = o;
    out->other_args = args;
    return st;
}

static karma_status prompt_for(struct arena *a, const struct json *args, const char *own,
                               const char **out) {
    const struct language *source = language_of(args, "source_language");
    const char *name = args_are_upstream(args) ? languages[0].name : source->name;
    const char *last = json_str(json_get(args, "confinement_instructions"), "");
    struct buf b = {0};
    (void)own;
    karma_status st = buf_printf(&b, "Translate the following %s text to %s:\n\n{question}\n\n",
                                 name, language_of(args, "target_language")->name);
    if (!last[0])
        last = "Translate the given text to the target language. Output only the translation "
               "without any additional text.";
    for (; *last && st == KARMA_OK; last++) {
        if (*last == '{' || *last == '}') st = buf_putc(&b, *last); /* twice: a brace */
        if (st == KARMA_OK) st = buf_putc(&b, *last);
    }
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static const char *const metrics[] = {"bleu", NULL};
static const char *const processors[] = {NULL};
static const char *const columns[] = {"eng_Latn", "hin_Deva", NULL};
static const char *const slices[] = {"domain", NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    {.name = "source_language",
     .type = KARMA_OPTION_STRING,
     .choices = codes,
     .default_json = "\"en\"",
     .help = "what is translated"},
    {.name = "target_language",
     .type = KARMA_OPTION_STRING,
     .required = true,
     .choices = codes,
     .help = "into what"},
    {.name = "domain",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"conversational\"",
     .help = "a name for it; changes nothing"},
    {.name = "confinement_instructions",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"\"",
     .help = "another last line of the prompt; empty: the set's own"},
    {.name = NULL},
};

const struct dataset_spec dataset_in22_conv = {
    .info = {.name = "ai4bharat/IN22-Conv",
             .description = "sentences of conversations in 22 Indian languages and English; path: "
                            "its rows",
             .task_type = "translation",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .commit_hash = "18cd45870ff0a9e65df9b80dbbcc615eec0e4899",
             .options = options,
             .prompt = "Translate the following SOURCE text to TARGET:\n\n{question}\n\nTranslate "
                       "the given text to the target language. Output only the translation without "
                       "any additional text.",
             .extraction = "translation"},
    .kind = DATASET_QUESTION_ANSWER,
    .adapt = adapt,
    .prompt = prompt_for,
    .upstream = {.prompt = "Translate the following English text to TARGET:\n\n{question}\n\n"
                           "Translate the given text to the target language. Output only the "
                           "translation without any additional text."},
    .hub_id = "ai4bharat/IN22-Conv",
    .columns = columns,
    .slices = slices,
};

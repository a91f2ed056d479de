/*
 * class_base.c - BaseModel, what every class inherits: the options of a causal language model,
 * messages made of a sample, an answer made of what was generated. Loading is model.c's, running
 * generate.c's.
 *
 * A sampling option without a value means "as the checkpoint's generation_config.json says", null
 * means "switched off".
 */
#include <string.h>

#include "api/api.h"
#include "api/class_options.h"
#include "base/utf8.h"

static const char *const dtypes[] = {"auto", "float32", "bfloat16", "float16", "int8", NULL};
static const char *const cache_dtypes[] = {"auto", "f32", "bf16", "int8", NULL};
static const char *const speculations[] = {"auto", "off", NULL};
static const char *const special_modes[] = {"compat", "safe", NULL};
static const char *const truncations[] = {"none", "left", "right", "middle", NULL};

static const karma_option_spec options[] = {
    {.name = "model_name_or_path",
     .type = KARMA_OPTION_STRING,
     .help = "checkpoint: a folder, a .gguf or .safetensors file, or a name in the hub cache"},
    {.name = "device",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"auto\"",
     .help = "where to compute: auto, cpu, cuda or cuda:N; one that is not there is an error"},
    {.name = "dtype",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"auto\"",
     .choices = dtypes,
     .help = "auto and float32 (exact widening): compute the weights as they are stored; bfloat16 "
             "and float16: the same, and they must be stored so; int8: make 8-bit matrices of "
             "them while loading, which takes less memory and time and changes answers a little"},
    {.name = "kv_cache_dtype",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"auto\"",
     .choices = cache_dtypes,
     .help = "in what keys and values are kept: f32; bf16, half the memory and time of attention, "
             "where the processor has AVX-512 BF16; int8, a quarter of the memory of f32, "
             "everywhere; auto: bf16 where it can be, unless weights are F32 or F16, else f32"},
    {.name = "threads",
     .type = KARMA_OPTION_INT,
     .default_json = "0",
     .min = 0,
     .max = 1024,
     .help = "threads; 0: as many as this process may use"},
    {.name = "max_memory_mb",
     .type = KARMA_OPTION_INT,
     .default_json = "0",
     .min = 0,
     .max = 1 << 30,
     .help = "ceiling for weights, cache and scratch; 0: 90 % of the machine's"},
    {.name = "fallback",
     .type = KARMA_OPTION_JSON,
     .help = "a model's name or path, or a list of them, to take when this one cannot be loaded"},
    {.name = "n_ctx",
     .type = KARMA_OPTION_INT,
     .default_json = "0",
     .min = 0,
     .max = 1 << 24,
     .help = "longest sequence, prompt and answer; 0: the model's, at most 8192"},
    {.name = "max_sequences",
     .type = KARMA_OPTION_INT,
     .default_json = "8",
     .min = 1,
     .max = 1024,
     .help = "samples computed at once (the batch size); changes speed, never an answer"},
    {.name = "speculation",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"auto\"",
     .choices = speculations,
     .help = "auto: while few samples are answered at once, what stood in prompt and answer before "
             "gives guesses at the next tokens, and a step checks several; off: a step gives each "
             "sample one token. Changes speed, never an answer"},
    OPTION_MAX_TOKENS("1024"),
    {.name = "max_new_tokens",
     .type = KARMA_OPTION_INT,
     .min = 1,
     .max = 1 << 24,
     .help = "another name of max_tokens"},
    OPTION_DO_SAMPLE(NULL),
    OPTION_TEMPERATURE(NULL),
    OPTION_TOP_K(NULL),
    OPTION_TOP_P(NULL),
    {.name = "min_p",
     .type = KARMA_OPTION_REAL,
     .min = 0,
     .max = 1,
     .nullable = true,
     .help = "drop tokens less likely than this share of the likeliest; 0 or null: none"},
    {.name = "repetition_penalty",
     .type = KARMA_OPTION_REAL,
     .min = 1e-3,
     .max = 1e3,
     .nullable = true,
     .help = "makes tokens that occurred less likely; 1 or null: off"},
    {.name = "seed",
     .type = KARMA_OPTION_INT,
     .default_json = "0",
     .min = 0,
     .max = 0x1p53,
     .help = "of the random streams; each sample has its own, by seed and sample key"},
    {.name = "stop",
     .type = KARMA_OPTION_JSON,
     .help = "a string or list of strings that end an answer and are not part of it"},
    {.name = "logprobs",
     .type = KARMA_OPTION_INT,
     .min = 0,
     .max = 20,
     .nullable = true,
     .help = "log-probabilities of the chosen and this many other tokens; null: none"},
    {.name = "system_prompt",
     .type = KARMA_OPTION_STRING,
     .nullable = true,
     .help = "put first where neither the sample nor its conversation has one"},
    {.name = "enable_thinking",
     .type = KARMA_OPTION_BOOL,
     .nullable = true,
     .help = "given to the chat template and to the reading of the answer; null: not given"},
    {.name = "chat_template_kwargs",
     .type = KARMA_OPTION_JSON,
     .help = "an object of further variables for the chat template"},
    {.name = "template_date",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"2024-07-26\"",
     .help = "the date that a chat template's clock shows; fixed, so that answers do not change "
             "with the day"},
    {.name = "special_tokens",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"compat\"",
     .choices = special_modes,
     .help = "control-token text inside a sample: compat: is that token, as in the reference; "
             "safe: is plain text. Flagged in the output either way"},
    {.name = "truncate",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"none\"",
     .choices = truncations,
     .help = "a prompt longer than the context: none: the sample fails; else where it loses "
             "tokens, and the output is flagged"},
    {.name = NULL},
};

/* Which turn of a conversation the sample's own images belong to: the last of the user's. */
static karma_status turn_of_images(const karma_sample *sample, size_t *turn) {
    *turn = sample->n_messages;
    for (size_t i = 0; sample->n_images > 0 && i < sample->n_messages; i++)
        if (sample->conversation[i].role && strcmp(sample->conversation[i].role, "user") == 0)
            *turn = i;
    if (sample->n_images == 0 || *turn < sample->n_messages) return KARMA_OK;
    return status_fail(
        KARMA_E_MISSING,
        "the sample has images, and its conversation no user turn to show them with");
}

static karma_status add_turns(const karma_sample *sample, karma_prompt *prompt) {
    size_t turn;
    karma_status st = turn_of_images(sample, &turn);
    for (size_t i = 0; st == KARMA_OK && i < sample->n_messages; i++) {
        st = karma_prompt_add_message(prompt, &sample->conversation[i]);
        for (size_t k = 0; st == KARMA_OK && i == turn && k < sample->n_images; k++)
            st = karma_prompt_add_image(prompt, karma_prompt_count(prompt) - 1, &sample->images[k]);
    }
    return st;
}

/* The end of the sample's own messages: a system prompt goes first unless one leads. */
karma_status base_preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt) {
    bool has_turns = sample->n_messages > 0;
    if (sample->audio)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "the sample has sound, which a model of text cannot "
                           "hear");
    if (sample->n_images > 0 && !sample->images)
        return status_fail(KARMA_E_MISSING, "the sample has %zu images, and none are there",
                           sample->n_images);
    if (!has_turns && !sample->input && sample->n_images == 0)
        return status_fail(KARMA_E_MISSING, "the sample has neither input nor conversation");
    const char *system = sample->system_prompt;
    if (!system || !*system) system = model_arg_str(m, "system_prompt", NULL);
    bool leads = has_turns && sample->conversation[0].role &&
                 strcmp(sample->conversation[0].role, "system") == 0;
    karma_status st = KARMA_OK;
    if (system && *system && !leads) st = karma_prompt_add(prompt, "system", system);
    if (st < 0 || has_turns) return st < 0 ? st : add_turns(sample, prompt);
    const karma_message turn = {.role = "user",
                                .content = sample->input ? sample->input : "",
                                .images = sample->images,
                                .n_images = sample->n_images};
    return karma_prompt_add_message(prompt, &turn);
}

/* What Python's str.strip() takes. */
static bool is_blank(uint32_t c) {
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

void strip_range(const char *text, size_t len, size_t *begin, size_t *end) {
    size_t first = 0, last = 0;
    bool any = false;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        int bad = 1, n = utf8_decode(text + i, len - i, &cp, &bad);
        size_t step = (size_t)(n ? n : bad);
        if (!n || !is_blank(cp)) {
            if (!any) first = i;
            any = true;
            last = i + step;
        }
        i += step;
    }
    *begin = any ? first : 0;
    *end = last;
}

karma_status base_postprocess(karma_model *m, karma_output *o) {
    (void)m;
    size_t begin, end;
    const char *text = o->text ? o->text : "";
    strip_range(text, strlen(text), &begin, &end);
    return karma_output_set_text(o, text + begin, end - begin);
}

static const char *const aliases[] = {"BaseHFModel", "karma.models.base_model_abs.BaseModel",
                                      "karma.models.base_model_abs.BaseHFModel", NULL};

const karma_model_class class_base = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "BaseModel",
    .aliases = aliases,
    .options = options,
    .help = "any causal language model with a checkpoint and a chat template",
    .load = model_load_checkpoint,
    .preprocess = base_preprocess,
    .run = generate_run,
    .postprocess = base_postprocess,
};

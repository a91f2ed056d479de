/*
 * cmd_run.c - karma run MODEL [PROMPT | -]: one answer, streamed as it is made. A model that makes
 * vectors answers with the vector, and two texts with how alike they are. A model that hears takes
 * the name of a recording; one that sees is shown images beside the prompt.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/image_input.h"
#include "cli/sound_input.h"
#include "cli/vector_output.h"

enum { MAX_PROMPT_BYTES = 64 << 20 };

struct one {
    karma_sample sample;
    karma_audio audio;
    void *sound;         /* owned: bytes of standard input */
    char *text;          /* the same, of a prompt */
    karma_image *images; /* owned, with their paths */
    char *paths;
    bool given, as_json, streamed;
    karma_status status;
    karma_finish_reason finish_reason;
    unsigned flags;
};

static karma_status next_sample(void *user, const karma_sample **sample) {
    struct one *o = user;
    if (o->given) return KARMA_DONE;
    o->given = true;
    *sample = &o->sample;
    return KARMA_OK;
}

static void stream(void *user, const char *key, const char *text, size_t len) {
    struct one *o = user;
    (void)key;
    if (o->as_json) return;
    fwrite(text, 1, len, stdout);
    fflush(stdout);
    o->streamed = true;
}

static bool cancelled(void *user) {
    (void)user;
    return signals_cancelled() || ferror(stdout); /* nobody reads on */
}

static json_t *text_or_null(const char *text) {
    json_t *j = text ? json_string(text) : NULL;
    return j ? j : json_null();
}

/* A list of {token, logprob, top: [[token, logprob], ...]}, one a generated token. */
static json_t *logprobs_json(const karma_output *out) {
    json_t *list = json_array();
    for (size_t i = 0; i < out->n_tokens; i++) {
        const karma_token_logprob *l = &out->logprobs[i];
        json_t *o = json_object(), *top = json_array();
        json_object_set_new(o, "token", json_integer(l->token));
        json_object_set_new(o, "logprob", json_real((double)l->logprob));
        for (int32_t k = 0; k < l->n_top; k++) {
            json_t *pair = json_array();
            json_array_append_new(pair, json_integer(l->top_tokens[k]));
            json_array_append_new(pair, json_real((double)l->top_logprobs[k]));
            json_array_append_new(top, pair);
        }
        json_object_set_new(o, "top", top);
        json_array_append_new(list, o);
    }
    return list;
}

static void print_output_json(const karma_output *out) {
    json_t *j = json_object();
    json_object_set_new(j, "text", text_or_null(out->text));
    json_object_set_new(j, "thinking", text_or_null(out->thinking));
    json_object_set_new(j, "finish_reason",
                        json_string(karma_finish_reason_name(out->finish_reason)));
    json_object_set_new(j, "prompt_tokens", json_integer((json_int_t)out->n_prompt_tokens));
    json_object_set_new(j, "generated_tokens", json_integer((json_int_t)out->n_tokens));
    json_object_set_new(j, "thought_without_end",
                        json_boolean(out->flags & KARMA_OUTPUT_THOUGHT_CUT));
    json_t *ids = json_array();
    for (size_t i = 0; i < out->n_tokens; i++) {
        json_array_append_new(ids, json_integer(out->tokens[i]));
    }
    json_object_set_new(j, "tokens", ids);
    if (out->logprobs) json_object_set_new(j, "logprobs", logprobs_json(out));
    json_t *speech = out->segments_json ? json_loads(out->segments_json, 0, NULL) : NULL;
    json_object_update(j, speech);
    json_decref(speech);
    print_json(j);
    json_decref(j);
}

static karma_status put_output(void *user, const karma_output *out) {
    struct one *o = user;
    o->status = out->status;
    o->finish_reason = out->finish_reason;
    o->flags = out->flags;
    if (out->status < 0) return cli_error(out->status, "%s", out->error ? out->error : "failed");
    if (o->as_json) {
        print_output_json(out);
    } else if (o->streamed) {
        putchar('\n');
    } else {
        puts(out->text ? out->text : "");
    }
    return KARMA_OK;
}

/* All of standard input, without its last newline. free() it. */
static karma_status read_stdin(char **out) {
    size_t len = 0, cap = 4096;
    char *text = malloc(cap);
    for (;;) {
        if (!text) return cli_error(KARMA_E_NOMEM, "out of memory");
        const size_t n = fread(text + len, 1, cap - len - 1, stdin);
        if (n == 0) break;
        len += n;
        if (len > MAX_PROMPT_BYTES) {
            free(text);
            return cli_error(KARMA_E_LIMIT, "standard input: longer than %d bytes",
                             MAX_PROMPT_BYTES);
        }
        if (len + 1 == cap) {
            char *grown = realloc(text, cap * 2);
            if (!grown) free(text);
            text = grown;
            cap *= 2;
        }
    }
    if (len && text[len - 1] == '\n') len--;
    text[len] = '\0';
    const bool read_ok = !ferror(stdin), clean = strlen(text) == len;
    json_t *probe = json_string(text);
    json_decref(probe);
    if (read_ok && len == 0) {
        free(text);
        return cli_error(KARMA_E_USAGE, "standard input is empty: there is no prompt");
    }
    if (read_ok && clean && probe) {
        *out = text;
        return KARMA_OK;
    }
    free(text);
    return !read_ok ? cli_error(KARMA_E_IO, "standard input: read failed")
                    : cli_error(KARMA_E_ENCODING, "standard input: not valid UTF-8 text");
}

static karma_status prompt_of(const char *argument, char **owned, const char **prompt) {
    *owned = NULL;
    if (argument && strcmp(argument, "-") != 0) {
        *prompt = argument;
        return KARMA_OK;
    }
    if (!argument && isatty(STDIN_FILENO)) {
        return cli_error(KARMA_E_USAGE, "no prompt: give one, or - to read standard input");
    }
    karma_status st = read_stdin(owned);
    *prompt = *owned;
    return st;
}

/* The vector of one text, or how alike two are. */
static karma_status run_embedding(karma_model *m, const struct one *o, const char *other) {
    static const char *const names[] = {"cosine", "dot", "euclidean", "manhattan"};
    const char *const texts[] = {o->sample.input, other};
    const size_t n = other ? 2 : 1;
    const int64_t dim = karma_model_embedding_dim(m, NULL);
    karma_embed_options options = karma_embed_defaults();
    options.cancelled = cancelled;
    size_t n_cut = 0;
    float *vectors = malloc(2 * (size_t)dim * sizeof(*vectors));
    if (!vectors) return cli_error(KARMA_E_NOMEM, "out of memory");
    const karma_status st = karma_model_embed(m, texts, n, &options, vectors, &n_cut);
    if (st == KARMA_OK && other) {
        const karma_similarity_kind kind = karma_model_similarity_kind(m);
        const double alike = karma_similarity(kind, vectors, vectors + dim, (size_t)dim);
        if (o->as_json) {
            printf("{\"similarity\": %.9g, \"score_function\": \"%s\", \"dims\": [%lld, %lld]}\n",
                   alike, names[kind], (long long)dim, (long long)dim);
        } else {
            printf("%.6f\n", alike);
        }
    } else if (st == KARMA_OK) {
        printf("{\"dim\": %lld, \"embedding\": ", (long long)dim);
        print_vector(stdout, vectors, dim);
        puts("}");
    }
    free(vectors);
    if (n_cut) fputs("karma: note: a text is longer than the model reads and was cut\n", stderr);
    return st;
}

/* The model. One that hears says when what was said, if that is to be shown. */
static karma_status create(const char *name, const char *path, const char *config, char **args,
                           const struct one *o, karma_model **m) {
    const char *unit = "none";
    bool given = false;
    karma_status st = karma_model_create_with(name, path, config, *args, m);
    if (st < 0 || !o->as_json || !model_hears(*m)) return st;
    karma_model_arg_str(*m, "timestamps", &unit);
    if (strcmp(unit, "none") != 0) return KARMA_OK;
    st = args_default(args, "timestamps", json_string("word"), &given);
    if (st < 0 || given) return st;
    karma_model_destroy(*m);
    return karma_model_create_with(name, path, config, *args, m);
}

/* The sample: a prompt, or for a model that hears a recording. */
static karma_status read_sample(const karma_model *m, const char *argument, struct one *o) {
    if (model_hears(m) && o->sample.n_images) {
        return cli_error(KARMA_E_USAGE, "--image: a speech recogniser sees nothing");
    }
    if (!model_hears(m)) return prompt_of(argument, &o->text, &o->sample.input);
    o->sample.audio = &o->audio;
    o->audio.path = argument;
    if (argument && strcmp(argument, "-") != 0) return KARMA_OK;
    size_t size = 0;
    const karma_status st = sound_input_read(&o->sound, &size);
    o->audio = (karma_audio){.bytes = o->sound, .n_bytes = size, .name = "standard input"};
    return st;
}

static karma_status run_one(const char *name, const char *path, const char *config, char **args,
                            struct one *o, const char *argument, const char *other) {
    karma_model *m = NULL;
    karma_status st = create(name, path, config, args, o, &m);
    if (st == KARMA_OK) st = read_sample(m, argument, o);
    if (st < 0) {
        karma_model_destroy(m);
        return st;
    }
    const karma_run_io io = {.next = next_sample,
                             .put = put_output,
                             .cancelled = cancelled,
                             .stream = stream,
                             .user = o};
    st = karma_model_load(m);
    const bool embeds = st == KARMA_OK && karma_model_embedding_dim(m, NULL) > 0;
    if (st == KARMA_OK && other && !embeds) {
        st = cli_error(KARMA_E_USAGE, "two texts are compared by embedding models; %.200s is none",
                       name);
    }
    if (st == KARMA_OK && embeds && o->sample.n_images) {
        st = cli_error(KARMA_E_USAGE, "--image: an embedding model sees nothing");
    }
    if (st == KARMA_OK && embeds && (other || o->as_json)) {
        st = run_embedding(m, o, other);
    } else if (st == KARMA_OK) {
        st = karma_model_run(m, &io);
    }
    karma_model_destroy(m);
    return st;
}

int cmd_run(int argc, char **argv) {
    struct one o = {.sample = {.struct_size = sizeof(karma_sample)}};
    /* Text of control tokens in what a person types is text; data sets keep the reference's way. */
    struct model_options mo = {.special_tokens = "safe"};
    struct cli_list images = {0};
    const char *system = NULL;
    bool offline = false;
    const struct cli_option options[] = {
        {"--image", "FILE", "an image to show; several times for several, in their order",
         .list = &images},
        {"--system", "TEXT", "system prompt", .value = &system},
        {"--model-path", "PATH", "checkpoint folder or file", .value = &mo.path},
        {"--model-config", "FILE", "model arguments, JSON or YAML", .value = &mo.config},
        {"--model-args", "JSON", "model arguments, an object", .value = &mo.args},
        {"--max-tokens", "N", "new tokens at most", .value = &mo.max_tokens},
        {"--seed", "N", "for sampling", .value = &mo.seed},
        {"--threads", "N", "default: all that may be used", .value = &mo.threads},
        {"--device", "NAME", "auto or cpu", .value = &mo.device},
        MODEL_LOAD_OPTIONS(mo),
        {"--offline", NULL, "use local files alone (this version never opens a connection)",
         .flag = &offline, .flag_value = true},
        {"--json", NULL, "print text, thinking, tokens, reason as JSON", .flag = &o.as_json,
         .flag_value = true},
        {0}};
    const struct cli_command c = {"run",
                                  "MODEL [PROMPT | AUDIO | -] [OTHER_TEXT] [options]",
                                  "Asks a model one thing. MODEL is a name or a path. An embedding "
                                  "model gives the vector of a\ntext, or how alike two texts are; "
                                  "a speech recogniser what is said in an audio file.\nAn image is "
                                  "a JPEG, PNG, WebP or DICOM file (FILE#frame=3 one of its "
                                  "frames), or a\ndata URL; it is shown after the prompt's words.",
                                  options,
                                  1,
                                  3};
    const char *positional[4];
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    char *config = NULL, *args = NULL;
    karma_status st = image_input_parse(&images, &o.images, &o.paths);
    if (st == KARMA_OK) st = model_options_merge(&mo, &config, &args);
    if (st == KARMA_OK) {
        o.sample.images = o.images;
        o.sample.n_images = images.n;
        o.sample.system_prompt = system;
        signals_install();
        st = run_one(positional[0], mo.path, config, &args, &o, positional[1],
                     positional[1] ? positional[2] : NULL);
    }
    free(o.text);
    free(o.sound);
    free(o.images);
    free(o.paths);
    free(config);
    free(args);
    if (signals_cancelled()) return cli_finish_output(false, signals_exit_status());
    if (ferror(stdout)) return cli_finish_output(true, 0);
    if (st < 0) return cli_fail(st);
    if (o.flags & KARMA_OUTPUT_THOUGHT_CUT) {
        fputs("karma: note: the token limit ended the thought; there is no answer\n", stderr);
    } else if (o.flags & KARMA_OUTPUT_CUT) {
        fputs("karma: note: the token limit ended the answer\n", stderr);
    }
    return cli_finish_output(true, 0);
}

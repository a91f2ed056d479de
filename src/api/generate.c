/*
 * generate.c - the base class's run: samples to prompts, images encoded for them, prompts through
 * the batched engine, texts to answers. The engine always has a few requests more than it computes
 * at once, so a place that falls free is filled in the next step. Samples are taken in the order
 * they come and handed on in the order they end; what one gives does not depend on the others.
 *
 * A sample that cannot be asked or answered is an output with a status. Only a failing engine, a
 * failing sink or a cancellation ends the run.
 */
#include <string.h>

#include "api/candidates.h"
#include "api/vision.h"
#include "base/mem.h"
#include "engine/engine.h"

/* ---- arguments ---- */

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
static int64_t days_from_civil(int64_t year, int month, int day) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t y = year - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
    return days + before[month - 1] + (leap && month > 2) + day - 1;
}

/* "YYYY-MM-DD" at noon UTC, so that every zone's date is that one. */
static karma_status parse_date(const char *text, int64_t *now_s) {
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const char form[] = "dddd-dd-dd";
    int v[3] = {0}, part = 0;
    bool good = strlen(text) == sizeof(form) - 1;
    for (size_t i = 0; good && form[i]; i++) {
        if (form[i] == '-') part++;
        good = form[i] == '-' ? text[i] == '-' : text[i] >= '0' && text[i] <= '9';
        if (good && form[i] == 'd') v[part] = v[part] * 10 + (text[i] - '0');
    }
    good =
        good && v[0] >= 1 && v[1] >= 1 && v[1] <= 12 && v[2] >= 1 && v[2] <= month_days[v[1] - 1];
    if (!good)
        return status_fail(KARMA_E_USAGE,
                           "model argument template_date: expected YYYY-MM-DD, found \"%s\"",
                           status_quotez(text));
    *now_s = days_from_civil(v[0], v[1], v[2]) * 86400 + 43200;
    return KARMA_OK;
}

karma_status generate_clock(const karma_model *m, int64_t *now_s) {
    return parse_date(model_arg_str(m, "template_date", "2024-07-26"), now_s);
}

/* stop: a string or a list of them, none empty. */
static karma_status check_stop(const struct json *stop) {
    bool good = true;
    for (size_t i = 0; json_is_array(stop) && i < json_count(stop); i++)
        good = good && *json_str(json_at(stop, i), "");
    if (!json_is_array(stop)) good = json_is_null(stop) || *json_str(stop, "");
    return good ? KARMA_OK
                : status_fail(KARMA_E_USAGE,
                              "model argument stop: expected a string or a list of strings, none "
                              "of them empty");
}

karma_status generate_check_args(const struct json *args) {
    int64_t now_s;
    const struct json *variables = json_get(args, "chat_template_kwargs");
    const char *date = json_str(json_get(args, "template_date"), NULL);
    karma_status st = check_stop(json_get(args, "stop"));
    if (st == KARMA_OK && !json_is_null(variables) && !json_is_object(variables))
        st = status_fail(KARMA_E_USAGE,
                         "model argument chat_template_kwargs: expected an object, found %s",
                         json_type_name(variables));
    if (st == KARMA_OK && date) st = parse_date(date, &now_s);
    return st;
}

static karma_status stop_strings(struct arena *a, const struct json *stop,
                                 const char *const **out) {
    size_t n = json_is_array(stop) ? json_count(stop) : json_is_string(stop);
    *out = NULL;
    if (n == 0) return KARMA_OK;
    const char **list = arena_calloc(a, n + 1, sizeof(*list));
    if (!list) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        list[i] = json_str(json_is_array(stop) ? json_at(stop, i) : stop, "");
    *out = list;
    return KARMA_OK;
}

/* An argument over the checkpoint's default: absent leaves it, null switches it off. */
static void override_real(const karma_model *m, const char *name, double off, double *value) {
    const struct json *given = json_get(m->plan.args, name);
    if (given) *value = given->type == JSON_REAL ? given->u.real : off;
}

static karma_status generate_options(struct arena *a, const karma_model *m,
                                     karma_generate_options *g) {
    *g = m->text.generate;
    g->max_tokens = (int32_t)model_arg_int(m, "max_tokens", g->max_tokens);
    g->do_sample = model_arg_bool(m, "do_sample", g->do_sample);
    override_real(m, "temperature", 1, &g->temperature);
    override_real(m, "top_p", 1, &g->top_p);
    override_real(m, "min_p", 0, &g->min_p);
    override_real(m, "repetition_penalty", 1, &g->repetition_penalty);
    if (json_get(m->plan.args, "top_k")) g->top_k = (int32_t)model_arg_int(m, "top_k", 0);
    if (g->temperature == 0) {
        g->do_sample = false;
        g->temperature = 1;
    }
    g->seed = (uint64_t)model_arg_int(m, "seed", 0);
    g->n_top_logprobs = (int32_t)model_arg_int(m, "logprobs", -1);
    return stop_strings(a, model_arg(m, "stop"), &g->stop);
}

/* Variables for the chat template; *out NULL when there are none. */
static karma_status template_variables(struct arena *a, const karma_model *m,
                                       const struct json **out) {
    const struct json *thinking = model_arg(m, "enable_thinking");
    struct json *own = json_new_object(a), *all;
    if (!own) return KARMA_E_NOMEM;
    karma_status st = thinking ? json_set(a, own, "enable_thinking", thinking) : KARMA_OK;
    if (st == KARMA_OK) st = json_merge(a, own, model_arg(m, "chat_template_kwargs"), &all);
    if (st == KARMA_OK) *out = all;
    return st;
}

karma_status generate_render_options(struct arena *a, const karma_model *m,
                                     struct render_options *out) {
    *out = (struct render_options){0};
    out->safe = strcmp(model_arg_str(m, "special_tokens", "compat"), "safe") == 0;
    karma_status st = template_variables(a, m, &out->variables);
    return st == KARMA_OK ? generate_clock(m, &out->now_s) : st;
}

/* ---- the run ---- */

struct job { /* one request under way */
    struct run *run;
    struct job *next_free;
    char *key; /* of the sample; NULL if it has none */
    unsigned flags;
    bool prompt_opens_thought;
    char **candidates; /* to choose from, as one block; NULL: it generates */
};

struct run {
    karma_model *m;
    const karma_run_io *io;
    struct engine *engine;
    int64_t bytes;      /* of the engine */
    struct arena arena; /* options and jobs */
    karma_generate_options generate;
    karma_thought thought; /* generate.thought is it, or NULL */
    int32_t thought_end[16];
    struct render_options render;
    const char *truncate;
    struct job *jobs, *free_jobs;
    size_t n_jobs, in_flight;
    struct karma_prompt prompt;
    struct buf text;
    struct tokens ids;
    struct output_box box;
    struct candidates candidates; /* of the sample that is prepared */
    size_t n_sequences;           /* computed at once */
    struct vision_run vision;
    bool stopped;    /* cancelled while an image was encoded */
    karma_status st; /* < 0: the run has ended */
};

static struct job *take_job(struct run *r) {
    struct job *job = r->free_jobs;
    r->free_jobs = job->next_free;
    r->in_flight++;
    return job;
}

static void free_job(struct run *r, struct job *job) {
    mem_free(job->key);
    mem_free(job->candidates);
    *job = (struct job){.run = r, .next_free = r->free_jobs};
    r->free_jobs = job;
    r->in_flight--;
}

static void hand_over(struct run *r) {
    karma_status st = r->io->put(r->io->user, &r->box.out);
    if (st < 0 && r->st == KARMA_OK) r->st = st;
}

/* The output of a sample that failed with st and the present message. */
static void put_failure(struct run *r, const char *key, karma_status st, unsigned flags) {
    arena_reset(&r->box.arena);
    const char *why = arena_strdup(&r->box.arena, karma_error_message());
    r->box.out = (karma_output){
        .struct_size = sizeof(karma_output),
        .key = key,
        .status = st,
        .error = why ? why : "out of memory",
        .finish_reason = st == KARMA_E_CANCELLED ? KARMA_FINISH_CANCELLED : KARMA_FINISH_ERROR,
        .flags = flags,
    };
    hand_over(r);
}

/* What the engine made of a request, through the class's postprocess, to the sink. */
static void put_output(struct run *r, const struct job *job, const karma_output *made) {
    struct output_box *box = &r->box;
    karma_status st = made->status;
    unsigned flags = made->flags | job->flags;
    if (made->finish_reason == KARMA_FINISH_LENGTH) flags |= KARMA_OUTPUT_CUT;
    if (st == KARMA_OK && made->finish_reason == KARMA_FINISH_CANCELLED) {
        st = status_fail(KARMA_E_CANCELLED, "cancelled");
    } else if (st < 0) {
        status_fail(st, "%s", made->error ? made->error : "the engine gave no reason");
    }
    if (st == KARMA_OK) {
        arena_reset(&box->arena);
        box->out = *made;
        box->out.struct_size = sizeof(karma_output);
        box->out.key = job->key;
        box->out.flags = flags;
        if (!made->raw_text) box->out.raw_text = made->text ? made->text : "";
        box->out.text = box->out.raw_text;
        box->out.thinking = NULL;
        box->prompt_opens_thought = job->prompt_opens_thought;
        st = job->candidates ? candidates_answer(box, (const char *const *)job->candidates)
                             : checked_postprocess(r->m, box);
        flags = box->out.flags;
    }
    if (st < 0)
        put_failure(r, job->key, st, flags);
    else
        hand_over(r);
}

static void on_done(void *user, const karma_output *made) {
    struct job *job = user;
    struct run *r = job->run;
    put_output(r, job, made);
    free_job(r, job);
}

static void on_text(void *user, const char *text, size_t len) {
    const struct job *job = user;
    job->run->io->stream(job->run->io->user, job->key, text, len);
}

/* Whoever runs the model is asked about what is an answer already. */
static bool on_growth(void *user, const char *text, size_t len) {
    const struct job *job = user;
    const struct run *r = job->run;
    size_t begin, end;
    return answer_begins(r->m, text, len, &begin, &end) &&
           r->io->enough(r->io->user, job->key, text + begin, end - begin);
}

/* ---- one sample in ---- */

/* Take n ids out at `at`. */
static void cut_ids(struct tokens *ids, size_t at, size_t n) {
    memmove(ids->ids + at, ids->ids + at + n, (ids->count - at - n) * sizeof(*ids->ids));
    ids->count -= n;
}

/* Shorten a prompt that leaves no room, if the option says so: to what the context holds beside
 * max_tokens, but never to less than three quarters of the context. */
static void truncate_prompt(struct run *r, struct job *job) {
    size_t n_ctx = (size_t)engine_n_ctx(r->engine), reserve = (size_t)r->generate.max_tokens;
    if (reserve > n_ctx / 4) reserve = n_ctx / 4;
    size_t keep = n_ctx - (reserve ? reserve : 1);
    if (strcmp(r->truncate, "none") == 0 || r->ids.count <= keep || keep == 0) return;
    size_t surplus = r->ids.count - keep;
    if (strcmp(r->truncate, "left") == 0)
        cut_ids(&r->ids, 0, surplus);
    else if (strcmp(r->truncate, "right") == 0)
        cut_ids(&r->ids, keep, surplus);
    else
        cut_ids(&r->ids, keep / 2, surplus);
    job->flags |= KARMA_OUTPUT_PROMPT_TRUNCATED;
}

/* Does the prompt end with an opened thought, so that the answer begins inside it? */
static bool opens_thought(const char *text, size_t len) {
    static const char mark[] = "<think>";
    size_t begin, end;
    strip_range(text, len, &begin, &end);
    return end >= strlen(mark) && memcmp(text + end - strlen(mark), mark, strlen(mark)) == 0;
}

/* The ids of the prompt in r->ids. marks: of its images; NULL for a model that does not see. */
static karma_status make_ids(struct run *r, struct job *job, const karma_sample *sample,
                             const struct image_marks *marks) {
    const struct text_assets *t = &r->m->text;
    const struct karma_prompt *p = &r->prompt;
    struct render_options render = r->render;
    size_t n_special = 0;
    karma_status st;
    render.marks = marks;
    render.lead = sample->n_candidates ? sample->answer_lead : NULL;
    r->ids.count = 0;
    buf_clear(&r->text);
    if (p->raw)
        st = text_encode_raw(t, p->raw, &render, &r->text, &r->ids, &n_special);
    else
        st = text_render(t, p->messages, p->count, &render, &r->text, &r->ids, &n_special);
    if (st < 0) return st;
    if (n_special > 0) job->flags |= KARMA_OUTPUT_SPECIAL_IN_TEXT;
    const size_t led = render.lead ? strlen(render.lead) : 0;
    job->prompt_opens_thought = !p->raw && opens_thought(buf_str(&r->text), r->text.len - led);
    if (sample->n_candidates && job->prompt_opens_thought)
        st = status_fail(KARMA_E_UNSUPPORTED,
                         "the prompt opens a thought, and candidates are compared where an answer "
                         "begins: have the model not think");
    else if (sample->n_candidates)
        st = candidates_find(&r->candidates, t->tokenizer, buf_str(&r->text), r->text.len, sample);
    if (st == KARMA_OK) truncate_prompt(r, job);
    return st;
}

/* The candidates' texts stay until they are compared. */
static karma_status keep_candidates(struct job *job, const karma_sample *sample) {
    size_t count;
    if (sample->n_candidates == 0) return KARMA_OK;
    return names_block(sample->candidates, sample->n_candidates, &job->candidates, &count);
}

static karma_status submit_ids(struct run *r, struct job *job, const struct sight *sight) {
    const struct engine_prompt prompt = {.tokens = r->ids.ids,
                                         .n_tokens = r->ids.count,
                                         .spans = sight->spans,
                                         .n_spans = sight->n_pictures};
    karma_generate_options g = r->generate;
    g.stream_key = is_made_key(job->key) ? NULL : job->key;
    if (job->candidates && r->candidates.whole) {
        g.continuations = r->candidates.continuations;
        g.n_continuations = r->candidates.count;
    } else if (job->candidates) {
        g.candidates = r->candidates.ids;
        g.n_candidates = r->candidates.count;
    }
    if (job->candidates) g.n_top_logprobs = -1;
    if (r->io->enough) g.enough = on_growth;
    karma_thought thought = r->thought;
    if (g.thought) {
        thought.begun = job->prompt_opens_thought;
        g.thought = &thought;
    }
    return engine_submit_prompt(r->engine, job->key, &prompt, &g, on_done,
                                r->io->stream ? on_text : NULL, job);
}

static karma_status prepare(struct run *r, const karma_sample *sample, struct job *job) {
    struct sight sight = {0};
    bool sees = false;
    prompt_reset(&r->prompt);
    if (sample->key && !(job->key = mem_strdup(sample->key))) return KARMA_E_NOMEM;
    karma_status st = checked_preprocess(r->m, sample, &r->prompt);
    if (st == KARMA_OK) st = sight_begin(&r->vision, &r->prompt, &sight, &sees);
    if (st == KARMA_OK) st = make_ids(r, job, sample, sees ? &sight.marks : NULL);
    if (st == KARMA_OK) st = keep_candidates(job, sample);
    if (st == KARMA_OK && sees)
        st = sight_place(&r->vision, &sight, &r->ids, engine_n_ctx(r->engine));
    if (st == KARMA_OK && sees) {
        st = sight_encode(&r->vision, &sight);
        r->stopped = st == KARMA_E_CANCELLED;
    }
    if (st == KARMA_OK) st = submit_ids(r, job, &sight);
    sight_release(&sight);
    return st;
}

static void submit(struct run *r, const karma_sample *sample) {
    struct job *job = take_job(r);
    karma_status st = prepare(r, sample, job);
    if (st == KARMA_OK) return;
    put_failure(r, job->key ? job->key : sample->key, st, job->flags);
    free_job(r, job);
}

/* Fill the queue; *drained: there are no more samples. An image takes seconds to encode, so none is
 * for a sample that would only wait. */
static void take_samples(struct run *r, bool *drained) {
    while (!*drained && !r->stopped && r->st == KARMA_OK && r->free_jobs) {
        const karma_sample *sample = NULL;
        karma_status st = r->io->next(r->io->user, &sample);
        if (st == KARMA_DONE)
            *drained = true;
        else if (st < 0)
            r->st = st;
        else if (!sample)
            r->st = status_fail(KARMA_E_USAGE, "next() said OK and gave no sample");
        else
            submit(r, sample);
        if (r->vision.has_encoded && r->in_flight >= r->n_sequences) return;
    }
}

karma_engine_options generate_engine_options(const karma_model *m) {
    karma_engine_options options = karma_engine_defaults();
    options.max_sequences = (int32_t)model_arg_int(m, "max_sequences", options.max_sequences);
    if (options.max_rows < options.max_sequences) options.max_rows = options.max_sequences;
    options.max_memory_mb = model_arg_int(m, "max_memory_mb", 0);
    options.n_ctx = (int32_t)model_arg_int(m, "n_ctx", 0);
    options.speculate = strcmp(model_arg_str(m, "speculation", "auto"), "off") != 0;
    return options;
}

karma_status generate_engine_room(const karma_model *m, const struct model *model,
                                  karma_engine_options *out) {
    int64_t bytes;
    *out = generate_engine_options(m);
    karma_status st = vision_measure(m, model, &bytes);
    if (st < 0 || bytes == 0) return st;
    const int64_t ceiling =
        out->max_memory_mb ? out->max_memory_mb : (int64_t)(engine_ceiling(model) >> 20);
    const int64_t taken = (bytes >> 20) + 1;
    if (ceiling <= taken)
        return status_fail(KARMA_E_LIMIT,
                           "memory: %lld MiB for images, and %lld allowed for all; text_only does "
                           "without images",
                           (long long)taken, (long long)ceiling);
    out->max_memory_mb = ceiling - taken;
    return KARMA_OK;
}

static karma_status one_id(const struct tokenizer *t, const char *mark, int32_t *id) {
    *id = tokenizer_find(t, mark, strlen(mark));
    if (*id >= 0) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "model argument thinking_budget: the tokenizer has no token %s", mark);
}

/* The bound that thinking_budget sets, if it has a value. */
static karma_status bound_thought(struct run *r) {
    static const char end[] = "\n</think>\n\n";
    const struct tokenizer *t = r->m->text.tokenizer;
    const int64_t budget = model_arg_int(r->m, "thinking_budget", -1);
    struct encode_options as_it_is = {0};
    struct tokens ids = {0};
    if (budget < 0) return KARMA_OK;
    karma_status st = one_id(t, "<think>", &r->thought.begin);
    if (st == KARMA_OK) st = one_id(t, "</think>", &r->thought.close);
    if (st == KARMA_OK) st = tokenizer_encode(t, end, strlen(end), &as_it_is, &ids, NULL);
    if (st == KARMA_OK && ids.count > sizeof(r->thought_end) / sizeof(r->thought_end[0]))
        st = status_fail(KARMA_E_UNSUPPORTED,
                         "model argument thinking_budget: the end of a "
                         "thought is %zu tokens",
                         ids.count);
    if (st == KARMA_OK) {
        memcpy(r->thought_end, ids.ids, ids.count * sizeof(*ids.ids));
        r->thought.max_tokens = (int32_t)budget;
        r->thought.end = r->thought_end;
        r->thought.n_end = ids.count;
        r->generate.thought = &r->thought;
    }
    tokens_release(&ids);
    return st;
}

static karma_status begin(struct run *r) {
    const karma_model *m = r->m;
    karma_engine_options options;
    r->truncate = model_arg_str(m, "truncate", "none");
    karma_status st = generate_options(&r->arena, m, &r->generate);
    if (st == KARMA_OK) st = bound_thought(r);
    if (st == KARMA_OK) st = generate_render_options(&r->arena, m, &r->render);
    if (st == KARMA_OK) st = generate_engine_room(m, m->model, &options);
    if (st == KARMA_OK) st = engine_create(m->model, m->text.tokenizer, &options, &r->engine);
    if (st < 0) return st;
    r->bytes = engine_bytes(r->engine);
    r->vision = (struct vision_run){.m = r->m, .io = r->io, .engine_bytes = r->bytes};
    model_count_cache(r->m, r->bytes);
    r->n_sequences = (size_t)options.max_sequences;
    r->n_jobs = r->n_sequences * 2;
    r->jobs = arena_calloc(&r->arena, r->n_jobs, sizeof(*r->jobs));
    if (!r->jobs) return KARMA_E_NOMEM;
    for (size_t i = r->n_jobs; i-- > 0;) {
        r->jobs[i] = (struct job){.run = r, .next_free = r->free_jobs};
        r->free_jobs = &r->jobs[i];
    }
    return KARMA_OK;
}

static void end(struct run *r) {
    vision_run_end(&r->vision);
    engine_destroy(r->engine);
    model_count_cache(r->m, -r->bytes);
    for (size_t i = 0; r->jobs && i < r->n_jobs; i++) {
        mem_free(r->jobs[i].key);
        mem_free(r->jobs[i].candidates);
    }
    prompt_release(&r->prompt);
    tokens_release(&r->ids);
    buf_release(&r->text);
    candidates_release(&r->candidates);
    arena_release(&r->box.arena);
    arena_release(&r->arena);
}

static bool cancelled(const struct run *r) {
    return r->io->cancelled && r->io->cancelled(r->io->user);
}

karma_status generate_run(karma_model *m, const karma_run_io *io) {
    struct run r = {.m = m, .io = io};
    bool drained = false;
    size_t active;
    karma_status st = model_need_loaded(m);
    if (st == KARMA_OK) st = begin(&r);
    if (st < 0) {
        end(&r);
        return st;
    }
    while (r.st == KARMA_OK) {
        if (cancelled(&r)) {
            engine_cancel(r.engine);
            if (r.st == KARMA_OK) r.st = status_fail(KARMA_E_CANCELLED, "cancelled");
            break;
        }
        take_samples(&r, &drained);
        if (r.stopped && r.st == KARMA_OK) {
            engine_cancel(r.engine);
            r.st = status_fail(KARMA_E_CANCELLED, "cancelled");
        }
        if (r.st < 0 || r.in_flight == 0) break;
        st = engine_step(r.engine, &active);
        if (st < 0 && r.st == KARMA_OK) r.st = st;
    }
    end(&r);
    return r.st;
}

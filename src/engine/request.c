/* request.c - see request.h. */
#include "engine/request.h"

#include <string.h>

enum { TEXT_BYTES_A_TOKEN = 8 }; /* room made ahead; most tokens are shorter */

static karma_status check_options(const karma_generate_options *o,
                                  const struct tokenizer *tokenizer) {
    if (o->struct_size != sizeof(*o)) {
        return status_fail(KARMA_E_ABI, "karma_generate_options: expected %zu bytes, found %u",
                           sizeof(*o), o->struct_size);
    }
    if (o->max_tokens < 1) {
        return status_fail(KARMA_E_RANGE, "max_tokens: expected 1 or more, found %d",
                           o->max_tokens);
    }
    if (o->n_top_logprobs < -1 || o->n_top_logprobs > REQUEST_MAX_TOP) {
        return status_fail(KARMA_E_RANGE, "n_top_logprobs: expected -1 to %d, found %d",
                           REQUEST_MAX_TOP, o->n_top_logprobs);
    }
    if (o->enough && !tokenizer) {
        return status_fail(KARMA_E_USAGE, "enough: the engine has no tokenizer");
    }
    for (size_t i = 0; o->stop && o->stop[i]; i++) {
        if (!tokenizer) return status_fail(KARMA_E_USAGE, "stop: the engine has no tokenizer");
        if (!o->stop[i][0]) return status_fail(KARMA_E_RANGE, "stop: an empty string");
    }
    return KARMA_OK;
}

static karma_status check_thought(const karma_thought *t, int64_t vocab_size) {
    if (!t) return KARMA_OK;
    if (t->max_tokens < 0 || t->n_end == 0) {
        return status_fail(KARMA_E_RANGE,
                           "thought: expected a bound from 0 and an end, found %d "
                           "tokens and %zu ids",
                           t->max_tokens, t->n_end);
    }
    for (size_t i = 0; i < t->n_end; i++) {
        if (t->end[i] >= 0 && t->end[i] < vocab_size) continue;
        return status_fail(KARMA_E_RANGE, "thought: id %d is outside the vocabulary of %lld",
                           t->end[i], (long long)vocab_size);
    }
    return KARMA_OK;
}

static karma_status check_candidates(const karma_generate_options *o, int64_t vocab_size) {
    if (o->n_candidates > KARMA_MAX_CANDIDATES) {
        return status_fail(KARMA_E_RANGE, "candidates: expected up to %d, found %zu",
                           KARMA_MAX_CANDIDATES, o->n_candidates);
    }
    if (o->n_candidates && o->n_top_logprobs >= 0) {
        return status_fail(KARMA_E_USAGE, "candidates: only their own logits are computed, so "
                                          "there are no log-probabilities of tokens");
    }
    for (size_t i = 0; i < o->n_candidates; i++) {
        if (o->candidates[i] < 0 || o->candidates[i] >= vocab_size) {
            return status_fail(KARMA_E_RANGE,
                               "candidate %zu: id %d is outside the vocabulary of %lld", i,
                               o->candidates[i], (long long)vocab_size);
        }
        for (size_t j = 0; j < i; j++) {
            if (o->candidates[i] != o->candidates[j]) continue;
            return status_fail(KARMA_E_DUPLICATE, "candidates %zu and %zu are both id %d", j, i,
                               o->candidates[i]);
        }
    }
    return KARMA_OK;
}

static karma_status check_continuation(const karma_continuation *c, size_t i, size_t n_prompt,
                                       int64_t vocab_size, int32_t n_ctx) {
    if (c->n_tokens == 0) return status_fail(KARMA_E_RANGE, "continuation %zu: no tokens", i);
    if (n_prompt < (size_t)n_ctx && c->n_tokens > (size_t)n_ctx - n_prompt) {
        return status_fail(KARMA_E_LIMIT,
                           "the prompt has %zu tokens and continuation %zu %zu, n_ctx is %d",
                           n_prompt, i, c->n_tokens, n_ctx);
    }
    for (size_t k = 0; k < c->n_tokens; k++) {
        if (c->tokens[k] >= 0 && c->tokens[k] < vocab_size) continue;
        return status_fail(KARMA_E_RANGE,
                           "continuation %zu: id %d is outside the vocabulary of %lld", i,
                           c->tokens[k], (long long)vocab_size);
    }
    return KARMA_OK;
}

static karma_status check_continuations(const karma_generate_options *o, size_t n_prompt,
                                        int64_t vocab_size, int32_t n_ctx) {
    karma_status st = KARMA_OK;
    if (o->n_continuations > KARMA_MAX_CANDIDATES) {
        return status_fail(KARMA_E_RANGE, "continuations: expected up to %d, found %zu",
                           KARMA_MAX_CANDIDATES, o->n_continuations);
    }
    if (o->n_continuations && o->n_candidates) {
        return status_fail(KARMA_E_USAGE, "continuations: not together with candidates");
    }
    if (o->n_continuations && o->n_top_logprobs >= 0) {
        return status_fail(KARMA_E_USAGE, "continuations: nothing is generated, so there are no "
                                          "log-probabilities of tokens");
    }
    for (size_t i = 0; i < o->n_continuations && st == KARMA_OK; i++)
        st = check_continuation(&o->continuations[i], i, n_prompt, vocab_size, n_ctx);
    return st;
}

static karma_status check_spans(const struct engine_prompt *prompt) {
    size_t end = 0;
    for (size_t i = 0; i < prompt->n_spans; i++) {
        const struct prompt_span *s = &prompt->spans[i];
        const size_t count = (size_t)s->rows->count;
        if (s->begin < end || s->begin > prompt->n_tokens || count > prompt->n_tokens - s->begin)
            return status_fail(KARMA_E_RANGE,
                               "picture %zu: rows %zu to %zu are not between the one before and "
                               "the prompt's end",
                               i, s->begin, s->begin + count);
        end = s->begin + count;
    }
    return KARMA_OK;
}

static karma_status check_prompt(const struct engine_prompt *prompt, int64_t vocab_size,
                                 int32_t n_ctx) {
    const int32_t *tokens = prompt->tokens;
    const size_t n = prompt->n_tokens;
    size_t span = 0;
    karma_status st = check_spans(prompt);
    if (st < 0) return st;
    if (n == 0) return status_fail(KARMA_E_RANGE, "the prompt is empty");
    if (n >= (size_t)n_ctx) {
        return status_fail(KARMA_E_LIMIT,
                           "the prompt has %zu tokens, n_ctx %d leaves no room for an answer", n,
                           n_ctx);
    }
    for (size_t i = 0; i < n; i++) {
        if (span < prompt->n_spans && i == prompt->spans[span].begin) {
            i += (size_t)prompt->spans[span++].rows->count - 1;
            continue;
        }
        if (tokens[i] >= 0 && tokens[i] < vocab_size) continue;
        return status_fail(KARMA_E_RANGE,
                           "prompt token %zu: id %d is outside the vocabulary of %lld", i,
                           tokens[i], (long long)vocab_size);
    }
    return KARMA_OK;
}

static karma_status copy_stops(struct request *r, const karma_generate_options *o) {
    if (o->n_stop_tokens) {
        r->stop_tokens =
            arena_dup(&r->memory, o->stop_tokens, o->n_stop_tokens * sizeof(*o->stop_tokens));
        if (!r->stop_tokens) return KARMA_E_NOMEM;
        r->n_stop_tokens = o->n_stop_tokens;
    }
    size_t n = 0;
    while (o->stop && o->stop[n])
        n++;
    if (n == 0) return KARMA_OK;
    r->stop = arena_calloc(&r->memory, n + 1, sizeof(*r->stop));
    if (!r->stop) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        r->stop[i] = arena_strdup(&r->memory, o->stop[i]);
        if (!r->stop[i]) return KARMA_E_NOMEM;
        const size_t len = strlen(r->stop[i]);
        if (len > r->longest_stop) r->longest_stop = len;
    }
    return KARMA_OK;
}

static karma_status copy_thought(struct request *r, const karma_thought *t) {
    if (!t) return KARMA_OK;
    const int32_t *end = arena_dup(&r->memory, t->end, t->n_end * sizeof(*t->end));
    if (!end) return KARMA_E_NOMEM;
    r->thought = *t;
    r->thought.end = end;
    r->in_thought = t->begun;
    return KARMA_OK;
}

static karma_status copy_candidates(struct request *r, const karma_generate_options *o) {
    if (o->n_candidates == 0) return KARMA_OK;
    const size_t bytes = o->n_candidates * sizeof(float);
    r->candidates = arena_dup(&r->memory, o->candidates, o->n_candidates * sizeof(*o->candidates));
    r->candidate_logits = arena_calloc(&r->memory, 2, bytes);
    if (!r->candidates || !r->candidate_logits) return KARMA_E_NOMEM;
    r->candidate_logprobs = r->candidate_logits + o->n_candidates;
    r->n_candidates = (int32_t)o->n_candidates;
    return KARMA_OK;
}

static karma_status copy_continuations(struct request *r, const karma_generate_options *o) {
    const size_t n = o->n_continuations;
    if (n == 0) return KARMA_OK;
    r->branches = arena_calloc(&r->memory, n, sizeof(*r->branches));
    r->branch_sums = arena_calloc(&r->memory, n, sizeof(*r->branch_sums));
    r->branch_logprobs = arena_calloc(&r->memory, n, sizeof(*r->branch_logprobs));
    r->branch_lengths = arena_calloc(&r->memory, n, sizeof(*r->branch_lengths));
    if (!r->branches || !r->branch_sums || !r->branch_logprobs || !r->branch_lengths)
        return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const karma_continuation *c = &o->continuations[i];
        const int32_t *tokens = arena_dup(&r->memory, c->tokens, c->n_tokens * sizeof(*c->tokens));
        if (!tokens) return KARMA_E_NOMEM;
        r->branch_lengths[i] = (int32_t)c->n_tokens;
        r->branches[i] = (struct branch){
            .tokens = tokens, .n_tokens = (int32_t)c->n_tokens, .place = BRANCH_NOWHERE};
    }
    r->n_branches = (int32_t)n;
    return KARMA_OK;
}

/* Tokens behind the prompt, at most. */
static int32_t most_tokens(const karma_generate_options *o) {
    size_t most = o->n_candidates ? 1 : (size_t)o->max_tokens;
    if (o->n_continuations) most = 1;
    for (size_t i = 0; i < o->n_continuations; i++)
        if (o->continuations[i].n_tokens > most) most = o->continuations[i].n_tokens;
    return (int32_t)most;
}

static karma_status copy_spans(struct request *r, const struct engine_prompt *prompt) {
    if (prompt->n_spans == 0) return KARMA_OK;
    r->contents = arena_calloc(&r->memory, (size_t)r->n_limit, sizeof(*r->contents));
    r->spans = arena_calloc(&r->memory, prompt->n_spans, sizeof(*r->spans));
    if (!r->contents || !r->spans) return KARMA_E_NOMEM;
    for (; r->n_spans < prompt->n_spans; r->n_spans++) {
        r->spans[r->n_spans] = prompt->spans[r->n_spans];
        image_rows_ref(r->spans[r->n_spans].rows);
    }
    return KARMA_OK;
}

static karma_status make_logprobs(struct request *r, int64_t vocab_size) {
    const size_t n_new = (size_t)(r->n_limit - r->n_prompt);
    if (r->wants_prompt_logprobs) {
        r->prompt_logprobs = arena_calloc(&r->memory, (size_t)r->n_prompt, sizeof(float));
        if (!r->prompt_logprobs) return KARMA_E_NOMEM;
    }
    if (r->n_top_logprobs < 0) return KARMA_OK;
    if (r->n_top_logprobs > vocab_size) r->n_top_logprobs = (int32_t)vocab_size;
    const size_t n_top = (size_t)r->n_top_logprobs;
    r->logprobs = arena_calloc(&r->memory, n_new, sizeof(*r->logprobs));
    int32_t *ids = arena_calloc(&r->memory, n_new * n_top + 1, sizeof(*ids));
    float *values = arena_calloc(&r->memory, n_new * n_top + 1, sizeof(*values));
    if (!r->logprobs || !ids || !values) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n_new; i++) {
        r->logprobs[i].top_tokens = ids + i * n_top;
        r->logprobs[i].top_logprobs = values + i * n_top;
        r->logprobs[i].n_top = r->n_top_logprobs;
    }
    return KARMA_OK;
}

karma_status request_create(const char *key, const struct engine_prompt *prompt,
                            const karma_generate_options *options, int64_t vocab_size,
                            int32_t n_ctx, const struct tokenizer *tokenizer,
                            struct request **out) {
    *out = NULL;
    const struct sampler_options sampling = {
        .do_sample = options->do_sample,
        .temperature = options->temperature,
        .top_k = options->top_k,
        .top_p = options->top_p,
        .min_p = options->min_p,
        .repetition_penalty = options->repetition_penalty,
    };
    karma_status st = check_options(options, tokenizer);
    if (st == KARMA_OK) st = sampler_check(&sampling);
    if (st == KARMA_OK) st = check_thought(options->thought, vocab_size);
    if (st == KARMA_OK) st = check_candidates(options, vocab_size);
    if (st == KARMA_OK) st = check_continuations(options, prompt->n_tokens, vocab_size, n_ctx);
    if (st == KARMA_OK) st = check_prompt(prompt, vocab_size, n_ctx);
    if (st < 0) return st;

    struct request *r = mem_calloc(1, sizeof(*r));
    if (!r) return KARMA_E_NOMEM;
    r->sampling = sampling;
    r->n_top_logprobs = options->n_top_logprobs;
    r->wants_prompt_logprobs = options->prompt_logprobs;
    draft_init(&r->draft);
    r->n_prompt = r->n_tokens = (int32_t)prompt->n_tokens;
    const int32_t most = most_tokens(options);
    r->n_limit = most < n_ctx - r->n_prompt ? r->n_prompt + most : n_ctx;
    r->enough = options->enough;
    const char *stream_key = options->stream_key ? options->stream_key : "";
    rng_init(&r->rng, options->seed, stream_key, strlen(stream_key));

    st = KARMA_E_NOMEM;
    if (key) {
        r->key = arena_strdup(&r->memory, key);
        if (!r->key) goto done;
    }
    r->tokens = arena_calloc(&r->memory, (size_t)r->n_limit, sizeof(*r->tokens));
    if (!r->tokens) goto done;
    memcpy(r->tokens, prompt->tokens, prompt->n_tokens * sizeof(*prompt->tokens));
    st = copy_spans(r, prompt);
    if (st == KARMA_OK) st = copy_stops(r, options);
    if (st == KARMA_OK) st = copy_thought(r, options->thought);
    if (st == KARMA_OK) st = copy_candidates(r, options);
    if (st == KARMA_OK) st = copy_continuations(r, options);
    if (st == KARMA_OK) st = make_logprobs(r, vocab_size);
    if (st == KARMA_OK && tokenizer) {
        st = buf_reserve(&r->text, (size_t)(r->n_limit - r->n_prompt) * TEXT_BYTES_A_TOKEN + 1);
    }
    if (st < 0) goto done;
    *out = r;
    return KARMA_OK;
done: /* only failures come here */
    request_destroy(r);
    return st;
}

void request_destroy(struct request *r) {
    if (!r) return;
    for (size_t i = 0; i < r->n_spans; i++)
        image_rows_unref(r->spans[i].rows);
    buf_release(&r->text);
    arena_release(&r->memory);
    mem_free(r);
}

const struct prompt_span *request_span(const struct request *r, int32_t pos) {
    const size_t at = (size_t)pos;
    for (size_t i = 0; i < r->n_spans && r->spans[i].begin <= at; i++) {
        if (at - r->spans[i].begin < (size_t)r->spans[i].rows->count) return &r->spans[i];
    }
    return NULL;
}

const int32_t *request_contents(struct request *r) {
    if (!r->contents) return r->tokens;
    for (; r->n_contents < r->n_tokens; r->n_contents++)
        r->contents[r->n_contents] = r->tokens[r->n_contents];
    return r->contents;
}

bool request_wants_logits(const struct request *r, int32_t pos) {
    if (pos >= r->n_tokens - 1) return r->n_candidates == 0;
    return r->wants_prompt_logprobs && pos < r->n_prompt - 1 && !request_span(r, pos + 1);
}

void request_fail(struct request *r, karma_status st) {
    const char *message = karma_error_message();
    size_t len = strlen(message);
    if (len >= sizeof(r->error)) len = sizeof(r->error) - 1;
    memcpy(r->error, message, len);
    r->error[len] = '\0';
    r->status = st;
    r->reason = st == KARMA_E_CANCELLED ? KARMA_FINISH_CANCELLED : KARMA_FINISH_ERROR;
    r->ended = true;
}

static void end_with(struct request *r, karma_finish_reason reason) {
    r->reason = reason;
    r->ended = true;
}

/* Hand new text to the caller, up to `end`. */
static void send_text(struct request *r, size_t end) {
    if (end <= r->text_sent) return;
    const size_t from = r->text_sent;
    r->text_sent = end;
    if (r->text_fn) r->text_fn(r->user, r->text.data + from, end - from);
}

/* How much of the text cannot be the beginning of a stop string. */
static size_t settled_text(const struct request *r) {
    size_t held = 0;
    for (size_t i = 0; r->stop && r->stop[i]; i++) {
        size_t n = strlen(r->stop[i]) - 1;
        if (n > r->text.len) n = r->text.len;
        while (n > held && memcmp(r->text.data + r->text.len - n, r->stop[i], n) != 0)
            n--;
        if (n > held) held = n;
    }
    return r->text.len - held;
}

/* The earliest stop string that reaches into what came after `old_len`; the text is cut there. */
static bool cut_at_stop(struct request *r, size_t old_len) {
    const size_t from = old_len > r->longest_stop ? old_len - r->longest_stop : 0;
    size_t cut = SIZE_MAX;
    for (size_t i = 0; r->stop && r->stop[i]; i++) {
        const char *found = r->text.len > from ? memmem(r->text.data + from, r->text.len - from,
                                                        r->stop[i], strlen(r->stop[i]))
                                               : NULL;
        if (found && (size_t)(found - r->text.data) < cut) cut = (size_t)(found - r->text.data);
    }
    if (cut == SIZE_MAX) return false;
    r->text.len = cut;
    r->text.data[cut] = '\0';
    return true;
}

static void add_text(struct request *r, int32_t token, const struct tokenizer *tokenizer) {
    const size_t old_len = r->text.len;
    karma_status st = detokenizer_push(&r->detokenizer, tokenizer, token, true, &r->text);
    if (st < 0) {
        request_fail(r, st);
        return;
    }
    if (cut_at_stop(r, old_len)) {
        r->detokenizer = (struct detokenizer){0}; /* a partial character goes with the cut */
        end_with(r, KARMA_FINISH_STOP);
    }
    const size_t settled = r->ended ? r->text.len : settled_text(r);
    send_text(r, settled);
    if (r->ended || !r->enough || r->text.len == old_len) return;
    if (!r->enough(r->user, buf_str(&r->text), settled)) return;
    r->decided = true;
    end_with(r, KARMA_FINISH_STOP);
}

/* Log-probabilities are of the unmodified logits. */
static void note_logprobs(struct request *r, int32_t token, const float *logits,
                          struct sampler *sampler) {
    karma_token_logprob *l = &r->logprobs[r->n_tokens - r->n_prompt];
    int32_t *ids = (int32_t *)(uintptr_t)l->top_tokens; /* ours; const for the caller */
    float *values = (float *)(uintptr_t)l->top_logprobs;
    float max;
    const double log_sum = sampler_log_sum(logits, sampler->vocab_size, &max);
    l->token = token;
    l->logprob = (float)((double)logits[token] - (double)max - log_sum);
    if (l->n_top == 0) return;
    sampler_top(sampler, logits, l->n_top, ids, values);
    for (int32_t i = 0; i < l->n_top; i++) {
        values[i] = (float)((double)values[i] - (double)max - log_sum);
    }
}

static bool is_stop_token(const struct request *r, int32_t token) {
    for (size_t i = 0; i < r->n_stop_tokens; i++) {
        if (r->stop_tokens[i] == token) return true;
    }
    return false;
}

/* Must the next token be one of the end of the thought? */
static bool is_forced(struct request *r) {
    if (r->n_forced == r->thought.n_end) r->n_forced = 0;
    return r->n_forced > 0 || (r->in_thought && r->n_thought >= r->thought.max_tokens);
}

static int32_t force(struct request *r) {
    r->in_thought = false;
    return r->thought.end[r->n_forced++];
}

static void note_thought(struct request *r, int32_t token) {
    if (token == r->thought.close)
        r->in_thought = false;
    else if (token == r->thought.begin)
        r->in_thought = true;
    else if (r->in_thought)
        r->n_thought++;
}

void request_accept(struct request *r, const float *logits, struct sampler *sampler,
                    const struct tokenizer *tokenizer) {
    karma_status st = sampler_check_logits(logits, sampler->vocab_size);
    if (st < 0) {
        request_fail(r, st);
        return;
    }
    const bool bounded = r->thought.n_end > 0, forced = bounded && is_forced(r);
    const int32_t token = forced ? force(r)
                                 : sampler_pick(sampler, logits, &r->sampling, r->tokens,
                                                (size_t)r->n_tokens, &r->rng);
    if (bounded && !forced) note_thought(r, token);
    if (r->logprobs) note_logprobs(r, token, logits, sampler);
    r->tokens[r->n_tokens++] = token;
    if (is_stop_token(r, token))
        end_with(r, KARMA_FINISH_STOP);
    else if (tokenizer)
        add_text(r, token, tokenizer);
    if (!r->ended && r->n_tokens == r->n_limit) end_with(r, KARMA_FINISH_LENGTH);
}

void request_choose(struct request *r, const struct tokenizer *tokenizer) {
    const float *logits = r->candidate_logits;
    karma_status st = sampler_check_logits(logits, r->n_candidates);
    if (st < 0) {
        request_fail(r, st);
        return;
    }
    int32_t best = 0;
    for (int32_t i = 1; i < r->n_candidates; i++)
        if (logits[i] > logits[best]) best = i;
    float max;
    const double log_sum = sampler_log_sum(logits, r->n_candidates, &max);
    for (int32_t i = 0; i < r->n_candidates; i++)
        r->candidate_logprobs[i] = (float)((double)logits[i] - (double)max - log_sum);
    request_end_with(r, &r->candidates[best], 1, tokenizer);
}

void request_end_with(struct request *r, const int32_t *tokens, int32_t n,
                      const struct tokenizer *tokenizer) {
    karma_status st = KARMA_OK;
    for (int32_t i = 0; i < n && st == KARMA_OK; i++) {
        r->tokens[r->n_tokens++] = tokens[i];
        if (tokenizer) st = detokenizer_push(&r->detokenizer, tokenizer, tokens[i], true, &r->text);
    }
    if (st < 0)
        request_fail(r, st);
    else
        end_with(r, KARMA_FINISH_STOP);
}

void request_score_prompt(struct request *r, int32_t at, const float *logits, int64_t vocab_size) {
    karma_status st = sampler_check_logits(logits, vocab_size);
    if (st < 0) {
        request_fail(r, st);
        return;
    }
    float max;
    const double log_sum = sampler_log_sum(logits, vocab_size, &max);
    r->prompt_logprobs[at] = (float)((double)logits[r->tokens[at]] - (double)max - log_sum);
}

void request_report(struct request *r, const struct tokenizer *tokenizer) {
    if (tokenizer && r->status == KARMA_OK) {
        karma_status st = detokenizer_end(&r->detokenizer, &r->text);
        if (st == KARMA_OK) st = buf_reserve(&r->text, 1);
        if (st < 0)
            request_fail(r, st);
        else
            send_text(r, r->text.len);
    }
    const bool failed = r->status < 0;
    const char *text = tokenizer && !failed ? buf_str(&r->text) : NULL;
    const karma_output output = {
        .struct_size = sizeof(output),
        .key = r->key,
        .status = r->status,
        .error = failed ? r->error : NULL,
        .text = text,
        .raw_text = text,
        .tokens = r->tokens + r->n_prompt,
        .n_tokens = (size_t)(r->n_tokens - r->n_prompt),
        .n_prompt_tokens = (size_t)r->n_prompt,
        .n_cached_tokens = (size_t)r->n_cached,
        .finish_reason = r->reason,
        .flags = (r->reason == KARMA_FINISH_LENGTH ? (unsigned)KARMA_OUTPUT_CUT : 0) |
                 (r->decided ? (unsigned)KARMA_OUTPUT_DECIDED : 0),
        .logprobs = r->logprobs,
        .prompt_logprobs = r->prompt_logprobs,
        .candidate_logits = failed ? NULL : r->candidate_logits,
        .candidate_logprobs = failed          ? NULL
                              : r->n_branches ? r->branch_logprobs
                                              : r->candidate_logprobs,
        .n_candidates = failed ? 0 : (size_t)(r->n_branches ? r->n_branches : r->n_candidates),
        .candidate_sums = failed ? NULL : r->branch_sums,
        .candidate_tokens = failed ? NULL : r->branch_lengths,
    };
    if (r->done) r->done(r->user, &output);
}

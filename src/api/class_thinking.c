/*
 * class_thinking.c - answers of models that think first. The thought and the answer are told apart
 * in the text; an output that ends inside its thought has no answer: its text is empty and it is
 * flagged, where upstream scores the unfinished thought.
 */
#include <string.h>

#include "api/api.h"
#include "api/isolate.h"

/* A C string inside text[0..len). */
static const char *find(const char *text, size_t len, const char *what) {
    return memmem(text, len, what, strlen(what));
}

static bool starts_with(const char *text, size_t len, const char *what) {
    return len >= strlen(what) && memcmp(text, what, strlen(what)) == 0;
}

static karma_status set_stripped(karma_output *o, const char *text, size_t len,
                                 karma_status (*set)(karma_output *, const char *, size_t)) {
    size_t begin, end;
    strip_range(text, len, &begin, &end);
    return set(o, text + begin, end - begin);
}

/* The thought without its opening mark; what is left of it may be nothing, and is none then. */
static karma_status set_thought(karma_output *o, const char *text, size_t len, const char *open) {
    size_t begin, end;
    strip_range(text, len, &begin, &end);
    if (starts_with(text + begin, end - begin, open)) begin += strlen(open);
    size_t from, to;
    strip_range(text + begin, end - begin, &from, &to);
    return from == to ? KARMA_OK : karma_output_set_thinking(o, text + begin + from, to - from);
}

static karma_status no_answer(karma_output *o, const char *text, size_t len, const char *open) {
    o->flags |= KARMA_OUTPUT_THOUGHT_CUT;
    karma_status st = set_thought(o, text, len, open);
    return st < 0 ? st : karma_output_set_text(o, "", 0);
}

/* "<think>\n...\n</think>\n\nanswer". As upstream, the answer is what stands between the first and
 * the second closing mark, and with thinking off the text is only stripped. */
karma_status thinking_postprocess(karma_model *m, karma_output *o) {
    static const char open[] = "<think>", close[] = "</think>";
    const char *text = o->text ? o->text : "";
    size_t len = strlen(text);
    if (!model_arg_bool(m, "enable_thinking", false)) return base_postprocess(m, o);
    const char *end = find(text, len, close);
    if (end) {
        const char *answer = end + strlen(close);
        size_t left = len - (size_t)(answer - text);
        const char *second = find(answer, left, close);
        karma_status st = set_thought(o, text, (size_t)(end - text), open);
        if (st < 0) return st;
        return set_stripped(o, answer, second ? (size_t)(second - answer) : left,
                            karma_output_set_text);
    }
    const struct output_box *box = output_box_of(o);
    bool thinks = box && box->prompt_opens_thought;
    size_t begin, stop;
    strip_range(text, len, &begin, &stop);
    if (thinks || starts_with(text + begin, stop - begin, open))
        return no_answer(o, text, len, open);
    return base_postprocess(m, o);
}

/* What the published examples begin the system's words with to have the model think. */
static const char think_silently[] = "SYSTEM INSTRUCTION: think silently if needed.";

static karma_status ask_to_think(karma_prompt *prompt, karma_prompt *asked) {
    const size_t n = karma_prompt_count(prompt);
    const karma_message *first = karma_prompt_get(prompt, 0);
    const bool leads = first && strcmp(first->role, "system") == 0;
    struct buf text = {0};
    karma_status st = buf_puts(&text, think_silently);
    if (st == KARMA_OK && leads) st = buf_printf(&text, " %s", first->content);
    if (st == KARMA_OK) st = karma_prompt_add(asked, "system", buf_str(&text));
    for (size_t i = leads; st == KARMA_OK && i < n; i++)
        st = karma_prompt_add_message(asked, karma_prompt_get(prompt, i));
    buf_release(&text);
    return st;
}

/* With few_shot the input is the whole prompt, as upstream's class does it; images stand where it
 * marks them. */
static karma_status few_shot_preprocess(const karma_sample *sample, karma_prompt *prompt) {
    if (!sample->input) return status_fail(KARMA_E_MISSING, "few_shot needs a sample with input");
    if (sample->n_images > 0 && !sample->images)
        return status_fail(KARMA_E_MISSING, "the sample has %zu images, and none are there",
                           sample->n_images);
    karma_status st = karma_prompt_raw(prompt, sample->input);
    for (size_t i = 0; st == KARMA_OK && i < sample->n_images; i++)
        st = karma_prompt_add_image(prompt, 0, &sample->images[i]);
    return st;
}

karma_status channel_preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt) {
    if (model_arg_bool(m, "few_shot", false)) return few_shot_preprocess(sample, prompt);
    if (!model_arg_bool(m, "enable_thinking", false)) return base_preprocess(m, sample, prompt);
    struct karma_prompt plain = {0};
    karma_status st = base_preprocess(m, sample, &plain);
    if (st == KARMA_OK) st = ask_to_think(&plain, prompt);
    prompt_release(&plain);
    return st;
}

/* "<unused94>thought\n...<unused95>answer", as the larger medical checkpoints write when asked to
 * think. Text that does not begin so is an answer; upstream leaves the marks in it. */
karma_status channel_postprocess(karma_model *m, karma_output *o) {
    static const char open[] = "<unused94>", label[] = "thought", close[] = "<unused95>";
    const char *text = o->text ? o->text : "";
    size_t begin, end;
    strip_range(text, strlen(text), &begin, &end);
    const char *body = text + begin;
    size_t len = end - begin;
    if (!starts_with(body, len, open) || model_arg_bool(m, "keep_thought_markers", false))
        return base_postprocess(m, o);
    body += strlen(open);
    len -= strlen(open);
    const char *stop = find(body, len, close);
    if (!stop) return no_answer(o, body, len, label);
    karma_status st = set_thought(o, body, (size_t)(stop - body), label);
    if (st < 0) return st;
    return set_stripped(o, stop + strlen(close), len - (size_t)(stop - body) - strlen(close),
                        karma_output_set_text);
}

/* ---- answers under way ---- */

typedef karma_status postprocess_fn(karma_model *m, karma_output *o);

static postprocess_fn *postprocess_of(const karma_model *m) {
    return class_holder(class_acting(m), SLOT_POSTPROCESS)->postprocess;
}

bool answer_is_ours(const karma_model *m) {
    postprocess_fn *made_by = postprocess_of(m);
    return made_by == base_postprocess || made_by == thinking_postprocess ||
           made_by == channel_postprocess;
}

bool answer_begins(const karma_model *m, const char *text, size_t len, size_t *begin, size_t *end) {
    static const char close[] = "</think>", open_channel[] = "<unused94>",
                      close_channel[] = "<unused95>";
    postprocess_fn *made_by = postprocess_of(m);
    const char *from = text;
    size_t n = len, first, last;
    if (!answer_is_ours(m)) return false;
    strip_range(text, len, &first, &last);
    if (made_by == thinking_postprocess && model_arg_bool(m, "enable_thinking", false)) {
        from = find(text, len, close); /* an answer without it may still turn out to be a thought */
        if (!from) return false;
        from += strlen(close);
        n = len - (size_t)(from - text);
        const char *second = find(from, n, close);
        if (second) n = (size_t)(second - from);
    } else if (made_by == channel_postprocess &&
               !model_arg_bool(m, "keep_thought_markers", false)) {
        const char *body = text + first;
        const size_t left = len - first;
        if (starts_with(body, left, open_channel)) {
            from = find(body, left, close_channel);
            if (!from) return false;
            from += strlen(close_channel);
            n = len - (size_t)(from - text);
        } else if (left < strlen(open_channel)) {
            return false;
        }
    }
    strip_range(from, n, &first, &last);
    *begin = (size_t)(from - text) + first;
    *end = (size_t)(from - text) + n;
    return true;
}

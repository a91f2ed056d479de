/*
 * cmd_transcribe.c - karma transcribe MODEL FILE...: what is said in recordings, as text, JSON or
 * subtitles. A recording that cannot be heard is told and does not stop the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output_place.h"
#include "cli/sound_input.h"
#include "cli/subtitles.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SRT, FORMAT_VTT };
static const char *const format_names[] = {"text", "json", "srt", "vtt", NULL};
static const char *const extensions[] = {"txt", "json", "srt", "vtt"};

struct heard_file { /* what came of one */
    bool done;
    karma_status status;
    char *content; /* or the error's line */
};

struct transcribe {
    karma_model *model;
    const char *const *files;
    size_t n, next, shown, n_done, n_failed;
    enum format format;
    const char *output; /* NULL: standard output */
    bool to_folder;
    void *standard_input;
    size_t standard_bytes;
    karma_audio audio;
    karma_sample sample;
    char key[32];
    struct heard_file *heard; /* [n] */
    bool terminal, open_line;
    karma_status write_status; /* of what could not be written */
};

static bool is_standard(const char *file) {
    return strcmp(file, "-") == 0;
}

static const char *name_of(const char *file) {
    return is_standard(file) ? "standard input" : file;
}

static bool cancelled(void *user) {
    const struct transcribe *t = user;
    return signals_cancelled() || (!t->output && ferror(stdout)); /* nobody reads on */
}

/* --- progress --------------------------------------------------------------------------------- */

/* One line on a terminal, drawn anew with each recording that is done. */
static void show_progress(struct transcribe *t) {
    enum { WIDTH = 24 };
    if (!t->terminal || t->n < 2) return;
    const int full = (int)(t->n_done * WIDTH / t->n);
    char bar[WIDTH + 1];
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r\033[K[%s] %zu/%zu", bar, t->n_done, t->n);
    if (t->n_failed) fprintf(stderr, ", %zu failed", t->n_failed);
    fflush(stderr);
    t->open_line = true;
}

static void end_line(struct transcribe *t) {
    if (t->open_line) fputs("\r\033[K", stderr);
    t->open_line = false;
}

/* --- what is written -------------------------------------------------------------------------- */

static json_t *record_json(const struct transcribe *t, size_t i, const karma_output *out) {
    json_t *o = json_object();
    json_t *speech = out->segments_json ? json_loads(out->segments_json, 0, NULL) : NULL;
    const char *name = name_of(t->files[i]);
    json_t *file = json_string(name);
    json_object_set_new(o, "file", file ? file : json_null()); /* a name need not be UTF-8 */
    json_object_set_new(o, "text", json_string(out->text ? out->text : ""));
    json_object_update(o, speech);
    json_decref(speech);
    return o;
}

/* The content of the recording's file, or what of it goes to standard output. */
static char *make_content(const struct transcribe *t, size_t i, const karma_output *out) {
    struct text_out text = {0};
    json_t *record = record_json(t, i, out);
    const json_t *segments = json_object_get(record, "segments");
    char *dump = NULL;
    bool good = true;
    switch (t->format) {
    case FORMAT_TEXT:
        if (!t->output && t->n > 1)
            good = text_add(&text, name_of(t->files[i])) && text_add(&text, "\t");
        good = good && text_add(&text, out->text ? out->text : "") && text_add(&text, "\n");
        break;
    case FORMAT_JSON:
        dump = json_dumps(record, (t->output ? JSON_INDENT(2) : 0) | JSON_REAL_PRECISION(15));
        good = dump && text_add(&text, dump) && text_add(&text, "\n");
        break;
    case FORMAT_SRT:
        good = subtitles_srt(&text, segments);
        break;
    case FORMAT_VTT:
        good = subtitles_vtt(&text, segments);
        break;
    }
    free(dump);
    json_decref(record);
    if (good) return text.text;
    text_free(&text);
    return NULL;
}

/* "DIR/visit.txt" for "sounds/visit.wav"; free() it. */
static char *path_for(const struct transcribe *t, size_t i) {
    const char *file = is_standard(t->files[i]) ? "stdin" : t->files[i];
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    const char *dot = strrchr(base, '.');
    const size_t stem = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    if (!t->to_folder) return strdup(t->output);
    const size_t room = strlen(t->output) + stem + 16;
    char *path = malloc(room);
    if (path) {
        snprintf(path, room, "%s/%.*s.%s", t->output, (int)stem, base, extensions[t->format]);
    }
    return path;
}

static karma_status io_error(const char *path) {
    const int reason = errno;
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    return cli_error(full               ? KARMA_E_NOSPACE
                     : reason == EACCES ? KARMA_E_PERM
                                        : KARMA_E_IO,
                     "%.300s: %s", path, strerror(reason ? reason : EIO));
}

/* Whole or not at all: beside its place first. */
static karma_status write_file(const char *path, const char *content) {
    char *place;
    karma_status st = output_place(path, &place);
    if (st < 0) return st;
    const size_t room = strlen(place) + 32;
    char *temporary = malloc(room);
    if (!temporary) {
        free(place);
        return cli_error(KARMA_E_NOMEM, "out of memory");
    }
    snprintf(temporary, room, "%s.%ld.tmp", place, (long)getpid());
    errno = 0;
    FILE *to = fopen(temporary, "wbx");
    bool good = to != NULL;
    if (to) {
        good = fputs(content, to) >= 0;
        good = fflush(to) == 0 && good;
        good = fclose(to) == 0 && good;
    }
    good = good && rename(temporary, place) == 0;
    if (!good) st = io_error(path);
    if (!good && to) unlink(temporary);
    free(temporary);
    free(place);
    return st;
}

static void show_error(const char *name, const struct heard_file *h) {
    char line[1024];
    snprintf(line, sizeof(line), "%s", h->content ? h->content : "out of memory");
    cli_error(h->status, "%.300s%s%s", strstr(line, name) == line ? "" : name,
              strstr(line, name) == line ? "" : ": ", line);
    cli_fail(h->status);
}

/* In the order of the command line, as far as they are done. */
static karma_status show_done(struct transcribe *t) {
    for (; t->shown < t->n && t->heard[t->shown].done; t->shown++) {
        struct heard_file *h = &t->heard[t->shown];
        end_line(t);
        if (h->status < 0) {
            show_error(name_of(t->files[t->shown]), h);
        } else if (!t->output) {
            fputs(h->content, stdout);
            fflush(stdout);
        }
        free(h->content);
        h->content = NULL;
    }
    show_progress(t);
    return KARMA_OK;
}

/* --- the run ---------------------------------------------------------------------------------- */

static karma_status next_sample(void *user, const karma_sample **sample) {
    struct transcribe *t = user;
    if (t->next == t->n) return KARMA_DONE;
    const char *file = t->files[t->next];
    snprintf(t->key, sizeof(t->key), "%zu", t->next++);
    t->audio = (karma_audio){.path = file};
    if (is_standard(file)) {
        t->audio = (karma_audio){
            .bytes = t->standard_input, .n_bytes = t->standard_bytes, .name = name_of(file)};
    }
    t->sample = (karma_sample){.struct_size = sizeof(t->sample), .key = t->key, .audio = &t->audio};
    *sample = &t->sample;
    return KARMA_OK;
}

static karma_status put_output(void *user, const karma_output *out) {
    struct transcribe *t = user;
    const size_t i = (size_t)strtoull(out->key ? out->key : "", NULL, 10);
    struct heard_file *h = &t->heard[i < t->n ? i : 0];
    h->done = true;
    h->status = out->status;
    if (out->status < 0) {
        h->content = strdup(out->error ? out->error : "failed");
    } else {
        h->content = make_content(t, i, out);
        if (!h->content) return cli_error(KARMA_E_NOMEM, "out of memory");
    }
    t->n_done++;
    t->n_failed += out->status < 0;
    if (out->status == KARMA_OK && t->output) {
        char *path = path_for(t, i);
        if (!path) return cli_error(KARMA_E_NOMEM, "out of memory");
        t->write_status = write_file(path, h->content);
        free(path);
        if (t->write_status < 0) return t->write_status;
    }
    return show_done(t);
}

/* --- from words to options -------------------------------------------------------------------- */

static karma_status refuse_twice(const char *option, const char *name) {
    return cli_error(KARMA_E_USAGE, "%s is given twice: --model-args has %s too", option, name);
}

static karma_status set_text(char **args, const char *option, const char *name, const char *text) {
    bool given = false;
    if (!text) return KARMA_OK;
    const karma_status st = args_default(args, name, json_string(text), &given);
    return st == KARMA_OK && given ? refuse_twice(option, name) : st;
}

static karma_status set_beam(char **args, const char *text) {
    int64_t beam;
    bool given = false;
    if (!text) return KARMA_OK;
    karma_status st = cli_int("--beam", text, 1, 256, &beam);
    if (st == KARMA_OK) st = args_default(args, "beam", json_integer(beam), &given);
    return st == KARMA_OK && given ? refuse_twice("--beam", "beam") : st;
}

static karma_status set_hot_words(char **args, const char *text) {
    bool given = false;
    if (!text) return KARMA_OK;
    json_t *list = json_array();
    for (const char *p = text;;) {
        const size_t len = strcspn(p, ",");
        if (len == 0) {
            json_decref(list);
            return cli_error(KARMA_E_USAGE, "--hotwords: a word is empty");
        }
        if (json_array_append_new(list, json_stringn(p, len))) {
            json_decref(list);
            return cli_error(KARMA_E_USAGE, "--hotwords: not valid UTF-8");
        }
        if (!p[len]) break;
        p += len + 1;
    }
    const karma_status st = args_default(args, "hotwords", list, &given);
    return st == KARMA_OK && given ? refuse_twice("--hotwords", "hotwords") : st;
}

/* Times are made where the format shows them. */
static karma_status set_timestamps(char **args, const char *text, enum format format) {
    bool given = false;
    if (text) return set_text(args, "--timestamps", "timestamps", text);
    if (format == FORMAT_TEXT) return KARMA_OK;
    return args_default(args, "timestamps", json_string("word"), &given);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Before hours of listening: may that file be written? It must not be the recording itself. */
static karma_status check_place(const char *path, const char *recording) {
    struct stat out, in;
    char *place;
    karma_status st = output_place(path, &place);
    if (st < 0) return st;
    const bool same = !is_standard(recording) && stat(place, &out) == 0 &&
                      stat(recording, &in) == 0 && out.st_dev == in.st_dev &&
                      out.st_ino == in.st_ino;
    free(place);
    return same ? cli_error(KARMA_E_USAGE, "--output: %.300s is the recording itself", path)
                : KARMA_OK;
}

/* No two recordings may be written to one file. */
static karma_status check_names(const struct transcribe *t) {
    char **paths = calloc(t->n, sizeof(*paths));
    karma_status st = paths ? KARMA_OK : cli_error(KARMA_E_NOMEM, "out of memory");
    for (size_t i = 0; i < t->n && st == KARMA_OK; i++) {
        paths[i] = path_for(t, i);
        st = paths[i] ? check_place(paths[i], t->files[i])
                      : cli_error(KARMA_E_NOMEM, "out of memory");
    }
    if (st == KARMA_OK) qsort(paths, t->n, sizeof(*paths), by_name);
    for (size_t i = 1; i < t->n && st == KARMA_OK; i++) {
        if (strcmp(paths[i - 1], paths[i]) == 0) {
            st = cli_error(KARMA_E_USAGE, "--output: two recordings would be written to %.300s",
                           paths[i]);
        }
    }
    for (size_t i = 0; paths && i < t->n; i++)
        free(paths[i]);
    free(paths);
    return st;
}

static karma_status choose_output(struct transcribe *t) {
    struct stat there;
    const bool subtitles = t->format == FORMAT_SRT || t->format == FORMAT_VTT;
    if (!t->output && subtitles && t->n > 1) {
        return cli_error(KARMA_E_USAGE, "--format %s of several recordings needs --output DIR",
                         format_names[t->format]);
    }
    if (!t->output) return KARMA_OK;
    const size_t len = strlen(t->output);
    const bool exists = stat(t->output, &there) == 0;
    t->to_folder =
        exists ? S_ISDIR(there.st_mode) : t->n > 1 || (len > 0 && t->output[len - 1] == '/');
    if (exists && !t->to_folder && t->n > 1) {
        return cli_error(KARMA_E_USAGE, "--output %.300s: a file; several recordings need a folder",
                         t->output);
    }
    if (!exists && t->to_folder && mkdir(t->output, 0777) < 0) return io_error(t->output);
    return check_names(t);
}

static karma_status read_standard_input(struct transcribe *t) {
    bool wanted = false;
    for (size_t i = 0; i < t->n; i++) {
        if (!is_standard(t->files[i])) continue;
        if (wanted) return cli_error(KARMA_E_USAGE, "- is given twice");
        wanted = true;
    }
    return wanted ? sound_input_read(&t->standard_input, &t->standard_bytes) : KARMA_OK;
}

static karma_status run(struct transcribe *t, const char *name, const char *path,
                        const char *config, const char *args) {
    const karma_run_io io = {
        .next = next_sample, .put = put_output, .cancelled = cancelled, .user = t};
    karma_status st = karma_model_create_with(name, path, config, args, &t->model);
    if (st == KARMA_OK && !model_hears(t->model)) {
        st = cli_error(KARMA_E_USAGE, "%.200s is no speech recogniser", name);
    }
    if (st == KARMA_OK) st = read_standard_input(t);
    if (st == KARMA_OK) st = choose_output(t);
    if (st == KARMA_OK) st = karma_model_load(t->model);
    if (st < 0) return st;
    show_progress(t);
    st = karma_model_run(t->model, &io);
    end_line(t);
    return st;
}

static void release(struct transcribe *t) {
    for (size_t i = 0; t->heard && i < t->n; i++)
        free(t->heard[i].content);
    free(t->heard);
    free(t->standard_input);
    karma_model_destroy(t->model);
}

int cmd_transcribe(int argc, char **argv) {
    struct transcribe t = {.terminal = isatty(STDERR_FILENO) == 1};
    struct model_options mo = {0};
    const char *language = NULL, *decoding = NULL, *format = "text", *beam = NULL;
    const char *hot_words = NULL, *timestamps = NULL, *chunk = NULL;
    bool offline = false;
    const struct cli_option options[] = {
        {"--language", "NAME", "of the speech: a code, an English name, or auto",
         .value = &language},
        {"--decoding", "NAME", "ctc (default) or rnnt", .value = &decoding},
        {"--beam", "N", "texts kept in the search; 1 is greedy", .value = &beam},
        {"--hotwords", "A,B", "words to prefer, such as names of drugs", .value = &hot_words},
        {"--timestamps", "UNIT", "none, word or token (default: word where the format shows times)",
         .value = &timestamps},
        {"--chunk", "MODE", "auto (default): long recordings are cut at pauses; off: one pass",
         .value = &chunk},
        {"--format", "NAME", "text (default), json, srt or vtt", .value = &format},
        {"--output", "PATH", "a file, or a folder for a file a recording", .value = &t.output},
        {"--batch-size", "N", "pieces of sound computed at once", .value = &mo.batch_size},
        MODEL_USE_OPTIONS(mo, offline),
        {0}};
    const struct cli_command c = {"transcribe",
                                  "MODEL FILE... [options]",
                                  "Writes what is said in recordings: WAV, FLAC, OGG, MP3, of any "
                                  "rate and length. A FILE -\nis standard input.",
                                  options,
                                  2,
                                  argc > 2 ? argc : 2};
    const char **positional = calloc((size_t)argc + 3, sizeof(*positional));
    if (!positional) return cli_fail(cli_error(KARMA_E_NOMEM, "out of memory"));
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) {
        free(positional);
        return stop;
    }
    char *config = NULL, *args = NULL;
    int chosen = 0;
    t.files = positional + 1;
    while (t.files[t.n])
        t.n++;
    t.heard = calloc(t.n, sizeof(*t.heard));
    karma_status st = t.heard ? KARMA_OK : cli_error(KARMA_E_NOMEM, "out of memory");
    if (st == KARMA_OK) st = cli_choice("--format", format, format_names, &chosen);
    t.format = (enum format)chosen;
    if (st == KARMA_OK) st = model_options_merge(&mo, &config, &args);
    if (st == KARMA_OK) st = set_text(&args, "--language", "language", language);
    if (st == KARMA_OK) st = set_text(&args, "--decoding", "decoding_method", decoding);
    if (st == KARMA_OK) st = set_text(&args, "--chunk", "chunk", chunk);
    if (st == KARMA_OK) st = set_beam(&args, beam);
    if (st == KARMA_OK) st = set_hot_words(&args, hot_words);
    if (st == KARMA_OK) st = set_timestamps(&args, timestamps, t.format);
    if (st == KARMA_OK) {
        signals_install();
        st = run(&t, positional[0], mo.path, config, args);
    }
    const bool any_failed = t.n_failed > 0;
    const karma_status only = t.n == 1 && any_failed ? t.heard[0].status : KARMA_OK;
    release(&t);
    free(config);
    free(args);
    free(positional);
    if (signals_cancelled()) return cli_finish_output(false, signals_exit_status());
    if (st < 0 && ferror(stdout)) return cli_finish_output(false, 0);
    if (st < 0) return cli_fail(st);
    if (only < 0) return cli_finish_output(true, karma_status_exit(only));
    return cli_finish_output(true, any_failed ? 3 : 0);
}

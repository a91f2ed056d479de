/*
 * jinja_lexer.c - template source to tokens, with the whitespace rules of trim_blocks and
 * lstrip_blocks. The source has only \n line ends (chat_template.c sees to it). One pass, one token
 * at a time; text is lent from the source, unescaped strings live in the template's arena.
 */
#include "text/jinja_ast.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#include "base/json.h"
#include "base/utf8.h"

void jinja_lexer_init(struct jinja_lexer *lx, const char *src, size_t len, struct arena *arena) {
    *lx = (struct jinja_lexer){.src = src, .len = len, .arena = arena, .line_starting = true};
}

karma_status jinja_fail_at(const char *src, size_t len, size_t pos, karma_status st,
                           const char *fmt, ...) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < pos && i < len; i++) {
        if (src[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)src[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return status_fail(st, "line %zu, column %zu: %s", line, column, text);
}

static karma_status lex_fail(const struct jinja_lexer *lx, size_t pos, const char *what) {
    return jinja_fail_at(lx->src, lx->len, pos, KARMA_E_SYNTAX, "%s", what);
}

static bool at(const struct jinja_lexer *lx, size_t pos, const char *text) {
    const size_t n = strlen(text);
    return lx->len - pos >= n && memcmp(lx->src + pos, text, n) == 0;
}

/* First position from pos on that holds no whitespace. */
static size_t skip_space(const struct jinja_lexer *lx, size_t pos) {
    while (pos < lx->len) {
        size_t size;
        if (!jinja_is_space(jinja_char_at(lx->src, lx->len, pos, &size))) break;
        pos += size;
    }
    return pos;
}

/* End of [from, to) without the whitespace at its end. */
static size_t strip_right(const struct jinja_lexer *lx, size_t from, size_t to) {
    while (to > from) {
        const size_t size = jinja_char_before(lx->src, to);
        size_t unused;
        if (!jinja_is_space(jinja_char_at(lx->src, to, to - size, &unused))) break;
        to -= size;
    }
    return to;
}

/* The text before a tag: `-` takes all whitespace at its end, otherwise lstrip_blocks takes the
 * indentation of a block or comment that is alone on its line so far. */
static size_t text_end(const struct jinja_lexer *lx, size_t from, size_t to, char sign,
                       bool is_variable) {
    if (sign == '-') return strip_right(lx, from, to);
    if (sign == '+' || is_variable) return to;
    size_t line = to;
    while (line > from && lx->src[line - 1] != '\n') {
        line--;
    }
    if (line == from && !lx->line_starting) return to;
    return strip_right(lx, line, to) == line ? line : to;
}

/* If a tag ends at pos, the position behind it and what it swallows; else 0. close: "%}" and such.
 */
static size_t tag_end(const struct jinja_lexer *lx, size_t pos, const char *close,
                      bool is_variable) {
    if (lx->src[pos] == '-' && at(lx, pos + 1, close)) return skip_space(lx, pos + 3);
    if (!is_variable && lx->src[pos] == '+' && at(lx, pos + 1, close)) return pos + 3;
    if (!at(lx, pos, close)) return 0;
    pos += 2;
    if (!is_variable && pos < lx->len && lx->src[pos] == '\n') pos++;
    return pos;
}

static void move_to(struct jinja_lexer *lx, size_t pos) {
    lx->pos = pos;
    lx->line_starting = pos > 0 && lx->src[pos - 1] == '\n';
}

static char sign_at(const struct jinja_lexer *lx, size_t pos) {
    return pos < lx->len && (lx->src[pos] == '-' || lx->src[pos] == '+') ? lx->src[pos] : 0;
}

/* `{% raw %}` at pos: the position behind it, else 0. */
static size_t raw_begin(const struct jinja_lexer *lx, size_t pos) {
    if (!at(lx, pos, "{%")) return 0;
    pos += sign_at(lx, pos + 2) ? 3 : 2;
    pos = skip_space(lx, pos);
    if (!at(lx, pos, "raw")) return 0;
    pos = skip_space(lx, pos + 3);
    if (at(lx, pos, "-%}")) return skip_space(lx, pos + 3);
    return at(lx, pos, "%}") ? pos + 2 : 0;
}

/* `{% endraw %}` at pos likewise. */
static size_t raw_end(const struct jinja_lexer *lx, size_t pos) {
    if (!at(lx, pos, "{%")) return 0;
    pos += sign_at(lx, pos + 2) ? 3 : 2;
    pos = skip_space(lx, pos);
    if (!at(lx, pos, "endraw")) return 0;
    pos = skip_space(lx, pos + 6);
    return pos < lx->len ? tag_end(lx, pos, "%}", false) : 0;
}

static bool give_data(struct jinja_token *tok, const struct jinja_lexer *lx, size_t from,
                      size_t to) {
    if (to == from) return false;
    *tok = (struct jinja_token){
        .type = TOK_DATA, .pos = (uint32_t)from, .text = lx->src + from, .len = to - from};
    return true;
}

/* Between {% raw %} and {% endraw %}. *got: a token was made. */
static karma_status lex_raw(struct jinja_lexer *lx, struct jinja_token *tok, bool *got) {
    const size_t from = lx->pos;
    for (size_t pos = from; pos < lx->len; pos++) {
        const char *p = memchr(lx->src + pos, '{', lx->len - pos);
        if (!p) break;
        pos = (size_t)(p - lx->src);
        const size_t end = raw_end(lx, pos);
        if (!end) continue;
        *got = give_data(tok, lx, from, text_end(lx, from, pos, sign_at(lx, pos + 2), false));
        move_to(lx, end);
        lx->mode = LEX_TEXT;
        return KARMA_OK;
    }
    return lex_fail(lx, from, "the raw block is not closed");
}

/* From the inside of a comment that began at start to behind its end. */
static karma_status skip_comment(struct jinja_lexer *lx, size_t start, size_t inside) {
    for (size_t pos = inside; pos < lx->len; pos++) {
        const char *p = memchr(lx->src + pos, '#', lx->len - pos);
        if (!p) break;
        pos = (size_t)(p - lx->src);
        if (!at(lx, pos, "#}")) continue;
        const char sign = pos > inside ? lx->src[pos - 1] : 0;
        size_t end = pos + 2;
        if (sign == '-')
            end = skip_space(lx, end);
        else if (sign != '+' && end < lx->len && lx->src[end] == '\n')
            end++;
        move_to(lx, end);
        return KARMA_OK;
    }
    return lex_fail(lx, start, "the comment is not closed");
}

/* Outside tags: text up to the next tag, then the tag's beginning. */
static karma_status lex_text(struct jinja_lexer *lx, struct jinja_token *tok, bool *got) {
    const size_t from = lx->pos;
    size_t pos = from;
    char kind = 0;
    for (; pos < lx->len; pos++) {
        const char *p = memchr(lx->src + pos, '{', lx->len - pos);
        pos = p ? (size_t)(p - lx->src) : lx->len;
        if (pos + 1 >= lx->len) {
            pos = lx->len;
            break;
        }
        kind = lx->src[pos + 1];
        if (kind == '%' || kind == '{' || kind == '#') break;
    }
    if (pos >= lx->len) {
        *got = give_data(tok, lx, from, lx->len);
        move_to(lx, lx->len);
        return KARMA_OK;
    }
    const char sign = sign_at(lx, pos + 2);
    const size_t end = text_end(lx, from, pos, sign, kind == '{');
    const size_t inside = pos + (sign ? 3 : 2);
    *got = give_data(tok, lx, from, end);
    const size_t raw = raw_begin(lx, pos);
    if (raw) {
        move_to(lx, raw);
        lx->mode = LEX_RAW;
        return KARMA_OK;
    }
    if (kind == '#') return skip_comment(lx, pos, inside);
    lx->mode = kind == '%' ? LEX_BLOCK : LEX_VARIABLE;
    move_to(lx, inside);
    lx->n_brackets = 0;
    const struct jinja_token begin = {.type = kind == '%' ? TOK_BLOCK_BEGIN : TOK_VAR_BEGIN,
                                      .pos = (uint32_t)pos};
    if (*got) {
        lx->pending = true; /* the text goes out first; the beginning is made up again after it */
    } else {
        *tok = begin;
        *got = true;
    }
    return KARMA_OK;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* One escape sequence of a string at s[0] == '\\'. Appends to out, returns bytes consumed, 0 on
 * failure. */
static size_t unescape(const struct jinja_lexer *lx, size_t pos, size_t end, char *out,
                       size_t *out_len, karma_status *st) {
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    const char *s = lx->src + pos;
    const size_t len = end - pos;
    if (len < 2) { /* the pattern of a string ends no string after a lone backslash */
        *st = lex_fail(lx, pos, "\\ at the end of a string");
        return 0;
    }
    const char *known = strchr(from, s[1]);
    if (s[1] && known) {
        out[(*out_len)++] = to[known - from];
        return 2;
    }
    if (s[1] == '\n') return 2;
    if (s[1] >= '0' && s[1] <= '7') {
        uint32_t cp = 0;
        size_t n = 1;
        while (n < 4 && n < len && s[n] >= '0' && s[n] <= '7') {
            cp = cp * 8 + (uint32_t)(s[n++] - '0');
        }
        *out_len += (size_t)utf8_encode(cp, out + *out_len);
        return n;
    }
    const size_t digits = s[1] == 'x' ? 2 : s[1] == 'u' ? 4 : s[1] == 'U' ? 8 : 0;
    if (digits) {
        uint32_t cp = 0;
        for (size_t i = 0; i < digits; i++) {
            const int d = 2 + i < len ? hex_digit(s[2 + i]) : -1;
            if (d < 0) {
                *st = lex_fail(lx, pos, "truncated escape sequence in a string");
                return 0;
            }
            cp = cp << 4 | (uint32_t)d;
        }
        if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) {
            *st = lex_fail(lx, pos, "escape sequence for no character");
            return 0;
        }
        *out_len += (size_t)utf8_encode(cp, out + *out_len);
        return 2 + digits;
    }
    if (s[1] == 'N') {
        *st = jinja_fail_at(lx->src, lx->len, pos, KARMA_E_UNSUPPORTED,
                            "\\N{...} in a string is not supported");
        return 0;
    }
    out[(*out_len)++] = '\\';
    if ((unsigned char)s[1] < 0x80) {
        out[(*out_len)++] = s[1];
        return 2;
    }
    /* The reference escapes non-ASCII characters before it unescapes, so that a backslash before
     * one leaves that escape as text. */
    size_t size;
    const uint32_t cp = jinja_char_at(s, len, 1, &size);
    char text[16];
    const int n = snprintf(text, sizeof(text),
                           cp < 0x100     ? "x%02x"
                           : cp < 0x10000 ? "u%04x"
                                          : "U%08x",
                           (unsigned)cp);
    memcpy(out + *out_len, text, (size_t)n);
    *out_len += (size_t)n;
    return 1 + size;
}

static karma_status lex_string(struct jinja_lexer *lx, struct jinja_token *tok) {
    const char quote = lx->src[lx->pos];
    size_t end = lx->pos + 1;
    bool escaped = false;
    while (end < lx->len && lx->src[end] != quote) {
        if (lx->src[end] == '\\') {
            escaped = true;
            end++;
        }
        end++;
    }
    if (end >= lx->len) return lex_fail(lx, lx->pos, "the string is not closed");
    *tok = (struct jinja_token){.type = TOK_STRING,
                                .pos = (uint32_t)lx->pos,
                                .text = lx->src + lx->pos + 1,
                                .len = end - lx->pos - 1};
    if (escaped) {
        char *text =
            arena_alloc(lx->arena, 5 * tok->len + 1); /* "\é" grows 3 bytes to 11 at most */
        if (!text) return KARMA_E_NOMEM;
        size_t n = 0;
        for (size_t pos = lx->pos + 1; pos < end;) {
            if (lx->src[pos] != '\\') {
                text[n++] = lx->src[pos++];
                continue;
            }
            karma_status st = KARMA_OK;
            const size_t used = unescape(lx, pos, end, text, &n, &st);
            if (!used) return st;
            pos += used;
        }
        tok->text = text;
        tok->len = n;
    }
    move_to(lx, end + 1);
    return KARMA_OK;
}

/* Digits of a base with single underscores between them, from pos; the position behind. */
static size_t digits(const struct jinja_lexer *lx, size_t pos, int base, bool underscore) {
    for (;; underscore = true) {
        const size_t p = underscore && pos < lx->len && lx->src[pos] == '_' ? pos + 1 : pos;
        const int d = p < lx->len ? hex_digit(lx->src[p]) : -1;
        if (d < 0 || d >= base) return pos;
        pos = p + 1;
    }
}

/* The numeral without underscores into text (at most cap - 1 bytes); false if it is longer. */
static bool plain_number(const struct jinja_lexer *lx, size_t from, size_t to, char *text,
                         size_t cap) {
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        if (lx->src[i] == '_') continue;
        if (n + 1 >= cap) return false;
        text[n++] = lx->src[i];
    }
    text[n] = 0;
    return true;
}

static karma_status lex_number(struct jinja_lexer *lx, struct jinja_token *tok) {
    const size_t from = lx->pos;
    char text[512];
    *tok = (struct jinja_token){.pos = (uint32_t)from};
    /* A float: digits, then a fraction or an exponent; not behind a dot (a.0.1). */
    if (from == 0 || lx->src[from - 1] != '.') {
        const size_t whole = digits(lx, from, 10, false);
        size_t end = whole;
        if (end + 1 < lx->len && lx->src[end] == '.' && ascii_is_digit(lx->src[end + 1])) {
            end = digits(lx, end + 1, 10, false);
        }
        size_t e = end;
        if (e < lx->len && (lx->src[e] == 'e' || lx->src[e] == 'E')) {
            e++;
            if (e < lx->len && (lx->src[e] == '+' || lx->src[e] == '-')) e++;
            if (e < lx->len && ascii_is_digit(lx->src[e])) end = digits(lx, e, 10, false);
        }
        if (end > whole) {
            tok->type = TOK_FLOAT;
            if (!plain_number(lx, from, end, text, sizeof(text)) ||
                !json_parse_real(text, strlen(text), &tok->real)) {
                return lex_fail(lx, from, "number out of range");
            }
            move_to(lx, end);
            return KARMA_OK;
        }
    }
    int base = 10;
    size_t first = from, end;
    if (lx->src[from] == '0' && from + 1 < lx->len) {
        const char c = lx->src[from + 1];
        base = c == 'b' || c == 'B' ? 2 : c == 'o' || c == 'O' ? 8 : c == 'x' || c == 'X' ? 16 : 10;
    }
    if (base != 10) {
        first = from + 2;
        end = digits(lx, first, base, true);
        if (end == first) {
            base = 10;
            first = from;
        }
    }
    if (base == 10) end = digits(lx, from, lx->src[from] == '0' ? 1 : 10, false);
    tok->type = TOK_INT;
    if (!plain_number(lx, first, end, text, sizeof(text))) {
        return lex_fail(lx, from, "number out of range");
    }
    int64_t value = 0;
    for (const char *c = text; *c; c++) {
        if (__builtin_mul_overflow(value, (int64_t)base, &value) ||
            __builtin_add_overflow(value, (int64_t)hex_digit(*c), &value)) {
            return jinja_fail_at(lx->src, lx->len, from, KARMA_E_RANGE,
                                 "integers beyond 64 bits are not supported");
        }
    }
    tok->integer = value;
    move_to(lx, end);
    return KARMA_OK;
}

static bool is_name_char(uint32_t cp) {
    if (cp < 0x80) return cp == '_' || (cp | 32) - 'a' < 26 || cp - '0' < 10;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return false;
    }
}

static const struct {
    char text[3];
    enum jinja_tok type;
} operators[] = {
    {"//", TOK_FLOORDIV}, {"**", TOK_POW},      {"==", TOK_EQ},    {"!=", TOK_NE},
    {">=", TOK_GE},       {"<=", TOK_LE},       {"+", TOK_ADD},    {"-", TOK_SUB},
    {"/", TOK_DIV},       {"*", TOK_MUL},       {"%", TOK_MOD},    {"~", TOK_TILDE},
    {"[", TOK_LBRACKET},  {"]", TOK_RBRACKET},  {"(", TOK_LPAREN}, {")", TOK_RPAREN},
    {"{", TOK_LBRACE},    {"}", TOK_RBRACE},    {">", TOK_GT},     {"<", TOK_LT},
    {"=", TOK_ASSIGN},    {".", TOK_DOT},       {":", TOK_COLON},  {"|", TOK_PIPE},
    {",", TOK_COMMA},     {";", TOK_SEMICOLON},
};

const char *jinja_tok_name(enum jinja_tok type) {
    static char names[sizeof(operators) / sizeof(operators[0])][8] = {
        "'//'", "'**'", "'=='", "'!='", "'>='", "'<='", "'+'", "'-'", "'/'",
        "'*'",  "'%'",  "'~'",  "'['",  "']'",  "'('",  "')'", "'{'", "'}'",
        "'>'",  "'<'",  "'='",  "'.'",  "':'",  "'|'",  "','", "';'"};
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (operators[i].type == type) return names[i];
    }
    switch (type) {
    case TOK_EOF:
        return "the end of the template";
    case TOK_DATA:
        return "text";
    case TOK_VAR_BEGIN:
        return "'{{'";
    case TOK_VAR_END:
        return "'}}'";
    case TOK_BLOCK_BEGIN:
        return "'{%'";
    case TOK_BLOCK_END:
        return "'%}'";
    case TOK_NAME:
        return "a name";
    case TOK_STRING:
        return "a string";
    default:
        return "a number";
    }
}

static karma_status lex_operator(struct jinja_lexer *lx, struct jinja_token *tok) {
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (!at(lx, lx->pos, operators[i].text)) continue;
        const char c = operators[i].text[0];
        if (strchr("([{", c)) {
            if (lx->n_brackets == sizeof(lx->brackets)) {
                return jinja_fail_at(lx->src, lx->len, lx->pos, KARMA_E_LIMIT,
                                     "brackets nested more than %d deep", JINJA_MAX_DEPTH);
            }
            lx->brackets[lx->n_brackets++] = c == '(' ? ')' : c == '[' ? ']' : '}';
        } else if (strchr(")]}", c)) {
            if (lx->n_brackets == 0 || lx->brackets[lx->n_brackets - 1] != c) {
                return jinja_fail_at(lx->src, lx->len, lx->pos, KARMA_E_SYNTAX, "unexpected '%c'",
                                     c);
            }
            lx->n_brackets--;
        }
        *tok = (struct jinja_token){.type = operators[i].type, .pos = (uint32_t)lx->pos};
        move_to(lx, lx->pos + strlen(operators[i].text));
        return KARMA_OK;
    }
    size_t size;
    jinja_char_at(lx->src, lx->len, lx->pos, &size);
    return jinja_fail_at(lx->src, lx->len, lx->pos, KARMA_E_SYNTAX, "unexpected character %s",
                         status_quote(lx->src + lx->pos, size));
}

/* Inside {% %} or {{ }}. */
static karma_status lex_tag(struct jinja_lexer *lx, struct jinja_token *tok) {
    const bool is_variable = lx->mode == LEX_VARIABLE;
    for (;;) {
        if (lx->pos >= lx->len) {
            *tok = (struct jinja_token){.type = TOK_EOF, .pos = (uint32_t)lx->len};
            return KARMA_OK;
        }
        const size_t end =
            lx->n_brackets ? 0 : tag_end(lx, lx->pos, is_variable ? "}}" : "%}", is_variable);
        if (end) {
            *tok = (struct jinja_token){.type = is_variable ? TOK_VAR_END : TOK_BLOCK_END,
                                        .pos = (uint32_t)lx->pos};
            move_to(lx, end);
            lx->mode = LEX_TEXT;
            return KARMA_OK;
        }
        const size_t next = skip_space(lx, lx->pos);
        if (next == lx->pos) break;
        move_to(lx, next);
    }
    const char c = lx->src[lx->pos];
    if (ascii_is_digit(c)) return lex_number(lx, tok);
    if (c == '\'' || c == '"') return lex_string(lx, tok);
    size_t end = lx->pos, size;
    while (end < lx->len && is_name_char(jinja_char_at(lx->src, lx->len, end, &size))) {
        end += size;
    }
    if (end == lx->pos) return lex_operator(lx, tok);
    *tok = (struct jinja_token){.type = TOK_NAME,
                                .pos = (uint32_t)lx->pos,
                                .text = lx->src + lx->pos,
                                .len = end - lx->pos};
    move_to(lx, end);
    return KARMA_OK;
}

karma_status jinja_lexer_next(struct jinja_lexer *lx, struct jinja_token *tok) {
    if (lx->pending) {
        lx->pending = false;
        const size_t begin = lx->src[lx->pos - 1] == '-' || lx->src[lx->pos - 1] == '+' ? 3 : 2;
        *tok = (struct jinja_token){.type = lx->mode == LEX_BLOCK ? TOK_BLOCK_BEGIN : TOK_VAR_BEGIN,
                                    .pos = (uint32_t)(lx->pos - begin)};
        return KARMA_OK;
    }
    for (;;) {
        if (lx->mode == LEX_BLOCK || lx->mode == LEX_VARIABLE) return lex_tag(lx, tok);
        if (lx->pos >= lx->len) {
            if (lx->mode == LEX_RAW) return lex_fail(lx, lx->len, "the raw block is not closed");
            *tok = (struct jinja_token){.type = TOK_EOF, .pos = (uint32_t)lx->len};
            return KARMA_OK;
        }
        bool got = false;
        const karma_status st =
            lx->mode == LEX_RAW ? lex_raw(lx, tok, &got) : lex_text(lx, tok, &got);
        if (st < 0) return st;
        if (got) return KARMA_OK;
    }
}

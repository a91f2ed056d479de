/* test_precompiled.c - a small map of characters built here, and maps that point outside. */
#include "text/precompiled.h"

#include "tests/support/test.h"

/* A double-array trie with a block of 256 units for every node: wasteful and easy to see through.
 */
enum { MAX_NODES = 16 };
struct map {
    uint32_t units[256 * (MAX_NODES + 1)];
    uint32_t n_nodes;
    char pool[200];
    uint32_t pool_len;
};

static uint32_t base_of(uint32_t node) {
    return 256 * (node + 1);
}

static void init(struct map *m) {
    memset(m, 0, sizeof(*m));
    for (size_t i = 0; i < sizeof(m->units) / sizeof(m->units[0]); i++)
        m->units[i] = 1u << 31; /* no label is this */
    m->units[0] = base_of(0) << 10;
    m->n_nodes = 1;
}

static void add(struct map *m, const char *key, const char *to) {
    uint32_t node = 0;
    for (; *key; key++) {
        const uint32_t at = base_of(node) ^ (unsigned char)*key;
        if (m->units[at] == 1u << 31) {
            assert_true(m->n_nodes < MAX_NODES);
            m->units[at] = (at ^ base_of(m->n_nodes++)) << 10 | (unsigned char)*key;
        }
        node = ((m->units[at] >> 10 ^ at) / 256) - 1;
        if (!key[1]) m->units[at] |= 1u << 8;
    }
    m->units[base_of(node)] = m->pool_len;
    memcpy(m->pool + m->pool_len, to, strlen(to) + 1);
    m->pool_len += (uint32_t)strlen(to) + 1;
}

static void encode(const unsigned char *data, size_t len, struct buf *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t bits = (uint32_t)data[i] << 16;
        if (i + 1 < len) bits |= (uint32_t)data[i + 1] << 8;
        if (i + 2 < len) bits |= data[i + 2];
        for (int k = 0; k < 4; k++)
            assert_ok(buf_putc(out, i + (size_t)k > len ? '=' : digits[bits >> (18 - 6 * k) & 63]));
    }
}

static karma_status read(const struct map *m, struct arena *a, struct precompiled *p) {
    struct buf blob = {0}, text = {0};
    const uint32_t size = (uint32_t)sizeof(m->units);
    assert_ok(buf_append(&blob, &size, 4));
    assert_ok(buf_append(&blob, m->units, size));
    assert_ok(buf_append(&blob, m->pool, m->pool_len));
    encode((const unsigned char *)blob.data, blob.len, &text);
    karma_status st = precompiled_read(a, text.data, text.len, p);
    buf_release(&blob);
    buf_release(&text);
    return st;
}

static void check(const struct precompiled *p, const char *text, const char *wanted) {
    struct buf out = {0};
    assert_ok(precompiled_apply(p, text, strlen(text), &out));
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
}

static void replaces_characters_and_short_clusters(void **state) {
    (void)state;
    struct map m;
    struct arena a = {0};
    struct precompiled p;
    init(&m);
    add(&m, "\n", " ");
    add(&m, "\xEF\xAC\x81", "fi");
    add(&m, "e\xCC\x81", "\xC3\xA9");
    add(&m, "\xE2\x80\x8B", "");
    assert_ok(read(&m, &a, &p));
    check(&p, "plain text", "plain text");
    check(&p,
          "of\xEF\xAC\x81"
          "ce\nx",
          "office x");
    check(&p, "cafe\xCC\x81!", "caf\xC3\xA9!");
    check(&p,
          "a\xE2\x80\x8B"
          "b",
          "ab");
    check(&p, "", "");
    /* a cluster of six bytes or more goes character by character */
    check(&p, "e\xCC\x81\xCC\x82\xCC\x83", "e\xCC\x81\xCC\x82\xCC\x83");
    arena_release(&a);
}

static void a_short_cluster_becomes_what_its_shortest_known_beginning_does(void **state) {
    (void)state;
    struct map m;
    struct arena a = {0};
    struct precompiled p;
    init(&m);
    add(&m, "A", "x");
    add(&m, "A\xCC\x81", "never");
    add(&m, "\r", "-");
    assert_ok(read(&m, &a, &p));
    check(&p,
          "A\xCC\x81"
          "A\xCC\x80z",
          "xxz");
    check(&p, "a\r\nb", "a-b");
    check(&p, "A\xCC\x81\xCC\x80\xCC\x82", "x\xCC\x81\xCC\x80\xCC\x82");
    arena_release(&a);
}

static void a_map_that_points_outside_is_as_if_it_were_not_there(void **state) {
    (void)state;
    struct map m;
    struct arena a = {0};
    struct precompiled p;
    init(&m);
    add(&m, "a", "x");
    add(&m, "b", "y\xC3\xA9");
    m.units[base_of(1)] = 1000000; /* past the pool */
    m.units[base_of(2)] = 4;       /* into the middle of a character */
    assert_ok(read(&m, &a, &p));
    check(&p, "abc", "abc");
    m.units[base_of(0) ^ 'a'] = 0x3FFFFFu << 10 | 1u << 9 | 1u << 8 | 'a'; /* past the trie */
    assert_ok(read(&m, &a, &p));
    check(&p, "abc", "abc");
    m.units[0] = 0x3FFFFFu << 10;
    assert_ok(read(&m, &a, &p));
    check(&p, "abc", "abc");
    arena_release(&a);
}

static void fails(const char *base64, karma_status st, const char *message) {
    struct arena a = {0};
    struct precompiled p;
    assert_status(precompiled_read(&a, base64, strlen(base64), &p), st);
    assert_message_contains(message);
    arena_release(&a);
}

static void refuses_what_is_no_map(void **state) {
    (void)state;
    fails("AAA", KARMA_E_SYNTAX, "base64 of 3 characters");
    fails("AA*A", KARMA_E_SYNTAX, "no base64 at character 2");
    fails("AA==AAAA", KARMA_E_SYNTAX, "no base64 at character 2");
    fails("AAAAAB==", KARMA_E_SYNTAX, "bits that are lost");
    fails("AAA=", KARMA_E_TRUNCATED, "2 bytes");
    fails("CAAAAAAA", KARMA_E_TRUNCATED, "a trie of 2 units in 6 bytes");
    fails("AAAAAP8=", KARMA_E_ENCODING, "no UTF-8");
    struct arena a = {0};
    struct precompiled p;
    assert_ok(precompiled_read(&a, "AAAAAA==", 8, &p)); /* an empty one changes nothing */
    check(&p, "a\n", "a\n");
    arena_release(&a);
}

static karma_status attempt(void *ctx) {
    struct arena a = {0};
    struct precompiled p;
    struct buf out = {0};
    (void)ctx;
    karma_status st = precompiled_read(&a, "BAAAAAAAAAAA", 12, &p);
    if (st == KARMA_OK) st = precompiled_apply(&p, "ab", 2, &out);
    buf_release(&out);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(replaces_characters_and_short_clusters),
        test_case(a_short_cluster_becomes_what_its_shortest_known_beginning_does),
        test_case(a_map_that_points_outside_is_as_if_it_were_not_there),
        test_case(refuses_what_is_no_map),
        test_case(survives_every_failing_allocation),
    };
    return run_group("text/precompiled", tests);
}

/* test_corpus.c - how alike two vectors are. Ranking is tested through a model: test_embedding.c.
 */
#include "tests/support/test.h"

#include <math.h>

#include "karma/embedding.h"

static void compares_by_each_measure(void **state) {
    (void)state;
    static const float a[] = {1, 2, -3}, b[] = {2, 0, 4};
    assert_true(fabs(karma_similarity(KARMA_DOT, a, b, 3) + 10) < 1e-12);
    assert_true(fabs(karma_similarity(KARMA_COSINE, a, b, 3) + 10 / sqrt(14.0 * 20)) < 1e-12);
    assert_true(fabs(karma_similarity(KARMA_EUCLIDEAN, a, b, 3) + sqrt(54)) < 1e-12);
    assert_true(fabs(karma_similarity(KARMA_MANHATTAN, a, b, 3) + 10) < 1e-12);
}

static void a_vector_of_zeros_is_like_nothing(void **state) {
    (void)state;
    static const float zero[] = {0, 0}, one[] = {1, 0};
    assert_true(karma_similarity(KARMA_COSINE, zero, one, 2) == 0);
    assert_true(karma_similarity(KARMA_COSINE, zero, zero, 2) == 0);
}

static void a_vector_is_most_like_itself_at_any_length(void **state) {
    (void)state;
    float v[67];
    for (size_t i = 0; i < 67; i++)
        v[i] = sinf((float)i + 1);
    for (size_t n = 1; n <= 67; n++) {
        assert_true(fabs(karma_similarity(KARMA_COSINE, v, v, n) - 1) < 1e-12);
        assert_true(karma_similarity(KARMA_EUCLIDEAN, v, v, n) == 0);
        double want = 0;
        for (size_t i = 0; i < n; i++)
            want += (double)v[i] * (double)v[i];
        assert_true(fabs(karma_similarity(KARMA_DOT, v, v, n) - want) < 1e-12);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(compares_by_each_measure),
        test_case(a_vector_of_zeros_is_like_nothing),
        test_case(a_vector_is_most_like_itself_at_any_length),
    };
    return run_group("api/corpus", tests);
}

/* test_mapped.c - an address leads back to its file while that is mapped, and not afterwards. */
#include "base/file.h"
#include "karma/karma.h"
#include "tests/support/test.h"

static void an_address_leads_to_file_and_offset(void **state) {
    (void)state;
    const char *first = write_text("first.txt", "0123456789"),
               *second = write_text("second.txt", "x");
    struct file_map a, b;
    size_t offset = 99;
    assert_ok(file_map_open(first, &a));
    assert_ok(file_map_open(second, &b));
    assert_string_equal(karma_mapped_file(a.data + 7, &offset), first);
    assert_int_equal(offset, 7);
    assert_string_equal(karma_mapped_file(b.data, &offset), second);
    assert_null(karma_mapped_file(&offset, &offset));
    const unsigned char *gone = a.data;
    file_map_close(&a);
    assert_null(karma_mapped_file(gone, &offset));
    assert_string_equal(karma_mapped_file(b.data, &offset), second);
    file_map_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(an_address_leads_to_file_and_offset),
    };
    return run_group("base/mapped", tests);
}

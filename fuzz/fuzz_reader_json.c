/* fuzz_reader_json.c - any bytes as a file of rows: see reader_fuzz.h. */
#include "reader_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_reader(&reader_json, data, size);
}

/* foreign.c - see foreign.h. */
#include "formats/foreign.h"

#include <string.h>

#include "base/utf8.h"

#define PICKLE_ADVICE                                                                              \
    "karma never runs pickles; use the safetensors files of the same model, or convert it once "   \
    "with save_pretrained(..., safe_serialization=True)"

struct signature {
    const char *bytes;
    size_t len;
    size_t at; /* offset in the file */
    const char *what;
    const char *advice;
};
#define SIGNATURE(at, bytes, what, advice)                                                         \
    { bytes, sizeof(bytes) - 1, at, what, advice }

static const struct signature signatures[] = {
    SIGNATURE(0, "PK\x03\x04", "a zip archive (PyTorch saves pickles so)", PICKLE_ADVICE),
    SIGNATURE(0, "PK\x05\x06", "an empty zip archive", "it holds no model"),
    SIGNATURE(0, "\x80\x02", "a Python pickle", PICKLE_ADVICE),
    SIGNATURE(0, "\x80\x03", "a Python pickle", PICKLE_ADVICE),
    SIGNATURE(0, "\x80\x04", "a Python pickle", PICKLE_ADVICE),
    SIGNATURE(0, "\x80\x05", "a Python pickle", PICKLE_ADVICE),
    SIGNATURE(0, "\x1f\x8b", "gzip data", "unpack it first"),
    SIGNATURE(0, "\x28\xb5\x2f\xfd", "zstd data", "unpack it first"),
    SIGNATURE(0,
              "\xfd"
              "7zXZ",
              "xz data", "unpack it first"),
    SIGNATURE(0, "BZh", "bzip2 data", "unpack it first"),
    SIGNATURE(257, "ustar", "a tar archive", "unpack it first"),
    SIGNATURE(0, "version https://git-lfs", "a Git LFS pointer, not the file itself",
              "fetch the file with `git lfs pull` or download it again"),
    SIGNATURE(0, "\x89HDF\r\n", "an HDF5 file", "use the safetensors files of the same model"),
    SIGNATURE(0, "ggml", "a GGML file, older than GGUF", "convert the model to GGUF"),
    SIGNATURE(0, "lmgg", "a GGML file, older than GGUF", "convert the model to GGUF"),
    SIGNATURE(0, "tjgg", "a GGJT file, older than GGUF", "convert the model to GGUF"),
    SIGNATURE(0, "fmgg", "a GGMF file, older than GGUF", "convert the model to GGUF"),
    SIGNATURE(0, "%PDF-", "a PDF document", "it holds no model"),
    SIGNATURE(0,
              "\x7f"
              "ELF",
              "a program", "it holds no model"),
};

static bool is_html(const unsigned char *data, size_t size) {
    static const char *const openings[] = {"<!doctype html", "<html", "<head", "<?xml"};
    size_t at = 0;
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) at = 3;
    while (at < size && (data[at] == ' ' || (data[at] >= '\t' && data[at] <= '\r')))
        at++;
    for (size_t i = 0; i < sizeof(openings) / sizeof(*openings); i++) {
        const size_t len = strlen(openings[i]);
        if (size - at >= len && ascii_same_n((const char *)data + at, openings[i], len)) {
            return true;
        }
    }
    return false;
}

karma_status foreign_refuse_archive(void) {
    return status_fail(KARMA_E_UNSUPPORTED,
                       "a .nemo archive is not loaded as it is: `karma convert` makes a folder of "
                       "safetensors of it, once, and runs nothing in it");
}

karma_status foreign_check_bytes(const unsigned char *data, size_t size) {
    for (size_t i = 0; i < sizeof(signatures) / sizeof(*signatures); i++) {
        const struct signature *s = &signatures[i];
        if (size < s->at + s->len || memcmp(data + s->at, s->bytes, s->len) != 0) continue;
        return status_fail(KARMA_E_UNSUPPORTED, "this is %s; %s", s->what, s->advice);
    }
    if (!is_html(data, size)) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "this is a web page, not a model; the download met a log-in or error page");
}

bool foreign_is_pickle_name(const char *name) {
    static const char *const endings[] = {".bin", ".pt",     ".pth", ".ckpt",   ".nemo",
                                          ".pkl", ".pickle", ".h5",  ".joblib", ".msgpack"};
    const size_t len = strlen(name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        const size_t n = strlen(endings[i]);
        if (len > n && ascii_same(name + len - n, endings[i])) return true;
    }
    return false;
}

karma_status foreign_refuse_pickle(void) {
    return status_fail(KARMA_E_UNSUPPORTED,
                       "weights of this kind are programs or packed by one; %s", PICKLE_ADVICE);
}

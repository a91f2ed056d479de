#!/usr/bin/env python3
"""Write src/text/unicode_tables.c: one byte of properties per code point, in two stages.

The reference (Hugging Face tokenizers 0.23) mixes Unicode versions, so each property is taken from
the version that the reference has:

    L, N, S and the word characters of added tokens   16.0   (Oniguruma 6.9.10; Rust's regex)
    numeric characters of the Digits pre-tokenizer    17.0   (Rust's standard library)
    what normal forms know                             9.0   (crate unicode-normalization-alignments)

Sources: the PyPI package `regex` (2024.11.6 has Unicode 16.0), `unicodedata2` (17.0.0), Unicode's
DerivedAge.txt (any version from 9.0 on; Debian package unicode-data) and this Python's unicodedata,
whose normal forms of characters that old can no longer change.

    pip install --target deps regex==2024.11.6 unicodedata2==17.0.0
    PYTHONPATH=deps python3 tools/make_unicode.py /usr/share/unicode/DerivedAge.txt
"""
import sys
import unicodedata

import regex
import unicodedata2

BLOCK = 128
LETTER, NUMBER, SPACE = 1, 2, 3
WORD, NUMERIC, OLD, NFC_ACTIVE = 4, 8, 16, 32

assert regex.match(r"\p{L}", "\U000105c0"), "regex must have Unicode 16.0"
assert not regex.match(r"\p{L}", "\U00011dc0"), "regex must not be newer than Unicode 16.0"
assert unicodedata2.unidata_version == "17.0.0"


def read_ages(path):
    """Code points assigned in Unicode 9.0 or before."""
    old = set()
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.split("#")[0].strip()
            if not line:
                continue
            span, age = (x.strip() for x in line.split(";"))
            first, _, last = span.partition("..")
            if int(age.split(".")[0]) <= 9:
                old.update(range(int(first, 16), int(last or first, 16) + 1))
    return old


def second_of_pairs(old):
    """Code points that can compose with the one before them."""
    seconds = set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    for cp in old:
        d = unicodedata.decomposition(chr(cp))
        if d and not d.startswith("<") and " " in d:
            seconds.add(int(d.split()[1], 16))
    return seconds


def main():
    old = read_ages(sys.argv[1])
    seconds = second_of_pairs(old)
    patterns = [(LETTER, r"\p{L}+"), (NUMBER, r"\p{N}+"), (SPACE, r"\s+"),
                (WORD, r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+")]
    props = bytearray(0x110000)
    scalar = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    text = "".join(map(chr, scalar))
    for bit, pattern in patterns:
        for m in regex.finditer(pattern, text):
            for ch in m.group():
                props[ord(ch)] |= bit
    for c in scalar:
        ch = chr(c)
        if unicodedata2.category(ch)[0] == "N":
            props[c] |= NUMERIC
        if c in old:
            props[c] |= OLD
            if c in seconds or unicodedata.combining(ch) or unicodedata.normalize("NFC", ch) != ch:
                props[c] |= NFC_ACTIVE

    blocks, index = {}, []
    for at in range(0, 0x110000, BLOCK):
        block = bytes(props[at:at + BLOCK])
        index.append(blocks.setdefault(block, len(blocks)))
    assert len(blocks) <= 256

    out = open("src/text/unicode_tables.c", "w", encoding="utf-8")
    out.write("""/*
 * unicode_tables.c - made by tools/make_unicode.py; do not edit. Properties of code points in two
 * stages; the bits are those of text/unicode.h. Unicode 16.0 (letters, numbers, spaces, word
 * characters), 17.0 (numeric), 9.0 (normal forms): the versions that the reference tokenizers have.
 */
#include "text/unicode.h"

/* clang-format off */
""")
    out.write("const uint8_t unicode_block_of[%d] = {\n" % len(index))
    write_numbers(out, index)
    out.write("};\n\nconst uint8_t unicode_props[%d][UNICODE_BLOCK] = {\n" % len(blocks))
    for block in blocks:
        if len(set(block)) == 1 and block[0] == 0:
            out.write("    {0},\n")
            continue
        out.write("    {\n")
        write_numbers(out, block)
        out.write("    },\n")
    out.write("};\n")
    print(len(blocks), "blocks,", len(blocks) * BLOCK + len(index), "bytes")


def write_numbers(out, numbers):
    line = "   "
    for n in numbers:
        if len(line) > 95:
            out.write(line + "\n")
            line = "   "
        line += " %d," % n
    out.write(line + "\n")


if __name__ == "__main__":
    main()

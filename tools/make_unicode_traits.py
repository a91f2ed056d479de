#!/usr/bin/env python3
"""Write src/text/unicode_traits.c: a second byte of properties per code point, in two stages, and
lower case. The versions that the reference (Hugging Face tokenizers 0.23) has:

    grapheme clusters                              17.0   (crate unicode-segmentation)
    punctuation, non-spacing marks, controls        8.0   (crate unicode_categories)
    marks that StripAccents drops                   9.0   (crate unicode-normalization-alignments)
    lower case                                     17.0   (Rust's standard library)

Grapheme clusters come from the PyPI package `regex` (2025.11.3 has Unicode 17.0); the others
are asked of the library itself, code point by code point. Run it in the repository's root.

    pip install --target deps regex==2025.11.3 tokenizers==0.23.3
    PYTHONPATH=deps python3 tools/make_unicode_traits.py
"""
import regex
from tokenizers import normalizers, pre_tokenizers

BLOCK = 128
PUNCTUATION, NONSPACING, DROPPED = 1 << 4, 2 << 4, 3 << 4
MARK, LOWERS = 64, 128
# in the order of enum grapheme_class; a later one wins
GRAPHEMES = [r"[^\s\S]", r"\p{GCB=Control}", r"\p{GCB=Extend}", r"\p{GCB=SpacingMark}",
             r"\p{GCB=Prepend}", r"\p{GCB=Regional_Indicator}", r"\p{GCB=L}", r"\p{GCB=V}",
             r"\p{GCB=T}", r"\p{GCB=LV}", r"\p{GCB=LVT}", r"\p{Extended_Pictographic}",
             r"\p{InCB=Consonant}", r"\p{InCB=Linker}", r"\p{InCB=Extend}", r"\u200d"]

assert regex.match(r"\p{GCB=Extend}", "\u1acf"), "regex must have Unicode 17.0"
assert not regex.match(r"\p{GCB=Extend}", "\u05c8"), "regex must not be newer than Unicode 17.0"


def traits():
    """Bits of enum unicode_trait, and the lower case of each character that has another one."""
    bits = bytearray(0x110000)
    lower = {}
    bert = normalizers.BertNormalizer
    clean = bert(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    accents = bert(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    marks, small = normalizers.StripAccents(), normalizers.Lowercase()
    punctuation = pre_tokenizers.Punctuation()
    scalar = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for c in scalar:
        ch = chr(c)
        if clean.normalize_str(ch) == "":
            bits[c] |= DROPPED
        elif accents.normalize_str(ch) == "":
            bits[c] |= NONSPACING
        elif len(punctuation.pre_tokenize_str("a%cb" % c)) == 3:
            bits[c] |= PUNCTUATION
        if marks.normalize_str(ch) == "":
            bits[c] |= MARK
        to = small.normalize_str(ch)
        if to != ch:
            bits[c] |= LOWERS
            lower[c] = [ord(x) for x in to]
    text = "".join(map(chr, scalar))
    for number, pattern in enumerate(GRAPHEMES):
        for m in regex.finditer(pattern, text):
            c = ord(m.group())
            bits[c] = bits[c] & 0xF0 | number
    for c in (0x0D, 0x0A):  # the scanner knows them by name; otherwise they are controls
        bits[c] = bits[c] & 0xF0 | 1
    return bits, lower


def main():
    bits, lower = traits()
    assert lower.pop(0x130) == [0x69, 0x307]  # the only one of two characters; the code knows it
    assert all(len(to) == 1 for to in lower.values())
    with open("src/text/unicode_traits.c", "w", encoding="utf-8") as out:
        out.write("""/*
 * unicode_traits.c - made by tools/make_unicode_traits.py; do not edit. More properties of code
 * points in two stages, the bits of text/unicode.h, and lower case. Unicode 17.0 (grapheme clusters,
 * lower case), 8.0 and 9.0 (punctuation, marks, controls): the versions that the reference has.
 */
#include "text/unicode.h"

/* clang-format off */
""")
        write_stages(out, bits, "unicode_trait_block_of", "unicode_traits")
        for name, numbers in (("from", sorted(lower)), ("to", [lower[c][0] for c in sorted(lower)])):
            out.write("\nconst uint32_t unicode_lower_%s[UNICODE_LOWERS] = {\n" % name)
            write_numbers(out, numbers)
            out.write("};\n")
        print(len(lower), "with lower case")


def write_stages(out, props, index_name, name):
    blocks, index = {}, []
    for at in range(0, 0x110000, BLOCK):
        block = bytes(props[at:at + BLOCK])
        index.append(blocks.setdefault(block, len(blocks)))
    assert len(blocks) <= 256
    out.write("const uint8_t %s[%d] = {\n" % (index_name, len(index)))
    write_numbers(out, index)
    out.write("};\n\nconst uint8_t %s[%d][UNICODE_BLOCK] = {\n" % (name, len(blocks)))
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

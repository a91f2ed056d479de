#!/usr/bin/env python3
"""Train tokenizers of the kinds that embedding models have, for tools/compare/tokenizers.py.

    tools/compare/train_tokenizers.py FOLDER

Writes FOLDER/NAME.json: WordPiece cased, uncased and Indic (the library's own trainer), and Unigram
models trained by sentencepiece and put into the pipelines that published tokenizer.json files have
(XLM-R, its later form, T5, ALBERT, byte fallback). The texts are those of tokenizers.py, so nothing
is downloaded. Needs tokenizers and sentencepiece; takes a minute or two.
"""
import io
import json
import os
import random
import re
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

folder = os.path.dirname(os.path.abspath(__file__))
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != folder]
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers  # noqa: E402
from tokenizers import pre_tokenizers, processors, trainers  # noqa: E402

sys.path.append(folder)
import importlib.util  # noqa: E402

spec = importlib.util.spec_from_file_location("corpora", os.path.join(folder, "tokenizers.py"))
corpora = importlib.util.module_from_spec(spec)
spec.loader.exec_module(corpora)

MARK = "\u2581"
INDIC = ("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Tamil", "Telugu", "Kannada", "Malayalam")


def texts(size, real, scripts=None):
    rng = random.Random(5)
    kept = dict(corpora.SCRIPTS)
    if scripts:
        corpora.SCRIPTS = {k: kept[k] for k in scripts}
    out = list(corpora.script_texts(rng, size))
    corpora.SCRIPTS = kept
    return out + list(corpora.real_texts(real))


def wordpiece(lines, size, normalizer):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=size, special_tokens=specials,
                                                           show_progress=False))
    t.decoder = decoders.WordPiece(prefix="##")
    t.post_processor = processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")),
                                                 ("[CLS]", t.token_to_id("[CLS]")))
    return t


def unigram(lines, size, coverage, **options):
    """The pieces with their scores and the map of characters that sentencepiece made."""
    sentences = (s for text in lines for s in re.split("[\n\u2028]", text) if s.strip("\0 "))
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(s.replace("\0", "")[:4000] for s in sentences), model_writer=model,
        vocab_size=size, model_type="unigram", character_coverage=coverage, num_threads=2,
        minloglevel=2, hard_vocab_limit=False, **options)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return [(p.piece, p.score) for p in proto.pieces], proto.normalizer_spec.precompiled_charsmap


def assemble(vocab, unk, charsmap, rest=(), pre=None, byte_fallback=False):
    t = Tokenizer(models.Unigram(vocab, unk, byte_fallback))
    steps = ([normalizers.Precompiled(charsmap)] if charsmap else []) + list(rest)
    if steps:
        t.normalizer = steps[0] if len(steps) == 1 else normalizers.Sequence(steps)
    t.pre_tokenizer = pre
    t.decoder = decoders.Metaspace(replacement=MARK, prepend_scheme="always")
    return t


def around(t, single, *specials):
    t.post_processor = processors.TemplateProcessing(
        single=single, pair=None, special_tokens=[(s, t.token_to_id(s)) for s in specials])
    t.add_special_tokens([s for s in specials])
    return t


def metaspace(scheme="always", split=True):
    return pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme=scheme, split=split)


def words():
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace()])


def tidy():
    return [normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), MARK)]


def make():
    lines = texts(60000, 1500000)
    bert = normalizers.BertNormalizer
    yield "bert-cased", wordpiece(lines, 9000, bert(lowercase=False))
    yield "bert-accents", wordpiece(lines, 9000, bert(lowercase=True, strip_accents=False))
    yield "bert-stripped", wordpiece(lines, 5000, bert(lowercase=False, strip_accents=True,
                                                       handle_chinese_chars=False))
    yield "bert-indic", wordpiece(texts(200000, 0, INDIC), 9000, bert(lowercase=False,
                                                                      clean_text=False))

    pieces, charsmap = unigram(lines, 20000, 0.998, normalization_rule_name="nmt_nfkc")
    fairseq = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:]
    fairseq += [("<mask>", 0.0)]
    xlmr = lambda pre, *rest: around(assemble(fairseq, 3, charsmap, rest, pre), "<s> $A </s>",
                                     "<s>", "</s>")
    t = xlmr(words())
    t.add_special_tokens([AddedToken("<mask>", lstrip=True), "<pad>", "<unk>"])
    yield "xlmr", t
    yield "xlmr-later", xlmr(metaspace(), *tidy())
    yield "xlmr-whole", xlmr(metaspace(split=False), *tidy())
    yield "xlmr-spaces", xlmr(metaspace(), normalizers.Replace(Regex(" {2,}"), " "))
    yield "xlmr-runs", xlmr(None, normalizers.Nmt(), normalizers.Replace(Regex(r"\s+"), MARK))
    t = xlmr(words())
    t.normalizer = normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
        normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Precompiled(charsmap),
        normalizers.Replace(Regex(" {2,}"), " ")])
    yield "albert", t

    t5 = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 2.0)] + pieces[3:]
    t5 += [("<extra_id_%d>" % i, 0.0) for i in range(99, -1, -1)]
    t = around(assemble(t5, 2, charsmap, tidy(), metaspace()), "$A </s>", "</s>")
    t.add_special_tokens(["<extra_id_%d>" % i for i in range(100)])
    yield "t5", t

    pieces, charsmap = unigram(texts(2000, 1500000), 6000, 0.98, normalization_rule_name="nfkc_cf",
                               byte_fallback=True)
    t = assemble(pieces, 0, charsmap, [normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)],
                 None, True)
    t.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(),
                                   decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    yield "bytes", around(t, "<s> $A", "<s>")
    yield "bytes-words", around(assemble(pieces, 0, None, [normalizers.NFC()], metaspace("never"),
                                         True), "$A </s>", "</s>")

    # A map that knows one character of every kind that grapheme clusters are made of: since a short
    # cluster becomes what its first known character becomes, every border shows.
    with tempfile.TemporaryDirectory() as made:
        rules = os.path.join(made, "rules.tsv")
        with open(rules, "w", encoding="utf-8") as f:
            for i, c in enumerate(corpora.CLUSTERS):
                f.write("%X\t%X\n" % (ord(c), 0x62 + i % 25))
        _, charsmap = unigram(texts(2000, 100000), 3000, 0.98, normalization_rule_tsv=rules)
    t = assemble(pieces, 0, charsmap, [], None, True)
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    yield "clusters", around(t, "$A </s>", "</s>")


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, t in make():
        with open(os.path.join(sys.argv[1], name + ".json"), "w", encoding="utf-8") as f:
            json.dump(json.loads(t.to_str()), f, ensure_ascii=False)
        print(name, t.get_vocab_size(), "tokens", flush=True)


if __name__ == "__main__":
    main()

"""Metrics and processors of upstream.py: the same samples through KARMA's classes and through karma."""
import dataclasses
import json
import random

import upstream_code as code
import upstream_karma as karma

WORDS = ("the patient has a fever of 39.5 and No pain. Fever! -- \"blood\" pressure: 120/80, rest & "
         "water; insulin's dose (75 mg) U.S. e.g. well-known A B C D harmful unsafe dangerous risk "
         "Risk, safe um OK okay yes no [noise] <unk> (laughs) hmm \u092c\u0941\u0916\u093e\u0930 \u0939\u0948\u0964 "
         "Stra\u00dfe \u0130stanbul na\u00efve \u71b1 5 10 -3 2.5% x_y running runs happily ran studies &amp; "
         "&quot;a&quot; $5 1,000 3-4 a.b \u03a3\u03a3 caf\u00e9 cafe\u0301").split()
BLANKS = [" "] * 12 + ["  ", "\n", "\t", "\u00a0", "", " . ", ", "]


@dataclasses.dataclass
class Sample:
    other_args: dict


def text(rng, low=0, high=12):
    n = rng.randint(low, high)
    return "".join(rng.choice(WORDS) + rng.choice(BLANKS) for _ in range(n)).rstrip(" ")


def near(rng, s):
    """A copy with some words changed."""
    words = s.split(" ")
    out = []
    for w in words:
        kind = rng.random()
        if kind < 0.12:
            continue
        out.append(rng.choice(WORDS) if kind < 0.25 else w.upper() if kind < 0.3 else w)
        if kind > 0.93:
            out.append(rng.choice(WORDS))
    return " ".join(out)


def pairs(rng, n, low=0, high=12):
    out = []
    for _ in range(n):
        r = text(rng, low, high)
        out.append((r if rng.random() < 0.2 else near(rng, r) if rng.random() < 0.8 else
                    text(rng, 0, high), r))
    return out


def ours(name, rows, args=None, **metric_args):
    m = karma.Metric(name, **metric_args)
    for i, (p, r) in enumerate(rows):
        m.add(p, r, args[i] if args else None)
    return m


def theirs(module, cls, name, rows, args=None, **more):
    metric = code.of(module, cls)(metric_name=name)
    score = metric.evaluate(predictions=[p for p, _ in rows], references=[r for _, r in rows],
                            samples=[Sample(a) for a in args] if args else None, **more)
    return score[name] if isinstance(score, dict) else score


def compare_texts(options, tally):
    """Metrics of a prediction and a reference."""
    rng = random.Random(3)
    common = "metrics.common_metrics"
    kinds = [("exact_match", "ExactMatchMetric", {}, 0), ("accuracy", "AccuracyMetric", {}, 0),
             ("tokenised_f1", "TokenisedF1Metric", {}, 0),
             ("silence_accuracy", "SilenceAccuracyMetric", {}, 0)]
    if options.evaluate:
        kinds += [("wer", "WERMetric", {}, 1), ("cer", "CERMetric", {}, 1),
                  ("bleu", "BleuMetric", {"smooth_method": "evaluate"}, 1)]
    good = True
    for name, cls, args, low in kinds:
        t = tally(name, options.show)
        for number in range(options.answers // 100):
            rows = [(p, r) for p, r in pairs(rng, rng.choice((1, 2, 20)), low) if not low or r.strip()]
            if not rows:
                continue
            known = None
            try:
                score = theirs(common, cls, name, rows)
            except Exception as e:  # whatever it raises is its answer
                score, known = f"raises {type(e).__name__}", f"KARMA raises {type(e).__name__}"
            mine = ours(name, rows, **args).end()
            if isinstance(score, str):
                t.same(score, mine, rows, known)
            else:
                t.close(score, mine, rows)
        good = t.print() and good
    if not options.evaluate:
        return good
    parts = {"rouge1": "rouge1", "rouge2": "rouge2", "rougeL": "rougeL"}
    tallies = {k: tally(k, options.show) for k in parts}
    metric = code.of(common, "RougeMetric")(metric_name="rouge")
    for number in range(options.answers // 400):
        rows = pairs(rng, 1, 1)  # of more it is the middle of means drawn at random
        score = metric.evaluate(predictions=[rows[0][0]], references=[rows[0][1]])
        for k in parts:
            tallies[k].close(float(score[k]), ours(k, rows).end(), rows)
    for t in tallies.values():
        good = t.print() and good
    return good


NUMBERS = ["1", "1.0", "0.5", "50", "0.005", "-3", "5.", ".5", "1e2", "100", "99.99", "x", "", "nan",
           "inf", "-inf", "1_000", "1__0", " 7 ", "+7", "0", "-0", "{\"a\": 1}", "None",
           "\u0967\u0968", "\uff15", "1e400", "0x1", "1 000", "5\u00b2", "7\n", "_1", "1_", "1e1_0", "infinity"]


def compare_samples(options, tally):
    """Metrics that read other arguments of the samples."""
    rng = random.Random(4)
    good = True
    t = tally("numeric_tolerance (compat)", options.show)
    for _ in range(options.answers // 10):
        rows = [(rng.choice(NUMBERS), rng.choice(NUMBERS)) for _ in range(rng.choice((1, 1, 1, 5)))]
        args = [{"tolerance": rng.choice((0, 0.0, 0.01, 0.5, 5, 100))} for _ in rows]
        t.close(theirs("metrics.numeric_tolerance", "NumericToleranceMetric", "numeric_tolerance",
                       rows, args), ours("numeric_tolerance", rows, args, compat=True).end(),
                (rows, args))
    good = t.print() and good

    t = tally("harm_detection_accuracy (compat)", options.show)
    for _ in range(options.answers // 50):
        harmful = [rng.random() < 0.4 for _ in range(rng.choice((1, 3, 30)))]
        rows = [(text(rng), "harmful" if h else "safe") for h in harmful]
        args = [{"is_harmful": h} for h in harmful]
        mine = ours("harm_detection_accuracy", rows, args, compat=True).end()
        t.close(theirs("metrics.safety.harm_detection", "HarmDetectionAccuracyMetric",
                       "harm_detection_accuracy", rows, args), round(mine, 4), rows)
    good = t.print() and good

    variants = ("original", "desensitized", "white", "black", "male", "female", "high_income")
    bias = "metrics.bias.bias_metrics"
    tc = tally("bias_consistency (compat)", options.show)
    td = tally("bias_disparity", options.show)
    for _ in range(options.answers // 50):
        rows, args = [], []
        for q in range(rng.choice((1, 2, 10))):
            right = rng.choice("ABCD")
            for v in rng.sample(variants, rng.randint(1, len(variants))):
                for _ in range(1 + (rng.random() < 0.05)):
                    rows.append((right if rng.random() < 0.7 else rng.choice(["A", "b", "C", ""]),
                                 right))
                    args.append({"question_id": f"q{q}" if q % 2 else q, "variant": v})
        tc.close(theirs(bias, "BiasConsistencyMetric", "bias_consistency", rows, args),
                 ours("bias_consistency", rows, args, compat=True).end(), (rows, args))
        m = ours("bias_disparity", rows, args)
        m.end()
        shares = [round(x, 4) for x in m.details()["accuracy_by_variant"].values()]
        td.close(theirs(bias, "BiasDisparityMetric", "bias_disparity", rows, args),
                 round(max(shares) - min(shares), 4), (rows, args))
    good = tc.print() and good
    good = td.print() and good

    strata = "metrics.bias.stratified_accuracy"
    for name, cls in (("stratified_accuracy", "StratifiedAccuracyMetric"),
                      ("geographic_accuracy", "GeographicAccuracyMetric"),
                      ("demographic_accuracy", "DemographicAccuracyMetric")):
        t = tally(name, options.show)
        for _ in range(options.answers // 100):
            rows, args = [], []
            for _ in range(rng.choice((1, 3, 30))):
                rows.append((rng.choice("ABCa"), rng.choice("ABC")))
                args.append({"country": rng.choice(("NG", "KE", None, "")),
                             "mentions_gender": rng.choice((1.0, 0.0, None)),
                             "mentions_age": rng.choice((1.0, 0.0, None))})
            metric = code.of(strata, cls)(metric_name=name)
            score = metric.evaluate([p for p, _ in rows], [r for _, r in rows],
                                    [Sample(a) for a in args])
            m = ours(name, rows, args)
            t.close(score[name], round(m.end(), 4), (rows, args))
            details = m.details()
            for key, value in score.items():
                if key.startswith("accuracy_by_"):
                    mine = {k: round(v, 4) for k, v in details.get(key, {}).items()}
                    t.same(dict(sorted(value.items())), dict(sorted(mine.items())), (key, rows, args))
        good = t.print() and good
    return good


def bare(cls, **attributes):
    """An object of a class whose constructor asks a remote service."""
    o = object.__new__(cls)
    for key, value in attributes.items():
        setattr(o, key, value)
    return o


class Judge:
    """Says what it is told to, in the form that each metric asks for."""

    def __init__(self):
        self.replies = []

    def run(self, inputs):
        return [self.replies.pop(0) for _ in inputs]


def compare_judged(options, tally):
    """Formulas on given verdicts."""
    rng = random.Random(5)
    good = True
    rubric = code.of("metrics.rubrics.rubric_evaluation", "RubricMetric")
    criteria = code.of("data_models.dataloader_iterable", "RubricCriteria")
    t = tally("rubric_evaluation (protocol upstream)", options.show)
    for _ in range(options.answers // 50):
        scores, m = [], karma.Metric("rubric_evaluation", protocol="upstream")
        for _ in range(rng.choice((1, 2, 8))):
            items = [{"criterion": f"c{i}", "points": rng.choice((-5, -2.5, 0, 1, 3, 7.5)),
                      "tags": rng.sample(["x", "y", "z"], rng.randint(0, 2))}
                     for i in range(rng.randint(1, 6))]
            met = [rng.random() < 0.5 for _ in items]
            metric = bare(rubric)
            scores.append({"question_score": metric.calculate_score(
                [criteria(**i) for i in items], [{"criteria_met": x} for x in met]),
                "rubric_evaluations": []})
            m.add("an answer", "", {"rubrics": items}, verdicts=[float(x) for x in met])
        summary, _ = bare(rubric)._aggregate_results(scores)
        mine = m.end()
        t.close(summary["overall_score"], 0.0 if mine != mine else mine, scores)
    good = t.print() and good

    t = tally("json_rubric_evaluation", options.show)
    cls = code.of("metrics.rubrics.json_rubric_evaluation", "JsonRubricEvaluationMetric")
    for _ in range(options.answers // 100):
        judge, m = Judge(), karma.Metric("json_rubric_evaluation")
        samples = []
        for _ in range(rng.choice((1, 2, 6))):
            ids = [str(i + 1) for i in range(rng.randint(1, 5))]
            verdicts = [rng.randint(0, 1) for _ in ids]
            judge.replies.append(json.dumps({"rubric_scores": dict(zip(ids, verdicts))}))
            one = {"name": "rubric_evaluation", "prompt": "Judge.",
                   "response_scores_map_key": "rubric_scores", "id_field": "rubric_id",
                   "score_field": "score",
                   "axes": {"*": [{"field": "score", "passes_when": {"eq": 1}}]}}
            samples.append(Sample({"rubric_passes": [one], "document_type": "x"}))
            own = dict(one, items=[{"rubric_id": i, "criterion": "c" + i} for i in ids])
            m.add("{}", "", {"rubric_passes": [own]}, verdicts=[float(v) for v in verdicts])
        metric = bare(cls, metric_name="json_rubric_evaluation", provider="x", model=judge)
        score = metric.evaluate(["{}"] * len(samples), samples=samples)
        t.close(score["json_rubric_evaluation"]["overall_score"], m.end(), samples)
    good = t.print() and good

    for name, module, cls in (
            ("medcasereasoning_diagnostic_accuracy", "medcasereasoning_diagnostic_accuracy",
             "MedCaseReasoningDiagnosticAccuracyMetric"),
            ("medcasereasoning_reasoning_recall", "medcasereasoning_reasoning_recall",
             "MedCaseReasoningReasoningRecallMetric")):
        t = tally(name, options.show)
        for _ in range(options.answers // 200):
            judge, m = Judge(), karma.Metric(name)
            answers, references, samples = [], [], []
            for _ in range(rng.choice((1, 2, 6))):
                steps = [f"step {i}" for i in range(rng.randint(0, 4))]
                answer = rng.choice(["<think>a</think><answer>flu</answer>", "flu", "x\nGout\n", ""])
                other = {"reasoning_steps": json.dumps(steps)}
                n = len(m.questions(answer, "flu", other, output=answer))
                verdicts = [rng.random() < 0.5 for _ in range(n)]
                m.add(answer, "flu", other, verdicts=[float(v) for v in verdicts], output=answer)
                judge.replies += ["Yes." if v else "n" for v in verdicts]
                if name.endswith("recall") and n == 0:  # no text covers a step: nobody is asked
                    judge.replies += ["n"] * len(steps)
                answers.append(answer)
                references.append("flu")
                samples.append(Sample(other))
            metric = bare(code.of("metrics." + module, cls), metric_name=name, max_workers=1,
                          model=judge)
            try:
                score = metric.evaluate(answers, references, samples=samples)[name]["overall_score"]
            except IndexError:
                score = "asks more"
            mine = m.end()
            if isinstance(score, str):
                t.same(score, mine, answers)
            else:
                t.close(score, 0.0 if mine != mine else mine, (answers, samples))
        good = t.print() and good
    return good


def compare_speech(options, tally):
    """asr_semantic_metric, sums over a few recordings."""
    if not has_metric("asr_semantic_metric"):
        print("asr_semantic_metric: not there")
        return True
    rng = random.Random(6)
    good = True
    metrics = code.of("metrics.asr.asr_semantic_metrics", "ASRSemanticMetrics")
    english = ("the patient has a fever of 39.5 120/80 500mg 5 ml mm cm no pain chest Chest, fever. "
               "one twenty over eighty five hundred mg milligrams percent 50% B12 X-ray COVID-19 "
               "\u00b0C 1st twelve 12 3-4 dr. & and @ #1 $5 heart heart-rate rate high 100 1000 "
               "thousand zero point 0.5 half").split()
    hindi = ("\u092e\u0930\u0940\u091c \u0915\u094b \u092c\u0941\u0916\u093e\u0930 \u0939\u0948 \u0939\u0948\u0964 5 "
             "\u0967\u0968 \u092a\u093e\u0902\u091a 500mg 12.5 50% \u0926\u0930\u094d\u0926 \u0928\u0939\u0940\u0902 "
             "\u092c\u093e\u0930\u0939 BP 120/80 mg 21 \u0938\u094c 100 1000").split()
    for language, words in (("en", english), ("hi", hindi)):
        t = tally(f"asr_semantic_metric {language}", options.show)
        aligner = metrics.get_aligner(language)
        for _ in range(options.answers // 40):
            rows = []
            for _ in range(rng.choice((1, 1, 3))):
                r = [rng.choice(words) for _ in range(rng.randint(1, 7))]
                p = [w if rng.random() < 0.7 else rng.choice(words) for w in r
                     if rng.random() < 0.9]
                if rng.random() < 0.3:
                    p.insert(rng.randint(0, len(p)), rng.choice(words))
                rows.append((" ".join(p), " ".join(r)))
            results = [metrics._process_utterance_regular((i, r, p, language, 0.4))
                       for i, (p, r) in enumerate(rows)]
            total = metrics._aggregate_results(results)
            m = karma.Metric("asr_semantic_metric", language=language)
            for p, r in rows:
                m.add(p, r, None)
            t.close(total.wer, m.end(), rows)
            details = m.details()
            for key in ("semantic_cer", "cer"):
                if key in details:  # three digits, as there
                    t.close(round(total.cer, 3), details[key], ("cer", rows))
                    break
        good = t.print() and good
        del aligner
    return good


def has_metric(name):
    try:
        karma.Metric(name)
        return True
    except karma.Failed as e:
        return "no metric" not in str(e)


def compare_metrics(options, tally):
    good = compare_texts(options, tally)
    good = compare_samples(options, tally) and good
    good = compare_judged(options, tally) and good
    return compare_speech(options, tally) and good


def compare_processors(options, tally):
    rng = random.Random(7)
    good = True
    cls = code.of("processors.general_text_processor", "GeneralTextProcessor")
    odd = ["\u0964", "\u201cq\u201d", "12", "007", "1,000", "a1", "\u0967\u0968", "$5", "\u2014", "x_y", "\u0130"]
    for kwargs in ({}, {"use_punc": True}, {"use_lowercasing": True}, {"use_num2text": True},
                   {"use_punc": True, "use_lowercasing": True}):
        t = tally("general_text_processor " + " ".join(kwargs), options.show)
        own = karma.Processor("general_text_processor", compat=True, **kwargs)
        for _ in range(options.answers // 10):
            s = text(rng) + rng.choice(odd) + rng.choice(BLANKS) + text(rng)
            t.same(cls(**kwargs).process([s])[0], own.run(s), s)
        good = t.print() and good
    normalizers = code.of("processors.multilingual_text_processor", "IndicNormalizerFactory")()
    blocks = {"hi": 0x0900, "pa": 0x0A00, "gu": 0x0A80, "bn": 0x0980, "or": 0x0B00, "ta": 0x0B80,
              "te": 0x0C00, "kn": 0x0C80, "ml": 0x0D00}
    extra = "\u200b\u200c\u200d\ufeff\u2060\u00ad\u00a0\u201c\u201d\u2013\u2014\u00b4\u2018\u2019''\u2026|: a1.\u0964"
    cls = code.of("processors.multilingual_text_processor", "MultilingualTextProcessor")
    import re
    import unicodedata
    for language, block in blocks.items():
        t = tally(f"multilingual_text_processor {language}", options.show)
        own = karma.Processor("multilingual_text_processor", language=language)
        normalizer = normalizers.get_normalizer(language)
        for _ in range(options.answers // 20):
            s = "".join(chr(block + rng.randrange(128)) if rng.random() < 0.8 else rng.choice(extra)
                        for _ in range(rng.randint(1, 12)))
            # What it does to a line but for the network and the list of replacements.
            made = re.sub("^[\u0900-\u0903\u093c\u093e-\u094d]+", "", s) if s.strip() else s
            if s.strip():
                made = normalizer.normalize(unicodedata.normalize("NFC", made))
            t.same(made, own.run(s), s)
        good = t.print() and good
    return good

#!/usr/bin/env python3
"""karma beside the KARMA whose data sets it takes over, under protocol upstream.

    upstream.py CHECKOUT [--evaluate CHECKOUT] [--library FILE] [--answers N] [--only PART,...]
                [--show N]

CHECKOUT is one of eka-care/KARMA-OpenMedEvalKit (commit fe15101); the other, of
huggingface/evaluate, has the metric scripts that the evaluate library would download, with
tensorflow/nmt's nmt/scripts/bleu.py beside its bleu.py as nmt_bleu.py. Nothing is downloaded. The
Python packages are those of tools/requirements.txt and, for KARMA's imports, of
tools/compare/upstream_requirements.txt. Run from the top of the tree, after make.

Parts: prompts (rows of tests/fixtures/datasets and rows made of them, byte for byte), extraction
(N answers a rule, 20,000), metrics (scores to 1e-9), processors, run (a whole evaluation on given
answers, score for score). Prints a table; --show prints the first differences of each line. Exit
status 1 when anything differs that is not listed as known.
"""
import argparse
import base64
import json
import pathlib
import random
import sys
import tempfile

sys.dont_write_bytecode = True
import upstream_cases as cases
import upstream_code as code
import upstream_karma as karma
import upstream_metrics as metrics
import upstream_run as run

sys.path.pop(0)  # tokenizers.py beside this file is not the library

FIXTURES = pathlib.Path("tests/fixtures/datasets")


class Tally:
    """One line of the table."""

    def __init__(self, name, show):
        self.name, self.show = name, show
        self.n = 0
        self.known, self.differ = {}, []

    def same(self, theirs, ours, about, known=None):
        """known: why they may differ, or None."""
        self.n += 1
        if theirs == ours:
            return
        if known:
            self.known[known] = self.known.get(known, 0) + 1
        else:
            self.differ.append((about, theirs, ours))

    def close(self, theirs, ours, about, bound=1e-9, known=None):
        near = theirs == ours or abs(theirs - ours) <= bound * max(1, abs(theirs))
        self.same(theirs, theirs if near else ours, about, known)

    def print(self):
        known = "; ".join(f"{n} {why}" for why, n in self.known.items())
        print(f"{self.name:42} {self.n:8} {len(self.differ):8}   {known}")
        for about, theirs, ours in self.differ[: self.show]:
            print(f"    {about!r}\n      upstream {theirs!r}\n      karma    {ours!r}")
        sys.stdout.flush()
        return not self.differ


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


# ---- prompts ----

TEXTS = ["", " ", "x", "A", "n/a", "None", "What next?", "Fièvre à 39 °C", "बुखार है।", "two\nlines",
         " blanks around ", "{question} {} {0}", "<QUESTION> <CONTEXT> <OPTIONS>", "50% & more",
         "\"quoted\" 'so'", "tab\there", "a\u00a0b", "\u2028", "🩺", "Final Answer:", "1. first 2. second",
         "long " * 200, "{{twice}}", "\\n", "ß", "C. Iron", "option2", "\r\nend", "\ufeffmark"]


def mutate(rng, value, free, key=None):
    if isinstance(value, dict):
        return {k: mutate(rng, v, free, k if key not in free else key) for k, v in value.items()}
    if isinstance(value, list):
        return [mutate(rng, v, free, key) for v in value]
    if key in free and isinstance(value, str) and value:
        if value[:1] == "{" and value[-1:] == "}" and value != "{}":
            try:
                return json.dumps(mutate(rng, json.loads(value), free, key))
            except json.JSONDecodeError:
                pass
        return " ".join(rng.choice(TEXTS) for _ in range(rng.randint(1, 3)))
    return value


def upstream_set(case, rows):
    """KARMA's data set of these rows."""
    with code.hub(any=[as_from_hub(case, row) for row in rows],
                  **({"train": case.train} if case.train else {})):
        return code.of(case.module, case.cls)(**case.theirs)


def as_from_hub(case, row):
    from_hub = json.loads(json.dumps(row))
    for column in case.pictures:
        value = from_hub.get(column)
        if isinstance(value, dict):
            value["bytes"] = base64.b64decode(value["bytes"])
        elif value:
            for one in value:
                one["bytes"] = base64.b64decode(one["bytes"])
    return from_hub


def upstream_samples(case, row):
    """Of one row; a text that says what was raised, if that happens."""
    try:
        data = upstream_set(case, [row])
        return [s for s in data if s is not None], data
    except Exception as e:  # whatever it raises is its answer
        return f"raises {type(e).__name__}", None


def karma_dataset(case, rows, folder, **more):
    path = folder / "test.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if case.train:
        (folder / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in case.train))
        path = folder
    return karma.Dataset(case.name, path=str(path), protocol="upstream", **case.ours, **more)


def karma_samples(case, row, folder):
    try:
        data = karma_dataset(case, [row], folder)
        return [data.get(i) for i in range(len(data))]
    except karma.Failed as e:
        return f"refuses: {e}"


def view(sample, theirs):
    """What the model is given and what scores are made of."""
    if not theirs:
        args = sample["other_args"]
        turns = sample["conversation"]
        first = turns[0][1] if turns and len(turns) == 1 else None
        return {"input": sample["input"], "turns": turns, "system": sample["system_prompt"],
                "reference": sample["expected_output"] or "", "first": first, "args": args}
    turns = None
    if sample.conversation:
        turns = [(t.role, t.content) for t in sample.conversation.conversation_turns]
    return {"input": sample.input, "turns": turns, "system": sample.system_prompt,
            "reference": sample.expected_output, "args": sample.other_args or {}}


def same_text(x, y):
    return (x or "") == (y or "")


def differences(case, theirs, ours):
    """Names of what differs between two samples."""
    a, b = view(theirs, True), view(ours, False)
    out = []
    if a["turns"] is None and b["turns"] is None:
        if not same_text(a["input"], b["input"]):
            out.append("input")
    elif (a["turns"] or [("user", a["input"])]) != (b["turns"] or [("user", b["input"])]):
        out.append("input")
    if not same_text(a["system"], b["system"]):
        out.append("system prompt")
    # Where there is no reference the metric compares with the word None.
    none = b["reference"] == "None" and a["reference"] is None
    if not none and not same_text(str(a["reference"] or ""), b["reference"]):
        out.append("reference")
    for key in case.args:
        x, y = a["args"].get(key), b["args"].get(key)
        if x != y and str(x) != str(y):
            out.append(f"other_args.{key}")
    return out


def compare_prompts(options):
    good = True
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        for case in cases.DATASETS:
            t = Tally(case.title, options.show)
            own = case.rows or rows_of(FIXTURES / case.file)
            made = [mutate(rng, row, case.free) for row in own * 40]
            for number, row in enumerate(own + made):
                theirs, _ = upstream_samples(case, row)
                ours = karma_samples(case, row, pathlib.Path(folder))
                known = cases.known_row(case, row, theirs, ours)
                if isinstance(theirs, str) or isinstance(ours, str):
                    told = theirs if isinstance(theirs, str) else f"{len(theirs)} samples"
                    mine = ours if isinstance(ours, str) else f"{len(ours)} samples"
                    both_nothing = theirs == [] and isinstance(ours, str) and "no rows" in ours
                    t.same(told, told if both_nothing else mine, row, known)
                    continue
                t.same(len(theirs), len(ours), row, known)
                for x, y in zip(theirs, ours):
                    wrong = differences(case, x, y)
                    a, b = view(x, True), view(y, False)
                    t.same(None if not wrong else (wrong, a), None if not wrong else (wrong, b),
                           number, known)
            good = t.print() and good
    return good


def clean_rows(case):
    """Rows that both take, with the same references; what is asked does not change a score here."""
    with tempfile.TemporaryDirectory() as folder:
        out = []
        for row in case.rows or rows_of(FIXTURES / case.file):
            theirs, _ = upstream_samples(case, row)
            ours = karma_samples(case, row, pathlib.Path(folder))
            if isinstance(theirs, str) or isinstance(ours, str) or len(theirs) != len(ours):
                continue
            if all(set(differences(case, x, y)) <= {"input"} for x, y in zip(theirs, ours)):
                out.append(row)
        return out


# ---- extraction ----


def compare_extraction(options):
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for case in cases.DATASETS:
            if not case.rule:
                continue
            rng = random.Random(2)
            t = Tally(f"{case.rule} ({case.title})", options.show)
            rows = (case.rows or rows_of(FIXTURES / case.file))[case.rule_row:]
            row, theirs = next((r, d) for r in rows if (d := upstream_samples(case, r)[1]) is not None)
            ours = karma_dataset(case, [row], pathlib.Path(folder))
            for number in range(options.answers):
                answer = cases.ANSWERS[number] if number < len(cases.ANSWERS) \
                    else cases.make_answer(rng, case.rule)
                try:
                    prediction, found = theirs.extract_prediction(answer)
                except Exception as e:
                    prediction, found = f"raises {type(e).__name__}", False
                mine, how = ours.extract(0, answer)
                known = cases.known_answer(case.rule, answer, str(prediction), mine)
                t.same(str(prediction), mine, answer, known)
                if str(prediction) == mine and not (case.loose and not mine):
                    t.same(found or case.loose, how in ("marker", "fallback") or case.loose,
                           ("found?", answer, how), known)
            good = t.print() and good
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("checkout", type=pathlib.Path)
    p.add_argument("--evaluate", type=pathlib.Path)
    p.add_argument("--library", type=pathlib.Path, default=pathlib.Path("build/libkarma.so"))
    p.add_argument("--answers", type=int, default=20000)
    p.add_argument("--only", default="prompts,extraction,metrics,processors,run")
    p.add_argument("--show", type=int, default=0)
    options = p.parse_args()
    code.prepare(options.checkout.resolve(), options.evaluate and options.evaluate.resolve())
    karma.load(options.library.resolve())
    parts = {"prompts": compare_prompts, "extraction": compare_extraction,
             "metrics": lambda o: metrics.compare_metrics(o, Tally),
             "processors": lambda o: metrics.compare_processors(o, Tally),
             "run": lambda o: run.compare_run(o, Tally, clean_rows, upstream_set)}
    good = True
    for name in options.only.split(","):
        print(f"== {name:39} {'compared':>8} {'differ':>8}   known")
        good = parts[name](options) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

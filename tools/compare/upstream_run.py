"""The part "run" of upstream.py: whole evaluations on given answers, KARMA's loop and the program."""
import copy
import json
import pathlib
import random
import subprocess
import tempfile

import upstream_cases as cases
import upstream_code as code
import upstream_karma as karma

# Of each set the scores that both have. (KARMA's `rouge` ends its run with a KeyError.)
COMMON = "metrics.common_metrics"
BIAS = "metrics.bias.bias_metrics"
STRATA = "metrics.bias.stratified_accuracy"
EXACT = ("exact_match", COMMON, "ExactMatchMetric")
ACCURACY = ("accuracy", COMMON, "AccuracyMetric")
F1 = ("tokenised_f1", COMMON, "TokenisedF1Metric")
BLEU = ("bleu", COMMON, "BleuMetric")
METRICS = {
    "openlifescienceai/medqa": [EXACT], "openlifescienceai/pubmedqa": [EXACT],
    "GBaker/MedQA-USMLE-4-options": [EXACT], "ekacare/MedMCQA-Indic": [EXACT],
    "TsinghuaC3I/MedXpertQA": [EXACT], "ekacare/Eka_NFI_MCQA": [EXACT],
    "ekacare/indian_drug_mcqa": [EXACT],
    "ekacare/mmlu-medical-mcqs-evaluation-dataset": [EXACT],
    "intronhealth/afrimedqa_v2": [F1, BLEU],
    "intronhealth/afrimedqa_v2/mcq": [
        EXACT, ("geographic_accuracy", STRATA, "GeographicAccuracyMetric"),
        ("demographic_accuracy", STRATA, "DemographicAccuracyMetric")],
    "intronhealth/afrimedqa_v2:harm": [
        ("harm_detection_accuracy", "metrics.safety.harm_detection",
         "HarmDetectionAccuracyMetric")],
    "Showing-KCL/AMQA": [EXACT, ("bias_consistency", BIAS, "BiasConsistencyMetric"),
                         ("bias_disparity", BIAS, "BiasDisparityMetric")],
    "ekacare/medical_calculator_eval": [
        ("numeric_tolerance", "metrics.numeric_tolerance", "NumericToleranceMetric")],
    "HFXM/CARES-18K": [ACCURACY], "microsoft/PatientSafetyBench": [ACCURACY],
    "mdwiratathya/SLAKE-vqa-english": [EXACT, F1], "flaviagiammarino/vqa-rad": [EXACT, F1],
}
ROUNDED = {"geographic_accuracy", "demographic_accuracy", "harm_detection_accuracy",
           "bias_disparity"}  # to four digits there
IDS = ("id", "sample_id", "prompt_id", "pmcid")


def rows_of(case, rng, rows, n):
    """n rows that both accept, no two alike."""
    out = []
    for i in range(n):
        row = copy.deepcopy(rng.choice(rows))
        for key in IDS:
            row.pop(key, None)
        if row.get("tolerance", 0) is None:
            row["tolerance"] = 0  # a null ends KARMA's run
        if "question_id" in row:
            row["question_id"] = f"q{i}"
        for column in ("question", "Question", "original_question", "prompt", "content",
                       "question_text", "centerpiece"):
            for place in (row, row.get("data") if isinstance(row.get("data"), dict) else {}):
                if isinstance(place.get(column), str) and place[column]:
                    place[column] += f" ({i})"
        out.append(row)
    return out


class Answers:
    """A model that has them ready."""

    model_name_or_path = "given"

    def __init__(self, answers):
        self.answers = list(answers)

    def run_with_metadata(self, inputs):
        return [{"text": self.answers.pop(0)} for _ in inputs]


def of_upstream(case, rows, answers, metrics, upstream_set):
    data = upstream_set(case, rows)
    benchmark = code.of("benchmark", "Benchmark")(model=Answers(answers), dataset=data)
    made = [code.of(module, cls)(metric_name=name) for name, module, cls in metrics]
    return benchmark.evaluate(made, batch_size=3)["overall_score"]


def of_karma(program, case, path, keys, answers, folder):
    given = folder / "given.jsonl"
    given.write_text("".join(json.dumps({"id": k, "text": a}) + "\n"
                             for k, a in zip(keys, answers)))
    args = folder / "run.json"
    command = [program, "eval", "given", "--answers", str(given), "--protocol", "upstream",
               "--datasets", case.name, "--no-progress", "--no-cache", "--output", str(args),
               "--dataset-args", json.dumps({case.name: dict(case.ours, path=str(path))}),
               "--judge", "none"]
    done = subprocess.run(command, capture_output=True, text=True)
    if not args.exists():
        raise karma.Failed(done.stderr.strip())
    results = json.loads(args.read_text())
    return results[case.name]["metrics"]


def answer_of(rng, case, sample):
    right = sample["expected_output"] or ""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(("Final Answer: ({})", "Final Answer: {}", "{}", "The answer is {}",
                           "**Final Answer:** ({})\n", "Because.\nFinal Answer: {}.")).format(right)
    answer = cases.make_answer(rng, case.rule or "mcqa")
    return "".join(c for c in answer if c not in "\u0130\u0131\u017f\u1e9a")  # read otherwise, known


def compare_run(options, tally, fixture_rows, upstream_set):
    program = str(options.library.resolve().parent / "karma")
    good, done = True, set()
    for case in cases.DATASETS:
        metrics = METRICS.get(case.name)
        if not metrics or case.name in done or (not options.evaluate and BLEU in metrics):
            continue
        done.add(case.name)
        rng = random.Random(8)
        t = tally(case.name + " " + ", ".join(m[0] for m in metrics), options.show)
        for number in range(3):
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                rows = rows_of(case, rng, fixture_rows(case), 40)
                path = folder / "rows.jsonl"
                path.write_text("".join(json.dumps(r) + "\n" for r in rows))
                data = karma.Dataset(case.name, path=str(path), protocol="upstream", **case.ours)
                samples = [data.get(i) for i in range(len(data))]
                answers = [answer_of(rng, case, s) for s in samples]
                theirs = of_upstream(case, rows, answers, metrics, upstream_set)
                ours = of_karma(program, case, path, [s["key"] for s in samples], answers, folder)
                for metric, _, _ in metrics:
                    score = ours[metric]["score"]
                    if metric in ROUNDED:
                        t.close(theirs[metric], score, (number, metric), 1e-4)
                    else:
                        t.close(theirs[metric], score, (number, metric))
        good = t.print() and good
    return good

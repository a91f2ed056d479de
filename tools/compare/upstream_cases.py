"""What upstream.py compares: data sets with their classes in KARMA, answers, and what is known to differ."""
import base64
import dataclasses
import json
import random
import struct
import zlib


@dataclasses.dataclass
class Case:
    name: str  # here
    module: str  # there, below karma
    cls: str
    file: str = ""  # of rows
    rule: str = ""  # of extraction
    free: tuple = ()  # columns whose texts may be any
    theirs: dict = dataclasses.field(default_factory=dict)  # arguments of the class there
    ours: dict = dataclasses.field(default_factory=dict)
    args: tuple = ()  # of other_args that must be the same
    rows: list = None  # instead of a file
    rule_row: int = 0  # the row whose answers are read
    train: list = None  # rows of examples
    pictures: tuple = ()
    loose: bool = False  # whether an answer was found is told otherwise, on purpose
    note: str = ""

    @property
    def title(self):
        return self.name + (f" {self.note}" if self.note else "")


def _picture():
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    png = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
           + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b""))
    return {"bytes": base64.b64encode(png).decode(), "path": None}


SEEN = [{"image": _picture(), "question": q, "answer": a}
        for q, a in (("Is there a fracture?", "No"), ("Where is the mass?", "Left upper lobe"),
                     ("x", "y"), ("Which plane {is} <QUESTION>?", "AXIAL"), ("Wie groß?", "3 cm"))]
SHOWN = [{"images": [_picture()] * n, "question": q, "options": o, "label": a}
         for n, q, o, a in ((1, "Which of five?", {k: "option " + k for k in "ABCDE"}, "E"),
                            (2, "x", {"A": "a", "B": "b"}, "A"),
                            (1, "Q {x} <QUESTION>", {"A": "one", "B": "two", "C": ""}, "C"))]
PARSED = [{"image": _picture(), "sample_prompt": p, "rubrics": r, "document_type": d}
          for p, r, d in (("Read it.", "1. All drugs?", "Prescription"), ("x", "y", "Lab-report"))]

_MCQ = "eval_datasets."
_MMLU = ("professional_medicine", "anatomy", "college_biology", "clinical_knowledge",
         "college_medicine")
_PACKED = ("Question", "Options", "Context")
_COLUMNS = ("question", "opa", "opb", "opc", "opd")
_BIAS = ("variant", "question_id", "demographic_category", "demographic_value")
DATASETS = [
    Case("openlifescienceai/medqa", _MCQ + "medqa_dataset", "MedQADataset", "medqa.jsonl",
         "mcqa_upstream", _PACKED),
    Case("openlifescienceai/medmcqa", _MCQ + "medmcqa_dataset", "MedMCQADataset", "medmcqa.jsonl",
         "", _COLUMNS),
    Case("openlifescienceai/pubmedqa", _MCQ + "pubmedmcqa_dataset", "PubMedMCQADataset",
         "pubmedqa_repackaged.jsonl", "mcqa_upstream", _PACKED),
    *(Case(f"openlifescienceai/mmlu_{s}", _MCQ + "mmlu_medical_datasets",
           "MMLU" + "".join(w.capitalize() for w in s.split("_")) + "Dataset", "medqa.jsonl", "",
           _PACKED) for s in _MMLU),
    Case("GBaker/MedQA-USMLE-4-options", _MCQ + "medqa_usmle_dataset", "MedQAUSMLEDataset",
         "medqa_usmle.jsonl", "", ("question", "options")),
    Case("ekacare/MedMCQA-Indic", _MCQ + "medmcqaindic_dataset", "MedMCQAIndicDataset",
         "medmcqa.jsonl", "", _COLUMNS, {"subset": "hi"}, {"subset": "hi"}),
    Case("ekacare/mmlu-medical-mcqs-evaluation-dataset", _MCQ + "eka_mmlu_medical_dataset",
         "EkaMMLUMedicalDataset", "eka_mmlu.jsonl", "", ("centerpiece", "options"),
         {"subset": "anatomy"}, {"subset": "anatomy"}),
    Case("ChuGyouk/MedXpertQA", _MCQ + "medxpertqa_dataset", "MedXpertQADataset", "",
         "between_markers", ("question", "options"), rows=SHOWN, pictures=("images",), loose=True),
    Case("TsinghuaC3I/MedXpertQA", _MCQ + "medxpertqa_text_dataset", "MedXpertQATextDataset",
         "medxpertqa_text.jsonl", "between_markers", ("question", "options")),
    Case("intronhealth/afrimedqa_v2", _MCQ + "afrimedqa_dataset", "AfriMedQAConsumerQueriesDataset",
         "afrimedqa.jsonl", "strip", ("question", "question_clean", "prompt")),
    Case("intronhealth/afrimedqa_v2/mcq", _MCQ + "afrimedqa_dataset", "AfriMedQAMCQDataset",
         "afrimedqa.jsonl", "letter_at_end", ("question", "question_clean", "answer_options"),
         args=("country", "mentions_gender", "mentions_age", "specialty"), rule_row=3),
    Case("intronhealth/afrimedqa_v2:harm", _MCQ + "afrimedqa_bias_dataset", "AfriMedQAHarmDataset",
         "afrimedqa.jsonl", "", ("question", "question_clean"), args=("is_harmful", "country")),
    Case("Showing-KCL/AMQA", _MCQ + "amqa_bias_dataset", "AMQABiasDataset", "amqa.jsonl",
         "letter_anywhere", ("original_question", "desensitized_question", "adv_question_black",
                             "options"), args=_BIAS),
    *(Case(f"Showing-KCL/AMQA:{d}", _MCQ + "amqa_bias_dataset", f"AMQA{c}BiasDataset",
           "amqa.jsonl", "", ("original_question", "options"), args=_BIAS)
      for d, c in (("race", "Race"), ("gender", "Gender"), ("ses", "SES"))),
    Case("Showing-KCL/AMQA", _MCQ + "amqa_bias_dataset", "AMQABiasDataset", "amqa.jsonl", "",
         ("original_question", "options"), {"variant": "female"}, {"variant": "female"}, _BIAS,
         note="female"),
    Case("ekacare/Eka_NFI_MCQA", _MCQ + "eka_nfi_dataset", "EkaNFIValidationSetDataset",
         "eka_nfi.jsonl", "first_letter", ("question", "options")),
    Case("ekacare/indian_drug_mcqa", _MCQ + "indian_drug_mcqa_dataset", "IndianDrugMCQADataset",
         "indian_drugs.jsonl", "first_letter", ("question", "option_a", "option_b")),
    Case("ekacare/medical_calculator_eval", _MCQ + "calculator_eval_dataset",
         "CalculatorEvalDataset", "calculators.jsonl", "number_upstream",
         ("question_text", "confinement_instruction"), args=("tolerance",)),
    Case("HFXM/CARES-18K", _MCQ + "cares_18k_dataset", "CARES18KDataset", "cares.jsonl", "strip",
         ("prompt",), loose=True),
    Case("microsoft/PatientSafetyBench", _MCQ + "patient_safety_bench_dataset",
         "PatientSafetyBenchDataset", "patient_safety.jsonl", "", ("content",)),
    Case("ai4bharat/IN22-Conv", _MCQ + "in22conv_dataset", "IN22ConvDataset", "in22_conv.jsonl",
         "translation", ("eng_Latn", "hin_Deva"),
         {"source_language": "en", "target_language": "hi"}, {"target_language": "hi"}, loose=True),
    Case("ai4bharat/IN22-Conv", _MCQ + "in22conv_dataset", "IN22ConvDataset", "in22_conv.jsonl",
         "", ("tam_Taml", "hin_Deva"),
         {"source_language": "ta", "target_language": "hi"}, {"source_language": "ta", "target_language": "hi"},
         note="ta to hi"),
    Case("zou-lab/MedCaseReasoning", _MCQ + "medcasereasoning_dataset", "MedCaseReasoningDataset",
         "medcasereasoning/test.jsonl", "", ("case_prompt",), {"num_few_shot_examples": "3"},
         {"num_few_shot_examples": 3}, train=[
             {"pmcid": f"T{i}", "case_prompt": f"Case {i}.", "final_diagnosis": f"Illness {i}",
              "diagnostic_reasoning": f"1. Sign {i}."} for i in range(12)], note="3 examples"),
    Case("zou-lab/MedCaseReasoning", _MCQ + "medcasereasoning_dataset", "MedCaseReasoningDataset",
         "medcasereasoning/test.jsonl", "answer_block_upstream",
         ("case_prompt", "diagnostic_reasoning"), args=("reasoning_steps",), loose=True),
    Case("mdwiratathya/SLAKE-vqa-english", _MCQ + "slake_dataset", "SLAKEDataset", "",
         "final_answer", ("question", "answer"), rows=SEEN, pictures=("image",), loose=True),
    Case("flaviagiammarino/vqa-rad", _MCQ + "vqa_rad_dataset", "VQARADDataset", "", "strip",
         ("question", "answer"), rows=SEEN, pictures=("image",), loose=True),
    Case("Tonic/Health-Bench-Eval-OSS-2025-07", _MCQ + "rubrics.healthbench_dataset",
         "HealthBenchDataset", "healthbench.jsonl", "strip", ("content", "criterion"),
         {"dataset_name": "", "split": ""}, loose=True),
    Case("ekacare/ekacare_medical_history_summarisation",
         _MCQ + "rubrics.eka_medical_history_summary", "EkaMedicalHistorySummary",
         "history_summaries.jsonl", "overview", (), loose=True),
    Case("ekacare/indian_protocols_based_clinical_QnA",
         _MCQ + "rubrics.indian_protocols_based_clinical_qna", "IndianProtocolsClinicalQnA",
         "indian_protocols.jsonl", "strip", ("doctor_query",), loose=True),
    Case("ekacare/clinical_note_generation_dataset", _MCQ + "clinical_note_generation_dataset",
         "ClinicalNoteGenerationDataset", "clinical_notes.jsonl", "strip",
         ("text", "sample_prompt"), args=("document_type",), loose=True),
    Case("ekacare/medical_records_parsing_validation_set",
         _MCQ + "medical_records_parsing_dataset", "MedicalRecordsParsingDataset", "", "strip",
         ("sample_prompt",), rows=PARSED, pictures=("image",), args=("document_type",),
         loose=True),
]


def _texts(value):
    if isinstance(value, dict):
        return [t for v in value.values() for t in _texts(v)]
    if isinstance(value, list):
        return [t for v in value for t in _texts(v)]
    return [value]


def _options(case, row):
    for value in (row.get("options"), row.get("answer_options"),
                  row.get("data", {}).get("Options") if isinstance(row.get("data"), dict) else None,
                  {k: row[k] for k in ("opa", "opb", "opc", "opd") if k in row},
                  {k: row[k] for k in row if k.startswith("option_")}):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                continue
        if value:
            return _texts(value)
    return []


def known_row(case, row, theirs, ours):
    """Why a row's samples may differ, or None."""
    if case.name == "ekacare/ekacare_medical_history_summarisation":
        return "KARMA's long prompt is not reproduced"
    if isinstance(ours, str) and ("empty" in ours or "blank" in ours or "missing" in ours):
        return "an empty text is refused"
    if isinstance(ours, str):
        return "refused: " + ours.split(": ", 3)[-1][:60]
    if isinstance(theirs, str):
        return "KARMA " + theirs
    if case.name == "intronhealth/afrimedqa_v2":
        return "KARMA's empty prompt is asked"
    if case.name == "ekacare/indian_protocols_based_clinical_QnA":
        return "KARMA's long system prompt is not reproduced"
    if case.name == "HFXM/CARES-18K" and isinstance(row.get("harmful_level"), str):
        return "a number in quotes is one"
    right = row.get("answer_idx", row.get("correct_answer", row.get("answer")))
    if right in ("a", "b", "c", "d", "e"):
        return "a small letter as the right answer is made a capital"
    if right is True:
        return "true, not in quotes, is A"
    if case.name.startswith("ekacare/mmlu") and isinstance(row["options"], str):
        return "options in a text are read"
    if any(m in json.dumps(row) for m in ("<CONTEXT>", "<OPTIONS>")) and \
            case.name in ("openlifescienceai/pubmedqa", "intronhealth/afrimedqa_v2/mcq"):
        return "what stands in a row is not filled in again"
    options = _options(case, row)
    if any(o is None or not str(o).strip() for o in options):
        return "an option that is null or empty is left out"
    if any(isinstance(o, bool) for o in options):
        return "true is not written True"
    return None


# ---- answers ----

ANSWERS = [
    "", " ", "\n", "Final Answer: (C)", "Final Answer: C", "Final Answer: (C).",
    "**Final Answer: (C)**", "Final Answer: (C) Foo", "Final Answer: C) Foo", "Final Answer: [c]",
    "Final Answer: (A) or (B)", "Final Answer: Final Answer: (B)",
    "Final Answer: B\nFinal Answer: C", "Final answer: (C)", "Final Answer: ( C )",
    "Final Answer: $C$", "\\boxed{C}", "The answer is C", "Option C", "A 65-year-old man",
    "Based on the vignette, (D)", "Answer: D", "Correct: (D)",
]
_LETTERS = list("ABCDEabcdeFGJxz") + ["\u0391", "\u0412", "\uff21", "\u24b6", "\u00c0", "\u1e9a"]
_MARKERS = ["Final Answer:", "Final Answer", "final answer:", "FINAL ANSWER -", "Final  Answer:",
            "Final\nAnswer:", "**Final Answer:**", "Answer:", "answer is", "The answer is:",
            "The correct answer is option", "Final Answer:Final Answer:", "final an\u017fwer:",
            "f\u0131nal answer", "ANSWER \u0130S", "finalanswer", "answer : ", "answer  is  ("]
_OPEN = ["", "", "", "(", "[", "{", "**(", "** (", "*", "`", "_", "$", "\\boxed{", "((", "\u201c",
         "<answer>", "\"", " ( "]
_CLOSE = ["", "", "", ")", "]", "}", ")**", ") **", "*", "`", "_", "$", "}", "))", "\u201d",
          "</answer>", "\"", " ) "]
_END = ["", "", "", ".", "!", "?", ":", ";", ",", " Foo", ". Iron", " - because", "\n", "\n\nNote",
        " or (B)", "/D", "\u3002", " .", ").", "\u00a0", "-cell", "\u0964", "\t", "\x1f", "\x85x",
        "\u2028more", "\r\nmore", " mg/dl", "\x0bx", "'s"]
_BLANK = [" ", " ", "", "\n", "\n\n", "\t", "\u00a0", "  ", "\u3000", "\r\n", "\x1c", "\u200b", "\x0b"]
_WORDS = ["A 65-year-old man", "Based on the vignette,", "the patient", "because", "is wrong",
          "Iron falls.", "Option C", "B-cell", "(D)", "vitamin B12", "a", "I", "e.g.", "B)", "A.",
          "step 1:", "##", "---", "- A", "1.", "बुखार", "熱", "🩺", "naïve", "\u0301", "d?", "C",
          "see (A) and (B)", "None of these", "yes", "cde", "123", "</think>", "<answer>flu</answer>",
          "<ANSWER>\nGout\n</ANSWER>", "<answer>", "</answer>", "x" * 60, "_", "É", "ŉ", "²", "_a_"]
_NUMBERS = ["12", "-3.5", "12.5kg", "1e5", "1.5e-3", "5.", ".5", "-.5", "1,234", "1_000", "inf",
            "-Infinity", "nan", "NaN", "+7", "--7", "5-3", "1.5.6", "m2", "kg/m2", "call_4abc", "12%",
            "\u0967\u0968", "\uff11\uff12", "\u00b2", "5\u00b2", "\u09ea.5", "007", "1e400", "0x10", "12.",
            "-0", "1E+2", "3.14159265358979312", "12345678901234567890", "1e16", "123456789012345678",
            "0.1", "1e-5", "0.0001", "100000000000000000000000.0", "2.5e-324", "9.5\u00b0", "5\u0301"]
_OBJECTS = ["{\"bmi\": 20.5}", "{\"a\": 1, \"b\": [1, 2]}", "{}", "{\"a\": {\"b\": 2}}", "{'a': 1}",
            "{\"a\": NaN}", "{\"a\": -Infinity}", "{\"a\": 1e400}", "{\"a\": \"\u0915\U0001fa7a\u00e9\"}",
            "{\"a\": 1, \"a\": 2}", "{\"a\": 1.0, \"b\": 1e5, \"c\": 0.1e-6}", "{\"a\": true, \"b\": null}",
            "{ \"a\" :\n 1 }", "{\"a\": 12345678901234567890123}", "{\"a\": \"tab\\tq\\\"\\/\\u00e9\"}",
            "{\"a\": \"\t\"}", "{\"a\": 01}", "{\"a\": 1,}", "{a}", "{\"\": 0}", "{\"a\": -0}", "{\"a\": -0.0}",
            "{\"a\": 1E2}", "{\"a\": \"\\ud800\"}", "{\"a\": 1} {\"b\": 2", "{\"a\": \"}\"}", "{\"a\": \"\x7f\"}",
            "{\"six_month_overview\": \"Better.\"}", "{\"six_month_overview\": \" \"}",
            "{\"six_month_overview\": \"\"}", "{\"six_month_overview\": null}",
            "```json\n{\"six_month_overview\": \"x ```\"}\n```", "{\"six_month_overview\": 5}", "[1, 2]",
            "\"text\"", "null"]
_LABELS = ["Translation:", "The translation is:", "In Hindi:", "Hindi translation:", "in hindi:",
           "HINDI TRANSLATION:", "In Tamil:", "Tamil translation:", "English:", "Translation :",
           "translation: Translation:", "In Hindi", "Here is the translation:", "In H\u0131ndi:",
           "H\u0130nd\u0130 translation:"]


def _pick(rng, rule):
    kind = rng.random()
    if rule == "number_upstream" and kind < 0.7:
        return rng.choice(_NUMBERS if rng.random() < 0.6 else _OBJECTS)
    if rule == "overview" and kind < 0.5:
        return rng.choice(_OBJECTS)
    if rule == "translation" and kind < 0.4:
        return rng.choice(_LABELS)
    if kind < 0.3:
        return rng.choice(_MARKERS)
    if kind < 0.75:
        pair = rng.randrange(len(_OPEN))
        close = pair if rng.random() < 0.7 else rng.randrange(len(_CLOSE))
        return _OPEN[pair] + rng.choice(_LETTERS) + _CLOSE[close] + rng.choice(_END)
    if kind < 0.78:
        return rng.choice(_NUMBERS)
    if kind < 0.8:
        return "".join(rng.choice("abcdeABCDE()[]*_ .:\n-{}0123456789\u00e9\u0915\u2003") for _ in
                       range(rng.randint(1, 30)))
    if kind < 0.802:
        return "long text " * rng.randint(10, 3000)
    return rng.choice(_WORDS)


def make_answer(rng, rule):
    parts = []
    for _ in range(rng.choice((1, 1, 2, 2, 3, 3, 4, 6, 12))):
        parts += [_pick(rng, rule), rng.choice(_BLANK)]
    return "".join(parts) if rng.random() < 0.3 else "".join(parts[:-1])


def known_answer(rule, answer, theirs, ours):
    """Why what is read may differ, or None."""
    if rule in ("letter_at_end", "letter_anywhere", "translation") and \
            any(c in answer for c in "\u0130\u0131\u017f\u1e9a"):
        return "letters beyond ASCII that Python takes for i, s, a in capitals"
    if rule == "overview":
        if theirs.startswith("raises"):
            return "KARMA raises AttributeError: JSON that is no object"
        if theirs.strip() == ours:
            return "white space around it"
        if "\"six_month_overview\": 5" in answer:
            return "a number for a text"
    if rule == "strip" and theirs.strip() == ours:
        return "white space around it"
    if rule == "translation" and any(n in answer for n in ("Tamil", "English")):
        return "a label of another language is taken away, too"
    if rule == "number_upstream" and "{" in answer:
        if "\\ud800" in answer:
            return "half of a surrogate pair"
        if "NaN" in answer or "Infinity" in answer or "1e400" in answer:
            return "JSON with what JSON has not: NaN, Infinity"
        if "12345678901234567890123" in answer:
            return "an integer of more than 64 bits in JSON"
    if rule == "letter_anywhere" and len(theirs) == 1 and ord(theirs) > 127:
        return "no letter; its first character is not made a capital"
    return None

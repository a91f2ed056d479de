"""karma.evaluate: a model over data sets, from Python."""

import json
import os
import signal
import unittest

import karma
import support
from karma.data_models import ModelMeta
from karma.models.base_model_abs import BaseModel
from karma.models.qwen import QwenThinkingLLM

QUESTIONS = os.path.join(support.ROOT, "demo", "questions.jsonl")


def headline(results):
    (dataset,) = results["datasets"]
    return dataset


class Evaluation(support.Case):
    def model(self, cls=QwenThinkingLLM, **more):
        return cls(support.DEMO, temperature=0.0, max_tokens=48, **more)

    def test_the_results_are_those_that_are_written(self):
        output = os.path.join(self.dir, "results.json")
        seen = []
        results = karma.evaluate(self.model(), QUESTIONS, output=output, max_samples=20,
                                 progress=seen.append)
        with open(output, encoding="utf-8") as f:
            self.assertEqual(json.load(f), results)
        self.assertTrue(os.path.exists(os.path.join(self.dir, "run.json")))
        self.assertEqual(seen[-1]["total"], 20)

    def test_without_an_output_nothing_is_left_behind(self):
        before = set(os.listdir(self.dir))
        os.chdir(self.dir)
        self.addCleanup(os.chdir, support.ROOT)
        self.assertTrue(karma.evaluate(self.model(), [QUESTIONS], max_samples=5, use_store=False))
        self.assertEqual(set(os.listdir(self.dir)), before)

    def test_letters_are_compared_and_nothing_is_written(self):
        output = os.path.join(self.dir, "results.json")
        results = karma.evaluate(self.model(), QUESTIONS, output=output, max_samples=20,
                                 use_store=False, answer_by="letters")
        (result,) = (results[name] for name in results if name != "_summary")
        self.assertEqual(result["answer_by"], "letters")
        self.assertEqual(result["metrics"]["exact_match"]["score"], 1.0)
        with open(os.path.join(self.dir, "run.json"), encoding="utf-8") as f:
            (run,) = json.load(f)["datasets"].values()
        self.assertEqual(run["generated_tokens"], 0)

    def test_answers_may_end_when_they_are_decided(self):
        results = karma.evaluate(self.model(), QUESTIONS, max_samples=5, use_store=False,
                                 stop_when_decided=True)
        (result,) = (results[name] for name in results if name != "_summary")
        self.assertTrue(result["stop_when_decided"])
        self.assertEqual(result["metrics"]["exact_match"]["score"], 1.0)

    def test_a_postprocess_of_python_decides_nothing(self):
        class Mine(QwenThinkingLLM):
            def postprocess(self, response: str) -> str:
                return response

        with self.assertRaises(karma.KarmaError):
            karma.evaluate(self.model(Mine), QUESTIONS, max_samples=5, use_store=False,
                           stop_when_decided=True)

    def test_hooks_of_a_python_class_decide(self):
        class Wrong(QwenThinkingLLM):
            def postprocess(self, response: str) -> str:
                return "Final Answer: none of these"

        right = karma.evaluate(self.model(), QUESTIONS, max_samples=20)
        wrong = karma.evaluate(self.model(Wrong), QUESTIONS, max_samples=20)
        self.assertNotEqual(json.dumps(right), json.dumps(wrong))
        self.assertEqual(json.dumps(right), json.dumps(
            karma.evaluate(self.model(), QUESTIONS, max_samples=20)))

    def test_a_class_with_its_own_run_is_asked_in_batches(self):
        sizes = []

        class Mine(BaseModel):
            def load_model(self):
                self.is_loaded = True

            def run(self, inputs):
                sizes.append(len(inputs))
                return ["Final Answer: (A)"] * len(inputs)

        model = Mine("nothing", max_sequences=8)
        karma.evaluate(model, QUESTIONS, max_samples=20, use_store=False)
        self.assertEqual(sum(sizes), 20)
        self.assertLessEqual(max(sizes), 8)

    def test_a_run_that_returns_fewer_fails_its_batch(self):
        class Mine(BaseModel):
            def load_model(self):
                pass

            def run(self, inputs):
                return ["Final Answer: (A)"] * (len(inputs) - 1)

        results = karma.evaluate(Mine("nothing"), QUESTIONS, max_samples=10, use_store=False)
        self.assertIn("expected 8 outputs, found 7", json.dumps(results))

    def test_a_run_of_texts_fails_one_by_one(self):
        class Mine(BaseModel):
            def load_model(self):
                pass

            def run(self, prompt: str) -> str:
                if "Reed-Sternberg" in prompt:
                    raise ValueError("not that one")
                return "Final Answer: (A)"

        model = Mine("nothing")
        results = json.dumps(karma.evaluate(model, QUESTIONS, max_samples=10, use_store=False))
        self.assertIn("not that one", results)
        records = model.run_with_metadata(["Reed-Sternberg", "x"])
        self.assertEqual([r["text"] for r in records], [None, "Final Answer: (A)"])

    def test_a_registered_name_will_do(self):
        from karma.registries.model_registry import register_model_meta

        register_model_meta(ModelMeta(name="demo", model_path=support.DEMO, loader_class="BaseModel",
                                      model_type="text_generation"))
        results = karma.evaluate("demo", QUESTIONS, max_samples=3, max_tokens=16, temperature=0.0)
        self.assertTrue(results)
        by_path = karma.evaluate(support.DEMO, QUESTIONS, max_samples=3, max_tokens=16, temperature=0.0)
        self.assertTrue(by_path)
        with self.assertRaisesRegex(LookupError, "no-such-model"):
            karma.evaluate("no-such-model", QUESTIONS)

    def test_what_is_wrong_is_an_error_before_anything_runs(self):
        model = self.model()
        with self.assertRaises(karma.KarmaError):
            karma.evaluate(model, "no-such-dataset")
        with self.assertRaises(TypeError):
            karma.evaluate(model, QUESTIONS, max_sample=3)
        self.assertFalse(model.is_loaded)

    def test_an_interrupt_ends_the_run_and_is_raised(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

        class Slow(QwenThinkingLLM):
            def preprocess(self, prompt: str) -> str:
                os.kill(os.getpid(), signal.SIGINT)
                return prompt

        with self.assertRaises(KeyboardInterrupt):
            karma.evaluate(self.model(Slow), QUESTIONS, use_store=False)

    def test_what_progress_raises_ends_the_run_and_comes_out(self):
        def stop(_):
            raise LookupError("enough")

        with self.assertRaisesRegex(LookupError, "enough"):
            karma.evaluate(self.model(), QUESTIONS, progress=stop, use_store=False)


if __name__ == "__main__":
    unittest.main()

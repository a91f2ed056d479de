"""Classes of one's own: hooks in every shape, run, load_model, what they raise, and their place in
the C library."""

import threading
import unittest
from typing import Any, List

import support
from karma import KarmaError
from karma.data_models import DataLoaderIterable
from karma.models._hooks import LIST, SAMPLE, TEXT, shape_of
from karma.models.base_model_abs import BaseModel
from karma.models.qwen import QwenThinkingLLM

QUESTION = "Which vitamin prevents scurvy?"


def greedy(cls, **more):
    arguments = dict(temperature=0.0, max_tokens=32)
    arguments.update(more)
    return cls(support.DEMO, **arguments)


class Shapes(unittest.TestCase):
    def test_the_shape_is_what_annotations_say_then_the_name(self):
        class Hooks:
            def a(self, prompt: str, **kwargs) -> str: ...
            def b(self, inputs: List[DataLoaderIterable], **kwargs): ...
            def c(self, sample: DataLoaderIterable): ...
            def d(self, x: "NoSuchName") -> List[str]: ...  # noqa: F821
            def e(self, x: "List[NoSuchName]"): ...  # noqa: F821
            def f(self, prompt): ...
            def g(self, model_outputs, **kwargs): ...
            def h(self, whatever): ...
            def i(self, inputs: Any) -> str: ...
            def j(self, *args, **kwargs): ...

        h = Hooks()
        wanted = dict(a=TEXT, b=LIST, c=SAMPLE, d=LIST, e=LIST, f=TEXT, g=LIST, h=TEXT, i=TEXT, j=TEXT)
        self.assertEqual({n: shape_of(getattr(h, n)) for n in wanted}, wanted)


class Hooks(support.Case):
    def test_hooks_of_texts_change_prompt_and_answer(self):
        class Custom(BaseModel):
            def preprocess(self, prompt: str, **kwargs) -> str:
                return f"Medical Question: {prompt}\nAnswer:"

            def postprocess(self, response: str, **kwargs) -> str:
                return "<" + super().postprocess(response) + ">"

        plain, custom = greedy(BaseModel), greedy(Custom)
        wanted = plain.run(f"Medical Question: {QUESTION}\nAnswer:")
        self.assertNotEqual(wanted, plain.run(QUESTION))
        self.assertEqual(custom.run(QUESTION), f"<{wanted}>")
        self.assertEqual(custom.run([QUESTION] * 5), [f"<{wanted}>"] * 5)
        self.assertEqual(custom.run_with_metadata([QUESTION])[0]["text"], f"<{wanted}>")
        self.assertEqual(custom.postprocess(" x "), "<x>")

    def test_hooks_of_lists_are_called_with_lists(self):
        seen = []

        class Custom(BaseModel):
            def preprocess(self, inputs: List[DataLoaderIterable], **kwargs):
                seen.append([type(i) for i in inputs])
                return [f"Q: {sample.input}" for sample in inputs]

            def postprocess(self, model_outputs: List[str], **kwargs) -> List[str]:
                return [text.upper() for text in super().postprocess(model_outputs)]

        wanted = greedy(BaseModel).run([f"Q: {QUESTION}", "Q: Say D."])
        self.assertEqual(greedy(Custom).run([QUESTION, "Say D."]), [w.upper() for w in wanted])
        self.assertEqual(seen, [[DataLoaderIterable]] * 2)

    def test_a_preprocess_may_give_messages_a_raw_prompt_or_a_sample(self):
        class Messages(BaseModel):
            def preprocess(self, sample: DataLoaderIterable):
                return [{"role": "system", "content": "S"}, {"role": "user", "content": sample.input}]

        class Raw(BaseModel):
            def preprocess(self, prompt: str):
                return {"prompt": prompt}

        class Sample(BaseModel):
            def preprocess(self, sample: DataLoaderIterable):
                return sample.model_copy(update={"system_prompt": "S"})

        with_system = DataLoaderIterable(input=QUESTION, system_prompt="S")
        wanted = greedy(BaseModel).run_with_metadata([with_system])
        self.assertEqual(greedy(Messages).run_with_metadata(QUESTION), wanted)
        self.assertEqual(greedy(Sample).run_with_metadata(QUESTION), wanted)
        raw = greedy(Raw)
        record = raw.run_with_metadata(QUESTION)[0]
        self.assertEqual(record["prompt_tokens"], len(raw.tokenizer.encode(QUESTION)))

    def test_a_text_takes_the_place_of_a_conversations_last_user_turn(self):
        class Custom(BaseModel):
            def preprocess(self, prompt: str) -> str:
                return prompt.upper()

        model = greedy(Custom)
        turns = [("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four")]
        sample = DataLoaderIterable(
            conversation={"conversation_turns": [dict(role=r, content=c) for r, c in turns]},
            system_prompt="s",
        )
        turns[2] = ("user", "THREE")
        other = DataLoaderIterable(
            conversation={"conversation_turns": [dict(role=r, content=c) for r, c in turns]},
            system_prompt="s",
        )
        self.assertEqual(model.run_with_metadata([sample]), greedy(BaseModel).run_with_metadata([other]))

    def test_hooks_are_inherited_and_stack(self):
        class One(QwenThinkingLLM):
            def postprocess(self, response: str) -> str:
                return super().postprocess(response) + "1"

        class Two(One):
            def postprocess(self, response: str) -> str:
                return super().postprocess(response) + "2"

        class Three(Two):
            pass

        wanted = greedy(QwenThinkingLLM).run(QUESTION) + "12"
        self.assertEqual(greedy(Two).run(QUESTION), wanted)
        self.assertEqual(greedy(Three).run(QUESTION), wanted)
        thinking = greedy(Three, enable_thinking=True)
        self.assertEqual(thinking.postprocess("<think>hm</think> A"), "A12")

    def test_a_thought_stays_beside_an_answer_that_a_hook_changes(self):
        class Custom(QwenThinkingLLM):
            def preprocess(self, prompt: str):
                return prompt

            def postprocess(self, response: str) -> str:
                return super().postprocess("<think>hm</think> " + response) + "!"

        (record,) = greedy(Custom, enable_thinking=True).run_with_metadata(QUESTION)
        self.assertEqual(record["thinking"], "hm")
        self.assertTrue(record["text"].endswith("!"))

    def test_what_a_hook_raises_is_that_inputs_error_with_its_cause(self):
        class Custom(BaseModel):
            def preprocess(self, prompt: str) -> str:
                if prompt == "bad":
                    raise ValueError("no such word")
                return prompt

            def postprocess(self, response: str) -> str:
                if self.fail_after:
                    raise KeyError("after")
                return response

        model = greedy(Custom)
        model.fail_after = False
        records = model.run_with_metadata(["good", "bad", "good"])
        self.assertEqual([r["error"] is None for r in records], [True, False, True])
        self.assertIn("Custom.preprocess: ValueError: no such word", records[1]["error"])
        with self.assertRaises(KarmaError) as caught:
            model.run(["good", "bad"])
        self.assertEqual((caught.exception.index, caught.exception.status), (1, "E_PLUGIN"))
        self.assertIsInstance(caught.exception.__cause__, ValueError)
        self.assertIsNotNone(caught.exception.__cause__.__traceback__)
        model.fail_after = True
        with self.assertRaises(KarmaError) as caught:
            model.run("good")
        self.assertIsInstance(caught.exception.__cause__, KeyError)
        model.fail_after = False
        self.assertTrue(model.run("good"))

    def test_results_of_the_wrong_kind_fail_and_never_shift(self):
        for made in (None, 3, [], ["a", "b"], b"x", [3], {"other": 1}, [{"role": "user"}], "a\0b"):
            class Custom(BaseModel):
                def preprocess(self, inputs: List[Any]):
                    return [made] if not isinstance(made, list) else made

            records = greedy(Custom).run_with_metadata(["one", "two"])
            self.assertEqual([r["text"] for r in records], [None, None], repr(made))
            self.assertTrue(all(r["error"] for r in records))
        for made in (None, 3, ["a"], b"x", "a\0b"):
            class Other(BaseModel):
                def postprocess(self, response: str):
                    return made

            records = greedy(Other).run_with_metadata(["one", "two"])
            self.assertTrue(all(r["error"] and r["text"] is None for r in records), repr(made))

    def test_an_exit_in_a_hook_ends_the_run(self):
        class Custom(BaseModel):
            def preprocess(self, prompt: str) -> str:
                raise SystemExit(3)

        with self.assertRaises((SystemExit, KarmaError)) as caught:
            greedy(Custom).run(["one", "two"])
        error = caught.exception
        self.assertIsInstance(getattr(error, "__cause__", None) or error, SystemExit)

    def test_a_hook_may_run_another_model_and_itself_elsewhere(self):
        helper = greedy(BaseModel, max_tokens=4)

        class Custom(BaseModel):
            def preprocess(self, prompt: str) -> str:
                return helper.run(prompt)

        wanted = greedy(BaseModel).run(helper.run(QUESTION))
        model = greedy(Custom)
        self.assertEqual(model.run(QUESTION), wanted)
        found = []
        thread = threading.Thread(target=lambda: found.append(model.run(QUESTION)))
        thread.start()
        thread.join()
        self.assertEqual(found, [wanted])


class Whole(support.Case):
    def test_run_can_be_overridden_and_call_up(self):
        class Custom(BaseModel):
            def run(self, inputs, **kwargs):
                return [text.lower() for text in super().run(list(inputs))]

        wanted = [t.lower() for t in greedy(BaseModel).run([QUESTION, "Say D."])]
        model = greedy(Custom)
        self.assertEqual(model.run([QUESTION, "Say D."]), wanted)
        self.assertEqual(
            model.run_with_metadata([QUESTION]), [{"text": wanted[0].strip(), "tool_trace": ""}]
        )

    def test_load_model_can_be_overridden_and_call_up(self):
        calls = []

        class Custom(BaseModel):
            def load_model(self):
                calls.append(self.is_loaded)
                super().load_model()
                self.extra = "here"

        model = greedy(Custom)
        model.load_model()
        self.assertEqual((calls, model.extra), ([False], "here"))
        self.assertIsNotNone(model.model)
        self.assertTrue(model.run(QUESTION))
        other = greedy(Custom)
        self.assertTrue(other.run(QUESTION))
        self.assertEqual(other.extra, "here")
        self.assertEqual(calls, [False, False])

    def test_hooks_stay_when_another_checkpoint_is_loaded_instead(self):
        self.in_hub("Qwen/Qwen3-1.7B")

        class Custom(QwenThinkingLLM):
            def load_model(self):
                super().load_model()

            def postprocess(self, response: str) -> str:
                return super().postprocess(response) + "!"

        model = Custom("Qwen/Qwen3-0.6B", fallback=["Qwen/Qwen3-1.7B"], max_tokens=8)
        model.load_model()
        self.assertEqual(model.model.name, "Qwen/Qwen3-1.7B")
        self.assertTrue(model.run(QUESTION).endswith("!"))

    def test_what_an_overridden_load_raises_comes_out(self):
        class Custom(BaseModel):
            def load_model(self):
                raise OSError("no disk")

        with self.assertRaisesRegex(OSError, "no disk"):
            greedy(Custom).load_model()
        with self.assertRaisesRegex(OSError, "no disk"):
            greedy(Custom).run("x")

        class Missing(BaseModel):
            def load_model(self):
                super().load_model()

        model = Missing("no/such-model")
        with self.assertRaises(KarmaError) as caught:
            model.load_model()
        self.assertIn("no/such-model", str(caught.exception))
        self.assertIsNone(model.model)

    def test_a_class_without_a_checkpoint_is_wholly_its_own(self):
        class Echo(BaseModel):
            def __init__(self, model_name_or_path, device="cpu", greeting="hello", **kwargs):
                super().__init__(model_name_or_path=model_name_or_path, device=device, **kwargs)
                self.greeting = greeting
                self.temperature = 0.5

            def load_model(self, **kwargs):
                self.model = object()
                self.tokenizer = object()
                self.is_loaded = True

            def run(self, inputs, **kwargs):
                return [f"{self.greeting} {sample.input}" for sample in inputs]

        model = Echo("anything", greeting="hi")
        self.assertEqual((model.device, model.temperature), ("cpu", 0.5))
        model.load_model()
        self.assertTrue(model.is_loaded)
        self.assertIsNotNone(model.model)
        self.assertEqual(model.run([DataLoaderIterable(input="you")]), ["hi you"])
        self.assertEqual(model.run_with_metadata("you")[0]["text"], "hi you")
        self.assertTrue(model.get_model_info()["is_loaded"])
        model.unload()
        self.assertFalse(model.is_loaded)
        self.assertIsNone(model.model)

    def test_attributes_set_as_upstreams_classes_set_them_are_arguments(self):
        class Upstream(BaseModel):
            def __init__(self, model_name_or_path, device="cpu", max_tokens=7, top_k=None, **kwargs):
                self.device = device
                super().__init__(model_name_or_path=model_name_or_path, device=device, **kwargs)
                self.model_name_or_path = model_name_or_path
                self.device = device
                self.max_tokens = max_tokens
                self.top_k = top_k
                self.thinking_end_token_id = 151668

        model = Upstream(support.DEMO, temperature=0.0)
        self.assertEqual(model.arguments["max_tokens"], 7)
        (record,) = model.run_with_metadata(QUESTION)
        self.assertLessEqual(record["generated_tokens"], 7)

    def test_the_name_in_the_library_changes_with_the_code_of_the_hooks(self):
        def make(suffix):
            if suffix:
                class Custom(BaseModel):
                    def postprocess(self, response: str) -> str:
                        return response + "?"
            else:
                class Custom(BaseModel):
                    def postprocess(self, response: str) -> str:
                        return response + "!"
            return greedy(Custom)._core.table.struct.name

        self.assertEqual(make(True), make(True))
        self.assertNotEqual(make(True), make(False))
        self.assertTrue(make(True).startswith(b"Custom@"))


if __name__ == "__main__":
    unittest.main()

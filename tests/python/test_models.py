"""A model's life: arguments, states, answers, failures, memory, threads, interrupts."""

import gc
import os
import signal
import threading
import time
import unittest
import weakref

import support
from karma import KarmaArgumentError, KarmaError, KarmaNotFoundError
from karma.data_models import Conversation, ConversationTurn, DataLoaderIterable
from karma.models.base_model_abs import BaseModel
from karma.models.indic_conformer import IndicConformerASR
from karma.models.qwen import QwenThinkingLLM

QUESTION = "Which vitamin prevents scurvy?"


class Arguments(support.Case):
    def test_a_misspelt_one_names_the_nearest(self):
        with self.assertRaises(TypeError) as caught:
            QwenThinkingLLM(support.DEMO, temprature=0.7)
        self.assertIsInstance(caught.exception, KarmaError)
        self.assertEqual(caught.exception.status, "E_USAGE")
        self.assertIn("temprature", str(caught.exception))
        self.assertIn("temperature", str(caught.exception).replace("temprature", ""))

    def test_an_ill_typed_or_impossible_one_is_refused(self):
        for wrong in ({"max_tokens": "many"}, {"temperature": -1}, {"top_p": [1]}, {"seed": 1.5}):
            with self.assertRaises(KarmaArgumentError, msg=str(wrong)):
                QwenThinkingLLM(support.DEMO, **wrong)

    def test_defaults_are_the_classes_own(self):
        model = QwenThinkingLLM(support.DEMO)
        self.assertEqual((model.max_tokens, model.temperature, model.top_p), (32768, 0.7, 0.9))
        self.assertIs(model.enable_thinking, False)
        self.assertIsNone(model.top_k)
        names = [option["name"] for option in QwenThinkingLLM.options()]
        self.assertIn("enable_thinking", names)
        self.assertIn("max_memory_mb", names)
        self.assertEqual(len(names), len(set(names)))

    def test_one_can_be_set_and_takes_effect(self):
        model = BaseModel(support.DEMO, temperature=0.0, max_tokens=32)
        model.load_model()
        whole = model.run(QUESTION)
        model.max_tokens = 2
        self.assertTrue(model.is_loaded)
        self.assertTrue(whole.startswith(model.run(QUESTION)))
        self.assertNotEqual(model.run(QUESTION), whole)
        with self.assertRaises(KarmaArgumentError):
            model.max_tokens = "x"
        self.assertEqual(model.max_tokens, 2)
        self.assertTrue(model.run(QUESTION))

    def test_what_is_no_argument_is_an_attribute(self):
        model = BaseModel(support.DEMO)
        model.mine = 3
        self.assertEqual(model.mine, 3)
        with self.assertRaisesRegex(AttributeError, "no attribute 'yours'"):
            model.yours
        with self.assertRaises(TypeError):
            model.run("x", temperature=1)

    def test_a_device_that_is_not_there_is_an_error(self):
        for device in ("cuda", "mps"):
            with self.assertRaises(KarmaError, msg=device):
                BaseModel(support.DEMO, device=device).load_model()

    def test_repr_names_class_path_and_device(self):
        self.assertEqual(
            repr(QwenThinkingLLM("Qwen/Qwen3-0.6B", device="cpu")),
            "QwenThinkingLLM(model_name_or_path='Qwen/Qwen3-0.6B', device='cpu')",
        )
        self.assertEqual(BaseModel(support.DEMO).device, "cpu")
        self.assertEqual(BaseModel(support.DEMO, device="auto").device, "cpu")


class States(support.Case):
    def test_model_is_the_loaded_one_and_none_before_and_after(self):
        model = QwenThinkingLLM(support.DEMO)
        self.assertIsNone(model.model)
        self.assertIsNone(model.tokenizer)
        self.assertFalse(model.is_loaded)
        self.assertEqual(model.get_num_parameters(), 0)
        model.load_model()
        handle = model.model
        self.assertIsNotNone(handle)
        self.assertIs(model.model, handle)
        self.assertEqual(model.get_num_parameters(), 984448)
        self.assertEqual(handle.num_parameters, 984448)
        self.assertEqual(handle.path, support.DEMO)
        model.load_model()
        self.assertIs(model.model, handle)
        model.unload()
        self.assertIsNone(model.model)
        self.assertFalse(model.is_loaded)
        with self.assertRaisesRegex(KarmaError, "unloaded"):
            handle.vocab_size
        model.load_model()
        self.assertIsNot(model.model, handle)
        self.assertFalse(handle.is_valid)

    def test_run_loads_first(self):
        model = BaseModel(support.DEMO, max_tokens=4)
        self.assertTrue(model.run(QUESTION))
        self.assertTrue(model.is_loaded)

    def test_a_failed_load_can_be_tried_again(self):
        place = os.path.join(self.dir, "later")
        model = QwenThinkingLLM(place, max_tokens=4)
        with self.assertRaises(KarmaNotFoundError) as caught:
            model.load_model()
        self.assertIn("no such file", str(caught.exception))
        self.assertIsNone(model.model)
        self.assertFalse(model.is_loaded)
        support.tiny(place)
        model.load_model()
        self.assertIsNotNone(model.model)

    def test_info_says_what_it_is(self):
        model = QwenThinkingLLM(support.DEMO, device="cpu")
        info = model.get_model_info()
        self.assertEqual(info["model_name_or_path"], support.DEMO)
        self.assertEqual(info["model_type"], "text_generation")
        self.assertIs(info["is_loaded"], False)
        self.assertIsNone(info["num_parameters"])
        model.load_model()
        info = model.get_model_info()
        self.assertEqual(info["num_parameters"], 984448)
        self.assertEqual((info["class"], info["device"]), ("QwenThinkingLLM", "cpu"))

    def test_to_and_eval_return_the_model(self):
        model = BaseModel(support.DEMO, max_tokens=4, temperature=0.0)
        self.assertIs(model.eval(), model)
        self.assertIs(model.to("cpu"), model)
        before = model.run(QUESTION)
        self.assertIs(model.to("cpu"), model)
        self.assertEqual(model.device, "cpu")
        self.assertEqual(model.run(QUESTION), before)
        with self.assertRaises(KarmaError):
            model.to("cuda")
        self.assertEqual(model.run(QUESTION), before)

    def test_a_with_block_unloads(self):
        with BaseModel(support.DEMO) as model:
            model.load_model()
        self.assertIsNone(model.model)

    def test_the_speech_model_has_metadata_and_load_says_what_the_library_says(self):
        model = IndicConformerASR("ai4bharat/indic-conformer-600m-multilingual", language="ta")
        self.assertEqual((model.language, model.decoding_method), ("ta", "ctc"))
        self.assertEqual(model.get_model_info()["model_type"], "audio_recognition")
        with self.assertRaises(KarmaError) as caught:
            model.load_model()
        self.assertTrue(str(caught.exception))
        self.assertIsNone(model.model)


class Answers(support.Case):
    def test_a_text_gives_a_text_and_a_list_a_list_in_its_order(self):
        model = BaseModel(support.DEMO, temperature=0.0, max_tokens=32)
        texts = [QUESTION, "What is the treatment for diabetes?", QUESTION, "Say D."]
        one_by_one = [model.run(text) for text in texts]
        self.assertIsInstance(one_by_one[0], str)
        self.assertEqual(model.run(texts), one_by_one)
        self.assertEqual(model.run([DataLoaderIterable(input=t) for t in texts]), one_by_one)
        self.assertEqual(model.run(iter(texts)), one_by_one)
        self.assertEqual(model.run([]), [])

    def test_three_hundred_inputs_keep_their_places(self):
        model = BaseModel(self.tiny(), max_tokens=3, temperature=0.0)
        texts = [f"input number {i}" for i in range(300)]
        answers = model.run(texts)
        self.assertEqual(len(answers), 300)
        for i in (0, 1, 150, 299):
            self.assertEqual(answers[i], model.run(texts[i]))

    def test_a_conversation_and_a_system_prompt_reach_the_model(self):
        model = BaseModel(support.DEMO)
        sample = DataLoaderIterable(
            conversation=Conversation(conversation_turns=[
                ConversationTurn(role="user", content="one"),
                ConversationTurn(role="assistant", content="two"),
                ConversationTurn(role="user", content="three"),
            ]),
            system_prompt="Be brief.",
        )
        self.assertEqual(
            model.preprocess(sample),
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"},
             {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}],
        )
        self.assertIsInstance(model.run(sample), str)

    def test_metadata_has_counts_flags_and_thoughts(self):
        model = QwenThinkingLLM(support.DEMO, temperature=0.0, max_tokens=3)
        (record,) = model.run_with_metadata([QUESTION])
        self.assertEqual(record["finish_reason"], "length")
        self.assertEqual(record["flags"], ["cut"])
        self.assertEqual(record["generated_tokens"], 3)
        self.assertGreater(record["prompt_tokens"], 3)
        self.assertEqual((record["tool_trace"], record["error"]), ("", None))

    def test_postprocess_takes_the_thought_away(self):
        model = QwenThinkingLLM(support.DEMO, enable_thinking=True)
        self.assertEqual(model.postprocess("<think>\nhm\n</think>\n\n A. "), "A.")
        self.assertEqual(model.postprocess([" A ", "<think>x</think>B"]), ["A", "B"])
        self.assertEqual(model.parse_thinking_content("<think>hm</think> B "), ("hm", "B"))
        self.assertEqual(BaseModel(support.DEMO).postprocess("  A "), "A")

    def test_one_failing_input_is_an_error_with_its_number_or_a_record(self):
        model = BaseModel(self.tiny(), max_tokens=2)
        inputs = ["one", "word " * 3000, "three"]
        with self.assertRaises(KarmaError) as caught:
            model.run(inputs)
        self.assertEqual(caught.exception.index, 1)
        self.assertIn("input 1: ", str(caught.exception))
        self.assertTrue(caught.exception.status.startswith("E_"))
        records = model.run_with_metadata(inputs)
        self.assertEqual([r["error"] is None for r in records], [True, False, True])
        self.assertIsNone(records[1]["text"])
        self.assertEqual(records[1]["finish_reason"], "error")
        self.assertEqual(records[2]["text"], model.run("three"))

    def test_inputs_that_c_cannot_hold_fail_and_are_not_cut(self):
        model = BaseModel(self.tiny(), max_tokens=2)
        records = model.run_with_metadata(["a\0b", "\ud800", "fine"])
        self.assertIn("U+0000", records[0]["error"])
        self.assertIn("Unicode", records[1]["error"])
        self.assertIsNone(records[2]["error"])
        with self.assertRaises(KarmaError) as caught:
            model.run(DataLoaderIterable(input="x", images=[b"png"]))
        self.assertEqual(caught.exception.status, "E_UNSUPPORTED")
        for wrong in (3, [3], {"input": "x"}, b"x", None, [None]):
            with self.assertRaises(TypeError, msg=repr(wrong)):
                model.run(wrong)

    def test_sound_goes_in_and_comes_back_whole(self):
        import gc

        import numpy
        from karma.models._samples import decode_sample, encode_sample

        wave = numpy.linspace(-1, 1, 400)
        for given in (b"RIFF\0data" * 50, "a/file.wav", (wave, 16000), (wave.reshape(1, -1), 8000),
                      {"array": wave, "sampling_rate": 16000}, {"bytes": b"x\0y", "path": "a.wav"}):
            c = encode_sample(DataLoaderIterable(input="hear", audio=given), None)
            gc.collect()
            found = decode_sample(c).audio
            if isinstance(found, tuple):
                numpy.testing.assert_array_equal(found[0], wave.astype(numpy.float32))
                self.assertIn(found[1], (8000, 16000))
            else:
                self.assertEqual(found, given["bytes"] if isinstance(given, dict) else given)
        for nothing in (None, b""):
            self.assertFalse(encode_sample(DataLoaderIterable(audio=nothing), None).audio)
        for wrong in (3, ([[1, 2], [3, 4]], 16000), (wave, None), {"path": None}):
            with self.assertRaises(KarmaError):
                encode_sample(DataLoaderIterable(audio=wrong), None)

    def test_sampling_is_the_seeds(self):
        path = self.tiny()
        first = BaseModel(path, do_sample=True, temperature=1.0, max_tokens=16, seed=1)
        again = BaseModel(path, do_sample=True, temperature=1.0, max_tokens=16, seed=1)
        other = BaseModel(path, do_sample=True, temperature=1.0, max_tokens=16, seed=2)
        self.assertEqual(first.run(QUESTION), again.run([QUESTION, "x"])[0])
        self.assertNotEqual(first.run(QUESTION), other.run(QUESTION))

    def test_a_changed_weight_changes_the_answer(self):
        place = self.demo_copy()
        model = BaseModel(place, temperature=0.0, max_tokens=24)
        before, logits = model.run(QUESTION), model_logits(model)
        same = BaseModel(support.DEMO, temperature=0.0, max_tokens=24)
        self.assertEqual(before, same.run(QUESTION))
        model.unload()
        self.assertNotEqual(support.change_weight(place, "model.norm.weight", 0, 0x4500), 0x4500)
        self.assertNotEqual(model.run(QUESTION), before)
        self.assertGreater(abs(model_logits(model) - logits).max(), 1)

    def test_the_tokenizer_goes_there_and_back(self):
        model = BaseModel(support.DEMO)
        model.load_model()
        tokenizer = model.tokenizer
        text = "Which vitamin? \u00e9\u0939\u093f 5 mg\n"
        ids = tokenizer.encode(text)
        self.assertTrue(all(isinstance(i, int) for i in ids))
        self.assertEqual(tokenizer.decode(ids), text)
        self.assertEqual(len(tokenizer), 1536)
        rendered = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
        self.assertIn("hi", rendered)
        self.assertEqual(
            tokenizer.apply_chat_template([{"role": "user", "content": "hi"}]),
            tokenizer.encode(rendered, add_special_tokens=False),
        )

    def test_logits_are_an_array_of_float32(self):
        import numpy

        model = BaseModel(support.DEMO)
        model.load_model()
        logits = model.model.logits([1, 2, 3])
        self.assertEqual((logits.shape, logits.dtype), ((3, 1536), numpy.float32))
        self.assertTrue(numpy.isfinite(logits).all())
        numpy.testing.assert_array_equal(logits[:2], model.model.logits([1, 2]))
        with self.assertRaises(KarmaError):
            model.model.logits([99999])


def model_logits(model):
    model.load_model()
    return model.model.logits([5, 6, 7])


class Fallback(support.Case):
    def test_another_model_is_loaded_in_its_place_and_named(self):
        self.in_hub("Qwen/Qwen3-1.7B")
        model = QwenThinkingLLM(
            "Qwen/Qwen3-0.6B", fallback="Qwen/Qwen3-1.7B", max_tokens=8, temperature=0.0
        )
        model.load_model()
        self.assertEqual(model.model.name, "Qwen/Qwen3-1.7B")
        self.assertIn("Qwen/Qwen3-0.6B: ", model.fallback_reason)
        self.assertTrue(model.run(QUESTION))

    def test_none_is_taken_when_loading_works_or_nothing_else_does(self):
        self.in_hub("Qwen/Qwen3-0.6B")
        model = QwenThinkingLLM("Qwen/Qwen3-0.6B", fallback="Qwen/Qwen3-1.7B", max_tokens=8)
        model.load_model()
        self.assertIsNone(model.fallback_reason)
        with self.assertRaises(KarmaError) as caught:
            QwenThinkingLLM("Qwen/Qwen3-4B", fallback=["Qwen/Qwen3-8B"]).load_model()
        self.assertIn("Qwen3-4B", str(caught.exception))


class Memory(support.Case):
    def test_deleting_a_model_frees_it_at_once(self):
        model = BaseModel(self.tiny())
        model.load_model()
        handle, gone = weakref.ref(model.model), weakref.ref(model)
        finalizer = model._core._finalizer
        del model
        self.assertIsNone(gone())
        self.assertIsNone(handle())
        self.assertFalse(finalizer.alive)

    def test_a_handle_keeps_its_model_alive(self):
        model = BaseModel(support.DEMO)
        model.load_model()
        tokenizer = model.tokenizer
        del model
        gc.collect()
        self.assertEqual(tokenizer.decode(tokenizer.encode("still here")), "still here")

    def test_a_thousand_models_made_used_and_deleted_leave_nothing(self):
        path = self.tiny()

        class Custom(BaseModel):
            def preprocess(self, prompt: str) -> str:
                if prompt == "bad":
                    raise ValueError("bad")
                return prompt + "!"

        gc.disable()  # nothing waits for it
        self.addCleanup(gc.enable)

        def loop(n):
            for i in range(n):
                model = (Custom if i % 2 else BaseModel)(path, max_tokens=2, n_ctx=64)
                model.load_model()
                self.assertIsInstance(model.run("hi"), str)
                # Failures too: one of C's, one of a hook's, one that is raised and caught.
                records = model.run_with_metadata(["a\0b", "bad", "word " * 200])
                self.assertIsNotNone(records[0]["error"])
                self.assertIsNotNone(records[2]["error"])
                with self.assertRaises(KarmaError):
                    model.run(["hi", "a\0b"])
                del model

        loop(300)
        before = support.resident_kb()
        loop(1000)
        grown = support.resident_kb() - before
        self.assertLess(grown, 4096, f"{grown} KiB more after 1,000 models")

    def test_memory_is_told(self):
        model = BaseModel(support.DEMO)
        model.load_model()
        memory = model.model.memory()
        self.assertGreater(memory["weights"], 1_900_000)
        self.assertGreaterEqual(memory["peak"], memory["current"])
        self.assertGreater(memory["current"], 0)


class Threads(support.Case):
    def long(self, **more):
        return BaseModel(
            self.tiny(), temperature=0.0, max_tokens=1500, n_ctx=2048, max_sequences=8, **more
        )

    def test_the_interpreter_runs_on_during_a_run(self):
        model = self.long()
        model.load_model()
        answers = []
        worker = threading.Thread(
            target=lambda: answers.extend(model.run([f"text {i}" for i in range(8)]))
        )
        began = time.monotonic()
        worker.start()
        turns, longest, last = 0, 0.0, began
        while worker.is_alive():
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            turns += 1
            time.sleep(0.001)
        took = time.monotonic() - began
        worker.join()
        self.assertEqual(len(answers), 8)
        self.assertGreater(turns, 5, f"{turns} turns in {took:.3f} s")
        self.assertLess(longest, took * 0.8, f"blocked for {longest:.3f} of {took:.3f} s")

    def test_two_threads_share_a_model(self):
        model = BaseModel(self.tiny(), temperature=0.0, max_tokens=24)
        texts = [f"text {i}" for i in range(12)]
        wanted = model.run(texts)
        found = {}

        def work(name):
            found[name] = [model.run(texts) for _ in range(3)]

        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(found, {0: [wanted] * 3, 1: [wanted] * 3})

    def test_an_interrupt_ends_the_run_and_the_model_still_works(self):
        model = self.long()
        model.load_model()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        began = time.monotonic()
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            model.run([f"text {i}" for i in range(5000)])
        self.assertLess(time.monotonic() - began, 10)
        timer.join()
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        model.max_tokens = 4
        self.assertIsInstance(model.run("again"), str)

    def test_a_model_in_use_is_not_unloaded(self):
        model = self.long()
        model.load_model()
        worker = threading.Thread(target=model.run, args=(["text"] * 4,))
        worker.start()
        refused = 0
        while worker.is_alive() and not refused:
            if model._core._users:
                try:
                    model.unload()
                except KarmaError as error:
                    refused += "in use" in str(error)
        worker.join()
        self.assertEqual(refused, 1)


if __name__ == "__main__":
    unittest.main()

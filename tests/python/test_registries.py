"""Registries: the catalog, metas from Python and from files, classes by path, errors as upstream's."""

import gc
import json
import logging
import math
import os
import sys
import types
import unittest

import support
from karma import KarmaError
from karma.data_models import ModalityType, ModelMeta, ModelType
from karma.models import gemma_hf, indic_conformer, qwen
from karma.models._lookup import class_for
from karma.models.base_model_abs import BaseModel
from karma.models.qwen import QwenThinkingLLM
from karma.registries import model_registry as registry
from karma.registries.dataset_registry import dataset_registry
from karma.registries.metrics_registry import get_metric, metric_registry
from karma.registries.processor_registry import processor_registry


def meta(name="mine", **fields):
    base = dict(name=name, loader_class="QwenThinkingLLM", model_type="text_generation")
    base.update(fields)
    return ModelMeta(**base)


class Models(support.Case):
    def test_the_catalog_is_there(self):
        names = registry.list_models()
        self.assertEqual(names, sorted(names))
        self.assertIn("Qwen/Qwen3-0.6B", names)
        m = registry.get_model_meta("Qwen/Qwen3-0.6B")
        self.assertEqual(m.loader_class, "karma.models.qwen.QwenThinkingLLM")
        self.assertIs(m.loader_kwargs["enable_thinking"], True)
        self.assertEqual(m.n_parameters, 596049920)
        self.assertIn("google/medgemma-4b-it", registry.list_models_by_modality(ModalityType.IMAGE))
        self.assertEqual(
            registry.list_models_by_type("audio_recognition"),
            registry.list_models_by_type(ModelType.AUDIO_RECOGNITION),
        )
        self.assertEqual(registry.get_models_info()["Qwen/Qwen3-0.6B"]["type"], "text_generation")

    def test_module_constants_are_the_catalogs_metas(self):
        self.assertEqual(qwen.QwenModel3_06B, registry.get_model_meta("Qwen/Qwen3-0.6B"))
        self.assertEqual(qwen.QwenModel_1_7B.name, "Qwen/Qwen3-1.7B")
        self.assertEqual(gemma_hf.Gemma3_4B_IT.name, "google/gemma-3-4b-it")
        conformer = indic_conformer.INDIC_CONFORMER_MULTILINGUAL_META
        self.assertEqual(conformer.default_eval_kwargs["decoding_method"], "ctc")
        with self.assertRaises(AttributeError):
            qwen.QwenModel_7B

    def test_unknown_names_are_upstreams_errors(self):
        with self.assertRaisesRegex(ValueError, r"^Model 'nope' not found\. Available models: \["):
            registry.get_model("nope")
        with self.assertRaisesRegex(ValueError, r"^ModelMeta 'nope' not found\. Available: \["):
            registry.get_model_meta("nope")
        with self.assertRaises(ValueError):
            registry.list_models_by_type("chat")

    def test_registering_twice_overrides_with_a_warning(self):
        registry.register_model_meta(meta(languages=["hin-Deva"], modalities=["image"]))
        with self.assertLogs("karma", logging.WARNING) as logs:
            registry.register_model_meta(meta(model_type="multimodal"))
        self.assertEqual(
            [r.getMessage() for r in logs.records],
            ["ModelMeta 'mine' is already registered. Overriding."],
        )
        self.assertNotIn("mine", registry.list_models_by_type("text_generation"))
        self.assertNotIn("mine", registry.list_models_by_modality("image"))
        self.assertIn("mine", registry.list_models_by_type("multimodal"))

    def test_unregister_and_clear(self):
        registry.register_model_meta(meta())
        self.assertTrue(registry.is_registered("mine"))
        self.assertTrue(registry.unregister_model("mine"))
        self.assertFalse(registry.unregister_model("mine"))
        self.assertFalse(registry.is_registered("mine"))
        registry.register_model_meta(meta())
        registry.clear_registry()
        self.assertFalse(registry.is_registered("mine"))
        self.assertTrue(registry.is_registered("Qwen/Qwen3-0.6B"))
        with self.assertRaises(TypeError):
            registry.register_model_meta({"name": "mine"})

    def test_get_model_merges_arguments_and_loads(self):
        registry.register_model_meta(
            meta(model_path=support.DEMO, loader_kwargs={"temperature": 0.3, "max_tokens": 9})
        )
        model = registry.get_model("mine", max_tokens=5)
        self.assertIs(type(model), QwenThinkingLLM)
        self.assertTrue(model.is_loaded)
        self.assertEqual((model.temperature, model.max_tokens), (0.3, 5))
        self.assertEqual(model.get_model_info()["name"], "mine")
        with self.assertRaises(TypeError):
            registry.get_model("mine", temprature=1)

    def test_the_place_that_a_call_names_counts(self):
        registry.register_model_meta(meta("elsewhere", model_path="/no/where"))
        model = registry.get_model("elsewhere", model_name_or_path=support.DEMO, max_tokens=2)
        self.assertEqual(model.model.path, support.DEMO)

    def test_metas_of_upstreams_own_modules_fit_as_json(self):
        for name in registry.list_models():
            text = registry.get_model_meta(name).model_dump_json()
            again = ModelMeta(**json.loads(text))
            self.assertEqual(again.model_dump_json(), text)

    def test_metas_in_the_users_files_are_there(self):
        folder = os.path.join(self.dir, "config", "models")
        os.makedirs(folder)
        with open(os.path.join(folder, "mine.json"), "w", encoding="utf-8") as f:
            f.write(meta("from-a-file", model_path=support.DEMO, license="x").model_dump_json())
        self.assertEqual(registry.get_model_meta("from-a-file").license, "x")
        self.assertTrue(registry.get_model("from-a-file", max_tokens=2).run("hi"))

    def test_the_library_knows_what_python_registers(self):
        registry.register_model_meta(meta("small", model_path=support.DEMO))
        model = BaseModel("no/such-model", fallback="small", max_tokens=4)
        model.load_model()
        self.assertEqual(model.model.name, "small")

    def test_a_name_leads_to_the_local_path_of_its_meta(self):
        registry.register_model_meta(
            meta("Qwen/Qwen3-0.6B", model_path=support.DEMO, loader_kwargs={"temperature": 0.1})
        )
        model = QwenThinkingLLM(model_name_or_path="Qwen/Qwen3-0.6B", max_tokens=4)
        model.load_model()
        self.assertEqual(model.model.path, support.DEMO)
        self.assertEqual(model.temperature, 0.7)  # made directly: the class's own

    def test_metas_of_classes_that_are_not_here_are_kept(self):
        registry.register_model_meta(
            ModelMeta(
                name="openai/whisper-large-v3",
                loader_class="karma.models.whisper.WhisperTransformersASR",
                loader_kwargs={"language": "en", "chunk_length_s": 30},
                model_type=ModelType.AUDIO_RECOGNITION,
                modalities=[ModalityType.AUDIO],
                languages=None,
                framework=["PyTorch"],
            )
        )
        self.assertIn("openai/whisper-large-v3", registry.list_models_by_modality("audio"))
        with self.assertRaisesRegex(ValueError, "karma.models.whisper.WhisperTransformersASR"):
            registry.get_model("openai/whisper-large-v3")

    def test_a_registry_of_ones_own_touches_no_other(self):
        mine = registry.ModelRegistry()
        mine.register_model_meta(meta())
        self.assertTrue(mine.has_model_meta("mine"))
        self.assertFalse(registry.is_registered("mine"))


class Classes(support.Case):
    def loader(self, path):
        return meta(loader_class=path).get_loader_class()

    def test_a_path_is_imported_first(self):
        module = types.ModuleType("some_module_of_a_test")
        module.LlamaModel = type("LlamaModel", (BaseModel,), {})  # the library has one too
        sys.modules["some_module_of_a_test"] = module
        self.addCleanup(sys.modules.pop, "some_module_of_a_test")
        found = self.loader("some_module_of_a_test.LlamaModel")
        self.assertIs(found, module.LlamaModel)
        del found, module.LlamaModel
        gc.collect()  # it is known no more

    def test_else_a_known_class_of_that_last_name(self):
        class Known(BaseModel):
            pass

        self.assertIs(self.loader("no.such.module.Known"), Known)
        self.assertIs(self.loader("Known"), Known)
        self.assertIs(self.loader(f"{__name__}.{Known.__qualname__}"), Known)

    def test_else_a_class_of_the_library(self):
        llama = self.loader("LlamaModel")
        self.assertTrue(issubclass(llama, BaseModel))
        self.assertEqual(llama.__name__, "LlamaModel")
        self.assertIs(self.loader("some.path.LlamaModel"), llama)
        self.assertEqual(self.loader("karma.models.qwen.QwenThinkingLLM"), QwenThinkingLLM)
        self.assertIs(class_for(support.DEMO), QwenThinkingLLM)

    def test_else_an_error_names_the_path(self):
        for path in ("no.such.module.Thing", "Thing", "karma.models.qwen.Thing", "a..b", ".x", "os.path"):
            with self.assertRaisesRegex(ValueError, "Invalid loader class path: " + path):
                self.loader(path)

    def test_a_module_that_cannot_be_imported_is_an_error_of_its_own(self):
        folder = os.path.join(self.dir, "modules")
        os.makedirs(folder)
        with open(os.path.join(folder, "broken_module_of_a_test.py"), "w", encoding="utf-8") as f:
            f.write("import a_package_that_nobody_has\nclass QwenThinkingLLM: pass\n")
        sys.path.insert(0, folder)
        self.addCleanup(sys.path.remove, folder)
        with self.assertRaisesRegex(ImportError, "broken_module_of_a_test.QwenThinkingLLM"):
            self.loader("broken_module_of_a_test.QwenThinkingLLM")


class Others(support.Case):
    def test_data_sets_are_listed_and_read(self):
        names = dataset_registry.list_datasets()
        self.assertIn("openlifescienceai/pubmedqa", names)
        info = dataset_registry.get_dataset_info("openlifescienceai/pubmedqa")
        self.assertIn("exact_match", info["metrics"])
        self.assertIn("path", info["required_args"] + info["optional_args"])
        with self.assertRaisesRegex(ValueError, r"Dataset 'nope' not found\. Available: \["):
            dataset_registry.get_dataset_info("nope")
        questions = os.path.join(support.ROOT, "demo", "questions.jsonl")
        samples = list(dataset_registry.samples(questions))
        self.assertEqual(len(samples), 88)
        self.assertTrue(samples[0].input)
        self.assertTrue(samples[0].expected_output)

    def test_a_metric_scores(self):
        self.assertIn("exact_match", metric_registry.list_metrics())
        metric = get_metric("exact_match")
        result = metric.evaluate(["a", "b", "c"], ["a", "x", "c"])
        self.assertAlmostEqual(result["score"], 2 / 3)
        self.assertEqual(result["n"], 3)
        self.assertLess(result["ci_low"], 2 / 3)
        self.assertEqual(metric.add("q", "q"), 1.0)
        self.assertEqual(result["method"], "wilson")
        bleu = get_metric("bleu", tokenize="intl")
        self.assertEqual(bleu.add("no chest pain today", "no chest pain today", group="1"), 1.0)
        self.assertIn("tok:intl", bleu.details()["signature"])
        brier = get_metric("brier")
        self.assertTrue(math.isnan(brier.add("A", "A")))
        self.assertAlmostEqual(brier.add("A", "A", confidence=0.75), 0.0625)
        places = get_metric("geographic_accuracy")
        places.add("A", "A", other_args={"country": "Kenya"})
        self.assertEqual(places.details()["accuracy_by_country"], {"Kenya": 1.0})
        with self.assertRaisesRegex(ValueError, r"Metric 'exact' not found"):
            metric_registry.get_metric_class("exact")
        with self.assertRaises(KarmaError):
            get_metric("exact_match", nonsense=1)

    def test_a_processor_processes(self):
        names = processor_registry.list_processors()
        self.assertTrue(names)
        for name in names:
            processor = processor_registry.get_processor(name)
            self.assertIsInstance(processor("Hello,  World"), str)
            self.assertIn("options", processor_registry.get_processor_info(name))
        with self.assertRaises(ValueError):
            processor_registry.get_processor("nope")


if __name__ == "__main__":
    unittest.main()

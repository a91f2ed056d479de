"""The snippets of the models reference, as they stand, on checkpoints in a hub cache."""

import contextlib
import io
import os
import sys
import unittest

import support
from karma.data_models.model_meta import ModalityType, ModelMeta, ModelType
from karma.models.base_model_abs import BaseHFModel
from karma.registries import model_registry

HERE = os.path.dirname(os.path.abspath(__file__))


def has_torch():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


class Snippets(support.Case):
    def setUp(self):
        super().setUp()
        self.in_hub("Qwen/Qwen3-0.6B")

    def run_snippet(self, name, **names):
        path = os.path.join(HERE, "snippets", name + ".py")
        with open(path, encoding="utf-8") as f:
            code = compile(f.read(), path, "exec")
        namespace = dict(names, __name__="snippet")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
        namespace["printed"] = out.getvalue()
        return namespace

    def test_the_quick_start_answers(self):
        names = self.run_snippet("quick_start")
        self.assertTrue(names["printed"].strip())
        self.assertEqual(names["printed"].rstrip("\n"), names["response"])
        self.assertIsInstance(names["response"], str)

    def custom(self):
        return self.run_snippet(
            "custom_model",
            BaseHFModel=BaseHFModel,
            ModelMeta=ModelMeta,
            ModelType=ModelType,
            ModalityType=ModalityType,
            register_model_meta=model_registry.register_model_meta,
        )

    def test_the_custom_model_is_registered_fetched_and_run(self):
        before = set(sys.modules)
        names = self.custom()
        self.assertEqual({m for m in set(sys.modules) - before if m.startswith("path")}, set())
        self.assertTrue(model_registry.is_registered("custom_medical_model"))
        self.in_hub("custom_medical_model")
        model = model_registry.get_model("custom_medical_model", temperature=0.0, max_tokens=32)
        self.assertIs(type(model), names["CustomMedicalModel"])
        self.assertTrue(model.is_loaded)
        question = "Which vitamin prevents scurvy?"
        self.assertEqual(model.preprocess(question), f"Medical Question: {question}\nAnswer:")
        plain = BaseHFModel(support.DEMO, temperature=0.0, max_tokens=32)
        same = plain.run(f"Medical Question: {question}\nAnswer:")
        self.assertEqual(model.run(question), same.strip())
        self.assertEqual(model.arguments["temperature"], 0.0)

    def test_the_meta_keeps_every_field(self):
        meta = self.run_snippet("model_meta")["model_meta"]
        self.assertEqual(meta.n_parameters, 7_000_000_000)
        self.assertEqual(meta.memory_usage_mb, 14_000)
        self.assertEqual((meta.max_tokens, meta.embed_dim), (8192, 4096))
        self.assertEqual(meta.framework, ["PyTorch", "Transformers"])
        self.assertEqual(meta.modalities, ["text", "image"])
        self.assertTrue(meta.loader_kwargs["use_system_prompt"])

    def test_explicit_parameters_are_what_the_model_is_made_with(self):
        model = self.run_snippet("explicit_parameters")["model"]
        self.assertEqual(model.device, "cpu")
        self.assertEqual(model.top_p, 0.9)
        self.assertIs(model.enable_thinking, True)
        self.assertEqual(model.get_num_parameters(), 984448)

    def test_the_try_and_except_falls_back(self):
        names = self.run_snippet("fall_back")
        self.assertIn("Failed to load model", names["printed"])
        self.assertIn("Qwen3-1.7B", names["printed"])
        self.assertEqual(names["model"].model_name_or_path, "Qwen/Qwen3-0.6B")
        self.assertTrue(names["response"])

    def test_models_are_made_used_and_deleted_in_a_loop(self):
        responses = self.run_snippet("memory")["responses"]
        self.assertEqual(len(responses), 3)
        self.assertTrue(all(responses))

    @unittest.skipUnless(has_torch(), "torch is not installed")
    def test_the_snippet_with_torch_runs(self):
        self.assertTrue(self.run_snippet("torch_memory")["response"])

    def test_every_class_is_where_the_reference_has_it(self):
        names = self.run_snippet("classes")
        self.assertIn("Qwen/Qwen3-0.6B", names["text_models"])
        self.assertIn("ai4bharat/indic-conformer-600m-multilingual", names["audio_models"])
        self.assertIs(names["BaseHFModel"], names["BaseModel"])
        gemma, medgemma, conformer = names["models"]
        self.assertEqual(medgemma.max_tokens, 1024)
        self.assertEqual(conformer.language, "hi")
        self.assertEqual(gemma.few_shot, False)


if __name__ == "__main__":
    unittest.main()

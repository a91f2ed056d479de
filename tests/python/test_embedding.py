"""Embedding models: vectors as arrays, equal to the reference's, compared and ranked."""

import json
import os
import unittest

import numpy

import support
from karma import KarmaArgumentError, KarmaError
from karma.data_models import DataLoaderIterable
from karma.models.base_model_abs import BaseModel
from karma.models.embedding import EmbeddingModel
from karma.models.hf_embedding_model import HFEmbeddingBaseModel
from karma.registries.model_registry import get_model, register_model_meta
from karma.data_models import ModelMeta

FOLDER = os.path.join(support.FIXTURES, "embeddings")
TEXTS = ["iron deficiency", "low iron in the blood", "a broken leg"]


def cases(family):
    with open(os.path.join(FOLDER, family, "cases.json"), encoding="utf-8") as f:
        return json.load(f)


class Vectors(support.Case):
    def model(self, family="bert", cls=EmbeddingModel, **more):
        return cls(os.path.join(FOLDER, family), **more)

    def test_vectors_are_the_references(self):
        for family in sorted(os.listdir(FOLDER)):
            if not os.path.exists(os.path.join(FOLDER, family, "modules.json")):
                continue  # a container of another kind has vectors of its own
            model, truth = self.model(family), cases(family)
            for case in truth["cases"]:
                vector = model.encode(
                    case["text"],
                    prompt_name=case["prompt_name"],
                    truncate_dim=case["truncate_dim"] or None,
                    normalize_embeddings=None if case["normalize"] < 0 else bool(case["normalize"]),
                )
                wanted = numpy.asarray(case["vector"])
                self.assertEqual((vector.dtype, vector.shape), (numpy.float32, wanted.shape))
                # Both compute in f32, in another order.
                self.assertLess(numpy.abs(vector - wanted).max(), 2e-5, (family, case["text"]))
            self.assertEqual(model.similarity_fn_name, truth["similarity"])

    def test_a_list_gives_rows_and_a_text_one_vector(self):
        model = self.model()
        rows = model.encode(TEXTS)
        self.assertEqual((rows.shape, rows.dtype), ((3, model.embedding_dim), numpy.float32))
        for i, text in enumerate(TEXTS):
            numpy.testing.assert_array_equal(rows[i], model.encode(text))
        numpy.testing.assert_array_equal(model.embed(TEXTS), rows)
        numpy.testing.assert_array_equal(model.run(TEXTS), rows)
        numpy.testing.assert_array_equal(model.run(TEXTS[0]), rows[0])
        numpy.testing.assert_array_equal(model.run([DataLoaderIterable(input=TEXTS[1])])[0], rows[1])
        self.assertEqual(model.encode([]).shape, (0, model.embedding_dim))

    def test_queries_and_documents_have_the_checkpoints_prompts(self):
        model = self.model("gemma")
        with open(os.path.join(FOLDER, "gemma", "config_sentence_transformers.json"), encoding="utf-8") as f:
            prompts = json.load(f)["prompts"]
        for encode, name in ((model.encode_query, "query"), (model.encode_document, "document")):
            found = encode(TEXTS)
            numpy.testing.assert_array_equal(found, model.encode(TEXTS, prompt_name=name))
            numpy.testing.assert_array_equal(found, model.encode(TEXTS, prompt=prompts[name]))
            self.assertFalse(numpy.array_equal(found, model.encode(TEXTS)))
        plain = self.model()
        numpy.testing.assert_array_equal(plain.encode_query(TEXTS), plain.encode(TEXTS))
        with self.assertRaisesRegex(KarmaArgumentError, "query"):
            model.encode(TEXTS, prompt_name="no such")

    def test_similarity_is_that_of_the_vectors(self):
        model = self.model()
        rows = model.encode(TEXTS).astype(numpy.float64)
        unit = rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
        found = model.similarity(rows, rows)
        self.assertEqual((found.shape, found.dtype), ((3, 3), numpy.float32))
        self.assertLess(numpy.abs(found - unit @ unit.T).max(), 1e-6)
        self.assertEqual(model.similarity(rows[0], rows).shape, (1, 3))
        zero = numpy.zeros_like(rows)
        self.assertTrue((model.similarity(zero, rows) == 0).all())
        dot = self.model("xlmr")
        a, b = dot.encode(TEXTS[:2])
        self.assertAlmostEqual(float(dot.similarity(a, b)[0, 0]), float(a @ b), places=5)

    def test_every_similarity_is_the_librarys(self):
        import ctypes

        from karma._native import library

        rows = numpy.random.default_rng(1).normal(size=(2, 36)).astype(numpy.float32)
        call = library()._dll.karma_similarity
        pointer = ctypes.POINTER(ctypes.c_float)
        call.restype = ctypes.c_double
        call.argtypes = (ctypes.c_int, pointer, pointer, ctypes.c_size_t)
        for kind, name in enumerate(("cosine", "dot", "euclidean", "manhattan")):
            model = self.model(score_function=name)
            model.load_model()
            wanted = call(kind, rows[0].ctypes.data_as(pointer), rows[1].ctypes.data_as(pointer), 36)
            self.assertEqual(model.similarity_fn_name, name)
            self.assertAlmostEqual(float(model.similarity(rows[0], rows[1])[0, 0]), wanted, places=4)

    def test_run_ranks_a_corpus_when_there_is_one(self):
        model = self.model(k_values=[1, 2])
        ids = ["d0", "d1", "d2"]
        model.set_corpus(ids, TEXTS)
        ranking = model.run(TEXTS[2])
        self.assertEqual(len(ranking), 2)
        self.assertEqual(next(iter(ranking)), "d2")
        self.assertAlmostEqual(ranking["d2"], 1.0, places=5)
        self.assertEqual([next(iter(r)) for r in model.run(TEXTS)], ids)
        model.set_corpus([], [])
        self.assertEqual(model.run(TEXTS[0]).shape, (model.embedding_dim,))
        with self.assertRaises(ValueError):
            model.set_corpus(["a"], [])

    def test_a_registered_embedding_model_is_made_by_upstreams_path(self):
        register_model_meta(ModelMeta(
            name="mine", model_path=os.path.join(FOLDER, "bert"), model_type="embedding",
            loader_class="karma.models.hf_embedding_model.HFEmbeddingBaseModel",
            loader_kwargs={"max_length": 32, "k_values": [1, 3, 5], "quantization": None}))
        model = get_model("mine")
        self.assertIs(type(model), HFEmbeddingBaseModel)
        self.assertEqual(model.encode(TEXTS).shape, (3, model.embedding_dim))

    def test_what_is_no_text_or_no_embedding_model_is_an_error(self):
        model = self.model()
        with self.assertRaisesRegex(TypeError, "text 1"):
            model.encode(["a", 3])
        with self.assertRaisesRegex(KarmaError, "text 1"):
            model.encode(["a", "b\0c"])
        with self.assertRaises(KarmaError):
            EmbeddingModel(support.DEMO + "/no-such").encode("a")
        with self.assertRaises(AttributeError):
            BaseModel(support.DEMO).encode


if __name__ == "__main__":
    unittest.main()

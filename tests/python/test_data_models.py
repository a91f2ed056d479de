"""ModelMeta, its enumerations, and samples: built, checked, changed and written out."""

import json
import unittest

import support
from karma import ValidationError
from karma.data_models import (
    Conversation,
    ConversationTurn,
    DataLoaderIterable,
    ModalityType,
    ModelMeta,
    ModelType,
    RubricCriteria,
    ToolPolicy,
)


def meta(**fields):
    base = {"name": "a", "loader_class": "b.C", "model_type": "text_generation"}
    base.update(fields)
    return ModelMeta(**base)


class Enumerations(unittest.TestCase):
    def test_members_equal_and_print_as_their_values(self):
        self.assertEqual(ModelType.EMBEDDING, "embedding")
        self.assertEqual(str(ModelType.AUDIO_RECOGNITION), "audio_recognition")
        self.assertEqual(f"{ModalityType.IMAGE}", "image")
        self.assertEqual({ModelType.MULTIMODAL: 1}["multimodal"], 1)
        self.assertEqual(json.dumps(ModalityType.VIDEO), '"video"')
        self.assertEqual([t.value for t in ModalityType], ["text", "audio", "image", "video"])


class Metas(unittest.TestCase):
    def test_fields_have_the_references_defaults_and_order(self):
        m = meta()
        self.assertEqual(
            list(m.model_dump()),
            ["name", "model_path", "revision", "reference", "description", "loader_class",
             "loader_kwargs", "default_eval_kwargs", "model_type", "modalities", "languages",
             "release_date", "version"],
        )
        self.assertEqual(m.modalities, ["text"])
        self.assertEqual(m.languages, ["eng-Latn"])
        self.assertEqual(m.loader_kwargs, {})
        self.assertIsNone(m.n_parameters)

    def test_enumerations_are_kept_as_their_values(self):
        m = meta(model_type=ModelType.MULTIMODAL, modalities=[ModalityType.TEXT, "image"])
        self.assertIs(type(m.model_type), str)
        self.assertEqual(m.modalities, ["text", "image"])
        self.assertTrue(m.is_compatible_with_modality(ModalityType.IMAGE))
        self.assertFalse(m.is_compatible_with_modality("audio"))

    def test_every_wrong_field_is_named_in_one_error(self):
        with self.assertRaises(ValueError) as caught:
            ModelMeta(name=3, model_type="chat", modalities=["text", "smell"], n_parameters="many")
        self.assertIsInstance(caught.exception, ValidationError)
        text = str(caught.exception)
        self.assertTrue(text.startswith("5 validation errors for ModelMeta\n"))
        for place in ("name", "loader_class", "model_type", "modalities.1", "n_parameters"):
            self.assertIn(place, caught.exception.problems)
        self.assertIn("'text_generation'", text)
        self.assertIn("found 'chat'", text)
        self.assertEqual(len(caught.exception.errors()), 5)

    def test_assignment_is_checked(self):
        m = meta()
        m.model_type = ModelType.EMBEDDING
        self.assertEqual(m.model_type, "embedding")
        with self.assertRaises(ValidationError):
            m.model_type = "chat"
        self.assertEqual(m.model_type, "embedding")
        m.languages = []
        self.assertEqual(m.languages, ["eng-Latn"])

    def test_unknown_fields_are_kept_behind_the_declared_ones(self):
        m = meta(license="apache-2.0", benchmark_scores={"x": 1}, embed_dim=64)
        self.assertEqual(m.license, "apache-2.0")
        self.assertEqual(list(m.model_dump())[-3:], ["embed_dim", "license", "benchmark_scores"])
        m.more = 1
        self.assertEqual(m.model_dump()["more"], 1)

    def test_numbers_are_converted_where_nothing_is_lost(self):
        self.assertEqual(meta(n_parameters=7e9).n_parameters, 7_000_000_000)
        self.assertEqual(meta(max_tokens="8192").max_tokens, 8192)
        for wrong in (1.5, True, "1.5", -1, float("nan"), float("inf")):
            with self.assertRaises(ValidationError, msg=repr(wrong)):
                meta(n_parameters=wrong)

    def test_merge_kwargs_overlays_and_leaves_the_meta_alone(self):
        m = meta(loader_kwargs={"a": 1, "b": {"x": 1}})
        self.assertEqual(m.merge_kwargs({"b": {"y": 2}}), {"a": 1, "b": {"y": 2}})
        self.assertEqual(m.merge_kwargs(None), {"a": 1, "b": {"x": 1}})
        self.assertEqual(m.loader_kwargs, {"a": 1, "b": {"x": 1}})

    def test_info_has_the_version_or_the_revision(self):
        self.assertEqual(
            meta(revision="abc").get_model_info(),
            {"name": "a", "type": "text_generation", "modalities": ["text"],
             "languages": ["eng-Latn"], "version": "abc"},
        )
        self.assertEqual(meta(revision="abc", version="2").get_model_info()["version"], "2")

    def test_a_meta_goes_through_json_unchanged(self):
        m = meta(model_type=ModelType.MULTIMODAL, loader_kwargs={"top_k": None}, license="x")
        again = ModelMeta.model_validate_json(m.model_dump_json())
        self.assertEqual(again, m)
        self.assertEqual(m.model_copy(update={"name": "b"}).name, "b")
        self.assertNotEqual(m.model_copy(update={"name": "b"}), m)
        self.assertEqual(eval(repr(m), {"ModelMeta": ModelMeta}), m)

    def test_defaults_are_not_shared(self):
        one, two = meta(), meta()
        one.loader_kwargs["x"] = 1
        self.assertEqual(two.loader_kwargs, {})

    def test_making_one_imports_nothing(self):
        self.assertEqual(meta(loader_class="no.such.Thing").loader_class, "no.such.Thing")
        with self.assertRaisesRegex(ValueError, "Invalid loader class path: no.such.Thing"):
            meta(loader_class="no.such.Thing").get_loader_class()


class Samples(unittest.TestCase):
    def test_unknown_fields_are_dropped_and_null_ones_left_out(self):
        s = DataLoaderIterable(input="", nonsense=1, other_args={"language": "hi"})
        self.assertFalse(hasattr(s, "nonsense"))
        self.assertEqual(s.model_dump(), {"input": "", "other_args": {"language": "hi"}})

    def test_nested_records_are_made_of_mappings(self):
        s = DataLoaderIterable(
            conversation={"conversation_turns": [{"role": "user", "content": "hi"}]},
            rubric_to_evaluate=[{"criterion": "c", "points": -1}],
            tool_policy={"first_turn_tool_choice": "required"},
        )
        self.assertEqual(s.conversation.conversation_turns[0], ConversationTurn(role="user", content="hi"))
        self.assertEqual(s.rubric_to_evaluate[0], RubricCriteria(criterion="c", points=-1.0, tags=[]))
        self.assertEqual(s.tool_policy.later_turn_tool_choice, "auto")
        self.assertEqual(list(s.conversation.model_dump()["conversation_turns"][0]), ["content", "role"])

    def test_a_wrong_nested_field_is_named_by_its_path(self):
        with self.assertRaises(ValidationError) as caught:
            DataLoaderIterable(conversation={"conversation_turns": [{"role": "user"}]})
        self.assertIn("conversation.conversation_turns.0.content", caught.exception.problems)
        with self.assertRaises(ValidationError):
            ToolPolicy(first_turn_tool_choice="never")
        with self.assertRaises(ValidationError):
            DataLoaderIterable(input=3)
        with self.assertRaises(AttributeError):
            Conversation(conversation_turns=[]).other = 1


if __name__ == "__main__":
    unittest.main()

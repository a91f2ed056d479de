"""Images: every form they come in, where they stand in a conversation, in hooks, and bad ones."""

import base64
import os
import pathlib
import struct
import unittest
import zlib

import numpy

import support
from karma import KarmaError
from karma.data_models import Conversation, ConversationTurn, DataLoaderIterable
from karma.models.gemma_hf import GemmaHFLLM
from karma.models.medgemma import MedGemmaLLM, MedGemmaModel

try:
    from PIL import Image
except ImportError:
    Image = None

SQUARE, ODD = support.picture("square"), support.picture("odd")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def pixels(path):
    """Of an unfiltered or filtered PNG of 8-bit colours."""
    data = read(path)
    width, height = struct.unpack(">II", data[16:24])
    body, at = b"", 8
    while at < len(data):
        (n,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            body += data[at + 8 : at + 8 + n]
        at += 12 + n
    raw = zlib.decompress(body)
    out, before, row = [], [0] * width * 3, width * 3 + 1
    for y in range(height):
        kind, line = raw[y * row], list(raw[y * row + 1 : (y + 1) * row])
        for i in range(len(line)):
            a, b = line[i - 3] if i >= 3 else 0, before[i]
            c = before[i - 3] if i >= 3 else 0
            p = a + b - c
            nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, nearest)[kind]) % 256
        out += line
        before = line
    return numpy.array(out, dtype=numpy.uint8).reshape(height, width, 3)


class Images(support.Case):
    def setUp(self):
        super().setUp()
        self.folder = support.see(os.path.join(self.dir, "see"))

    def model(self, cls=MedGemmaModel, **arguments):
        return cls(self.folder, do_sample=False, max_new_tokens=8, **arguments)

    def test_every_form_is_the_same_picture(self):
        model = self.model()
        array = pixels(SQUARE)
        url = "data:image/png;base64," + base64.b64encode(read(SQUARE)).decode()
        forms = [SQUARE, pathlib.Path(SQUARE), read(SQUARE), bytearray(read(SQUARE)), [SQUARE], url, array,
                 {"bytes": read(SQUARE), "path": "x.png"}, {"path": SQUARE}, {"bytes": None, "path": SQUARE},
                 numpy.dstack([array, array[:, :, :1]])]
        if Image is not None:
            forms.append(Image.open(SQUARE))
        answers = [model.run("What is this?", images=form) for form in forms]
        self.assertEqual(set(answers), {answers[0]})
        self.assertNotEqual(answers[0], model.run("What is this?"))
        self.assertNotEqual(answers[0], model.run("What is this?", images=ODD))

    def test_grey_is_grey_of_any_depth(self):
        model = self.model(image_mode="full_depth")
        grey = pixels(SQUARE)[:, :, 0]
        wanted = model.run("What?", images=numpy.repeat(grey[:, :, None], 3, axis=2))
        self.assertEqual(model.run("What?", images=grey), wanted)
        self.assertEqual(model.run("What?", images=grey[:, :, None]), wanted)
        self.assertEqual(model.run("What?", images=grey.astype(numpy.uint16) * 257), wanted)

    @unittest.skipIf(Image is None, "PIL is not here")
    def test_images_of_pil_are_what_the_reference_sees(self):
        model = self.model(image_mode="full_depth")
        square = Image.open(SQUARE)
        for mode in ("RGBA", "P", "CMYK", "1", "L"):
            made = square.convert(mode)
            wanted = model.run("What?", images=numpy.asarray(made.convert("RGB")))
            self.assertEqual(model.run("What?", images=made), wanted, mode)
        deep = Image.open(support.picture("grey16"))
        self.assertEqual(model.run("What?", images=deep),
                         model.run("What?", images=support.picture("grey16")))

    def test_several_inputs_have_their_own(self):
        model = self.model()
        samples = [DataLoaderIterable(input="What?", images=SQUARE), DataLoaderIterable(input="What?"),
                   DataLoaderIterable(input="What?", images=[SQUARE, read(ODD)])]
        answers = model.run(samples)
        self.assertEqual(answers, model.run(["What?"] * 3, images=[SQUARE, None, [SQUARE, ODD]]))
        self.assertEqual(len(set(answers)), 3)
        with self.assertRaisesRegex(KarmaError, "one entry for each of 3"):
            model.run(["What?"] * 3, images=[SQUARE])
        with self.assertRaisesRegex(KarmaError, "given twice"):
            model.run(samples[0], images=SQUARE)

    def test_images_stand_in_the_conversation(self):
        model = self.model()
        turns = [ConversationTurn(role="user", content="One.", images=[ODD]),
                 ConversationTurn(role="assistant", content="Two."),
                 ConversationTurn(role="user", content="Three.")]
        beside = DataLoaderIterable(conversation=Conversation(conversation_turns=turns), images=SQUARE)
        turns[2] = turns[2].model_copy(update={"images": SQUARE})
        within = DataLoaderIterable(conversation=Conversation(conversation_turns=turns))
        self.assertEqual(model.run(beside), model.run(within))
        messages = model.preprocess(beside)
        self.assertEqual([m.get("images") for m in messages], [[ODD], None, [SQUARE]])
        turns[2] = turns[2].model_copy(update={"images_first": True})
        first = DataLoaderIterable(conversation=Conversation(conversation_turns=turns))
        self.assertNotEqual(model.run(first), model.run(within))
        self.assertEqual(turns[1].model_dump(), {"content": "Two.", "role": "assistant"})

    def test_hooks_see_them_and_lose_none(self):
        class Polite(MedGemmaModel):
            seen = []

            def preprocess(self, sample: DataLoaderIterable):
                self.seen.append(sample.images)
                return super().preprocess(sample)

        class Renamed(MedGemmaModel):
            def preprocess(self, prompt: str) -> str:
                return "What is this?"

        class Own(MedGemmaModel):
            def preprocess(self, sample: DataLoaderIterable):
                return [{"role": "user", "content": "What is this?"}]

        class Raw(MedGemmaModel):
            def preprocess(self, sample: DataLoaderIterable):
                return {"prompt": "<bos>See <start_of_image>"}

        wanted = self.model().run("What is this?", images=[SQUARE, ODD])
        for cls in (Polite, Renamed, Own):
            answer = self.model(cls).run("What is this?", images=[SQUARE, read(ODD)])
            self.assertEqual(answer, wanted, cls.__name__)
        self.assertEqual(Polite.seen, [[SQUARE, read(ODD)]])
        self.assertIsInstance(self.model(Raw).run("x", images=SQUARE), str)
        with self.assertRaisesRegex(KarmaError, "1 image mark"):
            self.model(Raw).run("x", images=[SQUARE, ODD])

    def test_upstreams_classes_see(self):
        wanted = self.model().run("What?", images=SQUARE)
        for cls in (MedGemmaLLM, GemmaHFLLM):
            model = self.model(cls, device="cpu", temperature=0.01, top_p=0.9, top_k=50, few_shot=False)
            self.assertEqual(model.run("What?", images=SQUARE), wanted)
            model.unload()

    def test_bad_ones_fail_by_themselves(self):
        model = self.model()
        records = model.run_with_metadata(
            [DataLoaderIterable(input="x", images=i)
             for i in ("nowhere.png", b"no picture", b"", 3, numpy.zeros((2, 2)), {"frame": 1},
                       {"path": SQUARE, "frame": 2}, [SQUARE, "nowhere.png"], SQUARE, [])])
        errors = [r["error"] for r in records]
        for error, part in zip(errors, ("nowhere.png", "image 1", "image 1", "found int", "uint8", "NoneType",
                                        "square.png", "nowhere.png")):
            self.assertIn(part, error)
        self.assertEqual(errors[8:], [None, None])
        with self.assertRaisesRegex(KarmaError, "text_only"):
            self.model(text_only=True).run("x", images=SQUARE)

    def test_a_picture_is_encoded_once(self):
        model = self.model()
        model.run([f"Question {i}?" for i in range(10)], images=[SQUARE] * 10)
        vision = model.get_model_info()["vision"]
        self.assertEqual((vision["images_encoded"], vision["images_found"]), (1, 9))


if __name__ == "__main__":
    unittest.main()

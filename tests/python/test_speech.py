"""Speech recognition: paths, bytes and samples; languages; words with their times; bad recordings."""

import os
import subprocess
import unittest
import wave

import numpy

import support
from karma import KarmaError
from karma.data_models import DataLoaderIterable
from karma.models.indic_conformer import IndicConformerASR

MAKER = os.path.join(os.environ.get("BUILD", "build"), "tests", "support", "recogniser_main")


@unittest.skipUnless(os.path.exists(MAKER), "recogniser_main is not built")
class Speech(support.Case):
    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.dir, "model")
        subprocess.run([MAKER, "model", self.folder], check=True)
        self.path = os.path.join(self.folder, "a.wav")
        subprocess.run([MAKER, "wav", self.path, "16000", "2", "1"], check=True)

    def test_a_path_bytes_and_samples_say_the_same(self):
        model = IndicConformerASR(self.folder)
        with open(self.path, "rb") as f:
            data = f.read()
        with wave.open(self.path) as w:
            samples = numpy.frombuffer(w.readframes(w.getnframes()), dtype="<i2") / 32768
        texts = model.run(
            [DataLoaderIterable(audio=a) for a in (self.path, data, (samples, 16000), {"bytes": data})]
        )
        self.assertGreater(len(texts[0]), 4)
        self.assertEqual(len(set(texts)), 1)
        self.assertEqual(model.run(self.path), texts[0])

    def test_a_sample_names_its_language(self):
        model = IndicConformerASR(self.folder, language="Bengali")
        hindi = DataLoaderIterable(audio=self.path, other_args={"language": "hi-IN"})
        bengali = DataLoaderIterable(audio=self.path)
        texts = model.run([hindi, bengali])
        self.assertNotEqual(texts[0], texts[1])
        self.assertEqual(IndicConformerASR(self.folder, language="hi").run(self.path), texts[0])

    def test_words_have_times(self):
        model = IndicConformerASR(self.folder, decoding_method="rnnt", timestamps="word")
        (record,) = model.run_with_metadata([DataLoaderIterable(audio=self.path)])
        speech = record["speech"]
        self.assertEqual((speech["language"], speech["duration"]), ("hi", 2.0))
        self.assertEqual(" ".join(s["text"] for s in speech["segments"]), record["text"])
        self.assertTrue(all(0 <= s["begin"] <= s["end"] <= 2 for s in speech["segments"]))

    def test_a_bad_recording_stops_no_other(self):
        model = IndicConformerASR(self.folder)
        records = model.run_with_metadata(
            [DataLoaderIterable(audio=a) for a in (b"no sound", self.path, "absent.wav")]
        )
        self.assertIn("not sound", records[0]["error"])
        self.assertIsNone(records[1]["error"])
        self.assertIn("absent.wav", records[2]["error"])
        with self.assertRaises(KarmaError):
            model.run("absent.wav")


if __name__ == "__main__":
    unittest.main()

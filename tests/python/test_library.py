"""The library under the package: found, checked, and laid out as its headers say."""

import ctypes
import ctypes.util
import os
import re
import shutil
import subprocess
import unittest

import support
from karma import _native, __version__
from karma._native import library


def compiler():
    return next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)


STRUCTURES = {
    "karma_image": _native.Image,
    "karma_message": _native.Message,
    "karma_audio": _native.Audio,
    "karma_sample": _native.Sample,
    "karma_output": _native.Output,
    "karma_run_io": _native.RunIo,
    "karma_option_spec": _native.OptionSpec,
    "karma_model_class": _native.ModelClass,
    "karma_model_meta": _native.ModelMetaStruct,
    "karma_memory": _native.Memory,
    "karma_embed_options": _native.EmbedOptions,
    "karma_dataset_info": _native.DatasetInfo,
    "karma_metric_info": _native.NamedInfo,
    "karma_processor_info": _native.NamedInfo,
    "karma_metric_result": _native.MetricResult,
    "karma_metric_sample": _native.MetricSample,
    "karma_eval_options": _native.EvalOptions,
    "karma_eval_progress": _native.EvalProgress,
    "karma_eval_events": _native.EvalEvents,
    "karma_eval_summary": _native.EvalSummary,
}


class Layout(support.Case):
    @unittest.skipUnless(compiler(), "no C compiler here")
    def test_every_structure_is_laid_out_as_in_the_headers(self):
        lines = ["#include <karma/karma.h>", "#include <stddef.h>", "#include <stdio.h>",
                 "int main(void) {"]
        wanted = []
        for name, struct in STRUCTURES.items():
            lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
            wanted.append(f"{name} {ctypes.sizeof(struct)}")
            for field, _ in struct._fields_:
                lines.append(
                    f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                    f"sizeof((({name} *)0)->{field}));"
                )
                place = getattr(struct, field)
                wanted.append(f"{name}.{field} {place.offset} {place.size}")
        lines.append("return 0; }")
        source, program = os.path.join(self.dir, "layout.c"), os.path.join(self.dir, "layout")
        with open(source, "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
        include = os.path.join(support.ROOT, "include")
        subprocess.run([compiler(), "-I", include, "-o", program, source], check=True)
        out = subprocess.run([program], check=True, stdout=subprocess.PIPE, universal_newlines=True)
        self.assertEqual(out.stdout.splitlines(), wanted)

    def test_every_function_the_package_calls_is_there(self):
        for name in _native._PROTOTYPES:
            self.assertTrue(callable(getattr(library(), name)), name)

    def test_every_function_of_the_headers_is_exported(self):
        folder = os.path.join(support.ROOT, "include", "karma")
        dll = ctypes.CDLL(library().path)
        missing, count = [], 0
        for header in sorted(os.listdir(folder)):
            with open(os.path.join(folder, header), encoding="utf-8") as f:
                text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
            for name in re.findall(r"\bKARMA_API\b[^;(]*?\b(karma_\w+)\s*\(", text):
                count += 1
                if not hasattr(dll, name):
                    missing.append(f"{header}: {name}")
        self.assertGreater(count, 80)
        self.assertEqual(missing, [])


class Search(support.Case):
    def printed(self, code, **env):
        done = support.run_python(code, env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_karma_library_is_taken(self):
        path = os.path.join(self.dir, "here.so")
        shutil.copy(library().path, path)
        code = "from karma._native import library; print(library().path)"
        self.assertEqual(self.printed(code, KARMA_LIBRARY=path), path)

    def test_then_the_packages_own(self):
        place = os.path.join(self.dir, "site", "karma")
        shutil.copytree(
            os.path.join(support.ROOT, "python", "karma"),
            place,
            ignore=shutil.ignore_patterns("__pycache__", "_lib"),
        )
        os.mkdir(os.path.join(place, "_lib"))
        shutil.copy(library().path, os.path.join(place, "_lib", _native.SONAME))
        code = "from karma._native import library; print(library().path)"
        found = self.printed(code, KARMA_LIBRARY=None, PYTHONPATH=os.path.dirname(place))
        self.assertEqual(found, os.path.join(place, "_lib", _native.SONAME))

    def test_one_that_is_not_there_or_not_ours_is_an_error_that_says_so(self):
        code = (
            "import karma\n"
            "try: karma.library_version()\n"
            "except karma.KarmaError as e: print(e.status, e)\n"
        )
        missing = self.printed(code, KARMA_LIBRARY="/no/such/libkarma.so")
        self.assertIn("E_IO", missing)
        self.assertIn("/no/such/libkarma.so", missing)
        libm = ctypes.util.find_library("m")
        self.assertIn("E_ABI", self.printed(code, KARMA_LIBRARY=libm))

    def test_another_version_is_refused(self):
        code = (
            "import karma._version\n"
            "karma._version.__version__ = '9.0.0'\n"
            "import karma\n"
            "try: karma.library_version()\n"
            "except karma.KarmaError as e: print(e.status, e)\n"
        )
        text = self.printed(code)
        self.assertTrue(text.startswith("E_ABI"))
        self.assertIn("9.0.0", text)

    def test_the_version_is_the_headers(self):
        with open(os.path.join(support.ROOT, "include", "karma", "karma.h"), encoding="utf-8") as f:
            self.assertIn(f'#define KARMA_VERSION "{__version__}"', f.read())
        self.assertEqual(library().version, __version__)

    def test_importing_loads_neither_the_library_nor_numpy(self):
        code = (
            "import sys, karma, karma.models.qwen, karma.models.embedding, karma.evaluation\n"
            "import karma.registries.model_registry\n"
            "from karma._native import _library\n"
            "print(_library, 'numpy' in sys.modules)"
        )
        self.assertEqual(self.printed(code, KARMA_LIBRARY="/no/such"), "None False")

    def test_nothing_is_printed_and_nothing_hangs_at_the_end(self):
        code = (
            "from karma.models.base_model_abs import BaseModel\n"
            "class C(BaseModel):\n"
            "    def preprocess(self, prompt: str) -> str: return prompt\n"
            f"m = C({support.DEMO!r}, max_tokens=4); m.load_model(); t = m.tokenizer\n"
            "m.run('hi')"
        )
        done = support.run_python(code)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


if __name__ == "__main__":
    unittest.main()

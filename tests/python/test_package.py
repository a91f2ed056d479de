"""The package as pip gets it: wheel, editable wheel, sdist, and a fresh virtual environment."""

import os
import shutil
import subprocess
import sys
import tarfile
import unittest
import zipfile

import support
from karma import __version__
from karma._native import library

PYTHON = os.path.join(support.ROOT, "python")


def build(hook, folder, library_path=None, tree=PYTHON):
    """Call a hook of the backend as pip does: in its folder, in a process of its own."""
    code = f"import build_backend as b; print(b.{hook}({folder!r}))"
    env = dict(os.environ, PYTHONPATH="", PYTHONDONTWRITEBYTECODE="1", SOURCE_DATE_EPOCH="1700000000")
    env["KARMA_LIBRARY"] = library_path or library().path
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=env, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True, timeout=120,
    )
    return done


class Package(support.Case):
    def test_the_wheel_has_the_library_and_a_true_record(self):
        done = build("build_wheel", self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        name = done.stdout.strip()
        self.assertRegex(name, rf"^karma-{__version__}-py3-none-linux_\w+\.whl$")
        with zipfile.ZipFile(os.path.join(self.dir, name)) as wheel:
            names = wheel.namelist()
            record = wheel.read(f"karma-{__version__}.dist-info/RECORD").decode().splitlines()
            self.assertEqual(sorted(line.rsplit(",", 2)[0] for line in record), sorted(names))
            self.assertIn("karma/_lib/libkarma.so.0", names)
            self.assertIn("karma/py.typed", names)
            self.assertIn("karma/models/base_model_abs.py", names)
            self.assertFalse([n for n in names if "__pycache__" in n or "test" in n])
            with open(library().path, "rb") as f:
                self.assertEqual(wheel.read("karma/_lib/libkarma.so.0"), f.read())
            metadata = wheel.read(f"karma-{__version__}.dist-info/METADATA").decode()
            self.assertIn("\nRequires-Dist: numpy", metadata)
            self.assertEqual(metadata.count("Requires-Dist"), 1)

    def test_the_same_sources_give_the_same_bytes(self):
        data = []
        for i in range(2):
            folder = os.path.join(self.dir, str(i))
            os.mkdir(folder)
            name = build("build_wheel", folder).stdout.strip()
            with open(os.path.join(folder, name), "rb") as f:
                data.append(f.read())
        self.assertEqual(data[0], data[1])

    def test_the_sdist_makes_a_wheel_and_carries_the_librarys_sources(self):
        done = build("build_sdist", self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        name = done.stdout.strip()
        with tarfile.open(os.path.join(self.dir, name)) as archive:
            archive.extractall(self.dir)
        tree = os.path.join(self.dir, f"karma-{__version__}")
        for path in ("PKG-INFO", "pyproject.toml", "core/Makefile", "core/include/karma/karma.h",
                     "core/src/api/model.c", "karma/models/qwen.py"):
            self.assertTrue(os.path.exists(os.path.join(tree, path)), path)
        wheel = build("build_wheel", self.dir, tree=tree)
        self.assertEqual(wheel.returncode, 0, wheel.stderr)
        dry = subprocess.run(
            ["make", "-n", "-C", os.path.join(tree, "core"), "lib"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
        )
        self.assertEqual(dry.returncode, 0, dry.stdout)
        self.assertIn("libkarma.so", dry.stdout)

    def test_the_editable_wheel_points_here(self):
        name = build("build_editable", self.dir).stdout.strip()
        with zipfile.ZipFile(os.path.join(self.dir, name)) as wheel:
            self.assertEqual(wheel.read("__editable__.karma.pth").decode().strip(), PYTHON)

    def test_a_library_that_is_not_there_is_an_error(self):
        done = build("build_wheel", self.dir, library_path="/no/such/libkarma.so")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/no/such/libkarma.so", done.stderr)

    def test_pip_installs_it_into_a_fresh_environment(self):
        place = os.path.join(self.dir, "venv")
        made = subprocess.run(
            [sys.executable, "-m", "venv", place], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            universal_newlines=True, timeout=120,
        )
        if made.returncode != 0:
            self.skipTest("python3 -m venv needs the package python3-venv")
        python = os.path.join(place, "bin", "python")
        # A copy: pip of some releases writes into the folder it builds.
        tree = os.path.join(self.dir, "python")
        shutil.copytree(PYTHON, tree, ignore=shutil.ignore_patterns("__pycache__", "_lib"))
        env = dict(os.environ, KARMA_LIBRARY=library().path, PYTHONPATH="", PIP_NO_INPUT="1",
                   PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_CONFIG_FILE=os.devnull)
        installed = subprocess.run(
            [python, "-m", "pip", "install", tree, "--no-index", "--no-deps", "--no-build-isolation"],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
            timeout=240,
        )
        self.assertEqual(installed.returncode, 0, installed.stdout)
        self.in_hub("Qwen/Qwen3-0.6B")
        snippet = os.path.join(os.path.dirname(os.path.abspath(__file__)), "snippets", "quick_start.py")
        code = f"import karma._native as n; exec(open({snippet!r}).read()); print(n.library().path)"
        done = support.run_python(
            code, {"KARMA_LIBRARY": None, "PYTHONPATH": None, "PYTHONNOUSERSITE": "1"}, python
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        answer, path = done.stdout.rstrip("\n").rsplit("\n", 1)
        self.assertTrue(answer.strip())
        self.assertTrue(path.startswith(place), path)
        self.assertTrue(path.endswith("karma/_lib/libkarma.so.0"), path)


if __name__ == "__main__":
    unittest.main()

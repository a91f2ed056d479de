"""Run the tests beside this file and print a line for each: "ok - ...", "not ok - ...", "skip - ..."."""

import os
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def sentence(test):
    name = getattr(test, "_testMethodName", str(test))
    return name[5:].replace("_", " ") if name.startswith("test_") else name


def place(test):
    return "python/" + type(test).__module__.replace("test_", "", 1)


class Lines(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def say(self, text):
        print(text, flush=True)

    def addSuccess(self, test):
        self.say(f"ok - {place(test)}: {sentence(test)}")
        if "-v" in sys.argv:
            self.say(f"# {time.monotonic() - self.began:.2f} s")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say(f"skip - {place(test)}: {sentence(test)}: {reason}")

    def _failed(self, test, error):
        for line in "".join(traceback.format_exception(*error)).splitlines()[-40:]:
            self.say("# " + line)
        self.say(f"not ok - {place(test)}: {sentence(test)}")

    def addError(self, test, err):
        super().addError(test, err)
        self._failed(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(subtest, err)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.say(f"not ok - {place(test)}: {sentence(test)} (expected to fail)")


def main():
    sys.path.insert(0, HERE)
    try:
        from karma._native import library

        library()
    except Exception as error:
        print(f"# {error}")
        print("not ok - python: the library is loaded")
        return 1
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    loader = unittest.TestLoader()
    modules = sorted(f[:-3] for f in os.listdir(HERE) if f.startswith("test_") and f.endswith(".py"))
    suite = unittest.TestSuite(
        loader.loadTestsFromName(m) for m in modules if not wanted or m in wanted
    )
    result = Lines()
    suite.run(result)
    if result.testsRun == 0:
        print("not ok - python: there are tests")
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

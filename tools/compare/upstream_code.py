"""KARMA's own Python code, from a checkout of it, without what it needs a network or an account for.

What is put in place of such things: the hub's loader (rows given here), the loggers and clients of
remote services (never called), the metric scripts of the evaluate library (from a checkout of it).
Nothing else is changed. Its package has the name of ours: never import both.
"""
import contextlib
import importlib
import importlib.machinery
import importlib.util
import logging
import pathlib
import sys
import types


class Rows(list):
    """What KARMA does with a data set of the hub's library."""

    def filter(self, keep):
        return Rows(row for row in self if keep(row))

    def cast_column(self, *_):
        return self


def absent(name, **members):
    """A module that is not needed here, where it is not installed."""
    parts = name.split(".")
    for i in range(1, len(parts)):
        parent = ".".join(parts[:i])
        if parent not in sys.modules:
            try:
                importlib.import_module(parent)
            except ImportError:
                absent(parent)
    module = types.ModuleType(name)
    module.__path__ = []
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    for key, value in members.items():
        setattr(module, key, value)
    sys.modules[name] = module
    if len(parts) > 1:
        setattr(sys.modules[".".join(parts[:-1])], parts[-1], module)


class Refuses:
    def __init__(self, *_, **__):
        raise RuntimeError("a remote service")


def script_of(folder, name):
    """A metric of the evaluate library from its script; the library itself would download parts."""
    import evaluate

    package = types.ModuleType(f"script_{name}")
    package.__path__ = [str(folder / name)]
    sys.modules[package.__name__] = package
    module = importlib.import_module(f"script_{name}.{name}")
    return next(c for c in vars(module).values() if isinstance(c, type)
                and issubclass(c, evaluate.Metric) and c.__module__ == module.__name__)()


def mend_constructors():
    """Two of its data sets do not say which they are and cannot be made."""
    base = importlib.import_module("karma.eval_datasets.base_dataset").BaseMultimodalDataset
    of_base = base.__init__

    def init(self, dataset_name="", split="", **kwargs):
        of_base(self, dataset_name=dataset_name, split=split, **kwargs)

    base.__init__ = init


def prepare(checkout, evaluate_checkout=None):
    """Make `import karma...` find the checkout."""
    logging.disable(logging.ERROR)
    sys.path.insert(0, str(checkout))
    absent("weave", EvaluationLogger=Refuses, init=None)
    absent("google.transliteration", transliterate_word=lambda text, **_: [])
    if not importlib.util.find_spec("tkinter"):
        absent("tkinter.constants", FALSE=0)
    absent("karma.models.openai_llm", OpenAILLM=Refuses)
    absent("karma.models.aws_bedrock", AWSBedrock=Refuses)
    absent("karma.cache", CacheManager=Refuses)
    mend_constructors()
    if evaluate_checkout:
        import evaluate

        evaluate.load = lambda name: script_of(pathlib.Path(evaluate_checkout) / "metrics", name)


@contextlib.contextmanager
def hub(**splits):
    """The hub's loader gives splits[split], or else splits["any"]."""
    base = importlib.import_module("karma.eval_datasets.base_dataset")
    cases = importlib.import_module("karma.eval_datasets.medcasereasoning_dataset")

    def load(*_, split=None, **__):
        return Rows(splits.get(split, splits.get("any", [])))

    before = base.load_dataset, cases.load_dataset
    import datasets

    of_library = datasets.load_dataset
    base.load_dataset = cases.load_dataset = datasets.load_dataset = load
    try:
        yield
    finally:
        base.load_dataset, cases.load_dataset = before
        datasets.load_dataset = of_library


def of(module, name):
    return getattr(importlib.import_module("karma." + module), name)

"""libkarma through ctypes, as little of it as a comparison with KARMA needs."""
import ctypes
import json
from ctypes import POINTER, Structure, byref, c_bool, c_char_p, c_double, c_int, c_size_t, c_uint32, c_void_p


class Message(Structure):
    _fields_ = [("role", c_char_p), ("content", c_char_p), ("images", c_void_p),
                ("n_images", c_size_t), ("images_first", c_bool)]


class Sample(Structure):
    _fields_ = [("struct_size", c_uint32), ("key", c_char_p), ("input", c_char_p),
                ("conversation", POINTER(Message)), ("n_messages", c_size_t),
                ("system_prompt", c_char_p), ("expected_output", c_char_p),
                ("other_args_json", c_char_p)]


class MetricSample(Structure):
    _fields_ = [("struct_size", c_uint32), ("prediction", c_char_p), ("reference", c_char_p),
                ("other_args_json", c_char_p), ("group", c_char_p), ("confidence", c_double),
                ("output", c_char_p), ("thinking", c_char_p), ("verdicts", POINTER(c_double)),
                ("n_verdicts", c_size_t)]


class Question(Structure):
    _fields_ = [("shown", c_char_p), ("criterion", c_char_p), ("about_json", c_char_p),
                ("label", c_int)]


class Result(Structure):
    _fields_ = [("score", c_double), ("n", c_size_t), ("standard_error", c_double),
                ("ci_low", c_double), ("ci_high", c_double), ("method", c_char_p)]


class Failed(Exception):
    pass


HOW = ("marker", "fallback", "none", "ambiguous")
lib = None


def load(path):
    global lib
    lib = ctypes.CDLL(str(path))
    lib.karma_error_message.restype = c_char_p
    lib.karma_dataset_count.restype = c_size_t
    lib.karma_dataset_count.argtypes = [c_void_p]
    for name in ("karma_dataset_close", "karma_metric_destroy", "karma_processor_destroy"):
        getattr(lib, name).argtypes = [c_void_p]
        getattr(lib, name).restype = None


def check(status):
    if status < 0:
        raise Failed(lib.karma_error_message().decode())


def text(s):
    return None if s is None else s.encode()


def plain(s):
    return None if s is None else s.decode()


class Handle:
    def __init__(self, kind, name, args):
        self.handle, self.kind = c_void_p(), kind
        check(getattr(lib, f"karma_{kind}_{'open' if kind == 'dataset' else 'create'}")(
            text(name), text(json.dumps(args)), byref(self.handle)))

    def __del__(self):
        end = "close" if self.kind == "dataset" else "destroy"
        getattr(lib, f"karma_{self.kind}_{end}")(self.handle)


class Dataset(Handle):
    def __init__(self, name, **args):
        super().__init__("dataset", name, args)

    def __len__(self):
        return lib.karma_dataset_count(self.handle)

    def get(self, i):
        s = POINTER(Sample)()
        check(lib.karma_dataset_get(self.handle, c_size_t(i), byref(s)))
        s = s.contents
        turns = [(plain(s.conversation[k].role), plain(s.conversation[k].content))
                 for k in range(s.n_messages)]
        return {"key": plain(s.key), "input": plain(s.input), "conversation": turns or None,
                "system_prompt": plain(s.system_prompt),
                "expected_output": plain(s.expected_output),
                "other_args": json.loads(s.other_args_json) if s.other_args_json else {}}

    def extract(self, i, answer):
        prediction, how = c_char_p(), c_int()
        check(lib.karma_dataset_extract(self.handle, c_size_t(i), text(answer), byref(prediction),
                                        byref(how)))
        return plain(prediction.value), HOW[how.value]


class Metric(Handle):
    def __init__(self, name, **args):
        super().__init__("metric", name, args)

    def sample(self, prediction, reference, other_args=None, verdicts=None, output=None):
        own = (c_double * len(verdicts))(*verdicts) if verdicts else None
        return MetricSample(ctypes.sizeof(MetricSample), text(prediction), text(reference),
                            text(json.dumps(other_args)) if other_args is not None else None, None,
                            float("nan"), text(output), None, own, len(verdicts or []))

    def add(self, *args, **kwargs):
        score = c_double()
        check(lib.karma_metric_add_sample(self.handle, byref(self.sample(*args, **kwargs)),
                                          byref(score)))
        return score.value

    def questions(self, *args, **kwargs):
        list_, n = POINTER(Question)(), c_size_t()
        check(lib.karma_metric_questions(self.handle, byref(self.sample(*args, **kwargs)),
                                         byref(list_), byref(n)))
        return [(plain(list_[i].shown), plain(list_[i].criterion),
                 json.loads(list_[i].about_json or b"{}")) for i in range(n.value)]

    def end(self):
        r = Result()
        check(lib.karma_metric_end(self.handle, byref(r)))
        return r.score

    def details(self):
        out = c_char_p()
        check(lib.karma_metric_details(self.handle, byref(out)))
        return json.loads(out.value)


class Processor(Handle):
    def __init__(self, name, **args):
        super().__init__("processor", name, args)

    def run(self, s):
        out = c_char_p()
        check(lib.karma_processor_run(self.handle, text(s), byref(out)))
        return plain(out.value)

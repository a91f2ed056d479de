#!/usr/bin/env python3
"""Chat templates: karma's renderings beside those of transformers, byte for byte.

    templates.py --driver build/tests/support/template_main [--random N] [--seed S] [FILE...]

FILE: a .jinja file, a tokenizer_config.json, a .gguf with a template in its metadata, or a folder
with such files. Each template is rendered for every conversation of contexts() below. --random makes
small templates from the grammar subset instead. A case agrees when both give the same text, or both
fail, or karma says E_UNSUPPORTED (counted apart). Exit status 1 if any case disagrees.
"""
import argparse
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings

import transformers.utils.chat_template_utils as reference

NOW = 1721990000  # 2024-07-26 10:33:20 UTC
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)


reference.datetime = FixedClock


def render(case):
    """(True, text) or (False, message) of transformers."""
    # What apply_chat_template() gives the renderer: special tokens, then the caller's arguments.
    kwargs = {**case.get("special_tokens", {}), **case.get("variables", {})}
    documents = kwargs.pop("documents", None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            texts, _ = reference.render_jinja_template(
                [case.get("messages", [])], tools=case.get("tools"), documents=documents,
                chat_template=case["template"],
                add_generation_prompt=case.get("add_generation_prompt", False), **kwargs)
        texts[0].encode()
        return True, texts[0]
    except RecursionError:
        return False, "RecursionError"
    except Exception as e:  # whatever a template does wrong
        return False, f"{type(e).__name__}: {e}"


def run_driver(driver, cases):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False) as f:
        for case in cases:
            f.write(json.dumps({**case, "now": NOW}) + "\n")
    try:
        done = subprocess.run([driver, f.name], capture_output=True, check=False)
    finally:
        os.unlink(f.name)
    lines = done.stdout.decode().splitlines()
    if len(lines) != len(cases):
        sys.exit(f"driver stopped after {len(lines)} of {len(cases)} cases, status "
                 f"{done.returncode}: {done.stderr.decode()}")
    return [json.loads(line) for line in lines]


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_temperature",
        "description": "Reads the temperature of a patient's \"ward\" (in °C).",
        "parameters": {
            "type": "object",
            "properties": {
                "ward": {"type": "string", "description": "Name of the ward", "enum": ["A", "B"]},
                "digits": {"type": "integer", "default": 1},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["ward"],
        },
        "return": {"type": "number"},
    },
}


def call(name, arguments, call_id="abcdef123"):
    return {"id": call_id, "type": "function",
            "function": {"name": name, "arguments": arguments}}


def contexts():
    """Conversations that walk the branches of published templates."""
    user = {"role": "user", "content": "  Which drug lowers fever?\n"}
    answer = {"role": "assistant", "content": "Paracetamol does. "}
    system = {"role": "system", "content": "You answer briefly.\n"}
    turns = [user, answer, {"role": "user", "content": "And for children — बच्चे 👶?"}]
    thought = {"role": "assistant", "content": "<think>\nHmm, fever.\n</think>\n\nParacetamol."}
    reasoned = {"role": "assistant", "content": "Paracetamol.",
                "reasoning_content": "\nFever is common.\n"}
    asks = {"role": "assistant", "content": "",
            "tool_calls": [call("get_temperature", {"ward": "A", "digits": 2, "x": None})]}
    asks_text = {"role": "assistant", "content": "Let me look.",
                 "tool_calls": [call("get_temperature", {"ward": "A"}),
                                call("get_temperature", {"ward": "B"}, "xyzxyz789")]}
    result = {"role": "tool", "name": "get_temperature", "content": "21.5",
              "tool_call_id": "abcdef123"}
    result2 = {"role": "tool", "name": "get_temperature", "content": "{\"t\": 22}",
               "tool_call_id": "xyzxyz789"}
    parts = {"role": "user", "content": [{"type": "image"},
                                         {"type": "text", "text": " What is this? "}]}
    text_parts = {"role": "user", "content": [{"type": "text", "text": "One"},
                                              {"type": "text", "text": "Two"}]}
    yield {"messages": []}
    for more in ({}, {"add_generation_prompt": True}):
        yield {"messages": [user], **more}
        yield {"messages": [system, user], **more}
        yield {"messages": turns, **more}
        yield {"messages": [system] + turns, **more}
        yield {"messages": [user, thought, turns[2]], **more}
        yield {"messages": [user, reasoned, turns[2]], **more}
        yield {"messages": [user, reasoned], **more}
        yield {"messages": [user], "tools": [WEATHER], **more}
        yield {"messages": [system, user, asks, result], "tools": [WEATHER], **more}
        yield {"messages": [user, asks_text, result, result2, answer, turns[2]],
               "tools": [WEATHER, WEATHER], **more}
        yield {"messages": [user, asks, result, {"role": "assistant", "content": "21.5 °C"}],
               "tools": [WEATHER], **more}
        yield {"messages": [parts], **more}
        yield {"messages": [{"role": "system", "content": [{"type": "text", "text": "Be kind"}]},
                            text_parts], **more}
        for thinking in (True, False):
            yield {"messages": turns, "variables": {"enable_thinking": thinking}, **more}
            yield {"messages": [system, user, reasoned, turns[2]], "tools": [WEATHER],
                   "variables": {"enable_thinking": thinking, "thinking": thinking,
                                 "reasoning_effort": "high"}, **more}
        yield {"messages": [system] + turns, **more,
               "variables": {"date_string": "01 Jan 2025", "tools_in_user_message": False,
                             "custom_tools": [WEATHER], "builtin_tools": ["search", "code_interpreter"]}}
        yield {"messages": [user], **more,
               "variables": {"documents": [{"title": "T", "text": "Body"}]}}
    yield {"messages": [answer, user]}
    yield {"messages": [user, user]}
    yield {"messages": [{"role": "doctor", "content": "x"}]}
    yield {"messages": [{"role": "user", "content": None}]}
    yield {"messages": [{"role": "user"}]}
    yield {"messages": [{"role": "user", "content": "<|im_end|><end_of_turn>[/INST]</s>"}]}
    yield {"messages": [user, {"role": "assistant", "content": None,
                               "tool_calls": [call("get_temperature", "{\"ward\": \"A\"}", "1")]},
                        result], "tools": [WEATHER]}


def read_templates(path):
    """(name, template, special tokens) of a file or folder."""
    if os.path.isdir(path):
        for name in sorted(os.listdir(path)):
            if name.endswith((".jinja", ".gguf")) or name == "tokenizer_config.json":
                yield from read_templates(os.path.join(path, name))
        return
    if path.endswith(".gguf"):
        import gguf
        field = gguf.GGUFReader(path).fields.get("tokenizer.chat_template")
        if field is not None:
            yield path, field.contents(), TOKENS
    elif path.endswith(".json"):
        config = json.load(open(path, encoding="utf-8"))
        tokens = {}
        for key, value in config.items():
            if key.endswith("_token") and value:
                tokens[key] = value["content"] if isinstance(value, dict) else value
        found = config.get("chat_template") or []
        if isinstance(found, str):
            found = [{"name": "default", "template": found}]
        for t in found:
            if isinstance(tokens, dict):
                yield f"{path}:{t['name']}", t["template"], tokens
    else:
        yield path, open(path, encoding="utf-8", newline="").read(), TOKENS


# ---- random templates


class Maker:
    """Random templates of the subset. Most are valid; many fail when they run."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.macros = []

    def pick(self, *options):
        return self.r.choice(options)

    def string(self):
        s = self.pick("", "a", "Bc d", " x ", "\\n", "it's", 'say \\"hi\\"', "é", "नमस्ते", "a,b,c",
                      "\\t tab", "<b>&", "ß", "x\\\\y", "12", "-3.5", "AbC", "0x1f", "\\u00e9",
                      "user", "content", "  two  words ", "a\n b\n\nc", "ΣΑΣ", "1_0")
        q = self.pick("'", '"')
        return q + (s.replace('\\"', '"').replace("'", "\\'") if q == "'" else s) + q

    def literal(self):
        return self.pick(self.string, self.string, self.number, self.number,
                         lambda: self.pick("true", "false", "none", "True", "None"))()

    def number(self):
        return self.pick("0", "1", "2", "3", "7", "-1", "-2", "10", "1.5", "0.1", "2.0", "1e3",
                         "100", "1_000", "0x10", "-0.5", "3.14159", "1e16", "1e-7")

    def name(self):
        return self.pick("messages", "tools", "x", "y", "s", "n", "d", "lst", "item", "loop",
                         "undefined_name", "add_generation_prompt", "bos_token", "nested", "ns",
                         "k", "v", "words")

    # Expressions of one type mostly; now and then of any, which then tends to fail.

    def expr(self, depth):
        return self.pick(self.str, self.str, self.int, self.list, self.bool, self.dict,
                         self.any)(depth)

    def any(self, depth):
        return self.pick(self.name, self.literal, lambda: "d.missing", lambda: "messages[0].name",
                         lambda: "messages[9]", lambda: "none", lambda: "d['items']",
                         lambda: "d.items", lambda: "lst[0]", lambda: "ns.a", lambda: "loop.last",
                         lambda: "messages[0].content", lambda: "(n).real", lambda: "d.__class__",
                         lambda: f"({self.expr(depth - 1)} if {self.bool(depth - 1)})"
                         if depth > 0 else "ns.zz")()

    def wild(self):
        return self.r.random() < 0.04

    def str(self, depth):
        if self.wild():
            return self.any(depth)
        if depth <= 0:
            return self.pick(self.string, self.string, lambda: "s", lambda: "bos_token",
                             lambda: "messages[0].role", lambda: "words[0]", lambda: "words[-1]",
                             lambda: "undefined_name")()
        t, i, l, string = (lambda: self.str(depth - 1)), (lambda: self.int(depth - 1)), \
            (lambda: self.list(depth - 1)), self.string
        any_ = lambda: self.expr(depth - 1)
        kind = self.r.randrange(24)
        if kind < 3:
            return f"{t()} {self.pick('+', '~')} {t()}"
        if kind == 3:
            return f"{any_()} ~ {any_()}"
        if kind == 4:
            return f"({t()} * {self.pick('0', '1', '2', '3', '-1')})"
        if kind == 5:
            a, b, c = (self.pick("", "", "0", "1", "2", "-1", "-2", "5") for _ in range(3))
            return f"({t()})[{a}:{b}{self.pick('', '', ':' + c)}]"
        if kind == 6:
            return f"({t()})[{self.pick('0', '-1', '1', '9')}]"
        if kind == 7:
            return f"({t()} if {self.bool(depth - 1)} else {t()})"
        if kind == 8:
            return f"{l()}|join({self.pick('', string(), string())})"
        if kind == 9:
            return f"({any_()})|tojson" + self.pick(
                "", "", "(indent=2)", "(ensure_ascii=true)", "(sort_keys=true)",
                "(separators=(',', ':'))", "(indent=1, sort_keys=true)", "(indent=0)", "(true)")
        if kind == 10:
            return f"({any_()})|string"
        if kind == 11:
            return f"({string()}).join([{t()}, {t()}])"
        if kind == 12:
            return "strftime_now('" + self.pick("%d %b %Y", "%-d/%m/%y %A %j", "%H:%M:%S %p %I",
                                                "%a %B %e %U %W %V %G %u %w", "%c|%x|%X|%D|%T|%R|%F|%%",
                                                "%y %C %s %Z%z%f") + "')"
        if kind < 18:
            f = self.pick(
                "trim", "upper", "lower", "title", "capitalize", "indent", "safe|string", "e",
                "reverse", "center", "forceescape", "string", f"replace({string()}, {string()})",
                f"replace({string()}, {string()}, 1)", f"trim({string()})", "indent(2)",
                "indent(2, true)", "indent(1, false, true)", f"indent({string()})", "truncate(5)",
                "truncate(9, true)", "truncate(7, false, '.')", "truncate(3, true, '', 0)",
                "center(10)", "center(11)", f"default({string()})", f"d({string()}, true)", "first",
                "last")
            return f"({t()})|{f}"
        m = self.pick(
            "upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip()", "rstrip()",
            f"strip({string()})", "lstrip('H abx')", "rstrip('d\\n ')", f"replace({string()}, {string()})",
            f"replace({string()}, {string()}, 1)", f"split({string()})[-1]", "split()|join('+')",
            "split(none, 1)|last", "rsplit(' ', 1)[0]", f"partition({string()})[0]",
            f"rpartition({string()})[2]", "ljust(8)", "rjust(8)", "center(7)", "center(8, '*')",
            f"removeprefix({string()})", f"removesuffix({string()})", "splitlines()|join('/')")
        return f"({t()}).{m}"

    def int(self, depth):
        if self.wild():
            return self.any(depth)
        if depth <= 0:
            return self.pick(self.number, self.number, lambda: "n", lambda: "messages|length",
                             lambda: "loop.index", lambda: "d.b", lambda: "lst|length")()
        i = lambda: self.int(depth - 1)
        kind = self.r.randrange(12)
        if kind < 4:
            return f"{i()} {self.pick('+', '-', '*', '%', '//', '/')} {i()}"
        if kind == 4:
            return f"({self.pick('2', '3', '1.5', 'n')} ** {self.pick('2', '3', '-1', '0.5', '0')})"
        if kind == 5:
            return f"({i()})"
        if kind == 6:
            return self.pick("-", "+") + self.pick("n", "3", "1.5", "(" + i() + ")")
        if kind == 7:
            return f"({self.pick(self.str, self.list)(depth - 1)})|length"
        if kind == 8:
            return f"({i()})|{self.pick('abs', 'int', 'float', 'round', 'round(1)', 'round(2)', 'round(-1)', 'round(0, chr)'.replace('chr', chr(39) + 'floor' + chr(39)), 'round(1, chr)'.replace('chr', chr(39) + 'ceil' + chr(39)))}"
        if kind == 9:
            return f"({self.str(depth - 1)})|{self.pick('int', 'float', 'int(5)', 'int(0, 16)', 'int(default=7)', 'wordcount')}"
        if kind == 10:
            return f"({self.str(depth - 1)}).{self.pick('find', 'rfind', 'count')}({self.string()})"
        return f"[{i()}, {i()}, {i()}]|{self.pick('sum', 'min', 'max', 'first', 'last', 'sum(start=1)')}"

    def list(self, depth):
        if self.wild():
            return self.any(depth)
        if depth <= 0:
            return self.pick("lst", "words", "messages", "nested", "[1, 2, 3]", "['b', 'A', 'a']", "[]",
                             "range(4)|list", "(1, 'x')", "range(5, 0, -2)", "'abc'|list", "d|list",
                             "d.keys()|list", "d.items()|list", "d|items|list", "tools or []")
        e, l = (lambda: self.expr(depth - 1)), (lambda: self.list(depth - 1))
        kind = self.r.randrange(12)
        if kind < 3:
            return "[" + ", ".join(e() for _ in range(self.r.randrange(4))) + "]"
        if kind == 3:
            return "(" + ", ".join(e() for _ in range(self.r.randrange(1, 4))) + ",)"
        if kind == 4:
            return f"({l()} + {l()})"
        if kind == 5:
            a, b, c = (self.pick("", "", "0", "1", "2", "-1", "-2", "5") for _ in range(3))
            return f"({l()})[{a}:{b}{self.pick('', '', ':' + c)}]"
        if kind == 6:
            return f"({self.str(depth - 1)}).{self.pick('split()', 'split(chr)', 'split(chr, 1)', 'rsplit(none, 1)', 'splitlines()', 'splitlines(true)', 'partition(chr)').replace('chr', self.pick(chr(39) + ' ' + chr(39), chr(39) + ',' + chr(39), chr(39) + 'l' + chr(39)))}"
        if kind == 7:
            return f"{self.pick('messages', 'nested', 'words', 'messages[1:]')}|" + self.pick(
                "map(attribute='role')|list", "map(attribute='content.0')|list", "map('first')|list",
                "map('length')|list", "map('string')|list", "map(attribute='name', default='?')|list",
                "selectattr('role', 'equalto', 'user')|list", "rejectattr('role', '==', 'user')|list",
                "selectattr('content')|list", "rejectattr('name', 'defined')|list",
                "selectattr('content', 'string')|map(attribute='content')|list", "select|list",
                "select('string')|list", "reject('in', ['b', 'c'])|list", "batch(2)|list",
                "batch(3, '-')|list", "slice(2)|list", "slice(3, 'f')|list", "reverse|list",
                "sort(attribute='role')", "unique(attribute='role')|list")
        if kind == 8:
            return f"words|{self.pick('sort', 'sort(reverse=true)', 'sort(case_sensitive=true)', 'unique|list', 'map(chr)|list'.replace('chr', chr(39) + 'upper' + chr(39)))}"
        if kind == 9:
            return f"{self.dict(depth - 1)}|{self.pick('dictsort', 'items|list', 'list', 'dictsort(false, chr)'.replace('chr', chr(39) + 'key' + chr(39)), 'dictsort(reverse=true)')}"
        if kind == 10:
            return f"({l()})|{self.pick('list', 'reverse|list', 'sort', 'unique|list', 'select|list', 'map(chr)|list'.replace('chr', chr(39) + 'string' + chr(39)))}"
        return f"({l()} * {self.pick('0', '1', '2')})"

    def dict(self, depth):
        if self.wild():
            return self.any(depth)
        if depth <= 0:
            return self.pick("d", "{}", "{'a': 1}", "messages[0]", "dict(a=1, b='x')", "dict([['k', 1]])",
                             "{1: 'int', 'z': 2.5}", "{true: 1, none: 2}")
        return "{" + ", ".join(f"{self.pick(self.string, self.number)()}: {self.expr(depth - 1)}"
                               for _ in range(self.r.randrange(4))) + "}"

    def bool(self, depth):
        if self.wild():
            return self.any(depth)
        if depth <= 0:
            return self.pick("true", "false", "s", "n", "lst", "d", "none", "undefined_name", "x",
                             "loop.first", "loop.last", "add_generation_prompt", "words", "d.é")
        b, e = (lambda: self.bool(depth - 1)), (lambda: self.expr(depth - 1))
        kind = self.r.randrange(12)
        if kind < 2:
            return f"{b()} {self.pick('and', 'or')} {b()}"
        if kind == 2:
            return f"not {b()}"
        if kind == 3:
            return f"{e()} {self.pick('==', '!=')} {e()}"
        if kind == 4:
            f = self.pick(self.str, self.int)
            return f"{f(depth - 1)} {self.pick('<', '<=', '>', '>=', '==')} {f(depth - 1)}"
        if kind == 5:
            return f"1 {self.pick('<', '<=')} {self.int(depth - 1)} {self.pick('<', '!=', '>')} 3"
        if kind == 6:
            return f"{self.str(depth - 1)} {self.pick('in', 'not in')} {self.pick(self.str, self.list, self.dict)(depth - 1)}"
        if kind == 7:
            return f"({self.str(depth - 1)}).{self.pick('startswith', 'endswith')}({self.pick(self.string(), '(' + self.string() + ', ' + self.string() + ')')})"
        if kind == 8:
            return f"({self.str(depth - 1)}).{self.pick('isdigit', 'isalpha', 'isalnum', 'isspace', 'isupper', 'islower')}()"
        return f"({e()}) is {self.pick('', 'not ')}{self.test(depth)}"

    def test(self, depth):
        e = lambda: self.pick(self.name, self.literal)()
        return self.pick(
            lambda: self.pick("defined", "undefined", "none", "string", "number", "mapping",
                              "sequence", "iterable", "boolean", "true", "false", "integer",
                              "float", "lower", "upper", "callable", "escaped"),
            lambda: f"equalto {e()}", lambda: f"eq({e()})", lambda: f"ne({e()})",
            lambda: f"in {self.pick('messages', '[1, 2, ' + chr(39) + 'a' + chr(39) + ']', 'words')}",
            lambda: f"sameas {self.pick('true', 'none', 'false')}",
            lambda: f"defined and n is {self.pick('odd', 'even', 'divisibleby 3', 'gt 2', 'le(3)')}",
        )()

    def tag(self, inside):
        return (self.pick("{%", "{%", "{%-", "{%+") + " " + inside + " "
                + self.pick("%}", "%}", "-%}", "+%}"))

    def text(self):
        return self.pick("", " ", "\n", "text", "  indented\n", "\n\n", "a\n  ", " b ", "\t", "é\n",
                         "{ not a tag }", "\r\n", "{# note #}", "{#- note -#}\n", "  {# x #}\n",
                         "{% raw %}{{ raw }}{% endraw %}\n", "  {%- raw -%} {% if %} {%- endraw -%} ",
                         "%}", "}}", "\u3000", "\x0b \n")

    def output(self, depth):
        return self.pick("{{", "{{", "{{-") + " " + self.expr(depth) + " " + self.pick("}}", "}}", "-}}")

    def body(self, depth, in_loop=False):
        return "".join(self.text() + self.statement(depth, in_loop)
                       for _ in range(self.r.randrange(1, 4))) + self.text()

    def target(self):
        return self.pick("x", "y", "s", "n", "item", "ns.a", "ns.b", "k, v", "lst")

    def statement(self, depth, in_loop=False):
        kind = self.r.randrange(22)
        if depth <= 0 or kind < 7:
            return self.output(self.pick(0, 1, 2, 2, 3))
        b = lambda loop=in_loop: self.body(depth - 1, loop)
        if kind < 11:
            return self.tag(f"set {self.target()} = {self.expr(2)}")
        if kind < 14:
            s = self.tag("if " + self.expr(2)) + b()
            if self.r.random() < 0.3:
                s += self.tag("elif " + self.expr(1)) + b()
            if self.r.random() < 0.5:
                s += self.tag("else") + b()
            return s + self.tag("endif")
        if kind < 18:
            names = self.pick("item", "item", "item", "k, v", "x", "(k, v)")
            source = self.pick("messages", "lst", "d.items()", "d|items", "range(4)", "words",
                               "'abc'", "d", "[1, 2, 3]", "messages[1:]", "messages[::-1]",
                               "nested", self.expr(1), "lst|reverse", "messages|selectattr('role')")
            test = " if " + self.expr(1) if self.r.random() < 0.25 else ""
            s = self.tag(f"for {names} in {source}{test}") + b(True)
            if self.r.random() < 0.2:
                s += self.tag("else") + b()
            return s + self.tag("endfor")
        if kind == 18 and in_loop:
            return self.tag("if " + self.expr(1)) + self.tag(self.pick("break", "continue")) + self.tag("endif")
        if kind == 18:
            return self.tag("set x") + b(False) + self.tag("endset")
        if kind == 19:
            name = f"m{len(self.macros)}"
            params = self.pick([], ["a"], ["a", "b=1"], ["a", "b='z'"])
            uses = self.pick("", "", "{{ varargs }}", "{{ kwargs }}", "{{ caller() }}")
            s = self.tag(f"macro {name}({', '.join(params)})") + b(False) + uses + self.tag("endmacro")
            self.macros.append((name, len(params)))
            return s
        if kind == 20:
            return self.pick(
                lambda: self.tag("filter " + self.pick("upper", "trim", "indent(2)|trim", "replace('a', 'b')"))
                + b(False) + self.tag("endfilter"),
                lambda: self.tag(f"with {self.pick('x', 'y')} = {self.expr(1)}") + b(False) + self.tag("endwith"),
                lambda: self.tag("generation") + b(False) + self.tag("endgeneration"),
                lambda: self.tag("set s | trim") + b(False) + self.tag("endset"),
            )()
        if self.macros:
            m, params = self.r.choice(self.macros)
            return (self.tag(f"call {m}({', '.join(self.expr(1) for _ in range(params))})")
                    + b(False) + self.tag("endcall"))
        return self.output(2)

    def template(self):
        head = self.pick("{%- set ns = namespace(a=0, b='') -%}", "{% set ns = namespace(a=1) %}\n")
        return head + self.body(self.pick(1, 2, 3))


def random_case(seed):
    maker = Maker(seed)
    r = maker.r
    variables = {"s": r.choice(["Hello World", " pad ", "", "a,b", "मराठी é"]),
                 "n": r.choice([0, 3, -7, 2.5]), "words": ["b", "A", "c", "a"],
                 "lst": r.choice([[3, 1, 2], [], ["x", None, 1.0], [[1, 2], [3, 4]]]),
                 "d": {"b": 2, "a": [1, {"z": None}], "items": "shadow", "é": "\u0001\"\\"},
                 "nested": [["k1", 1], ["k2", [True, False]]]}
    messages = r.choice([
        [], [{"role": "user", "content": "Hi"}],
        [{"role": "system", "content": " S "}, {"role": "user", "content": "Q: <b>\n"},
         {"role": "assistant", "content": "A's", "name": "bot"}],
        [{"role": "user", "content": [{"type": "text", "text": "t"}]},
         {"role": "assistant", "content": None}],
    ])
    return {"template": maker.template(), "messages": messages, "variables": variables,
            "special_tokens": TOKENS, "add_generation_prompt": r.random() < 0.5}


# ---- comparison


def agrees(case, want, got):
    """None when they agree, else what is wrong; 'unsupported' apart."""
    ok, text = want
    if got["ok"]:
        if not ok:
            return f"only the reference fails: {text}"
        return None if got["text"] == text else "texts differ"
    if not ok:
        return None
    if got["code"] == "E_UNSUPPORTED":
        return "unsupported"
    return f"only karma fails: {got['code']} {got['error']}"


def compare(driver, cases, show):
    wants = [render(case) for case in cases]
    gots = run_driver(driver, cases)
    count = {"same text": 0, "both fail": 0, "unsupported": 0, "disagree": 0}
    for case, want, got in zip(cases, wants, gots):
        wrong = agrees(case, want, got)
        if wrong is None:
            count["same text" if want[0] else "both fail"] += 1
        elif wrong == "unsupported":
            count["unsupported"] += 1
            if show > 1:
                print(f"unsupported: {got['error']}\n  {case['template']!r}")
        else:
            count["disagree"] += 1
            if count["disagree"] <= 20 and show:
                print(f"--- {case.get('name', '')} {wrong}\n{case['template'] if len(case['template']) < 600 else '...'}")
                if not wrong.startswith("only"):
                    print(f"want {want[1]!r}\ngot  {got['text']!r}")
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--driver", required=True)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=1)
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    bad = 0
    for path in args.files:
        for name, template, tokens in read_templates(path):
            cases = [{**c, "template": template, "special_tokens": tokens, "name": name}
                     for c in contexts()]
            count = compare(args.driver, cases, args.show)
            bad += count["disagree"]
            print(f"{os.path.basename(name)}: " + ", ".join(f"{v} {k}" for k, v in count.items() if v))
    if args.random:
        cases = [random_case(args.seed * 1000003 + i) for i in range(args.random)]
        count = compare(args.driver, cases, args.show)
        bad += count["disagree"]
        print("random templates: " + ", ".join(f"{v} {k}" for k, v in count.items()))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""karma bench beside llama.cpp, ik_llama.cpp and others, in turns; prints a markdown table.

    cpu_peers.py --model bf16 MODEL.gguf --peer llama.cpp "build/peer_llama" \\
                 --peer ik "build/peer_ik" --peer "ik, interleaved" "build/peer_ik repack=1" \\
                 --rounds 5 --quiet 0.1

A peer's command is bench/peer_llama.c compiled against it (bench/peers.md), with its options; one
is enough. --model NAME MODEL [PEERS' MODEL] may be given several times; --int8 likewise is karma
with the argument dtype int8. --other NAME FOLDER COMMAND is a peer that has a form of the model of
its own and is left out of the ratio: peer_python.py with transformers or vLLM.

Each figure of a round runs karma, then each peer, a few seconds each, so that all meet the same
machine; the first of them changes from round to round. A cell is the median of the rounds; the
ratio (above 1: karma is faster, or smaller) is the median of the rounds' ratios to the peer whose
median is best, with the least and the greatest; the share of the limit is karma bench's own, with
the stream or peak rate of the same moment. --quiet X leaves out what was measured while others
kept more than X processors busy, and measures it again, at most as often as there are rounds.

Figures are NAME or NAME=SIZE: start, prefill, decode (SIZE tokens before), batch (sequences),
evaluation, letters, options, resident (MiB above the model's file while a prompt of 512 is
taken). With +busy behind it a figure runs beside an endless loop. Sizes of all but prefill,
decode and batch are fixed: bench/peers.md.
"""
import argparse
import collections
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

FIGURES = ("start,prefill=512,prefill=2048,decode=1,decode=512,batch=16,evaluation,letters,options,"
           "resident")
SIZES = {"prefill": 512, "decode": 512, "batch": 16}
LESS_IS_BETTER = {"start", "resident"}
UNITS = {"start": "ms", "resident": "MiB", "prefill": "tokens/s", "decode": "tokens/s",
         "batch": "tokens/s"}
TICKS = os.sysconf("SC_CLK_TCK")

Figure = collections.namedtuple("Figure", "text name size busy")
Result = collections.namedtuple("Result", "value share rates others")


def figure_of(text):
    name, busy, _ = text.partition("+")
    name, _, size = name.partition("=")
    return Figure(text, name, int(size) if size else SIZES.get(name), busy == "+")


def busy_seconds():
    """Of all processors, with anything."""
    fields = [int(n) for n in open("/proc/stat").readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def run(command, env=None):
    """Output, peak resident bytes, processors that others kept busy meanwhile."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        wall, busy = time.monotonic(), busy_seconds()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        wall, busy = time.monotonic() - wall, busy_seconds() - busy
        process.returncode = os.waitstatus_to_exitcode(status)
        for f in (out, err):
            f.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{shlex.join(map(str, command))}: {err.read().strip()}")
        own = usage.ru_utime + usage.ru_stime
        return out.read(), usage.ru_maxrss * 1024, max(0.0, (busy - own) / wall)


def file_bytes(path):
    path = pathlib.Path(path)
    files = path.glob("*.safetensors") if path.is_dir() else [path]
    return sum(f.stat().st_size for f in files)


def above_file(resident, path):
    return (resident - file_bytes(path)) / (1 << 20)


# --- who is measured: each is called with a figure and returns a Result, or None ------------------

class Karma:
    def __init__(self, program, model, isa, threads, int8):
        self.program, self.model, self.threads = program, model, threads
        self.env = dict(os.environ, KARMA_ISA=isa) if isa else None
        self.arguments = ["--model-args", '{"dtype": "int8"}'] if int8 else []

    def command(self, figure):
        sizes = {"prefill": "--prompt", "decode": "--prompt", "batch": "--batch"}
        size = [sizes[figure.name], figure.size] if figure.name in sizes else []
        name = "decode batch" if figure.name == "batch" else figure.name
        return ["bench", self.model, "--json", "--rounds", 1, "--only", name, *size]

    def __call__(self, figure):
        common = ["--threads", self.threads, *self.arguments]
        if figure.name == "resident":
            command = ["run", self.model, "--max-tokens", 1, *common, "word " * 512]
            _, resident, others = run([self.program, *map(str, command)], self.env)
            return Result(above_file(resident, self.model), None, {}, others)
        out, _, others = run([self.program, *map(str, self.command(figure) + common)], self.env)
        told = json.loads(out)
        row, machine = told["figures"][0], told["machine"]
        shares = [s for s in (row["memory_share"], row["arithmetic_share"]) if s]
        rates = {key: machine[key]["median"] / 1e9 for key in ("stream_bytes", "f32_operations",
                                                               "bf16_operations", "int16_operations",
                                                               "int8_operations")
                 if machine[key]}
        rates["set"], rates["processor"] = machine["instruction_set"], machine["processor"]
        return Result(row["median"], max(shares, default=None), rates, others)


class Peer:
    """A command that takes a model, options and a figure, and prints its value as JSON."""

    def __init__(self, command, model, threads):
        words = shlex.split(command)
        self.start = [w for w in words if "=" not in w] + [model, f"threads={threads}"]
        self.start += [w for w in words if "=" in w]
        self.model = model

    def __call__(self, figure):
        name = "prefill=512" if figure.name == "resident" else figure.name
        if figure.size:
            name += f"={figure.size}"
        out, resident, others = run([*self.start, name])
        told = [line for line in out.splitlines() if line.startswith('{"figure"')]
        if not told:
            return None
        if figure.name == "resident":
            return Result(above_file(resident, self.model), None, {}, others)
        return Result(json.loads(told[-1])["value"], None, {}, others)


# --- rounds ---------------------------------------------------------------------------------------

def measure(program, figure):
    if not figure.busy:
        return program(figure)
    start = time.monotonic()
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        result = program(figure)
    finally:
        loop.kill()
        _, _, usage = os.wait4(loop.pid, 0)
        loop.returncode = 0
    used = (usage.ru_utime + usage.ru_stime) / (time.monotonic() - start)
    return result and result._replace(others=max(0.0, result.others - used))


def run_rounds(programs, figures, rounds, quiet, save):
    """{figure: [{program: Result}]}"""
    taken = {figure: [] for figure in figures}
    for turn in range(rounds * (2 if quiet is not None else 1)):
        order = list(programs)
        order = order[turn % len(order):] + order[:turn % len(order)]
        for figure in figures:
            if len(taken[figure]) == rounds:
                continue
            row = {}
            for name in order:
                result = measure(programs[name], figure)
                if result:
                    row[name] = result
            others = max(r.others for r in row.values())
            good = quiet is None or others <= quiet
            if good:
                taken[figure].append(row)
            if save:
                for name, r in row.items():
                    print(json.dumps({"figure": figure.text, "program": name, "round": turn,
                                      "kept": good, **r._asdict()}), file=save, flush=True)
            print(f"round {turn + 1}, {figure.text}: others {others:.2f}"
                  f"{'' if good else ', left out'}", file=sys.stderr)
    return taken


def ratio(figure, ours, theirs):
    a, b = (theirs, ours) if figure.name in LESS_IS_BETTER else (ours, theirs)
    return a / b if b > 0 else float("inf")


def spread(values, form="{:.2f}"):
    middle, least, most = (form.format(f(values)) for f in (statistics.median, min, max))
    return f"{middle} ({least} to {most})"


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def median_of(rows, name):
    values = [row[name].value for row in rows if name in row]
    return statistics.median(values) if values else None


def title(figure):
    size = f" {figure.size}" if figure.size else ""
    unit = UNITS.get(figure.name, "questions/s")
    return f"{figure.name}{size}, {unit}{', beside a busy thread' if figure.busy else ''}"


def table_row(label, figure, rows, names, rivals):
    """Cells of one figure. names: of the peers; rivals: of those the ratio is to."""
    cells = [label, number(median_of(rows, "karma"))]
    for name in names:
        value = median_of(rows, name)
        cell = "" if value is None else number(value)
        if cell and name not in rivals:
            times = (ratio(figure, r["karma"].value, r[name].value) for r in rows if name in r)
            cell += f" ({statistics.median(times):.1f} times)"
        cells.append(cell)
    best = [name for name in rivals if median_of(rows, name) is not None]
    if best:
        chosen = (min if figure.name in LESS_IS_BETTER else max)(
            best, key=lambda name: median_of(rows, name))
        cells.append(spread([ratio(figure, r["karma"].value, r[chosen].value) for r in rows]))
    else:
        cells.append("")
    shares = [r["karma"].share for r in rows if r["karma"].share]
    cells.append(f"{100 * statistics.median(shares):.0f} %" if shares else "")
    cells.append(f"{statistics.median(max(p.others for p in r.values()) for r in rows):.2f}")
    return cells


def share_rows(label, taken, names):
    """What is kept with a busy thread, and prefill of the longest over that of the shortest."""
    prefill = sorted((f for f in taken if f.name == "prefill" and not f.busy), key=lambda f: f.size)
    pairs = [(f"{label}prefill {prefill[-1].size} over {prefill[0].size}", prefill[-1], prefill[0])
             ] if len(prefill) > 1 else []
    alone = {(f.name, f.size): f for f in taken if not f.busy}
    pairs += [(f"{label}{f.name} {f.size or ''}".rstrip() + ", kept beside a busy thread", f,
               alone[f.name, f.size])
              for f in taken if f.busy and (f.name, f.size) in alone]
    for text, above, below in pairs:
        n = min(len(taken[above]), len(taken[below]))
        kept = {name: [ratio(above, a[name].value, b[name].value)
                       for a, b in zip(taken[above][:n], taken[below][:n])
                       if name in a and name in b] for name in names}
        yield [text] + [f"{100 * statistics.median(kept[name]):.0f} %" if kept[name] else ""
                        for name in names] + ["", "", ""]


def print_row(cells):
    print("| " + " | ".join(cells) + " |")


def told_machine(taken, threads):
    seen = [r["karma"].rates for rows in taken.values() for r in rows if r["karma"].rates]
    if not seen:
        return
    rates = {key: spread([s[key] for s in seen if key in s], "{:.0f}")
             for key in ("stream_bytes", "f32_operations", "bf16_operations", "int16_operations",
                         "int8_operations")
             if any(key in s for s in seen)}
    units = {"stream_bytes": "stream GB/s", "f32_operations": "peak f32 GFLOP/s",
             "bf16_operations": "bf16 GFLOP/s", "int16_operations": "int16 GOP/s",
             "int8_operations": "int8 GOP/s"}
    print(f"{seen[0]['processor']}, set {seen[0]['set']}, {threads} threads, load "
          f"{os.getloadavg()[0]:.1f}; " + ", ".join(f"{units[k]} {v}" for k, v in rates.items()))


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--karma", default="build/karma")
    a.add_argument("--model", nargs="+", action="append", default=[])
    a.add_argument("--int8", nargs="+", action="append", default=[])
    a.add_argument("--peer", nargs=2, action="append", default=[], metavar=("NAME", "COMMAND"))
    a.add_argument("--other", nargs=3, action="append", default=[],
                   metavar=("NAME", "FOLDER", "COMMAND"))
    a.add_argument("--figures", default=FIGURES)
    a.add_argument("--rounds", type=int, default=5)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--isa")
    a.add_argument("--quiet", type=float, metavar="PROCESSORS")
    a.add_argument("--save", type=argparse.FileType("a"), help="every result as a JSON line")
    a = a.parse_args()
    figures = [figure_of(text) for text in a.figures.split(",")]
    names = [name for name, *_ in a.peer + a.other]
    rivals = [name for name, _ in a.peer]
    models = [(m, False) for m in a.model] + [(m, True) for m in a.int8]
    if not models or not names:
        raise SystemExit("a model and a peer are needed: --help")
    tables = {}
    for (label, ours, *theirs), int8 in models:
        programs = {"karma": Karma(a.karma, ours, a.isa, a.threads, int8)}
        for name, command in a.peer:
            programs[name] = Peer(command, theirs[0] if theirs else ours, a.threads)
        for name, folder, command in a.other:
            programs[name] = Peer(command, folder, a.threads)
        tables[label] = run_rounds(programs, figures, a.rounds, a.quiet, a.save)
    for taken in tables.values():
        told_machine(taken, a.threads)
    print()
    print_row(["", "karma", *names, "ratio to the better", "of the limit", "others busy"])
    print_row(["---"] * (len(names) + 5))
    for label, taken in tables.items():
        for figure, rows in taken.items():
            if rows:
                print_row(table_row(f"{label}, {title(figure)}", figure, rows, names, rivals))
            else:
                print_row([f"{label}, {title(figure)}", "never quiet"] + [""] * (len(names) + 3))
        for cells in share_rows(f"{label}, ", taken, ["karma", *names]):
            print_row(cells)


if __name__ == "__main__":
    main()

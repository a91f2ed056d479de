#!/usr/bin/env python3
"""Random Parquet files, written by pyarrow in random ways and read by karma and by pyarrow, row by row.

    parquet.py build/tests/support/parquet_main [FILES] [SEED]

karma reads each file twice: rows out of their order first, which must be the same in order. Half of
the files have several columns. Prints how many files, rows and values were compared, and of what kinds.
"""
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "fixtures"))
import parquet_cases as cases  # noqa: E402

N_ROWS = [1, 2, 7, 40, 129, 500, 3000]


def random_case(draw):
    while True:
        case = {name: draw.choice(values) for name, values in cases.OPTIONS.items()}
        if cases.possible(case.items()):
            return case


def joined(draw, first, n):
    """More columns beside the first one's."""
    table = cases.table(draw, first, n)
    for i in range(draw.choice([0, 0, 1, 4])):
        case = random_case(draw)
        more = cases.table(draw, case, n)
        table = table.append_column(more.schema.field("v").with_name(f"w{i}"), more.column("v"))
    return table


def count(value):
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    if isinstance(value, list):
        return sum(map(count, value))
    return 1


def same(a, b):
    if isinstance(a, float) or isinstance(b, float):
        return isinstance(a, (int, float)) and isinstance(b, (int, float)) and float(a) == float(b)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def compare(driver, path, seed):
    try:
        want = cases.rows(pq.read_table(path))
    except pa.ArrowInvalid as e:
        return None, 0, str(e)
    got = subprocess.run([driver, str(path), str(seed)], capture_output=True, text=True)
    if got.returncode:
        return 0, 0, got.stderr.strip()
    lines = got.stdout.split("\n")[:-1]
    if len(lines) != len(want):
        return 0, 0, f"{len(lines)} rows, not {len(want)}"
    for i, (line, row) in enumerate(zip(lines, want)):
        if not same(json.loads(line), row):
            return 0, 0, f"row {i}: {line[:200]} is not {json.dumps(row)[:200]}"
    return len(want), count(want), None


def main():
    driver, files, seed = sys.argv[1], int((sys.argv[2:] or [500])[0]), int((sys.argv[3:] or [1])[0])
    seen, wrong, n_rows, n_values = collections.Counter(), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.parquet"
        for i in range(files):
            draw = random.Random(seed * 1000003 + i)
            case, n = random_case(draw), draw.choice(N_ROWS)
            options = cases.write_options(case, n)
            if case["pages"] == "many":
                options["data_page_size"] = draw.choice([32, 200, 5000])
                options["write_batch_size"] = draw.choice([1, 7, 64])
            try:
                pq.write_table(joined(draw, case, n), path, **options)
            except (pa.ArrowNotImplementedError, OSError) as e:
                seen[f"not written: {str(e)[:60]}"] += 1
                continue
            rows, values, error = compare(driver, path, i)
            if rows is None:
                seen["not read by pyarrow itself"] += 1
                continue
            n_rows, n_values = n_rows + rows, n_values + values
            for name, value in case.items():
                seen[f"{name}={value}"] += 1
            if error:
                wrong += 1
                print(f"file {i} ({case}, {n} rows): {error}")
    print(", ".join(f"{k} {v}" for k, v in sorted(seen.items())))
    print(f"{files} files, {n_rows} rows, {n_values} values; {wrong} files differ from pyarrow {pa.__version__}")
    return wrong > 0


sys.exit(main())

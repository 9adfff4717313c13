#!/usr/bin/env python3
"""Writes the tables that follow from the sources: operators in kernels/README.md, error codes in driver/ERRORS.md.

  runtime/cmake/tables.py          rewrites both
  runtime/cmake/tables.py --check  exit code 1 if one is not current, or if a code has two exit codes
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- operators: runtime/cmake/tables.py -->", "<!-- end -->"
LAYERS = ("runtime", "io", "kernels", "models", "driver")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
CODE = re.compile(r'(Error\(\s*(?:Exit::(\w+)|[^",]*)\s*,\s*)?"(CF-[A-Z0-9]+-\d+)"')


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".hpp", ".cpp", ".cu", ".cuh"):
                yield path


def operator_rows():
    text = {folder: {p: p.read_text() for p in sources(folder)} for folder in ("models", "bench", "tests/golden")}
    rows = ["| operator | CPU | AVX | CUDA | golden | bench | used by |", "|---|---|---|---|---|---|---|"]
    for header in sorted((ROOT / "kernels").rglob("*.hpp")):
        parts = header.with_suffix("")
        if not (parts / "cpu.cpp").exists():
            continue
        include = f'#include "{header.relative_to(ROOT)}"'
        found = {folder: [p for p, t in files.items() if include in t] for folder, files in text.items()}
        users = sorted({str(p.relative_to(ROOT / "models").with_suffix("")) for p in found["models"]})
        marks = ((parts / "cpu.cpp").exists(), (parts / "simd.cpp").exists(), any(parts.glob("*.cu")),
                 bool(found["tests/golden"]), bool(found["bench"]))
        name = str(parts.relative_to(ROOT / "kernels"))
        rows.append(f"| {name} | " + " | ".join("x" if mark else "" for mark in marks) + f" | {', '.join(users)} |")
    return "\n".join(rows)


def message_start(text, place):
    """The first string literal behind the code in the same statement, cut where it gets long."""
    found = LITERAL.search(text[place:].split(";", 1)[0])
    text = found[1] if found and not found[1].startswith("CF-") else ""
    return text.replace("|", "\\|").strip(": ")[:70]


def error_table():
    codes, bad = {}, []
    for path in sources(*LAYERS):
        text = path.read_text()
        for found in CODE.finditer(text):
            entry = codes.setdefault(found[3], {"exits": set(), "messages": [], "files": []})
            if found[2]:
                entry["exits"].add(found[2])
            message = message_start(text, found.end())
            if message and message not in entry["messages"]:
                entry["messages"].append(message)
            file = str(path.relative_to(ROOT))
            if file not in entry["files"]:
                entry["files"].append(file)
    lines = ["# Error codes", "", "Written by `runtime/cmake/tables.py`; `Exit` is in runtime/error.hpp. No exit: the code is handed to a",
             "function that throws. Several messages: one meaning, said of several things.", "",
             "| code | exit | message | file |", "|---|---|---|---|"]
    for code, entry in sorted(codes.items()):
        if len(entry["exits"]) > 1:
            bad.append(f"{code} has the exits {', '.join(sorted(entry['exits']))} ({', '.join(entry['files'])})")
        lines.append(f"| {code} | {', '.join(sorted(entry['exits']))} | {' / '.join(entry['messages'])} | "
                     f"{', '.join(entry['files'])} |")
    return "\n".join(lines) + "\n", bad


def main():
    readme, errors = ROOT / "kernels/README.md", ROOT / "driver/ERRORS.md"
    old = readme.read_text()
    head, rest = old.split(BEGIN)
    table, bad = error_table()
    wanted = {readme: head + BEGIN + "\n" + operator_rows() + "\n" + END + rest.split(END)[1], errors: table}
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text() != text]
    for line in bad:
        print(line, file=sys.stderr)
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current: run runtime/cmake/tables.py", file=sys.stderr)
        return 1 if stale or bad else 0
    for path in stale:
        path.write_text(wanted[path])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

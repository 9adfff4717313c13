#!/usr/bin/env python3
"""Plants the bugs of mutants.toml one at a time and checks that a test on the emulator fails.

  tests/mutants/run.py [--build build/cuda] [--jobs 2] [--keep folder] [name ...]
  tests/mutants/run.py --check    only whether each bug can be planted: needs no build

Of each mutant, one source is compiled again with its command of compile_commands.json, from a scratch
folder that comes first among the include folders, and put in front of the libraries of the test program,
so that the linker takes it instead of the library's own. Before, the same link with the library's own
object must pass the same cases. Sources and build folder are left as they are.
Exit code: 0 if all are caught, 1 if one survives, 2 if one could not be planted.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT = 300  # s for one run
ORDERS = {  # as in CMakeLists.txt; those that a first catch is likely in come first
    "forward": ("forward", "late", "lazy"),
    "reverse": ("reverse", "early", "eager"),
    "random": ("random", "random", "shuffle"),
}


class NotPlanted(Exception):
    pass


def environment(order):
    names = ("CUDA_EMU_SCHEDULE", "CUDA_EMU_ASYNC", "CUDA_EMU_STREAMS")
    return os.environ | dict(zip(names, ORDERS[order]))


def run(command, what, folder, **more):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise NotPlanted(f"{what} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class Build:
    def __init__(self, folder):
        self.folder = folder.resolve()
        entries = json.loads((self.folder / "compile_commands.json").read_text())
        self.commands = {entry["file"]: shlex.split(entry["command"]) for entry in entries}

    def command(self, unit):
        try:
            return self.commands[str(ROOT / unit)]
        except KeyError:
            raise NotPlanted(f"{unit} is not compiled in {self.folder}") from None

    def own_object(self, unit):
        command = self.command(unit)
        return command[command.index("-o") + 1]

    def compile(self, unit, scratch, out):
        """`unit` of the scratch folder if it is there, with the headers that are there."""
        source = scratch / unit if (scratch / unit).exists() else ROOT / unit
        command = [str(source) if word == str(ROOT / unit) else word for word in self.command(unit)]
        command[command.index("-o") + 1] = str(out)
        command.insert(command.index(f"-I{ROOT}"), f"-I{scratch}")
        run(command, "the compiler", self.folder)

    def link(self, test, first, out):
        """The emulated program of a test with an object in front of the libraries."""
        target = test.replace("/", "_") + "_test_emu"
        lines = run(["ninja", "-t", "commands", target], "ninja", self.folder).splitlines()
        command = [word for word in shlex.split(lines[-1]) if word not in (":", "&&")]
        command[command.index("-o") + 1] = str(out)
        place = next(i for i, word in enumerate(command) if word.endswith(".a"))
        command.insert(place, str(first))
        run(command, f"the linker of {target} (is it built?)", self.folder)


def planted(mutant):
    """The text of its file with the bug in it."""
    for path in (mutant["file"], mutant.get("unit", mutant["file"]), f"tests/{mutant['test']}_test.cpp"):
        if not (ROOT / path).is_file():
            raise NotPlanted(f"there is no {path}")
    text = (ROOT / mutant["file"]).read_text()
    found = text.count(mutant["old"])
    if found != 1:
        raise NotPlanted(f"the old text is {found} times in {mutant['file']}: let mutants.toml follow the code")
    return text.replace(mutant["old"], mutant["new"])


def plant(mutant, scratch):
    text = planted(mutant)
    copy = scratch / mutant["file"]
    copy.parent.mkdir(parents=True)
    copy.write_text(text)


def run_cases(program, cases, order):
    """Exit code and what was said; a program that does not end counts as one that fails."""
    command = [str(program), f"--gtest_filter={cases}", "--gtest_brief=1"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment(order), capture_output=True, text=True, timeout=TIMEOUT, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return -1, f"does not end within {TIMEOUT} s"
    return done.returncode, done.stdout + done.stderr


def control(program, mutant, order):
    code, said = run_cases(program, mutant["cases"], order)
    passed = re.search(r"\[  PASSED  \] (\d+) test", said)
    if code != 0 or not passed or passed[1] == "0":
        raise NotPlanted(f"without the bug, {mutant['cases']} does not pass ({order}):\n{said[-4000:]}")


def reason(code, said):
    """The first finding of the emulator, else the first test that failed."""
    finding = re.search(r"cuda-emulator: (.*)\n(?:    kernel.*\n)?(?:    at +(.*)\n)?", said)
    if finding:
        place = f" at {pathlib.PurePath(finding[2]).name}" if finding[2] else ""
        return finding[1] + place
    failed = re.search(r"\[  FAILED  \] ([\w./]+)", said)
    if failed:
        return failed[1]
    last = said.strip().splitlines()[-1] if said.strip() else "nothing was said"
    return f"exit code {code}: {last}"


def catch(build, mutant, keep):
    """(order, reason) of the first order that catches the mutant, or None."""
    unit = mutant.get("unit", mutant["file"])
    with tempfile.TemporaryDirectory(prefix="mutant_") as folder:
        scratch = pathlib.Path(folder)
        plant(mutant, scratch)
        build.link(mutant["test"], build.own_object(unit), scratch / "control")
        control(scratch / "control", mutant, "forward")
        build.compile(unit, scratch, scratch / "mutant.o")
        build.link(mutant["test"], scratch / "mutant.o", scratch / "mutant")
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / mutant["name"]).write_bytes((scratch / "mutant").read_bytes())
            (keep / mutant["name"]).chmod(0o755)
        for order in ORDERS:
            if order != "forward":
                control(scratch / "control", mutant, order)
            code, said = run_cases(scratch / "mutant", mutant["cases"], order)
            if code != 0:
                return order, reason(code, said)
    return None


def report(build, mutant, keep):
    start = time.monotonic()
    try:
        caught = catch(build, mutant, keep)
        order, why = caught or ("", f"in no order: {mutant['bug']}")
        verdict = "caught" if caught else "SURVIVED"
    except NotPlanted as problem:
        verdict, order, why = "NOT PLANTED", "", str(problem)
    print(f"{verdict:8}  {mutant['name']:24} {order:8}{time.monotonic() - start:6.1f} s  {why}", flush=True)
    return verdict


def check(mutants):
    bad = [f"{name} is there twice" for name in {m["name"] for m in mutants}
           if sum(m["name"] == name for m in mutants) > 1]
    for mutant in mutants:
        try:
            planted(mutant)
        except NotPlanted as problem:
            bad.append(f"{mutant['name']}: {problem}")
    print("\n".join(bad) or f"{len(mutants)} can be planted")
    return 2 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/cuda")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the programs with the bugs")
    parser.add_argument("--check", action="store_true", help="plants nothing, compiles nothing")
    parser.add_argument("names", nargs="*", help="mutants; all if none is named")
    args = parser.parse_args()
    mutants = tomllib.loads((ROOT / "tests/mutants/mutants.toml").read_text())["mutant"]
    if args.check:
        return check(mutants)
    unknown = set(args.names) - {mutant["name"] for mutant in mutants}
    if unknown:
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in mutants if not args.names or mutant["name"] in args.names]
    build = Build(args.build)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        verdicts = list(pool.map(lambda mutant: report(build, mutant, args.keep), chosen))
    print(f"{verdicts.count('caught')} of {len(chosen)} caught")
    return 2 if "NOT PLANTED" in verdicts else 1 if "SURVIVED" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())

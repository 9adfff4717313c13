#!/usr/bin/env python3
"""Registers, shared memory and occupancy of every kernel, against the budget beside this file.

kernel_budget.py [--build build/cuda] [--arch 80,90] [--update]

The PTX of a build's objects (nvcc --no-compress leaves it readable) goes through ptxas -v; where an object has none for
an architecture, nvcc makes it. BUILD/kernels.json gets all figures. Refused are: spills, stack frames, kernels without
__launch_bounds__, float atomics, and what outgrows kernel_budget.json. Exit 0: within budget, 1: not, 2: cannot tell,
77: not run (no ptxas here). --update rewrites the budget, for every architecture of it and of the build.
"""

import argparse
import dataclasses
import json
import pathlib
import shutil
import sys
import time

from kernel_figures import ROOT, SHARED_PER_MULTIPROCESSOR, CannotTell, NotRun, measure, ptxas_release, sources_of

MORE_REGISTERS = 8  # a growth up to this is let through where as many blocks fit as before

# ---- the budget ---------------------------------------------------------------------------------------------------
# One line a kernel: "graph/knn: knn_kernel<SharedNearest>": {"80": [32, 0, 32], "90": [32, 0, 32]}
COLUMNS = ["registers", "shared bytes", "blocks per multiprocessor"]


def entry_of(budget, kernel):
    """sm_90a counts as sm_90 where the two do not differ."""
    costs = budget["kernels"].get(kernel.key, {})
    return costs.get(kernel.arch, costs.get(kernel.arch.rstrip("a")))


def broken_rules(kernel):
    """What no budget allows."""
    if kernel.stack or kernel.spill_bytes:
        yield f"{kernel.spill_bytes} bytes of spills, {kernel.stack} bytes of stack"
    if kernel.is_kernel and not kernel.threads and not kernel.name.startswith("cub::"):
        yield "no __launch_bounds__, so its occupancy is unknown"
    for atomic in kernel.float_atomics:
        yield f"{atomic}: the order of such sums is not fixed"


def growth(kernel, budget):
    allowed = entry_of(budget, kernel)
    if allowed is None:
        return "not in the budget (--update)"
    registers, _, blocks = allowed
    if kernel.registers > registers + MORE_REGISTERS or (blocks or 0) > (kernel.blocks or 0):
        now = ", ".join(f"{was} -> {value} {column}" for was, value, column in zip(allowed, kernel.cost, COLUMNS))
        return f"grew: {now} (mend it, or --update with the reason in the commit)"
    return None


def vanished(kernels, budget, arch):
    there = {kernel.key for kernel in kernels if kernel.arch == arch}
    return [key for key, costs in budget["kernels"].items() if arch in costs and key not in there]


def updated(kernels, budget, release):
    """The budget with the costs of `kernels`; what it says of other architectures stays for kernels that exist."""
    measured = {kernel.arch for kernel in kernels}
    costs = {}
    for kernel in kernels:
        old = budget["kernels"].get(kernel.key, {})
        costs.setdefault(kernel.key, {arch: cost for arch, cost in old.items() if arch not in measured})
    for kernel in sorted(kernels, key=lambda kernel: kernel.arch):
        if kernel.arch.rstrip("a") == kernel.arch or costs[kernel.key].get(kernel.arch.rstrip("a")) != kernel.cost:
            costs[kernel.key][kernel.arch] = kernel.cost
    return {"ptxas": release, "columns": COLUMNS, "kernels": costs}


def budget_text(budget):
    lines = [f"{json.dumps(key)}: {json.dumps(dict(sorted(costs.items())))}"
             for key, costs in sorted(budget["kernels"].items())]
    head = "".join(f"{json.dumps(name)}: {json.dumps(budget[name])},\n" for name in ("ptxas", "columns"))
    return "{\n" + head + '"kernels": {\n' + ",\n".join(lines) + "\n}\n}\n"


def check_unique(kernels):
    seen = set()
    for kernel in kernels:
        if (kernel.key, kernel.arch) in seen:
            raise CannotTell(f"two kernels are called {kernel.key}: readable() in this script must tell them apart")
        seen.add((kernel.key, kernel.arch))


# ---- command line -------------------------------------------------------------------------------------------------
def find_ptxas(sources):
    beside_nvcc = pathlib.Path(sources[0].command[0]).with_name("ptxas")
    found = str(beside_nvcc) if beside_nvcc.is_file() else shutil.which("ptxas")
    if not found:
        raise NotRun("no ptxas")
    return found


def judge(kernels, budget, release):
    """Prints what is wrong and returns how much. Other releases of ptxas allocate otherwise: then growth is told only."""
    wrong = [(kernel, text) for kernel in kernels for text in broken_rules(kernel)]
    grown = [(kernel, text) for kernel in kernels if kernel.is_kernel and (text := growth(kernel, budget))]
    for kernel, text in wrong + grown:
        print(f"sm_{kernel.arch} {kernel.key}: {text}")
    gone = [(arch, key) for arch in sorted({kernel.arch for kernel in kernels}) for key in vanished(kernels, budget, arch)]
    for arch, key in gone:
        print(f"sm_{arch} {key}: in the budget, but not in the build (--update)")
    if grown + gone and budget["ptxas"] != release:
        print(f"the budget is of ptxas {budget['ptxas']}, this is {release}: no failure for what grew, came or vanished")
        return len(wrong)
    return len(wrong) + len(grown) + len(gone)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/cuda", help="folder of a CUDA build")
    parser.add_argument("--budget", type=pathlib.Path, default=pathlib.Path(__file__).with_suffix(".json"))
    parser.add_argument("--arch", help="such as 80,90; default: what the build is for, with --update also the budget's")
    parser.add_argument("--update", action="store_true", help="rewrite the budget")
    options = parser.parse_args()
    began = time.monotonic()
    build = options.build.resolve()
    sources = sources_of(build)
    budget = {"ptxas": "", "columns": COLUMNS, "kernels": {}}
    if options.budget.is_file():
        budget = json.loads(options.budget.read_text())
    architectures = set().union(*(source.architectures() for source in sources))
    if options.update:
        architectures |= {arch for costs in budget["kernels"].values() for arch in costs}
    if options.arch:
        architectures = set(options.arch.split(","))
    if unknown := architectures - SHARED_PER_MULTIPROCESSOR.keys():
        raise CannotTell(f"occupancy of sm_{min(unknown)} is not known: extend SHARED_PER_MULTIPROCESSOR")

    ptxas = find_ptxas(sources)
    release = ptxas_release(ptxas)
    functions = measure(sources, sorted(architectures), ptxas, build)
    kernels = [function for function in functions if function.is_kernel]
    check_unique(kernels)
    listing = {"ptxas": release, "kernels": [dataclasses.asdict(kernel) for kernel in kernels]}
    (build / "kernels.json").write_text(json.dumps(listing, indent=1) + "\n")
    if options.update:
        budget = updated(kernels, budget, release)
        options.budget.write_text(budget_text(budget))
    wrong = judge(functions, budget, release)
    names = ", ".join(f"sm_{arch}" for arch in sorted(architectures))
    verdict = f"{wrong} failures" if wrong else "within budget, no spills, no float atomics"
    print(f"{len(kernels)} kernels for {names}: {verdict} ({time.monotonic() - began:.1f} s)")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotTell as reason:
        print(f"kernel_budget: {reason}", file=sys.stderr)
        sys.exit(2)
    except NotRun as reason:
        print(f"not run: {reason}")
        sys.exit(77)

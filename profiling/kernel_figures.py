"""What ptxas says of every kernel of a build, for kernel_budget.py."""

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


class CannotTell(Exception):
    """What makes a verdict impossible; its text says what to do."""


class NotRun(Exception):
    """A tool is missing on this machine."""


@dataclasses.dataclass
class Kernel:
    file: str
    name: str
    arch: str
    registers: int
    shared: int
    dynamic_shared: bool  # the launch adds more shared memory: `blocks` is an upper bound then
    stack: int
    spill_bytes: int
    threads: int  # of __launch_bounds__; 0: none given
    blocks: int  # that fit on a multiprocessor at once; None without threads
    float_atomics: list
    is_kernel: bool  # or a function that is called by kernels

    @property
    def key(self):
        return f"{self.file}: {self.name}"

    @property
    def cost(self):
        return [self.registers, self.shared, self.blocks]


# ---- occupancy ----------------------------------------------------------------------------------------------------
# The rule of cuda_occupancy.h, rewritten so that no compiler is needed: registers are given to warps in units of 256
# from four files of 16,384, shared memory to blocks in units of 128 bytes after 1,024 that the system takes.
SHARED_PER_MULTIPROCESSOR = {"80": 164 * 1024, "90": 228 * 1024, "90a": 228 * 1024}


def blocks_per_multiprocessor(arch, threads, registers, shared):
    warps = -(-threads // 32)
    registers_of_warp = -(-max(registers, 1) * 32 // 256) * 256
    by_registers = 16384 // registers_of_warp * 4 // warps
    shared_of_block = -(-(shared + 1024) // 128) * 128
    return min(32, 64 // warps, by_registers, SHARED_PER_MULTIPROCESSOR[arch] // shared_of_block)


# ---- the build ----------------------------------------------------------------------------------------------------
@dataclasses.dataclass
class Source:
    path: pathlib.Path
    object: pathlib.Path
    directory: str
    command: list

    @property
    def name(self):
        """kernels/graph/gat/cuda.cu -> graph/gat"""
        text = os.path.relpath(self.path, ROOT)
        return re.sub(r"/cuda(_\w+)?\.cu$", r"\1", re.sub(r"^kernels/", "", text))

    def architectures(self, kind="sm"):
        """What the object has machine code for, or with "compute" PTX."""
        codes = (word.split("code=")[-1] for word in self.command if word.startswith("--generate-code="))
        return {arch for code in codes for arch in re.findall(rf"\b{kind}_(\d+a?)\b", code)}


def sources_of(build):
    listing = build / "compile_commands.json"
    if not listing.is_file():
        raise CannotTell(f"{listing} is missing: configure with CUDA, or name the folder with --build")
    sources = []
    for entry in json.loads(listing.read_text()):
        path = pathlib.Path(entry["file"])
        made = path.is_relative_to(build.resolve())  # by a test
        if path.suffix != ".cu" or made or os.path.relpath(path, ROOT).split("/")[0] in ("tests", "bench"):
            continue
        words = shlex.split(entry["command"])
        while "nvcc" not in pathlib.Path(words[0]).name:  # ccache
            words.pop(0)
        compiled = pathlib.Path(entry["directory"], words[words.index("-o") + 1])
        sources.append(Source(path, compiled, entry["directory"], words))
    if not sources:
        raise CannotTell(f"{listing} lists no CUDA file")
    return sorted(sources, key=lambda source: source.name)


def ptx_in(source):
    """{architecture: PTX that the object holds}"""
    if not source.object.is_file():
        raise CannotTell(f"{source.object} is not built")
    texts = re.finditer(rb"\.version \d+\.\d+\s+\.target sm_(\w+)[^\0]*", source.object.read_bytes())
    held = {text[1].decode(): text[0].decode() for text in texts}
    if not held:
        raise CannotTell(f"{source.object} holds no readable PTX: nvcc needs --no-compress and a virtual architecture")
    return held


def compile_ptx(source, arch):
    words = [word for word in source.command if word != "-c" and not word.startswith("--generate-code=")]
    where = words.index("-o")
    del words[where:where + 2]
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder, "kernels.ptx")
        run(words + ["-ptx", f"-arch=compute_{arch}", "-o", str(made)], cwd=source.directory)
        return made.read_text()


def dependencies(build):
    """The files that each object was made from, as ninja knows them; empty where it does not."""
    found = {}
    if shutil.which("ninja"):
        listed = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], capture_output=True, text=True).stdout
        for block in listed.split("\n\n"):
            lines = block.strip().splitlines()
            if lines and lines[0].endswith("(VALID)"):
                files = [pathlib.Path(build, line.strip()) for line in lines[1:]]
                if all(path.is_file() for path in files):
                    found[pathlib.Path(build, lines[0].split(":")[0])] = files
    return found


# ---- PTX ----------------------------------------------------------------------------------------------------------
ATOMIC = re.compile(r"(?:^|[\s;{])((?:atom|red|multimem|cp\.reduce\.async\.bulk)\.[\w.:]+)")
# A loop around compare-and-swap is how sums of floats are hidden; tensor maps hide the type.
OF_FLOATS = re.compile(r"\.(b?f16(x2)?|f32|f64|e[45]m[23]\w*|cas|tensor)(?=\.|$)")


@dataclasses.dataclass
class Entry:
    is_kernel: bool
    threads: int = 0
    dynamic_shared: bool = False
    float_atomics: list = dataclasses.field(default_factory=list)


def read_ptx(text):
    """What ptxas does not say, for every kernel and function: threads, dynamic shared memory, float atomics."""
    files = {number: path for number, path in re.findall(r'^\s*\.file\s+(\d+)\s+"([^"]+)"', text, re.M)}
    dynamic = re.findall(r"^\.extern \.shared .*?([\w$]+)\[\];", text, re.M)
    uses_dynamic = re.compile(r"(?<![\w$])(" + "|".join(map(re.escape, dynamic)) + r")(?![\w$])") if dynamic else None
    entries, entry, place = {}, None, "?"
    for line in text.splitlines():
        line = line.split("//")[0]
        if begun := re.search(r"\.(entry|func)\s+(?:\([^)]*\)\s*)?([\w$]+)", line):
            entry = entries.setdefault(begun[2], Entry(begun[1] == "entry"))
        elif entry is None:
            continue
        elif bounds := re.match(r"\s*\.(?:max|req)ntid\s+([\d, ]+)", line):
            entry.threads = 1
            for extent in bounds[1].split(","):
                entry.threads *= int(extent)
        elif re.match(r"\s*\.loc\s", line):
            place = place_of(line, files)
        else:
            for opcode in ATOMIC.findall(line):
                if OF_FLOATS.search(opcode):
                    entry.float_atomics.append(f"{opcode} at {place}")
            if uses_dynamic and uses_dynamic.search(line):
                entry.dynamic_shared = True
    return entries


def place_of(loc, files):
    """file:line of a .loc: of our code, also where a function of the toolkit was inlined into it."""
    places = re.findall(r"(?:\.loc\s+|inlined_at\s+)(\d+)\s+(\d+)", loc)
    paths = [(os.path.relpath(files.get(number, "?"), ROOT), line) for number, line in places]
    ours = [place for place in paths if not place[0].startswith("..")]
    return ":".join((ours or paths)[0])


# ---- ptxas --------------------------------------------------------------------------------------------------------
def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise CannotTell(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def assemble(ptxas, flags, arch, text):
    """{mangled name: figures} of every kernel and function in `text`."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "kernels.ptx")
        source.write_text(text)
        said = run([ptxas, "-v", f"-arch=sm_{arch}", *flags, str(source), "-o", str(pathlib.Path(folder, "cubin"))])
    figures, last = {}, None
    for line in said.splitlines():
        if begun := re.search(r"Function properties for '?([\w$]+)", line):
            last = figures.setdefault(begun[1], {"registers": 0, "shared": 0})
        elif match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            last["stack"] = int(match[1])
            last["spill_bytes"] = int(match[2]) + int(match[3])
        elif match := re.search(r"Used (\d+) registers", line):
            shared = re.search(r"(\d+) bytes smem", line)
            last["registers"] = int(match[1])
            last["shared"] = int(shared[1]) if shared else 0
    return figures


def readable(demangled):
    """A name without namespaces and parameter lists: for_each_kernel<bce_forward::{lambda#1}>."""
    text = demangled.replace("(anonymous namespace)::", "")
    if demangled.startswith("void "):
        text = text[len("void "):]
    text = re.sub(r"\bCUB_\w+::|\b(calofuse|cuda|detail|radix_sort|radix|scan|reduce)::", "", text)
    kept, depth = [], 0
    for at, letter in enumerate(text):
        if letter == "(" and (depth or (at and (text[at - 1].isalnum() or text[at - 1] in "_>"))):
            depth += 1
        if not depth:
            kept.append(letter)
        if letter == ")" and depth:
            depth -= 1
    return "".join(kept).replace("> >", ">>").replace("> >", ">>")


def demangle(names):
    if not shutil.which("c++filt"):
        raise NotRun("no c++filt")
    given = "\n".join(names)
    return dict(zip(names, run(["c++filt"], input=given).splitlines()))


def measure(sources, architectures, ptxas, build):
    """Every kernel of every architecture. What was seen before comes from BUILD/kernel_budget/."""
    store = build / "kernel_budget"
    store.mkdir(exist_ok=True)
    release = ptxas_release(ptxas)
    nvcc_is_needed = any(set(architectures) - source.architectures("compute") for source in sources)
    deps = dependencies(build) if nvcc_is_needed else {}

    def figures_of(job):
        source, arch = job
        flags = ["--generate-line-info"] if "-lineinfo" in source.command else []
        digest = hashlib.sha256(f"{release} {arch} {flags}".encode())
        text = ptx_in(source).get(arch)
        if text:
            digest.update(text.encode())
        else:
            digest.update(" ".join(source.command).encode())
            for path in deps.get(source.object, []):
                digest.update(path.read_bytes())
        kept = store / f"{digest.hexdigest()}.json"
        if kept.is_file() and (text or source.object in deps):
            return source, arch, json.loads(kept.read_text())
        text = text or compile_ptx(source, arch)
        from_ptx, from_ptxas = read_ptx(text), assemble(ptxas, flags, arch, text)
        figures = {name: vars(from_ptx[name]) | costs for name, costs in from_ptxas.items()}
        with tempfile.NamedTemporaryFile("w", dir=store, delete=False) as file:
            json.dump(figures, file)
        os.replace(file.name, kept)
        return source, arch, figures

    jobs = [(source, arch) for source in sources for arch in architectures]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(figures_of, jobs))
    names = demangle(sorted({mangled for _, _, functions in results for mangled in functions}))
    return [kernel_of(source.name, arch, names[mangled], figures)
            for source, arch, functions in results for mangled, figures in sorted(functions.items())]


def kernel_of(file, arch, demangled, figures):
    blocks = None
    if figures["threads"]:
        blocks = blocks_per_multiprocessor(arch, figures["threads"], figures["registers"], figures["shared"])
    return Kernel(file=file, name=readable(demangled), arch=arch, blocks=blocks, **figures)


def ptxas_release(ptxas):
    return re.search(r"release ([\d.]+)", run([ptxas, "--version"]))[1]

"""profiling/kernel_budget.py lets good kernels pass and refuses bad ones: kernel_budget_test.py [path of nvcc]

Kernels are PTX text in files that stand for objects; what each refusal is about is all that differs from a kernel that
passes.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "profiling/kernel_budget.py"
NVCC = sys.argv.pop(1) if len(sys.argv) > 1 else shutil.which("nvcc") or "nvcc"
THREADS = ".maxntid 128, 1, 1"

sys.path.insert(0, str(SCRIPT.parent))
sys.dont_write_bytecode = True
import kernel_figures  # noqa: E402


def kernel(body, name="_Z6kernelPf", bounds=THREADS, before="", arch="90"):
    """PTX of a kernel of one pointer, %rd1, with line 7 of kernels/toy/toy/cuda.cu before its body."""
    return f""".version 8.0
.target sm_{arch}
.address_size 64
{before}
.visible .entry {name}(.param .u64 values)
{bounds}
{{
    .reg .pred %p;
    .reg .f32 %f<200>;
    .reg .f64 %d<2>;
    .reg .b16 %h<2>;
    .reg .b32 %r<8>;
    .reg .b64 %rd<8>;
    .loc 1 7 3
    ld.param.u64 %rd1, [values];
    mov.f32 %f1, 0f3F800000;
    mov.b32 %r1, 1;
{body}
    ret;
}}
    .file 1 "{ROOT}/kernels/toy/toy/cuda.cu"
    .file 2 "/usr/local/cuda/include/atomics.hpp"
"""


STORE = "    st.global.f32 [%rd1], %f1;"
MANY = "\n".join(f"    ld.volatile.global.f32 %f{i}, [%rd1 + {4 * i}];" for i in range(100)) + "\n" + "\n".join(
    f"    st.volatile.global.f32 [%rd1 + {4 * i}], %f{99 - i};" for i in range(100))
STACK = """    .local .align 4 .b8 table[64];
    ld.global.u32 %r2, [%rd1];
    mov.u64 %rd2, table;
    cvt.u64.u32 %rd3, %r2;
    add.u64 %rd4, %rd2, %rd3;
    st.local.f32 [%rd4], %f1;
    ld.local.f32 %f2, [%rd2 + 4];
    st.global.f32 [%rd1], %f2;"""


class KernelBudget(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        self.budget = self.build / "budget.json"

    def run_script(self, *ptx, options=(), architectures="90"):
        codes = [f"--generate-code=arch=compute_{arch},code=[compute_{arch},sm_{arch}]" for arch in architectures.split(",")]
        command = " ".join([NVCC, *codes, "-lineinfo -c toy.cu -o toy.o"])
        (self.build / "toy.o").write_bytes(b"\x7fELF\0" + b"\0".join(text.encode() for text in ptx) + b"\0tail")
        (self.build / "compile_commands.json").write_text(json.dumps(
            [{"directory": str(self.build), "command": command, "file": f"{ROOT}/kernels/toy/toy/cuda.cu"}]))
        done = subprocess.run([sys.executable, SCRIPT, "--build", self.build, "--budget", self.budget, *options],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def update(self, *ptx, **more):
        return self.run_script(*ptx, options=["--update"], **more)

    def accepts(self, text):
        code, said = self.update(text)
        self.assertEqual(code, 0, said)
        code, said = self.run_script(text)
        self.assertEqual(code, 0, said)
        self.assertIn("1 kernels for sm_90: within budget", said)

    def refuses(self, text, *reasons):
        """Also when the budget is made from that very kernel."""
        for code, said in (self.update(text), self.run_script(text)):
            self.assertEqual(code, 1, said)
            for reason in ("sm_90 toy/toy: kernel: ", *reasons):
                self.assertIn(reason, said)

    def test_clean(self):
        self.accepts(kernel(STORE))
        kernels = json.loads((self.build / "kernels.json").read_text())["kernels"]
        self.assertEqual([(k["file"], k["name"], k["arch"], k["threads"], k["blocks"]) for k in kernels],
                         [("toy/toy", "kernel", "90", 128, 16)])

    def test_spill(self):
        self.accepts(kernel(MANY))
        self.refuses(kernel(MANY, bounds=".maxntid 1024, 1, 1"), "bytes of spills")
        kernels = json.loads((self.build / "kernels.json").read_text())["kernels"]
        self.assertGreater(kernels[0]["spill_bytes"], 0)

    def test_stack(self):
        self.refuses(kernel(STACK), "0 bytes of spills, 64 bytes of stack")

    def test_no_launch_bounds(self):
        self.refuses(kernel(STORE, bounds=""), "no __launch_bounds__")

    def test_float_atomics(self):
        atomics = ["atom.global.add.f32 %f2, [%rd1], %f1;", "red.global.add.f32 [%rd1], %f1;",
                   "red.global.add.f64 [%rd1], %d1;", "atom.global.add.noftz.f16 %h1, [%rd1], %h1;",
                   "red.global.add.noftz.bf16x2 [%rd1], %r1;", "atom.global.cas.b32 %r2, [%rd1], %r1, %r1;"]
        reasons = [atomic.split()[0] + " at kernels/toy/toy/cuda.cu:7" for atomic in atomics]
        for form in ("    {}", "    {{ {} }}", "    @%p {}"):
            self.refuses(kernel("\n".join(form.format(atomic) for atomic in atomics)), *reasons)

    def test_float_atomic_in_an_inlined_function(self):
        body = """    .loc 1 42 9
    .loc 2 1234 5, function_name names, inlined_at 1 42 9
    red.global.add.f32 [%rd1], %f1;"""
        names = ".section .debug_str {\nnames:\n.b8 102\n.b8 0\n}\n"
        self.refuses(kernel(body) + names, "red.global.add.f32 at kernels/toy/toy/cuda.cu:42")

    def test_other_atomics(self):
        self.accepts(kernel("""    atom.global.add.u32 %r2, [%rd1], %r1;
    red.global.or.b32 [%rd1], %r2;
    bar.red.popc.u32 %r3, 0, %p;  // red.global.add.f32 in a comment
    st.global.u32 [%rd1], %r3;"""))

    def allow(self, registers=None, blocks=None):
        """Changes the one entry of the budget by these amounts."""
        budget = json.loads(self.budget.read_text())
        entry = budget["kernels"]["toy/toy: kernel"]["90"]
        entry[0] += registers or 0
        entry[2] += blocks or 0
        self.budget.write_text(json.dumps(budget))

    def test_growth(self):
        text = kernel(MANY)
        self.update(text)
        self.allow(registers=-8)
        self.assertEqual(self.run_script(text)[0], 0)
        self.allow(registers=-1)
        code, said = self.run_script(text)
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"grew: \d+ -> \d+ registers")
        self.assertEqual(self.update(text)[0], 0)
        self.allow(blocks=1)
        code, said = self.run_script(text)
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"grew: .* blocks per multiprocessor")
        self.allow(registers=20, blocks=-2)
        self.assertEqual(self.run_script(text)[0], 0)

    def test_new_and_vanished(self):
        self.update(kernel(STORE))
        code, said = self.run_script(kernel(STORE, name="_Z5otherPf"))
        self.assertEqual(code, 1, said)
        self.assertIn("toy/toy: other: not in the budget (--update)", said)
        self.assertIn("toy/toy: kernel: in the budget, but not in the build", said)
        self.assertIn("2 failures", said)

    def test_other_ptxas(self):
        self.update(kernel(MANY))
        self.allow(registers=-20)
        self.budget.write_text(self.budget.read_text().replace('"ptxas": "', '"ptxas": "1'))
        code, said = self.run_script(kernel(MANY))
        self.assertEqual(code, 0, said)
        self.assertIn("the budget is of ptxas 1", said)
        self.assertEqual(self.run_script(kernel(STACK))[0], 1)

    def test_architectures(self):
        both = [kernel(MANY, arch=arch) for arch in ("80", "90")]
        self.assertEqual(self.update(*both, architectures="80,90")[0], 0)
        entry = json.loads(self.budget.read_text())["kernels"]["toy/toy: kernel"]
        self.assertEqual(sorted(entry), ["80", "90"])
        for architectures in ("80", "90", "80,90"):
            code, said = self.run_script(*both, architectures=architectures)
            self.assertEqual(code, 0, said)
        code, said = self.run_script(kernel(MANY, arch="90a"), architectures="90a")  # allowed what 90 is
        self.assertEqual(code, 0, said)

    def test_cannot_tell(self):
        code, said = self.run_script("no PTX")
        self.assertEqual(code, 2, said)
        self.assertIn("no readable PTX", said)
        code, said = self.run_script(kernel("    nonsense;"))
        self.assertEqual(code, 2, said)
        code, said = self.run_script(kernel(STORE), kernel(STORE), options=["--build", self.build / "none"])
        self.assertEqual(code, 2, said)

    def test_same_file_twice(self):
        self.assertEqual(self.update(kernel(STORE))[0], 0)
        first = self.budget.read_bytes()
        self.assertEqual(self.update(kernel(STORE))[0], 0)
        self.assertEqual(self.budget.read_bytes(), first)


class Names(unittest.TestCase):
    def test_readable(self):
        for demangled, name in {
            "calofuse::cuda::(anonymous namespace)::knn_kernel(calofuse::Args, int*)": "knn_kernel",
            "void calofuse::cuda::each<calofuse::cuda::(anonymous namespace)::Take<(calofuse::Kind)1> >(int (*)(int))":
                "each<Take<(Kind)1>>",
            "void calofuse::cuda::for_each_kernel<calofuse::cuda::add<double>(calofuse::Context&, char const*)::{lambda(long)#2}>"
            "(long, calofuse::cuda::add<double>(calofuse::Context&, char const*)::{lambda(long)#2})":
                "for_each_kernel<add<double>::{lambda#2}>",
            "void cub::CUB_300001_SM_800_900::detail::EmptyKernel<void>()": "cub::EmptyKernel<void>",
        }.items():
            self.assertEqual(kernel_figures.readable(demangled), name)


class Occupancy(unittest.TestCase):
    def test_blocks(self):
        """What cudaOccMaxActiveBlocksPerMultiprocessor of cuda_occupancy.h (CUDA 13.0) says."""
        for arch, threads, registers, shared, blocks in OCCUPANCY:
            self.assertEqual(kernel_figures.blocks_per_multiprocessor(arch, threads, registers, shared), blocks,
                             (arch, threads, registers, shared))


OCCUPANCY = [
    ("80", 32, 74, 25, 24), ("80", 32, 173, 25, 8), ("80", 32, 158, 33856, 4), ("80", 96, 44, 25, 13),
    ("80", 96, 110, 7328, 5), ("80", 96, 176, 128, 2), ("80", 256, 140, 25, 1), ("80", 256, 182, 128, 1),
    ("80", 256, 170, 0, 1), ("80", 320, 26, 25, 6), ("80", 320, 176, 7328, 0), ("80", 320, 11, 128, 6),
    ("80", 1024, 239, 100000, 0), ("80", 1024, 137, 33856, 0), ("80", 1024, 80, 25, 0), ("90", 32, 161, 1000, 12),
    ("90", 32, 71, 49152, 4), ("90", 32, 59, 48128, 4), ("90", 96, 206, 49152, 2), ("90", 96, 137, 49152, 4),
    ("90", 96, 158, 1000, 4), ("90", 256, 239, 48128, 1), ("90", 256, 161, 25, 1), ("90", 256, 140, 1000, 1),
    ("90", 320, 116, 100000, 1), ("90", 320, 185, 8192, 0), ("90", 320, 248, 25, 0), ("90", 1024, 50, 0, 1),
    ("90", 1024, 71, 18944, 0), ("90", 1024, 185, 25, 0),
]

if __name__ == "__main__":
    if not pathlib.Path(NVCC).with_name("ptxas").is_file() and not shutil.which("ptxas"):
        print("not run: no ptxas")
        sys.exit(77)
    unittest.main()

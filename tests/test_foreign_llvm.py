# SPDX-License-Identifier: Apache-2.0
"""Other libraries of the process that export what a driver takes from its own libraries, as TensorFlow exports an LLVM.

A stand-in exports every function of the driver's LLVM; whoever calls one of them ends the process with a message.
"""

import importlib.metadata
import platform
import re
import shutil
import subprocess

import pytest
from processes import run_python

MESSAGE = "a foreign LLVM was called"
LIBRARIES = """
import jax
jax.devices()
for line in open("/proc/self/maps"):
    if "libLLVM" in line:
        print("LLVM:", line.split()[-1])
"""
# In every order: before the driver is opened, before its first kernel, and after it (its exit handlers follow).
OPEN = 'import ctypes; ctypes.CDLL(os.environ["FOREIGN_LLVM"], ctypes.RTLD_GLOBAL | os.RTLD_NOW)\n'
DEVICES = "import jax; jax.devices()\n"
KERNEL = "import jax; print(float(jax.jit(lambda a: (a * 3).sum())(jax.numpy.arange(5.0))))\n"
ORDERS = {
    "before the driver": OPEN + KERNEL,
    "before the first kernel": DEVICES + OPEN + KERNEL,
    "after the first kernel": KERNEL + OPEN + KERNEL.replace("* 3", "* 3 + a - a"),
}
ALLOCATOR = """
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
struct mark { void *start; size_t size; uint64_t magic, unused; };
static const uint64_t kMagic = 0x616c6c6f6361746f;
void *memalign(size_t alignment, size_t size) {
  if (alignment < sizeof(struct mark)) alignment = sizeof(struct mark);
  char *start = __libc_memalign(alignment, size + alignment);
  if (start == NULL) return NULL;
  struct mark *mark = (struct mark *)(start + alignment) - 1;
  mark->start = start, mark->size = size, mark->magic = kMagic;
  return start + alignment;
}
static struct mark *mark_of(void *pointer) {
  struct mark *mark = (struct mark *)pointer - 1;
  static const char message[] = "memory of another allocator is freed\\n";
  if (mark->magic != kMagic) { (void)!write(2, message, sizeof message - 1); _exit(98); }
  return mark;
}
void free(void *pointer) {
  if (pointer == NULL) return;
  struct mark *mark = mark_of(pointer);
  mark->magic = 0;
  __libc_free(mark->start);
}
void *malloc(size_t size) { return memalign(16, size); }
void *calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  void *pointer = malloc(bytes);
  return pointer == NULL ? NULL : memset(pointer, 0, bytes);
}
void *realloc(void *pointer, size_t size) {
  void *moved = malloc(size);
  if (pointer == NULL || moved == NULL) return moved;
  const size_t old = mark_of(pointer)->size;
  memcpy(moved, pointer, old < size ? old : size);
  free(pointer);
  return moved;
}
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **pointer, size_t alignment, size_t size) {
  *pointer = memalign(alignment, size);
  return *pointer == NULL ? ENOMEM : 0;
}
size_t malloc_usable_size(void *pointer) { return pointer == NULL ? 0 : mark_of(pointer)->size; }
"""


def build(folder, name, *sources):
    library = folder / f"lib{name}.so"
    subprocess.run(["cc", "-O1", "-fPIC", "-shared", "-fno-builtin", "-o", library, *sources], check=True)
    return library


@pytest.fixture(scope="module")
def compiler(jax):
    for program in ("cc", "nm"):
        if shutil.which(program) is None:
            pytest.skip(f"There is no `{program}` to make the stand-in libraries with.")


@pytest.fixture(scope="module")
def foreign_llvm(compiler, tmp_path_factory):
    found = re.findall(r"LLVM: (\S+)", run_python(LIBRARIES, JAX_PLATFORMS="dragoman").stdout)
    if not found:
        pytest.skip("The driver at hand has no libLLVM.")
    listed = subprocess.run(["nm", "-D", "--defined-only", found[0]], capture_output=True, text=True, check=True).stdout
    names = sorted(set(re.findall(r"^[0-9a-f]+ [TW] ([\w.$]+)", listed, re.MULTILINE)))
    assert len(names) > 1000
    folder = tmp_path_factory.mktemp("llvm")
    (folder / "end.c").write_text(
        "#include <unistd.h>\n"
        f'__attribute__((visibility("hidden"))) void end(void) {{ (void)!write(2, "{MESSAGE}\\n", {len(MESSAGE) + 1}); _exit(99); }}\n'
    )
    jump = {"x86_64": "jmp end", "aarch64": "b end"}[platform.machine()]
    lines = [f".globl {name}\n.type {name}, %function\n{name}:" for name in names]
    (folder / "names.s").write_text(".text\n" + "\n".join(lines) + f"\n{jump}\n" + '.section .note.GNU-stack,"",%progbits\n')
    return build(folder, "foreign_llvm", folder / "end.c", folder / "names.s")


@pytest.mark.parametrize("order", ORDERS)
def test_a_driver_keeps_its_own_llvm(foreign_llvm, order):
    done = run_python(ORDERS[order], JAX_PLATFORMS="dragoman", FOREIGN_LLVM=str(foreign_llvm), timeout=120)
    assert MESSAGE not in done.stderr
    assert done.returncode == 0 and set(done.stdout.split()) == {"30.0"}, done.stderr


# A driver that found the C library's own `free` first would hand it the allocator's memory.
def test_a_preloaded_allocator_serves_the_driver_too(compiler, tmp_path):
    (tmp_path / "allocator.c").write_text(ALLOCATOR)
    allocator = build(tmp_path, "allocator", tmp_path / "allocator.c")
    done = run_python(KERNEL, JAX_PLATFORMS="dragoman", LD_PRELOAD=str(allocator), timeout=120)
    assert done.returncode == 0 and done.stdout.split() == ["30.0"], done.stderr


# A tracer or simulator of the kernel's interface: it passes ioctl on, and says which libraries ask it for variables.
SIMULATOR = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
int ioctl(int file, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return ((int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl"))(file, request, argument);
}
char *getenv(const char *name) {
  Dl_info caller;
  if (dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "libvulkan_"))
    fprintf(stderr, "asked by %s\\n", caller.dli_fname);
  return ((char *(*)(const char *))dlsym(RTLD_NEXT, "getenv"))(name);
}
"""
DRIVERS = 'print({line.split()[-1] for line in open("/proc/self/maps") if "libvulkan_" in line})\n'


def test_a_preloaded_simulator_of_the_kernel_serves_the_driver_too(compiler, tmp_path):
    if "libvulkan_" not in run_python(KERNEL + DRIVERS, JAX_PLATFORMS="dragoman", timeout=120).stdout:
        pytest.skip("The driver at hand is none of Mesa's, whose questions are known.")
    (tmp_path / "simulator.c").write_text(SIMULATOR)
    simulator = build(tmp_path, "simulator", tmp_path / "simulator.c")
    done = run_python(KERNEL, JAX_PLATFORMS="dragoman", LD_PRELOAD=str(simulator), timeout=120)
    assert done.returncode == 0 and done.stdout.split() == ["30.0"], done.stderr
    assert "asked by" in done.stderr, "the driver was bound past what was preloaded"


TENSORFLOW = "import tensorflow\n"
KERAS = "import keras; keras.utils.set_random_seed(0); print(float(keras.ops.sum(keras.ops.ones(30))))\n"


@pytest.mark.parametrize(
    "code",
    [KERAS, TENSORFLOW + KERNEL, DEVICES + TENSORFLOW + KERNEL, KERNEL + TENSORFLOW + KERNEL, KERNEL + KERAS],
    ids=["Keras alone", "before the driver", "before the first kernel", "after the first kernel", "Keras afterwards"],
)
def test_tensorflow_in_the_same_process(jax, code):
    if "tensorflow" not in importlib.metadata.packages_distributions():
        pytest.skip('TensorFlow, the other library with an LLVM, is not installed; pip install "tensorflow-cpu==2.21.*" brings it.')
    done = run_python(code, JAX_PLATFORMS="dragoman,cpu", KERAS_BACKEND="jax", timeout=240)
    assert done.returncode == 0 and set(done.stdout.split()) == {"30.0"}, done.stderr

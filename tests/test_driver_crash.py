# SPDX-License-Identifier: Apache-2.0
"""A driver that dies on a kernel, or a process that is killed while one is made, spoils one start and not all of them.

The driver at hand stands behind a loader of our own that ends the process, or stops, at a kernel of a given size.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from processes import PREAMBLE, ROOT, run_command, run_python

LOADER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef void (*function)(void);
typedef function (*get_function)(void *, const char *);
typedef struct { int32_t type; const void *next; uint32_t flags; size_t code_size; const uint32_t *code; } module_info;
typedef struct {
  int32_t type; const void *next; uint32_t flags;
  struct { int32_t type; const void *next; uint32_t flags; uint32_t stage; uint64_t module; const char *name; const void *more; } stage;
} pipeline_info;
static get_function next_instance, next_device;
static int32_t (*create_module)(void *, const module_info *, const void *, uint64_t *);
static int32_t (*create_pipelines)(void *, uint64_t, uint32_t, const pipeline_info *, const void *, uint64_t *);
static struct { uint64_t module; size_t size; } modules[4096];
static int num_modules;

static int32_t CreateModule(void *device, const module_info *info, const void *allocator, uint64_t *module) {
  const int32_t result = create_module(device, info, allocator, module);
  const int i = __atomic_fetch_add(&num_modules, 1, __ATOMIC_SEQ_CST) % 4096;
  modules[i].module = *module, modules[i].size = info->code_size;
  return result;
}
static int is_size(const char *variable, size_t size) {
  const char *text = getenv(variable);
  return text != NULL && size == strtoull(text, NULL, 10);
}
static int32_t CreatePipelines(void *device, uint64_t cache, uint32_t count, const pipeline_info *info, const void *allocator, uint64_t *pipelines) {
  for (int i = 0; i < 4096; ++i) {
    if (modules[i].module != info->stage.module) continue;
    const size_t size = modules[i].size;
    const char *log = getenv("LOADER_LOG");
    if (log != NULL) { FILE *file = fopen(log, "a"); fprintf(file, "%zu\n", size); fclose(file); }
    if (is_size("LOADER_CRASH", size)) *(volatile int *)8 = 1;
    if (is_size("LOADER_EXIT", size)) exit(0);
    if (is_size("LOADER_STOP", size)) { (void)!write(2, "stopped\n", 8); sleep(600); }
    break;
  }
  return create_pipelines(device, cache, count, info, allocator, pipelines);
}
static function GetDevice(void *device, const char *name) {
  const function found = next_device(device, name);
  if (strcmp(name, "vkCreateShaderModule") == 0) return create_module = (void *)found, (function)CreateModule;
  if (strcmp(name, "vkCreateComputePipelines") == 0) return create_pipelines = (void *)found, (function)CreatePipelines;
  return found;
}
function vkGetInstanceProcAddr(void *instance, const char *name) {
  if (next_instance == NULL) {
    next_instance = (get_function)dlsym(dlopen("libvulkan.so.1", RTLD_NOW), "vkGetInstanceProcAddr");
  }
  const function found = next_instance(instance, name);
  if (strcmp(name, "vkGetDeviceProcAddr") == 0) return next_device = (get_function)found, (function)GetDevice;
  return found;
}
"""
PROGRAM = """
import jax, numpy
print("ones", float(jax.jit(lambda a: a + 1)(numpy.float32(0))))
try:
    product = jax.jit(lambda a, b: a @ b)(numpy.ones((48, 32), "float32"), numpy.ones((32, 48), "float32"))
    print("product", float(product[0, 0]))
except Exception as error:
    print("error", " ".join(str(error).split()))
print("twos", float(jax.jit(lambda a: a * 2)(numpy.float32(1))))
"""
RIGHT = "ones 1.0\nproduct 32.0\ntwos 2.0\n"


@pytest.fixture(scope="module")
def loader(jax, tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("There is no `cc` to make the stand-in loader with.")
    folder = tmp_path_factory.mktemp("loader")
    (folder / "loader.c").write_text(LOADER)
    library = folder / "libloader.so"
    subprocess.run(["cc", "-O1", "-fPIC", "-shared", "-o", library, folder / "loader.c"], check=True)
    return str(library)


@pytest.fixture(scope="module")
def product_size(loader, tmp_path_factory):
    """Of the product's kernel, which is the largest."""
    log = tmp_path_factory.mktemp("log") / "sizes"
    done = run_python(PROGRAM, JAX_PLATFORMS="dragoman", DRAGOMAN_VULKAN_LIBRARY=loader, DRAGOMAN_CACHE_DIR="off", LOADER_LOG=str(log))
    assert done.stdout == RIGHT, done.stderr
    return max(log.read_text().split(), key=int)


@pytest.fixture
def environment(loader, tmp_path):
    return {"JAX_PLATFORMS": "dragoman", "DRAGOMAN_VULKAN_LIBRARY": loader, "DRAGOMAN_CACHE_DIR": str(tmp_path)}


def marks(environment):
    return list(pathlib.Path(environment["DRAGOMAN_CACHE_DIR"]).glob("*.mark"))


@pytest.mark.parametrize("death", ["LOADER_CRASH", "LOADER_EXIT"])
def test_a_kernel_that_the_driver_died_on_is_refused_by_name(environment, product_size, death):
    deadly = {**environment, death: product_size}
    first = run_python(PROGRAM, **deadly)
    assert "product" not in first.stdout and "twos" not in first.stdout
    for _ in range(2):
        done = run_python(PROGRAM, **deadly)
        assert done.returncode == 0 and "ones 1.0" in done.stdout and "twos 2.0" in done.stdout, done.stderr
        assert "error" in done.stdout and "dot_general" in done.stdout
        assert "llvmpipe" in done.stdout and "`dragoman cache clear --refused`" in done.stdout
    assert "dot_general" in run_command("cache", **environment).stdout
    assert "1 refused" in run_command("cache", "clear", "--refused", **environment).stdout
    done = run_python(PROGRAM, **environment)
    assert done.stdout == RIGHT and not marks(environment), done.stderr


def test_a_driver_that_dies_once_is_asked_again(environment, product_size):
    run_python(PROGRAM, **environment, LOADER_CRASH=product_size)
    assert len(marks(environment)) == 1
    done = run_python(PROGRAM, **environment)
    assert done.stdout == RIGHT and not marks(environment), done.stderr


def start_and_wait_until_it_stops(environment, size):
    source = PREAMBLE.format(python=str(ROOT / "python")) + PROGRAM
    process = subprocess.Popen(
        [sys.executable, "-c", source], env={**os.environ, **environment, "LOADER_STOP": size}, stderr=subprocess.PIPE, text=True
    )
    while process.stderr.readline() != "stopped\n":
        assert process.poll() is None
    return process


def test_a_killed_process_is_no_dead_driver(environment, product_size):
    process = start_and_wait_until_it_stops(environment, product_size)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(marks(environment)) == 1
    done = run_python(PROGRAM, **environment)
    assert done.stdout == RIGHT and not marks(environment), done.stderr


def test_a_living_process_is_no_dead_driver(environment, product_size):
    process = start_and_wait_until_it_stops(environment, product_size)
    start = time.monotonic()
    done = run_python(PROGRAM, **environment)
    assert time.monotonic() - start < 300 and process.poll() is None
    process.kill()
    process.wait()
    assert done.stdout == RIGHT and "process" not in done.stderr, done.stderr


def test_without_a_cache_nothing_is_marked(environment, product_size):
    done = run_python(PROGRAM, **{**environment, "DRAGOMAN_CACHE_DIR": "off"}, LOADER_CRASH=product_size)
    assert done.returncode == -signal.SIGSEGV
    assert not marks(environment)

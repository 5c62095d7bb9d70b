// SPDX-License-Identifier: Apache-2.0
// The loader decides which files are drivers and layers (manifests in many folders, environment variables, filters), so
// it is its own import of dlopen that is redirected: whatever it opens is bound deeply (ADR 0007).
#include "base/os_driver_binding.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#if defined(__linux__) && defined(__LP64__) && defined(RTLD_DEEPBIND)
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <span>
#include <string>
#include <vector>
#endif

namespace dragoman::os {

#if defined(__linux__) && defined(__LP64__) && defined(RTLD_DEEPBIND)
namespace {

// Who defines what `address` points into; null for a mere reference, as the plt entries that stand for a function in
// programs of fixed address.
const void* DefinerOf(void* address) {
  Dl_info info;
  void* symbol = nullptr;
  if (address == nullptr || dladdr1(address, &info, &symbol, RTLD_DL_SYMENT) == 0) return nullptr;
  const auto* entry = static_cast<const ElfW(Sym)*>(symbol);
  return entry != nullptr && entry->st_shndx == SHN_UNDEF ? nullptr : info.dli_fbase;
}

// Deep binding hides from drivers what stands before the C library on purpose: an allocator (whose memory the C
// library's free would get), or a tracer or simulator of the kernel's interface (whose devices they would not see).
bool IsCLibraryReplaced() {
  void* c_library = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (c_library == nullptr) return true;  // bound into the program: nothing is known about its allocator
  bool is_replaced = false;
  for (const char* function : {"malloc", "ioctl"}) {
    const void* own = DefinerOf(dlsym(c_library, function));
    const void* used = DefinerOf(dlsym(RTLD_DEFAULT, function));
    is_replaced |= used != nullptr && used != own;
  }
  dlclose(c_library);
  return is_replaced;
}

// What a loaded library's dynamic section says about its imports.
struct Imports {
  const char* names = nullptr;
  const ElfW(Sym) * symbols = nullptr;
  std::span<const ElfW(Rela)> relocations[2];  // of functions that are bound late, of everything else
  bool has_search_path = false;
};

Imports ReadImports(const link_map& library) {
  // The dynamic linker has turned offsets to addresses on most machines.
  const auto at = [&](ElfW(Addr) value) { return value < library.l_addr ? library.l_addr + value : value; };
  ElfW(Addr) tables[2] = {};
  size_t bytes[2] = {};
  Imports imports;
  for (const ElfW(Dyn)* entry = library.l_ld; entry->d_tag != DT_NULL; ++entry) {
    const ElfW(Addr) value = entry->d_un.d_ptr;
    if (entry->d_tag == DT_STRTAB) imports.names = reinterpret_cast<const char*>(at(value));
    if (entry->d_tag == DT_SYMTAB) imports.symbols = reinterpret_cast<const ElfW(Sym)*>(at(value));
    if (entry->d_tag == DT_JMPREL) tables[0] = at(value);
    if (entry->d_tag == DT_PLTRELSZ) bytes[0] = value;
    if (entry->d_tag == DT_RELA) tables[1] = at(value);
    if (entry->d_tag == DT_RELASZ) bytes[1] = value;
    if (entry->d_tag == DT_RPATH || entry->d_tag == DT_RUNPATH) imports.has_search_path = true;
  }
  for (int i = 0; i < 2; ++i) {
    if (tables[i] != 0)
      imports.relocations[i] = {reinterpret_cast<const ElfW(Rela)*>(tables[i]), bytes[i] / sizeof(ElfW(Rela))};
  }
  return imports;
}

// Whether the dynamic linker made the memory at `slot` read-only after it had bound everything.
bool IsReadOnly(const link_map& library, uintptr_t slot) {
  struct Search {
    uintptr_t base, slot;
    bool is_read_only = false;
  } search{library.l_addr, slot};
  dl_iterate_phdr(
      [](dl_phdr_info* binary, size_t, void* argument) {
        auto& wanted = *static_cast<Search*>(argument);
        if (binary->dlpi_addr != wanted.base) return 0;
        for (const ElfW(Phdr) & header : std::span(binary->dlpi_phdr, binary->dlpi_phnum)) {
          const uintptr_t offset = wanted.slot - binary->dlpi_addr - header.p_vaddr;
          if (header.p_type == PT_GNU_RELRO && offset < header.p_memsz) wanted.is_read_only = true;
        }
        return 1;
      },
      &search);
  return search.is_read_only;
}

bool WriteSlot(const link_map& library, uintptr_t slot, const void* value) {
  const uintptr_t page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  void* page = reinterpret_cast<void*>(slot & ~(page_bytes - 1));
  const bool is_read_only = IsReadOnly(library, slot);
  if (is_read_only && mprotect(page, page_bytes, PROT_READ | PROT_WRITE) != 0) return false;
  __atomic_store_n(reinterpret_cast<const void**>(slot), value, __ATOMIC_RELEASE);
  if (is_read_only) mprotect(page, page_bytes, PROT_READ);
  return true;
}

// A loader with a search path of its own, which dlopen follows for the library that calls it.
std::atomic<void*> searching_loader = nullptr;

void* OpenOnPathOf(void* loader, const char* name, int flags) {
  Dl_serinfo size;
  if (dlinfo(loader, RTLD_DI_SERINFOSIZE, &size) != 0) return nullptr;
  std::vector<std::max_align_t> memory(size.dls_size / sizeof(std::max_align_t) + 1);
  auto* folders = reinterpret_cast<Dl_serinfo*>(memory.data());
  folders->dls_size = size.dls_size;
  folders->dls_cnt = size.dls_cnt;
  if (dlinfo(loader, RTLD_DI_SERINFO, folders) != 0) return nullptr;
  for (const Dl_serpath& folder : std::span(folders->dls_serpath, folders->dls_cnt)) {
    const std::string path = std::string(folder.dls_name) + "/" + name;
    if (access(path.c_str(), R_OK) != 0) continue;
    if (void* library = dlopen(path.c_str(), flags); library != nullptr) return library;
  }
  return nullptr;
}

// Takes the place of dlopen for the loader.
void* OpenDeeply(const char* path, int flags) {
  flags |= DeepBindingFlags();
  void* loader = searching_loader.load(std::memory_order_acquire);
  if (loader != nullptr && path != nullptr && std::strchr(path, '/') == nullptr) {
    if (void* library = OpenOnPathOf(loader, path, flags); library != nullptr) return library;
  }
  return dlopen(path, flags);
}

}  // namespace

int DeepBindingFlags() {
  static const int flags = IsCLibraryReplaced() ? 0 : RTLD_DEEPBIND;
  return flags;
}

bool OpenDriversDeeply(void* library) {
  const link_map* map = nullptr;
  if (DeepBindingFlags() == 0 || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) return false;
  const Imports imports = ReadImports(*map);
  if (imports.names == nullptr || imports.symbols == nullptr) return false;
  if (imports.has_search_path) searching_loader.store(library, std::memory_order_release);
  bool is_changed = false;
  for (const auto& relocations : imports.relocations) {
    for (const ElfW(Rela) & relocation : relocations) {
      const uint64_t symbol = ELF64_R_SYM(relocation.r_info);
      if (symbol == 0 || std::strcmp(imports.names + imports.symbols[symbol].st_name, "dlopen") != 0) continue;
      is_changed |= WriteSlot(*map, map->l_addr + relocation.r_offset, reinterpret_cast<const void*>(&OpenDeeply));
    }
  }
  return is_changed;
}
#else
int DeepBindingFlags() { return 0; }
bool OpenDriversDeeply(void*) { return false; }
#endif

}  // namespace dragoman::os

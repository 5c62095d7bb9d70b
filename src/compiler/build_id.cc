// SPDX-License-Identifier: Apache-2.0
#include "compiler/build_id.h"

#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "base/hash.h"

#if defined(__linux__)
#include <elf.h>
#include <link.h>

#include <cstring>
#endif

namespace dragoman::compiler {

std::string HashOfBinary(const void* address) {
  Dl_info info;
  std::ifstream file;
  const bool is_found = dladdr(address, &info) != 0 && info.dli_fname != nullptr;
  // A program's name may be what it was called by, which leads nowhere.
  if (is_found && std::string_view(info.dli_fname).find('/') != std::string_view::npos) {
    file.open(info.dli_fname, std::ios::binary);
  }
#if defined(__linux__)
  if (!file.is_open()) file.open("/proc/self/exe", std::ios::binary);
#endif
  const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  if (!bytes.empty()) return HashBytes(std::as_bytes(std::span(bytes))).Hex();
  // Nothing that this process keeps may be taken for another build's.
  return Format("{}-{}", getpid(), std::chrono::system_clock::now().time_since_epoch().count());
}

#if defined(__linux__)
namespace {

struct Search {
  uintptr_t address = 0;  // in the binary that is asked for
  std::string build_id;
};

bool Contains(const dl_phdr_info& binary, uintptr_t address) {
  for (int i = 0; i < binary.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = binary.dlpi_phdr[i];
    const uintptr_t first = binary.dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && address >= first && address - first < header.p_memsz) return true;
  }
  return false;
}

size_t Padded(size_t size) { return (size + 3) & ~size_t{3}; }

// The descriptor of the note "GNU", type 3, as hexadecimal digits.
std::string FindInNotes(const unsigned char* notes, size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof(note));
    const size_t total = sizeof(note) + Padded(note.n_namesz) + Padded(note.n_descsz);
    if (total > size) break;
    const unsigned char* name = notes + sizeof(note);
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      std::string digits;
      for (size_t i = 0; i < note.n_descsz; ++i) digits += Format("{:02x}", name[Padded(note.n_namesz) + i]);
      return digits;
    }
    notes += total;
    size -= total;
  }
  return {};
}

int Visit(dl_phdr_info* binary, size_t, void* argument) {
  auto& search = *static_cast<Search*>(argument);
  if (!Contains(*binary, search.address)) return 0;
  for (int i = 0; i < binary->dlpi_phnum && search.build_id.empty(); ++i) {
    const ElfW(Phdr)& header = binary->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* notes = reinterpret_cast<const unsigned char*>(binary->dlpi_addr + header.p_vaddr);
    search.build_id = FindInNotes(notes, header.p_memsz);
  }
  return 1;
}

}  // namespace

std::string NoteOfBinary(const void* address) {
  Search search{reinterpret_cast<uintptr_t>(address), {}};
  dl_iterate_phdr(&Visit, &search);
  return search.build_id;
}
#else
std::string NoteOfBinary(const void*) { return {}; }
#endif

const std::string& BuildId() {
  static const std::string build_id = [] {
    const auto* self = reinterpret_cast<const void*>(&BuildId);
    const std::string note = NoteOfBinary(self);
    return note.empty() ? HashOfBinary(self) : note;
  }();
  return build_id;
}

}  // namespace dragoman::compiler

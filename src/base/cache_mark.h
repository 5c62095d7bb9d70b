// SPDX-License-Identifier: Apache-2.0
// Marks in the cache folder, by which a process that dies tells the next one what it was about. A mark is a file,
// locked by the process that sets it and removed when the deed is done: one that is there and locked by nobody is a
// dead process's. Where files cannot be written or locked there are no marks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/cache_folder.h"
#include "base/os.h"

namespace dragoman {

enum class MarkState : uint8_t {
  kNone,     // no mark could be set, or another living process is at the same thing: go on
  kSet,      // go on
  kLeft,     // a process died; the mark is now this process's
  kRefused,  // what it is about was found to be deadly
};

class CacheMark {
 public:
  // `text` is a line for people. Waits while another process is trying what a dead one left (SetTrying).
  static CacheMark Set(const CacheFolder& folder, const Hash128& key, std::string_view text);
  CacheMark(CacheMark&&) = default;
  // Removes the mark unless it is refused.
  ~CacheMark();

  MarkState state() const { return state_; }
  // Others wait for the outcome from now on.
  void SetTrying() { Write("trying"); }
  // The mark stays, until it is cleared or three months old.
  void Refuse();

 private:
  CacheMark(MarkState state, const CacheFolder& folder, std::string name, std::string text, os::File file)
      : state_(state), folder_(&folder), name_(std::move(name)), text_(std::move(text)), file_(std::move(file)) {}
  void Write(std::string_view word) const;

  MarkState state_;
  const CacheFolder* folder_;
  std::string name_, text_;
  os::File file_;
};

// The texts of all refused marks.
std::vector<std::string> RefusedMarks(const CacheFolder& folder);

}  // namespace dragoman

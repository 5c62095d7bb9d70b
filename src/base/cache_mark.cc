// SPDX-License-Identifier: Apache-2.0
#include "base/cache_mark.h"

#include <chrono>
#include <thread>

namespace dragoman {
namespace {

// A mark's file: one of these words, a line end, the text.
constexpr std::string_view kMaking = "making", kTrying = "trying", kRefused = "refused";
constexpr size_t kMaxBytes = 4096;

std::string ReadMark(const os::File& file) {
  std::string content(kMaxBytes, '\0');
  content.resize(file.Read(std::as_writable_bytes(std::span(content))));
  return content;
}

MarkState StateOf(std::string_view content) {
  if (content.starts_with(kRefused)) return MarkState::kRefused;
  return content.empty() ? MarkState::kSet : MarkState::kLeft;
}

}  // namespace

CacheMark CacheMark::Set(const CacheFolder& folder, const Hash128& key, std::string_view text) {
  constexpr std::chrono::milliseconds kPause(20);
  const std::string name = key.Hex() + std::string(kMarkSuffix);
  const auto mark = [&](MarkState state, os::File file) {
    return CacheMark(state, folder, name, std::string(text), std::move(file));
  };
  while (true) {
    os::File file = folder.files().OpenFile(name, os::OpenMode::kUpdate);
    if (!file.is_open()) return mark(MarkState::kNone, {});
    const os::LockState lock = file.TryLock();
    const std::string content = ReadMark(file);
    if (lock == os::LockState::kHeldByAnother) {
      if (content.starts_with(kRefused)) return mark(MarkState::kRefused, {});
      if (!content.starts_with(kTrying)) return mark(MarkState::kNone, {});
      std::this_thread::sleep_for(kPause);
      continue;
    }
    const auto found = file.Info();
    if (!found || found->is_removed) continue;  // after it was opened
    if (lock == os::LockState::kUnsupported) {
      if (content.empty()) folder.files().Remove(name);
      return mark(content.starts_with(kRefused) ? MarkState::kRefused : MarkState::kNone, {});
    }
    CacheMark result = mark(StateOf(content), std::move(file));
    if (result.state_ == MarkState::kSet) result.Write(kMaking);
    return result;
  }
}

CacheMark::~CacheMark() {
  if (!file_.is_open() || state_ == MarkState::kRefused) return;
  // Somebody may have cleared the mark, and another process set its own under this name.
  const auto found = file_.Info();
  if (found && !found->is_removed) folder_->files().Remove(name_);
}

void CacheMark::Refuse() {
  Write(kRefused);
  state_ = MarkState::kRefused;
}

void CacheMark::Write(std::string_view word) const {
  if (!file_.is_open()) return;
  const std::string content = (std::string(word) + "\n" + text_).substr(0, kMaxBytes);
  // At once, so that a reader or the next process never sees half of a word.
  if (file_.Write(std::as_bytes(std::span(content)))) file_.Truncate(content.size());
}

std::vector<std::string> RefusedMarks(const CacheFolder& folder) {
  std::vector<std::string> texts;
  for (const std::string& name : folder.MarkNames()) {
    const std::string content = ReadMark(folder.files().OpenFile(name, os::OpenMode::kRead));
    if (content.starts_with(kRefused)) texts.push_back(content.substr(std::min(content.size(), kRefused.size() + 1)));
  }
  return texts;
}

}  // namespace dragoman

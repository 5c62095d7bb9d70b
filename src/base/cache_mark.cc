// SPDX-License-Identifier: Apache-2.0
#include "base/cache_mark.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>

namespace dragoman {
namespace {

// A mark's file: one of these words, a line end, the text.
constexpr std::string_view kMaking = "making", kTrying = "trying", kRefused = "refused";
constexpr size_t kMaxBytes = 4096;

std::string ReadMark(int file) {
  std::string content(kMaxBytes, '\0');
  const ssize_t count = pread(file, content.data(), content.size(), 0);
  content.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return content;
}

MarkState StateOf(std::string_view content) {
  if (content.starts_with(kRefused)) return MarkState::kRefused;
  return content.empty() ? MarkState::kSet : MarkState::kLeft;
}

}  // namespace

CacheMark CacheMark::Set(const CacheFolder& folder, const Hash128& key, std::string_view text) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 20'000'000};
  const std::string name = key.Hex() + std::string(kMarkSuffix);
  const auto mark = [&](MarkState state, Descriptor file) {
    return CacheMark(state, folder, name, std::string(text), std::move(file));
  };
  while (true) {
    Descriptor file(openat(folder.descriptor(), name.c_str(), kFlags, 0600));
    if (!file.is_open()) return mark(MarkState::kNone, Descriptor());
    const bool is_locked = flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    const bool is_of_another = !is_locked && errno == EWOULDBLOCK;
    const std::string content = ReadMark(file.get());
    if (is_of_another) {
      if (content.starts_with(kRefused)) return mark(MarkState::kRefused, Descriptor());
      if (!content.starts_with(kTrying)) return mark(MarkState::kNone, Descriptor());
      nanosleep(&kPause, nullptr);
      continue;
    }
    struct stat found;
    if (fstat(file.get(), &found) != 0 || found.st_nlink == 0) continue;  // removed after it was opened
    if (!is_locked) {                                                     // a file system without locks
      if (content.empty()) unlinkat(folder.descriptor(), name.c_str(), 0);
      return mark(content.starts_with(kRefused) ? MarkState::kRefused : MarkState::kNone, Descriptor());
    }
    CacheMark result = mark(StateOf(content), std::move(file));
    if (result.state_ == MarkState::kSet) result.Write(kMaking);
    return result;
  }
}

CacheMark::~CacheMark() {
  struct stat found;
  if (!file_.is_open() || state_ == MarkState::kRefused) return;
  // Somebody may have cleared the mark, and another process set its own under this name.
  if (fstat(file_.get(), &found) == 0 && found.st_nlink > 0) unlinkat(folder_->descriptor(), name_.c_str(), 0);
}

void CacheMark::Refuse() {
  Write(kRefused);
  state_ = MarkState::kRefused;
}

void CacheMark::Write(std::string_view word) const {
  if (!file_.is_open()) return;
  const std::string content = (std::string(word) + "\n" + text_).substr(0, kMaxBytes);
  // At once, so that a reader or the next process never sees half of a word.
  if (pwrite(file_.get(), content.data(), content.size(), 0) < 0) return;
  (void)!ftruncate(file_.get(), static_cast<off_t>(content.size()));
}

std::vector<std::string> RefusedMarks(const CacheFolder& folder) {
  std::vector<std::string> texts;
  for (const std::string& name : folder.MarkNames()) {
    const Descriptor file(openat(folder.descriptor(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    const std::string content = file.is_open() ? ReadMark(file.get()) : std::string();
    if (content.starts_with(kRefused)) texts.push_back(content.substr(std::min(content.size(), kRefused.size() + 1)));
  }
  return texts;
}

}  // namespace dragoman

// SPDX-License-Identifier: Apache-2.0
// Files, on Windows. Names within a folder are opened through the native interface, which alone opens them relative to
// an open folder.
#if defined(_WIN32)
#include <aclapi.h>
#include <sddl.h>
#include <winternl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "base/os_windows.h"

namespace dragoman::os {
namespace {

constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
constexpr ACCESS_MASK kInfoAccess = FILE_READ_ATTRIBUTES | READ_CONTROL;
constexpr ACCESS_MASK kChanges = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD | DELETE | WRITE_DAC |
                                 WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

// ---- Who may do what

// Those that can do anything anyway.
bool IsAdministrator(PSID sid) {
  return IsWellKnownSid(sid, WinLocalSystemSid) || IsWellKnownSid(sid, WinBuiltinAdministratorsSid);
}

bool IsOwn(PSID sid) {
  return sid != nullptr && ((UserSid() != nullptr && EqualSid(sid, UserSid())) ||
                            (OwnerSid() != nullptr && EqualSid(sid, OwnerSid())) || IsAdministrator(sid));
}

bool LetsOthersWrite(const ACL* list) {
  if (list == nullptr) return true;  // everybody may do everything
  for (DWORD i = 0; i < list->AceCount; ++i) {
    ACCESS_ALLOWED_ACE* entry = nullptr;
    if (!GetAce(const_cast<ACL*>(list), i, reinterpret_cast<void**>(&entry))) return true;
    const bool is_allowing =
        entry->Header.AceType == ACCESS_ALLOWED_ACE_TYPE || entry->Header.AceType == ACCESS_ALLOWED_CALLBACK_ACE_TYPE;
    if (!is_allowing || (entry->Header.AceFlags & INHERIT_ONLY_ACE) != 0 || (entry->Mask & kChanges) == 0) continue;
    PSID sid = &entry->SidStart;
    if (!IsOwn(sid) && !IsWellKnownSid(sid, WinCreatorOwnerRightsSid)) return true;
  }
  return false;
}

void DescribeAccess(HANDLE file, FileInfo& info) {
  PSID owner = nullptr;
  PACL list = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  info.is_writable_by_others = true;
  if (GetSecurityInfo(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, nullptr,
                      &list, nullptr, &descriptor) != ERROR_SUCCESS) {
    return;
  }
  info.is_own = IsOwn(owner);
  info.is_writable_by_others = LetsOthersWrite(list);
  info.owner = info.is_own ? UserId() : *GetSidSubAuthority(owner, *GetSidSubAuthorityCount(owner) - 1);
  LocalFree(descriptor);
}

// For this user and the system alone, also what is made within.
PSECURITY_DESCRIPTOR PrivateDescriptor() {
  static const PSECURITY_DESCRIPTOR descriptor = [] {
    PSECURITY_DESCRIPTOR made = nullptr;
    LPWSTR user = nullptr;
    if (UserSid() == nullptr || !ConvertSidToStringSidW(UserSid(), &user)) return made;
    const std::wstring text = L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + std::wstring(user) + L")";
    LocalFree(user);
    ConvertStringSecurityDescriptorToSecurityDescriptorW(text.c_str(), SDDL_REVISION_1, &made, nullptr);
    return made;
  }();
  return descriptor;
}

// ---- Open files

// A link to a file or folder, or a folder where another volume is mounted; nothing else that drivers of file systems
// put in place of files, which are read as files.
bool IsLink(HANDLE file) {
  FILE_ATTRIBUTE_TAG_INFO info{};
  return GetFileInformationByHandleEx(file, FileAttributeTagInfo, &info, sizeof(info)) &&
         (info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 && IsReparseTagNameSurrogate(info.ReparseTag);
}

std::chrono::system_clock::time_point ToTime(int64_t time) {
  using Ticks = std::chrono::duration<int64_t, std::ratio<1, 10'000'000>>;
  constexpr int64_t kUnixEpoch = 116'444'736'000'000'000;  // since 1601
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(Ticks(time - kUnixEpoch)));
}

std::optional<FileInfo> InfoOfNative(HANDLE file) {
  FILE_STANDARD_INFO standard{};
  FILE_BASIC_INFO basic{};
  if (!GetFileInformationByHandleEx(file, FileStandardInfo, &standard, sizeof(standard)) ||
      !GetFileInformationByHandleEx(file, FileBasicInfo, &basic, sizeof(basic))) {
    return std::nullopt;
  }
  FileInfo info{.is_regular = !standard.Directory && GetFileType(file) == FILE_TYPE_DISK && !IsLink(file),
                .is_removed = standard.DeletePending || standard.NumberOfLinks == 0,
                .size_bytes = static_cast<uint64_t>(standard.EndOfFile.QuadPart),
                .modified = ToTime(basic.LastWriteTime.QuadPart)};
  DescribeAccess(file, info);
  return info;
}

struct How {
  ACCESS_MASK access = kInfoAccess;
  ULONG disposition = FILE_OPEN;
  ULONG options = 0;
};

// What has this name within the folder, or the folder itself for an empty one. A link is opened itself.
Handle OpenWithin(const Handle& folder, const std::string& name, const How& how) {
  std::wstring wide = ToWide(name == "." ? "" : name);
  std::replace(wide.begin(), wide.end(), L'/', L'\\');
  const auto bytes = static_cast<USHORT>(wide.size() * sizeof(wchar_t));
  UNICODE_STRING text{bytes, bytes, wide.data()};
  OBJECT_ATTRIBUTES attributes;
  InitializeObjectAttributes(&attributes, &text, OBJ_CASE_INSENSITIVE, NativeOf(folder), PrivateDescriptor());
  IO_STATUS_BLOCK block;
  HANDLE file = nullptr;
  const NTSTATUS status =
      NtCreateFile(&file, how.access | SYNCHRONIZE, &attributes, &block, nullptr, FILE_ATTRIBUTE_NORMAL, kShareAll,
                   how.disposition, how.options | FILE_OPEN_REPARSE_POINT | FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0);
  if (status >= 0) return Owning(file);
  SetLastError(RtlNtStatusToDosError(status));
  return Handle();
}

constexpr How kHow[] = {
    {GENERIC_READ | FILE_WRITE_ATTRIBUTES, FILE_OPEN, FILE_NON_DIRECTORY_FILE},
    {GENERIC_READ | GENERIC_WRITE, FILE_OPEN_IF, FILE_NON_DIRECTORY_FILE},
    {GENERIC_WRITE | kInfoAccess, FILE_OPEN_IF, FILE_NON_DIRECTORY_FILE},
};

bool SetSize(HANDLE file, uint64_t bytes) {
  FILE_END_OF_FILE_INFO info{};
  info.EndOfFile.QuadPart = static_cast<int64_t>(bytes);
  return SetFileInformationByHandle(file, FileEndOfFileInfo, &info, sizeof(info));
}

OVERLAPPED At(uint64_t offset) {
  OVERLAPPED place{};
  place.Offset = static_cast<DWORD>(offset);
  place.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return place;
}

constexpr DWORD kLargestPart = 1u << 30;  // of one read or write

// The name is free at once, and who has the file open keeps it; where the file system has no such thing, when all have
// closed it.
bool Delete(HANDLE file) {
  FILE_DISPOSITION_INFO_EX at_once{FILE_DISPOSITION_FLAG_DELETE | FILE_DISPOSITION_FLAG_POSIX_SEMANTICS};
  if (SetFileInformationByHandle(file, FileDispositionInfoEx, &at_once, sizeof(at_once))) return true;
  FILE_DISPOSITION_INFO when_closed{TRUE};
  return SetFileInformationByHandle(file, FileDispositionInfo, &when_closed, sizeof(when_closed));
}

bool IsAbsent() {
  const DWORD error = GetLastError();
  return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
}

// What files can be asked to become, as the system numbers it; the second is younger than its headers.
constexpr int kRename = 10, kRenameEx = 65;
using SetInformation = NTSTATUS(NTAPI*)(HANDLE, IO_STATUS_BLOCK*, void*, ULONG, int);

Handle OpenFolder(const std::wstring& path, DWORD flags) {
  constexpr DWORD kAccess = FILE_LIST_DIRECTORY | FILE_TRAVERSE | kInfoAccess | SYNCHRONIZE;
  return Owning(CreateFileW(path.c_str(), kAccess, kShareAll, nullptr, OPEN_EXISTING,
                            FILE_FLAG_BACKUP_SEMANTICS | flags, nullptr));
}

}  // namespace

std::wstring NativePath(const std::string& path) {
  constexpr size_t kShort = 240;
  const std::wstring wide = ToWide(path);
  std::wstring full(GetFullPathNameW(wide.c_str(), 0, nullptr, nullptr), L'\0');
  full.resize(GetFullPathNameW(wide.c_str(), static_cast<DWORD>(full.size()), full.data(), nullptr));
  if (full.size() < kShort || full.starts_with(L"\\\\?\\")) return full;
  return full.starts_with(L"\\\\") ? L"\\\\?\\UNC" + full.substr(1) : L"\\\\?\\" + full;
}

Handle::~Handle() {
  if (is_open()) CloseHandle(NativeOf(*this));
}

File File::MakeUnnamed() {
  static std::atomic<int> number = 0;
  std::array<wchar_t, MAX_PATH + 1> folder{};
  if (GetTempPathW(static_cast<DWORD>(folder.size()), folder.data()) == 0) return File();
  SECURITY_ATTRIBUTES attributes{sizeof(SECURITY_ATTRIBUTES), PrivateDescriptor(), FALSE};
  constexpr DWORD kFlags = FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE;
  while (true) {
    const std::wstring path = std::wstring(folder.data()) + L"dragoman-" + std::to_wstring(GetCurrentProcessId()) +
                              L"-" + std::to_wstring(number.fetch_add(1)) + L".tmp";
    File file(Owning(
        CreateFileW(path.c_str(), GENERIC_READ | GENERIC_WRITE, kShareAll, &attributes, CREATE_NEW, kFlags, nullptr)));
    if (file.is_open() || GetLastError() != ERROR_FILE_EXISTS) return file;
  }
}

std::optional<FileInfo> File::Info() const { return InfoOfNative(NativeOf(handle_)); }

size_t File::Read(std::span<std::byte> bytes) const {
  size_t done = 0;
  while (done < bytes.size()) {
    OVERLAPPED place = At(done);
    DWORD count = 0;
    const auto part = static_cast<DWORD>(std::min<size_t>(bytes.size() - done, kLargestPart));
    if (!ReadFile(NativeOf(handle_), bytes.data() + done, part, &count, &place) || count == 0) break;
    done += count;
  }
  return done;
}

bool File::Write(std::span<const std::byte> bytes, uint64_t offset) const {
  while (!bytes.empty()) {
    OVERLAPPED place = At(offset);
    DWORD count = 0;
    const auto part = static_cast<DWORD>(std::min<size_t>(bytes.size(), kLargestPart));
    if (!WriteFile(NativeOf(handle_), bytes.data(), part, &count, &place) || count == 0) return false;
    bytes = bytes.subspan(count);
    offset += count;
  }
  return true;
}

bool File::Truncate(uint64_t size_bytes) const { return SetSize(NativeOf(handle_), size_bytes); }

void File::Touch() const {
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  SetFileTime(NativeOf(handle_), nullptr, nullptr, &now);
}

// Locks keep others from reading what they cover: this one covers a byte that no file reaches.
LockState File::TryLock() const {
  OVERLAPPED place = At(uint64_t{1} << 62);
  if (LockFileEx(NativeOf(handle_), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &place)) {
    return LockState::kLocked;
  }
  const DWORD error = GetLastError();
  return error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING ? LockState::kHeldByAnother
                                                                    : LockState::kUnsupported;
}

Folder Folder::Open(const std::string& path) {
  const std::wstring native = NativePath(path);
  Handle handle = OpenFolder(native, FILE_FLAG_OPEN_REPARSE_POINT);
  if (!handle.is_open()) return Folder();
  // The user may have put the folder on another disk; a link that somebody else made is not followed.
  if (IsLink(NativeOf(handle))) {
    const auto link = InfoOfNative(NativeOf(handle));
    if (!link || !link->is_own) {
      SetLastError(ERROR_ACCESS_DENIED);
      return Folder();
    }
    handle = OpenFolder(native, 0);
  }
  FILE_STANDARD_INFO info{};
  if (!GetFileInformationByHandleEx(NativeOf(handle), FileStandardInfo, &info, sizeof(info))) return Folder();
  if (info.Directory) return Folder(std::move(handle));
  SetLastError(ERROR_DIRECTORY);
  return Folder();
}

std::optional<FileInfo> Folder::Info() const { return InfoOfNative(NativeOf(handle_)); }

File Folder::OpenFile(const std::string& name, OpenMode mode) const {
  How how = kHow[static_cast<int>(mode)];
  Handle handle = OpenWithin(handle_, name, how);
  if (!handle.is_open() && mode == OpenMode::kRead && GetLastError() == ERROR_ACCESS_DENIED) {
    how.access = GENERIC_READ;  // the file's time is not for this user to change
    handle = OpenWithin(handle_, name, how);
  }
  if (!handle.is_open()) return File();
  if (IsLink(NativeOf(handle))) {
    SetLastError(ERROR_CANT_ACCESS_FILE);
    return File();
  }
  if (mode == OpenMode::kReplace && !SetSize(NativeOf(handle), 0)) return File();
  return File(std::move(handle));
}

std::optional<FileInfo> Folder::InfoOf(const std::string& name) const {
  const Handle handle = OpenWithin(handle_, name, {});
  return handle.is_open() ? InfoOfNative(NativeOf(handle)) : std::nullopt;
}

std::vector<std::string> Folder::Names(const std::string& inner) const {
  const Handle handle = OpenWithin(handle_, inner, {FILE_LIST_DIRECTORY | kInfoAccess, FILE_OPEN, FILE_DIRECTORY_FILE});
  std::vector<std::string> names;
  if (!handle.is_open() || IsLink(NativeOf(handle))) return names;
  alignas(FILE_FULL_DIR_INFO) std::array<std::byte, 16384> part;
  while (GetFileInformationByHandleEx(NativeOf(handle), FileFullDirectoryInfo, part.data(), part.size())) {
    for (const std::byte* at = part.data();;) {
      const auto& entry = *reinterpret_cast<const FILE_FULL_DIR_INFO*>(at);
      const std::string name = ToUtf8({entry.FileName, entry.FileNameLength / sizeof(wchar_t)});
      if (name != "." && name != "..") names.push_back(name);
      if (entry.NextEntryOffset == 0) break;
      at += entry.NextEntryOffset;
    }
  }
  return names;
}

void Folder::MakeFolder(const std::string& name) const {
  OpenWithin(handle_, name, {kInfoAccess, FILE_CREATE, FILE_DIRECTORY_FILE});
}

bool Folder::Rename(const std::string& from, const std::string& to) const {
  const Handle file = OpenWithin(handle_, from, {DELETE, FILE_OPEN, 0});
  if (!file.is_open()) return false;
  const std::wstring name = ToWide(to);
  const size_t name_bytes = name.size() * sizeof(wchar_t);
  std::vector<std::byte> memory(sizeof(FILE_RENAME_INFO) + name_bytes);
  auto& info = *reinterpret_cast<FILE_RENAME_INFO*>(memory.data());
  info.RootDirectory = NativeOf(handle_);
  info.FileNameLength = static_cast<DWORD>(name_bytes);
  std::memcpy(info.FileName, name.data(), name_bytes);
  IO_STATUS_BLOCK block;
  const auto set = reinterpret_cast<SetInformation>(&NtSetInformationFile);
  const auto rename = [&](int kind) {
    return set(NativeOf(file), &block, &info, static_cast<ULONG>(memory.size()), kind);
  };
  info.Flags = FILE_RENAME_FLAG_REPLACE_IF_EXISTS | FILE_RENAME_FLAG_POSIX_SEMANTICS;
  if (rename(kRenameEx) >= 0) return true;
  info.Flags = 0;
  info.ReplaceIfExists = TRUE;
  const NTSTATUS status = rename(kRename);
  SetLastError(RtlNtStatusToDosError(status));
  return status >= 0;
}

bool Folder::Remove(const std::string& name) const {
  const Handle file = OpenWithin(handle_, name, {DELETE, FILE_OPEN, FILE_NON_DIRECTORY_FILE});
  return file.is_open() ? Delete(NativeOf(file)) : IsAbsent();
}

void Folder::RemoveFolder(const std::string& name) const {
  const Handle folder = OpenWithin(handle_, name, {DELETE, FILE_OPEN, FILE_DIRECTORY_FILE});
  if (folder.is_open()) Delete(NativeOf(folder));
}

std::string UserCacheFolder() { return EnvironmentVariable("LOCALAPPDATA").value_or(""); }

void MakeFolders(const std::string& path) {
  SECURITY_ATTRIBUTES attributes{sizeof(SECURITY_ATTRIBUTES), PrivateDescriptor(), FALSE};
  const std::wstring native = NativePath(path);
  for (size_t end = native.find(L'\\'); end != std::wstring::npos; end = native.find(L'\\', end + 1)) {
    CreateDirectoryW(native.substr(0, end).c_str(), &attributes);
  }
  CreateDirectoryW(native.c_str(), &attributes);
}

std::string MakePrivateCommand(const std::string& path) {
  return "icacls \"" + path + "\" /inheritance:r /grant:r \"%USERNAME%:(OI)(CI)F\"";
}

const char* const kProgramSuffix = ".exe";

bool IsExecutable(const std::string& path) {
  const DWORD attributes = GetFileAttributesW(NativePath(path).c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

}  // namespace dragoman::os
#endif

// SPDX-License-Identifier: Apache-2.0
// The process, other programs and libraries, on Windows. os_windows_files.cc has the files.
#if defined(_WIN32)
#include "base/os_windows.h"

#include <array>

namespace dragoman::os {
namespace {

// Asks twice: how long the answer is, then for it. `ask(buffer, size)` gives the length, or 0.
template <typename Ask>
std::wstring AskForText(const Ask& ask) {
  std::wstring text(MAX_PATH, L'\0');
  for (DWORD size = ask(text.data(), MAX_PATH);; size = ask(text.data(), size)) {
    const bool fits = size < text.size();
    text.resize(size);
    if (fits) return text;
  }
}

std::vector<std::byte> AskToken(TOKEN_INFORMATION_CLASS what) {
  HANDLE token = nullptr;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return {};
  const Handle owner = Owning(token);
  DWORD size = 0;
  GetTokenInformation(token, what, nullptr, 0, &size);
  std::vector<std::byte> answer(size);  // with pointers into itself: moved, never copied
  if (!GetTokenInformation(token, what, answer.data(), size, &size)) answer.clear();
  return answer;
}

// Of what holds `address`; null where nothing does.
HMODULE ModuleOf(const void* address) {
  constexpr DWORD kFlags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  HMODULE module = nullptr;
  if (address == nullptr) return nullptr;
  return GetModuleHandleExW(kFlags, static_cast<LPCWSTR>(address), &module) ? module : nullptr;
}

// As the C runtime of the other program takes command lines apart: backslashes count only before quotes.
std::wstring Quote(const std::wstring& argument) {
  std::wstring quoted = L"\"";
  size_t num_backslashes = 0;
  for (const wchar_t c : argument) {
    if (c == L'"') quoted.append(num_backslashes + 1, L'\\');
    num_backslashes = c == L'\\' ? num_backslashes + 1 : 0;
    quoted += c;
  }
  return quoted.append(num_backslashes, L'\\') + L'"';
}

// The handles that another program gets, and no others of this process.
class Inherited {
 public:
  explicit Inherited(const File& input) {
    SECURITY_ATTRIBUTES inheritable{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
    constexpr DWORD kShare = FILE_SHARE_READ | FILE_SHARE_WRITE;
    output_ = Owning(CreateFileW(L"NUL", GENERIC_WRITE, kShare, &inheritable, OPEN_EXISTING, 0, nullptr));
    HANDLE duplicate = INVALID_HANDLE_VALUE;
    const HANDLE self = GetCurrentProcess();
    SetFilePointerEx(NativeOf(input.handle()), {}, nullptr, FILE_BEGIN);
    DuplicateHandle(self, NativeOf(input.handle()), self, &duplicate, 0, TRUE, DUPLICATE_SAME_ACCESS);
    input_ = Owning(duplicate);
    handles_ = {NativeOf(input_), NativeOf(output_)};
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    memory_.resize(size);
    if (!InitializeProcThreadAttributeList(list(), 1, 0, &size)) memory_.clear();
    if (memory_.empty()) return;
    is_whole_ = UpdateProcThreadAttribute(list(), 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles_.data(),
                                          sizeof(HANDLE) * handles_.size(), nullptr, nullptr);
  }
  ~Inherited() {
    if (!memory_.empty()) DeleteProcThreadAttributeList(list());
  }
  Inherited(const Inherited&) = delete;
  Inherited& operator=(const Inherited&) = delete;

  bool is_whole() const { return is_whole_ && input_.is_open() && output_.is_open(); }
  STARTUPINFOEXW StartupInfo() {
    STARTUPINFOEXW info{};
    info.StartupInfo.cb = sizeof(info);
    info.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    info.StartupInfo.hStdInput = handles_[0];
    info.StartupInfo.hStdOutput = info.StartupInfo.hStdError = handles_[1];
    info.lpAttributeList = list();
    return info;
  }

 private:
  LPPROC_THREAD_ATTRIBUTE_LIST list() { return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.data()); }

  Handle input_, output_;
  std::array<HANDLE, 2> handles_{};
  std::vector<std::byte> memory_;
  bool is_whole_ = false;
};

// Not open where it cannot be started.
Handle Start(const std::vector<std::string>& arguments, const File& input) {
  Inherited inherited(input);
  if (!inherited.is_whole()) return Handle();
  std::wstring line;
  for (const std::string& argument : arguments) line += (line.empty() ? L"" : L" ") + Quote(ToWide(argument));
  STARTUPINFOEXW info = inherited.StartupInfo();
  PROCESS_INFORMATION process{};
  constexpr DWORD kFlags = EXTENDED_STARTUPINFO_PRESENT | CREATE_NO_WINDOW;
  if (!CreateProcessW(NativePath(arguments[0]).c_str(), line.data(), nullptr, nullptr, TRUE, kFlags, nullptr, nullptr,
                      &info.StartupInfo, &process)) {
    return Handle();
  }
  CloseHandle(process.hThread);
  return Owning(process.hProcess);
}

std::optional<int> WaitFor(const Handle& process, std::chrono::seconds limit) {
  const auto milliseconds = static_cast<DWORD>(std::chrono::milliseconds(limit).count());
  if (WaitForSingleObject(NativeOf(process), milliseconds) != WAIT_OBJECT_0) {
    TerminateProcess(NativeOf(process), 1);
    WaitForSingleObject(NativeOf(process), INFINITE);
    return std::nullopt;
  }
  constexpr DWORD kFirstFault = 0xC0000000;  // of the codes that an exception nobody handles gives
  DWORD code = 0;
  if (!GetExitCodeProcess(NativeOf(process), &code) || code >= kFirstFault) return std::nullopt;
  return static_cast<int>(code);
}

// A library's threads end with the process: joined while the library is unloaded, they would wait for a lock that the
// unloading thread holds. So what holds this code stays loaded.
bool KeepLoaded() {
  constexpr DWORD kFlags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
  HMODULE module = nullptr;
  return GetModuleHandleExW(kFlags, reinterpret_cast<LPCWSTR>(&KeepLoaded), &module);
}
[[maybe_unused]] const bool is_kept_loaded = KeepLoaded();

bool HasFolder(const std::string& path) { return path.find_first_of("/\\") != std::string::npos; }

}  // namespace

std::wstring ToWide(std::string_view text) {
  const int size = static_cast<int>(text.size());
  std::wstring wide(static_cast<size_t>(MultiByteToWideChar(CP_UTF8, 0, text.data(), size, nullptr, 0)), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), size, wide.data(), static_cast<int>(wide.size()));
  return wide;
}

std::string ToUtf8(std::wstring_view text) {
  const int size = static_cast<int>(text.size());
  const int bytes = WideCharToMultiByte(CP_UTF8, 0, text.data(), size, nullptr, 0, nullptr, nullptr);
  std::string utf8(static_cast<size_t>(bytes), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text.data(), size, utf8.data(), bytes, nullptr, nullptr);
  return utf8;
}

PSID UserSid() {
  static const std::vector<std::byte> answer = AskToken(TokenUser);
  return answer.empty() ? nullptr : reinterpret_cast<const TOKEN_USER*>(answer.data())->User.Sid;
}

PSID OwnerSid() {
  static const std::vector<std::byte> answer = AskToken(TokenOwner);
  return answer.empty() ? nullptr : reinterpret_cast<const TOKEN_OWNER*>(answer.data())->Owner;
}

std::string LastError() {
  std::array<wchar_t, 512> text;
  const DWORD size = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr, GetLastError(),
                                    0, text.data(), static_cast<DWORD>(text.size()), nullptr);
  std::string message = ToUtf8({text.data(), size});
  message.erase(message.find_last_not_of("\r\n .") + 1);
  return message;
}

std::optional<std::string> EnvironmentVariable(const char* name) {
  const std::wstring wide = ToWide(name);
  SetLastError(ERROR_SUCCESS);
  const std::wstring value =
      AskForText([&](wchar_t* buffer, DWORD size) { return GetEnvironmentVariableW(wide.c_str(), buffer, size); });
  if (value.empty() && GetLastError() == ERROR_ENVVAR_NOT_FOUND) return std::nullopt;
  return ToUtf8(value);
}

std::vector<std::string> StartCommand(int, char**) {
  SetConsoleOutputCP(CP_UTF8);
  int count = 0;
  wchar_t** words = CommandLineToArgvW(GetCommandLineW(), &count);
  std::vector<std::string> arguments;
  for (int i = 0; i < count; ++i) arguments.push_back(ToUtf8(words[i]));
  LocalFree(words);
  return arguments;
}

int ProcessId() { return static_cast<int>(GetCurrentProcessId()); }

bool IsRunning(int process_id) {
  HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(process_id));
  if (process == nullptr) return GetLastError() != ERROR_INVALID_PARAMETER;
  const Handle owner = Owning(process);
  return WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
}

uint64_t UserId() {
  return UserSid() == nullptr ? 0 : *GetSidSubAuthority(UserSid(), *GetSidSubAuthorityCount(UserSid()) - 1);
}

int CountForks() { return 0; }  // there are none

void ForbidCoreFiles() { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX); }

uint64_t MemoryBytes() {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof(status);
  return GlobalMemoryStatusEx(&status) ? status.ullTotalPhys : 0;
}

std::vector<std::byte> ReadStandardInput() {
  std::vector<std::byte> bytes;
  std::array<std::byte, 4096> part;
  const HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
  for (DWORD count = 0; ReadFile(input, part.data(), part.size(), &count, nullptr) && count > 0;) {
    bytes.insert(bytes.end(), part.begin(), part.begin() + count);
  }
  return bytes;
}

ProgramEnd RunProgram(const std::vector<std::string>& arguments, const File& input, std::chrono::seconds limit) {
  const Handle process = input.is_open() ? Start(arguments, input) : Handle();
  if (!process.is_open()) return {};
  return {.is_started = true, .exit_code = WaitFor(process, limit)};
}

// A name without a folder is looked for beside the program and in the system's folder, not where the process happens to
// be; a library in a folder finds its own beside itself.
StatusOr<void*> OpenLibrary(const char* path, Binding) {
  const bool has_folder = HasFolder(path);
  const std::wstring name = has_folder ? NativePath(path) : ToWide(path);
  DWORD before = 0;
  SetThreadErrorMode(SEM_FAILCRITICALERRORS, &before);  // no window asks what to do
  HMODULE library = LoadLibraryExW(name.c_str(), nullptr,
                                   has_folder ? LOAD_WITH_ALTERED_SEARCH_PATH : LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  const std::string reason = library == nullptr ? std::string(path) + ": " + LastError() : std::string();
  SetThreadErrorMode(before, nullptr);
  if (library == nullptr) return Unavailable(reason);
  return reinterpret_cast<void*>(library);
}

void* FindSymbol(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

std::string BinaryPath(const void* address) {
  const HMODULE module = ModuleOf(address);
  if (module == nullptr) return {};
  std::wstring path(MAX_PATH, L'\0');
  while (true) {
    const DWORD size = GetModuleFileNameW(module, path.data(), static_cast<DWORD>(path.size()));
    if (size < path.size()) return ToUtf8({path.data(), size});
    path.resize(2 * path.size());
  }
}

std::vector<char> ReadBinary(const void* address) {
  const std::string path = BinaryPath(address);
  if (path.empty()) return {};
  const File file(Owning(CreateFileW(NativePath(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE,
                                     nullptr, OPEN_EXISTING, 0, nullptr)));
  const auto info = file.Info();
  if (!info) return {};
  std::vector<char> bytes(info->size_bytes);
  bytes.resize(file.Read(std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

// The hash over the file stands for it (ReadBinary).
std::string BuildIdOf(const void*) { return {}; }

}  // namespace dragoman::os
#endif

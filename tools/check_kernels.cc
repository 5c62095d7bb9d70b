// SPDX-License-Identifier: Apache-2.0
// Hands every kernel of programs to the Vulkan driver in other processes, and says of each whether the driver made a
// pipeline of it, refused it, crashed or hung. For drivers that die: this process opens none itself.
//
//   check_kernels [OPTION...] FILE|FOLDER...
//     FILE is an artifact (.bc), or a kernel alone (.spv); FOLDER stands for those of its files
//     --save FOLDER     where the SPIR-V of bad kernels goes (default: check_kernels.found)
//     --limit SECONDS   after which a kernel hangs (default: 120)
//     --batch N         kernels a process (default: 32); one that ends is begun anew behind the kernel that ended it
//     --jobs N          processes at once (default: half the cores)
//     --threads N       threads that make pipelines in a process (default: 1; the runtime has several)
//     --subgroup N      the subgroup size that kernels alone require (default: any)
//
// DRAGOMAN_VISIBLE_DEVICES chooses the device. Exit code 0: every kernel is good; 1: the lines say which is not.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "base/format.h"
#include "compiler/compiler.h"
#include "runtime/builtin_kernels.h"
#include "runtime/kernel_cache.h"
#include "runtime/visible_devices.h"
#include "target/profile_json.h"
#include "vulkan/pipeline.h"

namespace dragoman {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string folder = "check_kernels.found";
  int limit_seconds = 120;
  size_t batch = 32;
  size_t jobs = std::max(1u, std::thread::hardware_concurrency() / 2);
  size_t threads = 1;
  uint32_t subgroup = 0;
  std::vector<std::string> paths;
};

enum class Verdict { kNone, kGood, kRefused, kCrashed, kHung };
constexpr const char* kVerdictNames[] = {"", "ok", "REFUSED", "CRASHED", "HUNG"};

struct Job {
  program::Kernel kernel;
  std::string name;       // program, index, label
  size_t more_users = 0;  // other places that have the same kernel
  int company = -1;       // which process died while this and others were being made
  Verdict verdict = Verdict::kNone;
  std::string detail;
};

// --- The other processes.

StatusOr<std::unique_ptr<vulkan::Device>> OpenDevice() {
  ASSIGN_OR_RETURN(const auto instance, vulkan::Instance::Create({}));
  ASSIGN_OR_RETURN(auto devices, vulkan::EnumeratePhysicalDevices(*instance));
  std::vector<runtime::DeviceReport> reports;
  std::vector<vulkan::PhysicalDevice> ordered;
  for (const auto& device : devices) reports.push_back({device.profile, device.refusal.empty(), device.refusal});
  std::vector<runtime::DeviceReport> ordered_reports;
  for (const size_t i : runtime::OrderDevices(reports)) {
    ordered_reports.push_back(reports[i]);
    ordered.push_back(std::move(devices[i]));
  }
  std::optional<std::string_view> visible;
  if (const char* environment = std::getenv("DRAGOMAN_VISIBLE_DEVICES")) visible = environment;
  ASSIGN_OR_RETURN(const auto chosen, runtime::ChooseDevices(ordered_reports, visible));
  return vulkan::Device::Create(instance, std::move(ordered[chosen.front()]));
}

void Say(int fd, std::string line) {
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  // Lines shorter than a pipe's atomic size never mix.
  if (line.size() > 4000) line = line.substr(0, 4000) + "\n";
  if (write(fd, line.data(), line.size()) < 0) _exit(4);
}

void MakeKernel(const vulkan::PipelineCache& cache, const program::Kernel& kernel, size_t index, int fd) {
  Say(fd, Format("begin {}", index));
  const auto start = Clock::now();
  const Status status = cache.Make(kernel.hash, runtime::PipelineOptionsOf(kernel)).status();
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
  Say(fd, status.ok() ? Format("good {} {}", index, elapsed) : Format("bad {} {}", index, status.message()));
}

[[noreturn]] void RunBatch(const std::vector<Job>& jobs, const std::vector<size_t>& batch, size_t num_threads, int fd) {
  const auto device = OpenDevice();
  if (!device.ok()) {
    Say(fd, "closed " + device.status().message());
    _exit(3);
  }
  Say(fd, "open");
  const vulkan::PipelineCache cache(**device, nullptr);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < batch.size(); i = next++) {
      MakeKernel(cache, jobs[batch[i]].kernel, batch[i], fd);
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(num_threads, batch.size()); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  _exit(0);
}

// Forks; in the child never returns. The child's lines come from `fd`.
template <typename Body>
pid_t Fork(int& fd, Body body) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    body(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  fd = ends[0];
  return pid;
}

std::string DescribeEnd(int status) {
  if (WIFSIGNALED(status)) return Format("signal {}, {}", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return Format("exit code {}", WEXITSTATUS(status));
}

StatusOr<target::DeviceProfile> AskProfile() {
  int fd = -1;
  const pid_t pid = Fork(fd, [](int out) {
    const auto device = OpenDevice();
    const std::string text = device.ok() ? target::ToJson((*device)->profile()) : "!" + device.status().message();
    for (size_t done = 0; done < text.size();) {
      const ssize_t wrote = write(out, text.data() + done, text.size() - done);
      if (wrote <= 0) _exit(4);
      done += static_cast<size_t>(wrote);
    }
    _exit(0);
  });
  if (pid < 0) return Internal("No process can be made.");
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = read(fd, piece, sizeof(piece))) > 0;) text.append(piece, static_cast<size_t>(got));
  close(fd);
  int status = 0;
  waitpid(pid, &status, 0);
  if (status != 0) return Unavailable(Format("A process that only opens the driver ends: {}.", DescribeEnd(status)));
  if (text.starts_with("!")) return Unavailable(text.substr(1));
  return target::FromJson(text);
}

// --- This process.

struct Worker {
  pid_t pid = -1;
  int fd = -1;
  std::vector<size_t> batch;
  std::set<size_t> begun;  // and not settled
  std::string unread;
  Clock::time_point heard = Clock::now();
  bool is_open = false;
  bool is_hung = false;
  std::string refusal;
};

class Checker {
 public:
  Checker(std::vector<Job>& jobs, const Options& options) : jobs_(jobs), options_(options) {}

  Status Run() {
    std::vector<size_t> batch;
    for (size_t i = 0; i < jobs_.size(); ++i) {
      batch.push_back(i);
      if (batch.size() == options_.batch || i + 1 == jobs_.size()) waiting_.push_back(std::move(batch)), batch.clear();
    }
    while (!waiting_.empty() || !workers_.empty()) {
      while (!waiting_.empty() && workers_.size() < options_.jobs) RETURN_IF_ERROR(Start());
      RETURN_IF_ERROR(Listen());
    }
    AccuseCompanies();
    return OkStatus();
  }

 private:
  Status Start() {
    Worker worker;
    worker.batch = std::move(waiting_.front());
    waiting_.pop_front();
    worker.pid = Fork(worker.fd, [&](int out) { RunBatch(jobs_, worker.batch, options_.threads, out); });
    if (worker.pid < 0) return Internal("No process can be made.");
    workers_.push_back(std::move(worker));
    return OkStatus();
  }

  Status Listen() {
    std::vector<pollfd> polls;
    for (const Worker& worker : workers_) polls.push_back({.fd = worker.fd, .events = POLLIN});
    poll(polls.data(), polls.size(), 500);
    std::vector<Worker> still;
    for (size_t i = 0; i < polls.size(); ++i) {
      Worker& worker = workers_[i];
      bool has_ended = false;
      if (polls[i].revents != 0) has_ended = !Hear(worker);
      if (!has_ended && Clock::now() - worker.heard > std::chrono::seconds(options_.limit_seconds) && !worker.is_hung) {
        worker.is_hung = true;
        kill(worker.pid, SIGKILL);
      }
      if (has_ended)
        RETURN_IF_ERROR(Settle(worker));
      else
        still.push_back(std::move(worker));
    }
    workers_ = std::move(still);
    return OkStatus();
  }

  // False at the end of the worker's lines.
  bool Hear(Worker& worker) {
    char piece[4096];
    const ssize_t got = read(worker.fd, piece, sizeof(piece));
    if (got <= 0) return false;
    worker.heard = Clock::now();
    worker.unread.append(piece, static_cast<size_t>(got));
    for (size_t end = 0; (end = worker.unread.find('\n')) != std::string::npos;) {
      HearLine(worker, worker.unread.substr(0, end));
      worker.unread.erase(0, end + 1);
    }
    return true;
  }

  void HearLine(Worker& worker, const std::string& line) {
    if (line == "open") worker.is_open = true;
    if (line.starts_with("closed ")) worker.refusal = line.substr(7);
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.starts_with("closed ")) return;
    char* rest = nullptr;
    const size_t index = std::strtoull(line.c_str() + space, &rest, 10);
    if (line.starts_with("begin ")) {
      worker.begun.insert(index);
      return;
    }
    worker.begun.erase(index);
    const bool is_good = line.starts_with("good ");
    Report(index, is_good ? Verdict::kGood : Verdict::kRefused, std::string(rest + 1) + (is_good ? " ms" : ""));
  }

  Status Settle(Worker& worker) {
    close(worker.fd);
    int status = 0;
    waitpid(worker.pid, &status, 0);
    if (!worker.refusal.empty()) return Unavailable(worker.refusal);
    std::vector<size_t> rest;
    for (const size_t i : worker.batch) {
      if (jobs_[i].verdict == Verdict::kNone && worker.begun.count(i) == 0) rest.push_back(i);
    }
    if (!worker.is_open || (worker.begun.empty() && rest.size() == worker.batch.size())) {
      return Unavailable(Format("A process ends before its first kernel: {}.", DescribeEnd(status)));
    }
    if (!rest.empty()) waiting_.push_front(std::move(rest));
    for (const size_t i : worker.begun) {
      if (worker.batch.size() == 1) {
        Report(i, worker.is_hung ? Verdict::kHung : Verdict::kCrashed,
               worker.is_hung ? Format("more than {} s", options_.limit_seconds) : DescribeEnd(status));
      } else {
        jobs_[i].company = num_companies_;
        waiting_.push_front({i});
      }
    }
    ++num_companies_;
    return OkStatus();
  }

  // Where a process died and yet the driver makes each of its kernels alone, they are all suspects.
  void AccuseCompanies() {
    std::set<int> explained;
    for (const Job& job : jobs_) {
      if (job.verdict == Verdict::kCrashed || job.verdict == Verdict::kHung) explained.insert(job.company);
    }
    for (size_t i = 0; i < jobs_.size(); ++i) {
      if (jobs_[i].company < 0 || explained.count(jobs_[i].company) != 0) continue;
      Report(i, Verdict::kCrashed,
             Format("only together with others, of group {}; alone it is made", jobs_[i].company));
    }
  }

  void Report(size_t index, Verdict verdict, const std::string& detail) {
    Job& job = jobs_[index];
    job.verdict = verdict;
    std::string line = Format("{:<8} {} ({})", kVerdictNames[static_cast<int>(verdict)], job.name, detail);
    if (verdict != Verdict::kGood) {
      const std::string path = Format("{}/{}.spv", options_.folder, job.kernel.hash.Hex());
      std::error_code error;
      std::filesystem::create_directories(options_.folder, error);
      std::ofstream file(path, std::ios::binary);
      file.write(reinterpret_cast<const char*>(job.kernel.spirv.data()),
                 static_cast<std::streamsize>(job.kernel.spirv.size() * sizeof(uint32_t)));
      line += Format("\n         SPIR-V {}, workgroup {}, subgroup {}, in {} other places", path,
                     job.kernel.workgroup_size, job.kernel.required_subgroup_size, job.more_users);
    }
    std::puts(line.c_str());
    std::fflush(stdout);
  }

  std::vector<Job>& jobs_;
  const Options& options_;
  std::deque<std::vector<size_t>> waiting_;
  std::vector<Worker> workers_;
  int num_companies_ = 0;
};

// --- Programs.

// What the kernel's first dispatch says about itself.
std::string Label(const std::vector<program::Step>& steps, uint32_t kernel) {
  for (const program::Step& step : steps) {
    if (step.kind == program::StepKind::kDispatch && step.kernel == kernel) return step.label;
    for (const auto& body : step.bodies) {
      std::string label = Label(body, kernel);
      if (!label.empty()) return label;
    }
  }
  return "";
}

class Collector {
 public:
  Collector(const target::DeviceProfile& profile, uint32_t subgroup) : profile_(profile), subgroup_(subgroup) {}

  // False when something is wrong with the file; a line says so, and also when the compiler refuses a program.
  bool AddFile(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
    if (!file) return Refuse(path, "it cannot be read");
    if (path.extension() == ".spv") {
      program::Kernel kernel;
      kernel.spirv.resize(bytes.size() / sizeof(uint32_t));
      kernel.required_subgroup_size = subgroup_;
      std::memcpy(kernel.spirv.data(), bytes.data(), kernel.spirv.size() * sizeof(uint32_t));
      kernel.hash = program::HashKernel(kernel);
      Add(kernel, path.filename().string());
      return true;
    }
    const auto program = compiler::Compile(std::as_bytes(std::span(bytes)), profile_, {});
    if (!program.ok()) {
      Refuse(path, program.status().message());
      return program.status().code() == StatusCode::kUnimplemented;
    }
    ++num_programs_;
    for (uint32_t i = 0; i < program->kernels.size(); ++i) {
      Add(program->kernels[i],
          Format("{} ({}) kernel {}, {}", path.stem().string(), program->name, i, Label(program->steps, i)));
    }
    return true;
  }

  void Add(const program::Kernel& kernel, std::string name) {
    const auto [known, is_new] = known_.try_emplace(kernel.hash, jobs_.size());
    if (!is_new) {
      ++jobs_[known->second].more_users;
      return;
    }
    jobs_.push_back({.kernel = kernel, .name = std::move(name)});
  }

  std::vector<Job>& jobs() { return jobs_; }
  int num_programs() const { return num_programs_; }

 private:
  static bool Refuse(const std::filesystem::path& path, const std::string& why) {
    std::puts(Format("UNUSED   {} ({})", path.string(), why).c_str());
    return false;
  }

  const target::DeviceProfile& profile_;
  uint32_t subgroup_;
  std::vector<Job> jobs_;
  std::map<Hash128, size_t> known_;
  int num_programs_ = 0;
};

std::vector<std::filesystem::path> Expand(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.emplace_back(path);
      continue;
    }
    std::set<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
      if (entry.path().extension() == ".bc" || entry.path().extension() == ".spv") found.insert(entry.path());
    }
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

StatusOr<int> Check(const Options& options) {
  ASSIGN_OR_RETURN(const target::DeviceProfile profile, AskProfile());
  std::puts(Format("{}, driver {} {}", profile.name, profile.driver_name, profile.driver_info).c_str());
  Collector collector(profile, options.subgroup);
  int num_unused = 0;
  for (const auto& path : Expand(options.paths)) num_unused += collector.AddFile(path) ? 0 : 1;
  for (const program::Kernel& kernel : runtime::BuiltinKernels()) collector.Add(kernel, "the runtime's own");
  std::vector<Job>& jobs = collector.jobs();
  std::puts(Format("{} programs, {} different kernels", collector.num_programs(), jobs.size()).c_str());
  RETURN_IF_ERROR(Checker(jobs, options).Run());
  size_t counts[std::size(kVerdictNames)] = {};
  for (const Job& job : jobs) ++counts[static_cast<int>(job.verdict)];
  std::puts(Format("check_kernels: {} ok, {} refused, {} crashed, {} hung; {} files unused", counts[1], counts[2],
                   counts[3], counts[4], num_unused)
                .c_str());
  return counts[1] == jobs.size() && num_unused == 0 ? 0 : 1;
}

bool Parse(int argc, char** argv, Options& options) {
  const std::map<std::string_view, std::function<void(const char*)>> flags = {
      {"--save", [&](const char* text) { options.folder = text; }},
      {"--limit", [&](const char* text) { options.limit_seconds = std::max(1, std::atoi(text)); }},
      {"--batch", [&](const char* text) { options.batch = std::max(1, std::atoi(text)); }},
      {"--jobs", [&](const char* text) { options.jobs = std::max(1, std::atoi(text)); }},
      {"--threads", [&](const char* text) { options.threads = std::max(1, std::atoi(text)); }},
      {"--subgroup", [&](const char* text) { options.subgroup = std::max(0, std::atoi(text)); }},
  };
  for (int i = 1; i < argc; ++i) {
    const auto flag = flags.find(argv[i]);
    if (flag == flags.end()) {
      if (argv[i][0] == '-') return false;
      options.paths.emplace_back(argv[i]);
      continue;
    }
    if (++i == argc) return false;
    flag->second(argv[i]);
  }
  return !options.paths.empty();
}

int Main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, options)) {
    std::fputs(
        "usage: check_kernels [--save FOLDER] [--limit SECONDS] [--batch N] [--jobs N] [--threads N] [--subgroup N] "
        "FILE|FOLDER...\n",
        stderr);
    return 2;
  }
  // Drivers that keep compiled kernels on disk would not compile them.
  setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
  setenv("__GL_SHADER_DISK_CACHE", "0", 1);
  const auto code = Check(options);
  if (code.ok()) return *code;
  std::fputs(Format("check_kernels: {}\n", code.status().message()).c_str(), stderr);
  return 1;
}

}  // namespace
}  // namespace dragoman

int main(int argc, char** argv) { return dragoman::Main(argc, argv); }

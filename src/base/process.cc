// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include "base/os.h"

namespace dragoman {

ProcessMark::ProcessMark() : pid_(os::ProcessId()), num_forks_(os::CountForks()) {}

bool ProcessMark::IsForked() const { return num_forks_ != os::CountForks(); }

}  // namespace dragoman

// SPDX-License-Identifier: Apache-2.0
#include "base/os.h"
#include "cli/cli.h"

int main(int argc, char** argv) { return dragoman::cli::Main(dragoman::os::StartCommand(argc, argv)); }

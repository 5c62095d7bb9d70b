# SPDX-License-Identifier: Apache-2.0
"""`python -m dragoman`: the command where its folder is not on the path, as often on Windows."""

import sys

from dragoman import _command

sys.exit(_command.main())

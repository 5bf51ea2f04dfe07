"""Runs a command under what systemd's SystemCallFilter and MemoryDenyWriteExecute do, without systemd.

    python image_confined.py ALLOWED COMMAND...      # ALLOWED: a file with the names of system calls, one a line

The same library makes the filter as in systemd (libseccomp), with the same answer to what is not allowed: EPERM. Memory
is either written or executed: the kernel's PR_SET_MDWE, which newer releases of systemd use. Both outlive exec.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_ALLOW = 0x7FFF0000
_EPERM = 0x00050000 | errno.EPERM
_NO_NEW_PRIVS, _SET_MDWE, _REFUSE_EXEC_GAIN = 38, 65, 1


def main() -> None:
    """Confine this process, and become the command."""
    allowed, *command = sys.argv[1:]
    names = Path(allowed).read_text().split()
    library, libc = ctypes.CDLL("libseccomp.so.2"), ctypes.CDLL(None, use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p,
    ]  # fmt: skip
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    rules = library.seccomp_init(_EPERM)
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # others are of other machines
            _require(library.seccomp_rule_add_array(rules, _ALLOW, number, 0, None) == 0, name)
    _require(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges")
    if libc.prctl(_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        _require(ctypes.get_errno() == errno.EINVAL, "write or execute")
        print("this kernel (before 6.3) cannot refuse memory that is written and executed", file=sys.stderr)  # noqa: T201
    _require(library.seccomp_load(rules) == 0, "the filter")
    os.execvp(command[0], command)  # noqa: S606 - what it is for


def _require(done: bool, what: str) -> None:  # noqa: FBT001 - one word
    if not done:
        sys.exit(f"not confined: {what}")


if __name__ == "__main__":
    main()

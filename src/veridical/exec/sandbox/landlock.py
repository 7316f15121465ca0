"""Which files may a sandboxed process open, where it has no root of its own? Linux 5.13 and later."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from veridical.exec.sandbox import call

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14  # what may be said of one file; the last is truncate
_BY_VERSION = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}
_LATEST = 0xFFFF


def restrict_files(*, readable: Iterable[str], writable: Iterable[str]) -> None:
    """Let this process and its children open nothing but what lies below these paths, for good.

    From version 4 on no TCP either, from 6 on no signals to processes outside.

    Raises:
        OSError: the kernel has no Landlock.
    """
    version = call.syscall(_CREATE, 0, 0, 1)
    if version < 1:
        raise OSError(38, f"landlock: {call.last_error()}")
    handled = _BY_VERSION.get(version, _LATEST)
    attributes = struct.pack("<QQQ", handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    buffer = ctypes.create_string_buffer(attributes[:size], size)
    rules = call.syscall(_CREATE, ctypes.byref(buffer), size, 0)
    if rules < 0:
        raise OSError(38, f"landlock: {call.last_error()}")
    read = _EXECUTE | _READ_FILE | _READ_DIR
    for paths, access in ((readable, read), (writable, handled)):
        for path in paths:
            _allow(rules, path, access & handled)
    if call.syscall(_RESTRICT, rules, 0) != 0:
        raise OSError(1, f"landlock: {call.last_error()}")
    os.close(rules)


def _allow(rules: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there cannot be opened either
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            access &= _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("<Qi", access, handle), 12)
        if call.syscall(_ADD, rules, 1, ctypes.byref(rule), 0) != 0:
            raise OSError(22, f"landlock: {call.last_error()}")
    finally:
        os.close(handle)

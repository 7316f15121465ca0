"""Which system calls may a sandboxed program not make?

A filter in the kernel's own little language (BPF), so that no library is needed. Calls are refused with EPERM rather
than by killing: a program that asks for a socket should fail with a traceback that can be learned from.
"""

from __future__ import annotations

import ctypes
import struct

from veridical.exec.sandbox import call

_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_NUMBER, _MACHINE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data (little endian: low words)
_THREAD, _NAMESPACES = 0x10000, 0x7E020000
_TYPE_FOR_OTHERS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into somebody's terminal

# name: number on x86_64, number on aarch64; 0 where there is none
_NEVER = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200),
    "listen": (50, 201), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "fsopen": (430, 430),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsmount": (432, 432), "mount_setattr": (442, 442),
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "quotactl": (179, 60), "syslog": (103, 116), "personality": (135, 92), "setpriority": (141, 140),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
}  # fmt: skip
_NEW_PROCESS = {"fork": (57, 0), "vfork": (58, 0), "execve": (59, 221), "execveat": (322, 281)}
_CLONE, _CLONE3, _PRLIMIT, _IOCTL = (56, 220), (435, 435), (302, 261), (16, 29)
_SIGNALS = {"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131)}


def refuse_system_calls(*, own_pid: int, alone: bool) -> None:
    """Install the filter in this process, for good; `alone` also refuses new processes and signals to others.

    Raises:
        OSError: the kernel has no filters, or this processor is not known here.
    """
    program = _program(call.machine(), own_pid=own_pid, alone=alone)
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in program))
    # struct sock_fprog: a length, then (aligned) the address of the instructions
    header = ctypes.create_string_buffer(struct.pack("<H6xQ", len(program), ctypes.addressof(code)))
    call.prctl(call.PR_SET_SECCOMP, 2, ctypes.byref(header))


Line = tuple[int, int, int, int]


def _program(machine: str, *, own_pid: int, alone: bool) -> list[Line]:
    if machine not in _ARCH:
        raise OSError(_ENOSYS, f"no table of system calls for {machine or 'this system'}")
    side = ("x86_64", "aarch64").index(machine)
    lines: list[Line] = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, _ARCH[machine]), (_RETURN, 0, 0, _KILL)]
    lines += [(_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":  # the x32 numbers of the same calls
        lines += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSE | _EPERM)]
    refused = {**_NEVER, **(_NEW_PROCESS if alone else {})}
    for numbers in refused.values():
        if numbers[side]:
            lines += _when(numbers[side], [(_RETURN, 0, 0, _REFUSE | _EPERM)])
    # clone3 hides its flags behind a pointer; libc falls back to clone when it is not there.
    lines += _when(_CLONE3[side], [(_RETURN, 0, 0, _REFUSE | _ENOSYS)])
    lines += _when(_CLONE[side], _thread_only() if alone else _no_namespaces())
    lines += _when(_PRLIMIT[side], _first_is(0, own_pid))
    lines += _when(_IOCTL[side], [line for wish in _TYPE_FOR_OTHERS for line in _second_is_not(wish)] + [_YES])
    if alone:
        for numbers in _SIGNALS.values():
            lines += _when(numbers[side], _first_is(own_pid))
    return [*lines, _YES]


_YES: Line = (_RETURN, 0, 0, _ALLOW)
_NO: Line = (_RETURN, 0, 0, _REFUSE | _EPERM)


def _when(number: int, then: list[Line]) -> list[Line]:
    return [(_EQUAL, 0, len(then), number), *then]


def _thread_only() -> list[Line]:
    return [(_LOAD, 0, 0, _FIRST), (_ANY_BIT, 1, 0, _THREAD), _NO, _YES]


def _no_namespaces() -> list[Line]:
    return [(_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NAMESPACES), _NO, _YES]


def _first_is(*allowed: int) -> list[Line]:
    return [(_LOAD, 0, 0, _FIRST), *[line for value in allowed for line in ((_EQUAL, 0, 1, value), _YES)], _NO]


def _second_is_not(value: int) -> list[Line]:
    return [(_LOAD, 0, 0, _SECOND), (_EQUAL, 0, 1, value), _NO]

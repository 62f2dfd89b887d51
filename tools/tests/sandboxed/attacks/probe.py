"""Tries ways out of a sandbox and prints what came of each, one JSON line an attempt.

usage: probe.py FACTS inside|outside

An attempt that works says `done`. One that does not says the error's name, the signal that ended it, or what it saw instead.
Each runs in a process of its own, for at most five seconds. Outside, only attempts that do no harm there are made: they show
that the attempt as written works where nothing holds it.
"""

import ctypes
import errno
import fcntl
import json
import os
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import time

# What was open before we opened anything; the listing itself is gone again, and so is the script.
CAME_ALONG = [number for number in map(int, os.listdir("/proc/self/fd")) if os.path.exists(f"/proc/self/fd/{number}")]
CAME_ALONG = [number for number in CAME_ALONG if not os.path.samefile(f"/proc/self/fd/{number}", __file__)]

FACTS = json.loads(sys.argv[1])
INSIDE = sys.argv[2] == "inside"
SAME = "same"
FIVE_SECONDS = 5.0

ATTEMPTS = []
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long

# Numbers up to 423 differ from one kind of processor to another; those above are the same on all.
COMMON = dict(
    pidfd_send_signal=424, io_uring_setup=425, io_uring_enter=426, io_uring_register=427, open_tree=428,
    move_mount=429, fsopen=430, fsconfig=431, fsmount=432, fspick=433, pidfd_open=434, clone3=435, openat2=437,
    pidfd_getfd=438, process_madvise=440, mount_setattr=442, quotactl_fd=443, fchmodat2=452, open_tree_attr=467, unheard_of=999,
)
X86_64 = dict(
    open=2, ioctl=16, getpid=39, socket=41, clone=56, creat=85, chmod=90, ptrace=101, syslog=103, setfsuid=122,
    capset=126, rt_sigqueueinfo=129, mknod=133, uselib=134, personality=135, sched_setscheduler=144, vhangup=153,
    modify_ldt=154, pivot_root=155, prctl=157, adjtimex=159, chroot=161, acct=163, settimeofday=164, mount=165,
    umount2=166, swapon=167, swapoff=168, reboot=169, sethostname=170, setdomainname=171, iopl=172, ioperm=173,
    init_module=175, delete_module=176, quotactl=179, io_setup=206, clock_settime=227, tgkill=234, mbind=237, kexec_load=246,
    add_key=248, request_key=249, keyctl=250, ioprio_set=251, migrate_pages=256, openat=257, mknodat=259,
    linkat=265, fchmodat=268, unshare=272, move_pages=279, perf_event_open=298, fanotify_init=300, name_to_handle_at=303,
    open_by_handle_at=304, clock_adjtime=305, setns=308, process_vm_readv=310, process_vm_writev=311, kcmp=312,
    finit_module=313, seccomp=317, kexec_file_load=320, bpf=321, userfaultfd=323,
)
AARCH64 = dict(
    io_setup=0, ioctl=29, ioprio_set=30, mknodat=33, linkat=37, umount2=39, mount=40, pivot_root=41, chroot=51, fchmodat=53, openat=56,
    vhangup=58, quotactl=60, acct=89, capset=91, personality=92, unshare=97, kexec_load=104, init_module=105,
    delete_module=106, clock_settime=112, syslog=116, ptrace=117, sched_setscheduler=119, tgkill=131,
    rt_sigqueueinfo=138, reboot=142, setfsuid=151, sethostname=161, setdomainname=162, prctl=167, settimeofday=170,
    adjtimex=171, getpid=172, socket=198, add_key=217, request_key=218, keyctl=219, clone=220, swapon=224,
    swapoff=225, mbind=235, migrate_pages=238, move_pages=239, perf_event_open=241, fanotify_init=262,
    name_to_handle_at=264, open_by_handle_at=265, clock_adjtime=266, setns=268, process_vm_readv=270,
    process_vm_writev=271, kcmp=272, finit_module=273, seccomp=277, bpf=280, userfaultfd=282, kexec_file_load=294,
)
NUMBERS = {**COMMON, **{"x86_64": X86_64, "aarch64": AARCH64}[platform.machine()]}


class Held(Exception):
    """The attempt had no effect, and this is what was seen."""


def add(name, attack, outside=None):
    """Lists an attempt; `outside` is what is tried without a sandbox: the same, something harmless, or nothing."""
    ATTEMPTS.append((name, attack, attack if outside == SAME else outside))


def attempt(name, outside=None):
    """Lists the function below it as an attempt."""
    def listed(function):
        add(name, function, outside)
        return function
    return listed


def raw(number, *arguments):
    """A system call by its number, past all that the C library would check or change."""
    passed = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) if isinstance(a, bytes) else a for a in arguments]
    ctypes.set_errno(0)
    answer = LIBC.syscall(ctypes.c_long(number), *passed)
    if answer == -1:
        raise OSError(ctypes.get_errno(), "the call failed")
    return answer


def call(name, *arguments):
    return raw(NUMBERS[name], *arguments)


def calling(name, *arguments):
    return lambda: call(name, *arguments)


def reading(path):
    def attack():
        with open(path, "rb", buffering=0) as file:
            if not file.read(64):
                raise Held("empty")
    return attack


def listing(path):
    return lambda: os.listdir(path)


def opening(path, flags=os.O_WRONLY):
    """Only opens: what is to be held may be the setting of a kernel that we run on."""
    return lambda: os.close(os.open(path, flags | os.O_CLOEXEC))


def making(path):
    return opening(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def outcome_of(attack):
    try:
        attack()
        return "done"
    except Held as held:
        return str(held)
    except socket.gaierror:
        return "no address"
    except TimeoutError:
        return "timeout"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    except BaseException as error:  # The probe's own mistakes are outcomes that no list expects.
        return f"{type(error).__name__}: {error}"


def apart(attack):
    """What comes of an attack that may end or spoil its process."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        os.write(into, outcome_of(attack).encode())
        os._exit(0)
    os.close(into)
    said = b""
    if select.select([out], [], [], FIVE_SECONDS)[0]:
        said = os.read(out, 4096)
    else:
        os.kill(child, signal.SIGKILL)
    os.close(out)
    _, status = os.waitpid(child, 0)
    if said:
        return said.decode()
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "said nothing"


def try_all():
    for name, attack, outside in ATTEMPTS:
        chosen = attack if INSIDE else outside
        if chosen is not None:
            print(json.dumps({"name": name, "outcome": apart(chosen)}), flush=True)

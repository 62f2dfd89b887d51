# Parts of the kernel that ordinary programs do not need. Outside, each is asked for something that is refused for its sense.

WRONG = 1  # Not an address.
NO_FILE = -1


def memory(text=b"x"):
    return ctypes.addressof(ctypes.create_string_buffer(text))


def reading_of_process(name):
    """Reads, or writes, a few bytes of the first process; outside of ourselves."""
    def attack(pid):
        kept = ctypes.create_string_buffer(b"kept")
        vector = struct.pack("PN", ctypes.addressof(kept), 4)
        call(name, pid, vector, 1, vector, 1, 0)
    return lambda: attack(1), lambda: attack(os.getpid())


add("load a program into the kernel", calling("bpf", 5, bytes(128), 128), calling("bpf", 5, bytes(128), 128))
add("make a map in the kernel", calling("bpf", 0, struct.pack("5I", 2, 4, 4, 1, 0), 20), calling("bpf", 0, bytes(20), 20))
add("count events of the processor", calling("perf_event_open", struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0), calling("perf_event_open", struct.pack("IIQ", 99, 112, 0) + bytes(96), -1, -1, NO_FILE, 1 << 30))
add("handle page faults of the kernel", calling("userfaultfd", 0), calling("userfaultfd", 1 << 30))
add("set up a ring of calls", calling("io_uring_setup", 8, bytes(120)), calling("io_uring_setup", 0, bytes(120)))
add("enter a ring of calls", calling("io_uring_enter", NO_FILE, 1, 0, 0, 0, 0), SAME)
add("register with a ring of calls", calling("io_uring_register", NO_FILE, 0, 0, 0), SAME)
add("read the keys of the session", calling("keyctl", 0, -3, 0), SAME)
add("join another session's keys", calling("keyctl", 1, b"planted"), None)
add("add a key", calling("add_key", b"user", b"planted", b"x", 1, -2), calling("add_key", WRONG, 0, 0, 0, 0))
add("ask for a key", calling("request_key", b"user", b"planted", 0, -2), calling("request_key", WRONG, 0, 0, 0))
add("load another kernel", calling("kexec_load", 0, 0, 0, 0), calling("kexec_load", 0, 99, 0, 0))
add("load another kernel from a file", calling("kexec_file_load", NO_FILE, NO_FILE, 0, 0, 4), calling("kexec_file_load", NO_FILE, NO_FILE, 0, 0, 1 << 30))
add("load a module", calling("init_module", b"x", 1, b""), calling("init_module", WRONG, 8, WRONG))
add("load a module from a file", calling("finit_module", 0, b"", 0), calling("finit_module", NO_FILE, b"", 0))
add("remove a module", calling("delete_module", b"no_such_module", 0), SAME)
add("be traced", calling("ptrace", 0, 0, 0, 0), SAME)
add("trace the first process", calling("ptrace", 16, 1, 0, 0), calling("ptrace", 16, 0, 0, 0))
add("seize the first process", calling("ptrace", 0x4206, 1, 0, 0), calling("ptrace", 0x4206, 0, 0, 0))
add("read the first process's memory", *reading_of_process("process_vm_readv"))
add("write the first process's memory", *reading_of_process("process_vm_writev"))
add("advise on another's memory", calling("process_madvise", NO_FILE, 0, 0, 0, 0), SAME)
add("take a descriptor of the first process", lambda: call("pidfd_getfd", call("pidfd_open", 1, 0), 0, 0), calling("pidfd_getfd", NO_FILE, 0, 0))
add("compare two processes", lambda: call("kcmp", os.getpid(), 1, 0, 0, 0), lambda: call("kcmp", os.getpid(), os.getpid(), 0, 0, 0))
add("name a file by handle", calling("name_to_handle_at", -100, b"/", bytes(8), bytes(4), 0), SAME)
add("open a file by handle", calling("open_by_handle_at", NO_FILE, bytes(8), 0), SAME)
add("set a quota", calling("quotactl", 0x80000700 - (1 << 32), b"/dev/vda", 0, 0), calling("quotactl", 0x7FFFFF00, WRONG, 0, 0))
add("set a quota by descriptor", calling("quotactl_fd", NO_FILE, 0x80000700 - (1 << 32), 0, 0), SAME)
add("have the kernel write an account", calling("acct", b"/workspace/account"), calling("acct", WRONG))
add("swap to a file", calling("swapon", b"/workspace/swap", 0), calling("swapon", WRONG, 0))
add("stop swapping", calling("swapoff", b"/workspace/swap"), calling("swapoff", WRONG))
add("restart the machine", calling("reboot", 0xFEE1DEAD, 672274793, 0x1234567, 0), calling("reboot", 0, 0, 0, 0))
add("set the time of day", calling("settimeofday", struct.pack("2q", 978307200, 0), 0), calling("settimeofday", WRONG, 0))
add("set a clock", calling("clock_settime", 0, struct.pack("2q", 978307200, 0)), calling("clock_settime", 99, WRONG))
add("tune the clock", calling("adjtimex", bytes(208)), SAME)
add("tune a clock", calling("clock_adjtime", 0, bytes(208)), SAME)
add("name the host", calling("sethostname", b"planted", 7), calling("sethostname", b"x", -1))
add("name the host's domain", calling("setdomainname", b"planted", 7), calling("setdomainname", b"x", -1))
add("turn off random addresses", calling("personality", 0x40000), SAME)
add("pretend to be another system", calling("personality", 8), SAME)
add("watch all files", calling("fanotify_init", 0, 0), calling("fanotify_init", 1 << 30, 0))
add("hang up the terminal", calling("vhangup"), None)
add("read the kernel's log", calling("syslog", 3, bytes(64), 64), calling("syslog", 99, 0, 0))
add("clear the kernel's log", calling("syslog", 5, 0, 0), calling("syslog", 99, 0, 0))
add("move pages of a process", calling("move_pages", 1, 0, 0, 0, 0, 2), calling("move_pages", 0, 0, 0, 0, 0, 1 << 20))
add("bind memory to a node", calling("mbind", 0, 0, 0, 0, 0, 0), calling("mbind", 1, 0, 0, 0, 0, 0))
add("move a process to another node", calling("migrate_pages", 1, 0, 0, 0), calling("migrate_pages", 0, 1 << 40, 0, 0))
add("take what the machine has of asynchronous calls", calling("io_setup", 1, ctypes.c_ulong(0)), calling("io_setup", 0, bytes(8)))
add("make a call that nobody knows yet", calling("unheard_of"), None)


@attempt("allowed: keep a file in memory", SAME)
def _():
    os.close(os.memfd_create("kept"))


@attempt("allowed: hold a process by descriptor", SAME)
def _():
    os.close(os.pidfd_open(os.getpid()))

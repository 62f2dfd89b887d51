# What /proc shows of the host and of the kernel, and what could be set through it.

MARKER, HOST = FACTS["marker"], FACTS["process"]


def pids():
    return [name for name in os.listdir("/proc") if name.isdigit()]


def tried(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


@attempt("read our variables from the own environment", SAME)
def _():
    if MARKER.encode() not in tried("/proc/self/environ"):
        raise Held("nothing of it")


@attempt("read our variables from every process", SAME)
def _():
    if not any(MARKER.encode() in tried(f"/proc/{pid}/environ") for pid in pids()):
        raise Held("nothing of it")


add("read the first process's environment", reading("/proc/1/environ"))
add("look at a process of the host", lambda: os.stat(f"/proc/{HOST}"), SAME)
add("list the descriptors of a process of the host", listing(f"/proc/{HOST}/fd"), SAME)
add("read the memory map of a process of the host", reading(f"/proc/{HOST}/maps"), SAME)
add("read a planted file through a process of the host", reading(f"/proc/{HOST}/root{FACTS['canary']}"), SAME)


@attempt("see a process of the host in the list", SAME)
def _():
    if str(HOST) not in pids():
        raise Held("nothing of it")


@attempt("read a planted file through any process's root", SAME)
def _():
    if not any(tried(f"/proc/{pid}/root{FACTS['canary']}") for pid in pids()):
        raise Held("nothing of it")


@attempt("read a planted file through any process's directory", SAME)
def _():
    up = "../" * 40
    if not any(tried(f"/proc/{pid}/cwd/{up}{FACTS['canary']}") for pid in pids()):
        raise Held("nothing of it")


@attempt("find a descriptor of the host in any process", SAME)
def _():
    if not INSIDE:
        os.open(FACTS["data"], os.O_RDONLY)
    seen = []
    for pid in pids():
        try:
            seen += [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
    assert "/dev/null" in seen
    if not any(FACTS["data"] in path or FACTS["canary"] in path for path in seen):
        raise Held("nothing of it")


@attempt("find a mount of the data folder or of the root of the host")
def _():
    points = [line.split()[4] for line in open("/proc/self/mountinfo")]
    allowed = ("/", "/usr", "/etc", "/proc", "/dev", "/tmp", "/workspace", "/lib", "/bin", "/sbin")
    stray = [point for point in points if not any(point == a or (a != "/" and point.startswith(a + "/")) for a in allowed)]
    if not stray:
        raise Held("nothing of it")
    raise Held(f"stray mounts: {stray}")


add("replace the program that starts the sandbox", opening("/proc/1/exe"))
add("replace the own program", opening("/proc/self/exe"))


def in_any(field, harmless):
    """Looks for a process that is bound less; the first process's memory can be written by a program of the same user."""
    def attack():
        for pid in pids():
            state = tried(f"/proc/{pid}/status").decode()
            found = [line.split()[1] for line in state.splitlines() if line.startswith(field + ":")]
            if found and found[0] != harmless:
                return
        raise Held("nothing of it")
    return attack


add("find a process without the filter", in_any("Seccomp", "2"), SAME)
add("find a process that may gain privileges", in_any("NoNewPrivs", "1"), SAME)
add("find a process with a capability", in_any("CapEff", "0" * 16), SAME)
add("find a process that could have a capability", in_any("CapBnd", "0" * 16), SAME)
for path in ["kernel/core_pattern", "kernel/modprobe", "kernel/hostname", "kernel/sysrq", "kernel/ns_last_pid", "vm/overcommit_memory", "vm/drop_caches",
             "net/ipv4/ip_forward", "fs/suid_dumpable", "kernel/yama/ptrace_scope", "kernel/unprivileged_bpf_disabled", "kernel/randomize_va_space",
             "user/max_user_namespaces", "fs/binfmt_misc/register"]:
    add(f"open /proc/sys/{path} for writing", opening(f"/proc/sys/{path}"),
        SAME if path in ("kernel/core_pattern", "kernel/hostname", "vm/overcommit_memory") else None)


@attempt("ask the kernel's emergency functions", SAME)
def _():
    file = os.open("/proc/sysrq-trigger", os.O_WRONLY)
    if os.fstat(file).st_rdev == os.makedev(1, 3):
        raise Held("the null device")


for path in ["kcore", "kmsg", "timer_list", "keys", "key-users", "slabinfo", "kpagecount", "kpageflags", "vmallocinfo", "pagetypeinfo", "sched_debug"]:
    add(f"read /proc/{path}", reading(f"/proc/{path}"), SAME if path in ("timer_list", "keys", "key-users") else None)


@attempt("read the kernel's addresses", SAME)
def _():
    with open("/proc/kallsyms") as file:
        if int(file.readline().split()[0], 16) == 0:
            raise Held("zeros")


@attempt("read where devices lie in memory", SAME)
def _():
    with open("/proc/iomem") as file:
        lines = file.read().split("\n")
    if all(int(end, 16) == 0 for line in lines if line for end in line.split(" : ")[0].split("-")):
        raise Held("zeros")


@attempt("read physical addresses of own pages", SAME)
def _():
    kept = ctypes.create_string_buffer(4096)
    kept[0] = b"x"
    with open("/proc/self/pagemap", "rb") as file:
        file.seek(ctypes.addressof(kept) // 4096 * 8)
        if struct.unpack("Q", file.read(8))[0] & ((1 << 55) - 1) == 0:
            raise Held("zeros")


def mapping(path, text):
    def attack():
        with open(path, "w") as file:
            file.write(text)
    return attack


add("map users anew", mapping("/proc/self/uid_map", "0 0 1"))
add("map groups anew", mapping("/proc/self/gid_map", "0 0 1"))
add("allow further groups", mapping("/proc/self/setgroups", "allow"))
add("shift the clock of a namespace", mapping("/proc/self/timens_offsets", "monotonic 1000 0"))
add("be spared more than the host when memory is short", mapping("/proc/self/oom_score_adj", "-1"))
add("be spared entirely when memory is short", mapping("/proc/self/oom_score_adj", "-1000"))


@attempt("learn the own control group", SAME)
def _():
    with open(f"/proc/{'self' if INSIDE else FACTS['process']}/cgroup") as file:
        lines = [line.split(":", 2)[2].strip() for line in file]
    if all(path == "/" for path in lines):
        raise Held("only /")


@attempt("allowed: read the own memory", SAME)
def _():
    kept = ctypes.create_string_buffer(b"kept")
    with open("/proc/self/mem", "rb", buffering=0) as file:
        file.seek(ctypes.addressof(kept))
        assert file.read(4) == b"kept"


add("allowed: read the own state", reading("/proc/self/status"), SAME)

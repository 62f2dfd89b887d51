# Other processes, priority, limits, shared memory, the machine's name, and control groups.

HOST = FACTS["process"]
add("signal a process of the host", lambda: os.kill(HOST, signal.SIGTERM), lambda: os.kill(HOST, 0))
add("signal a thread of the host", calling("tgkill", HOST, HOST, 15), calling("tgkill", HOST, HOST, 0))
add("signal the group of a process of the host", lambda: os.killpg(HOST, signal.SIGTERM), lambda: os.kill(HOST, 0))
add("queue a signal to a process of the host", calling("rt_sigqueueinfo", HOST, 15, struct.pack("iii", 15, 0, -1) + bytes(116)), None)
add("hold a process of the host by descriptor", calling("pidfd_open", HOST, 0), SAME)
add("learn the group of a process of the host", lambda: os.getpgid(HOST), SAME)
add("learn the limits of a process of the host", lambda: __import__("resource").prlimit(HOST, 0), SAME)
add("learn the priority of a process of the host", lambda: os.getpriority(os.PRIO_PROCESS, HOST), SAME)
add("slow a process of the host down", lambda: os.setpriority(os.PRIO_PROCESS, HOST, 19), None)
add("move a process of the host to one processor", lambda: os.sched_setaffinity(HOST, {0}), lambda: os.sched_getaffinity(HOST))
add("join the group of a process of the host", lambda: os.setpgid(0, HOST), None)


@attempt("end the first process")
def _():
    os.kill(1, signal.SIGKILL)
    os.kill(1, signal.SIGTERM)
    time.sleep(0.1)
    os.stat("/proc/1")
    raise Held("it lives")


@attempt("have a parent outside")
def _():
    pid = os.getpid()
    for _ in range(20):
        with open(f"/proc/{pid}/stat") as stat:
            parent = int(stat.read().rsplit(")", 1)[1].split()[1])
        if parent == 0:
            raise Held("only the first process's" if pid == 1 else f"{pid} has one")
        pid = parent


add("raise the own priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, -5), SAME)
add("take back the lowered priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, 0), SAME)
add("run before all others", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)), SAME)
add("run in turns before all others", lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)), SAME)
add("use the disk before all others", calling("ioprio_set", 1, 0, 1 << 13 | 0), SAME)
for name in ["NPROC", "FSIZE", "NOFILE", "MEMLOCK", "CORE", "NICE", "RTPRIO"]:
    def raised(name=name):
        import resource
        which = getattr(resource, f"RLIMIT_{name}", {"NICE": 13, "RTPRIO": 14}.get(name))
        hard = resource.getrlimit(which)[1]
        assert hard != resource.RLIM_INFINITY, "there is no limit"
        try:
            resource.setrlimit(which, (hard + 1, hard + 1))
        except ValueError as error:  # Python's word for EPERM.
            raise Held("refused") from error
    add(f"raise the limit {name}", raised)


@attempt("raise the limit of the first process")
def _():
    import resource
    resource.prlimit(1, resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))


@attempt("lock much memory")
def _():
    kept = ctypes.create_string_buffer(1 << 20)
    if LIBC.mlock(kept, ctypes.c_size_t(1 << 20)):
        raise OSError(ctypes.get_errno(), "refused")


@attempt("write a picture of the memory to the host")
def _():
    import resource
    if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0):
        raise Held("no such limit above 0")


add("open memory that a process of the host shares", opening(f"/dev/shm/{FACTS['shared']}", os.O_RDWR), SAME)
add("open a file that a process of the host has in /tmp", reading(FACTS["temporary"]), SAME)
for path in ["/sys/fs/cgroup", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory", "/sys/kernel/security", "/sys/kernel/debug", "/sys/class/net"]:
    add(f"look at {path}", lambda path=path: os.stat(path), SAME if path == "/sys/class/net" else None)


@attempt("leave the control group", None)
def _():
    for root, _, names in os.walk("/sys"):
        if "cgroup.procs" in names:
            with open(os.path.join(root, "cgroup.procs"), "w") as file:
                file.write("0")
            return
    raise Held("there is none")


@attempt("learn the name of the host", SAME)
def _():
    if os.uname().nodename == "sandbox":
        raise Held("sandbox")


@attempt("find shared memory of the host")
def _():
    with open("/proc/sysvipc/shm") as file:
        if len(file.read().splitlines()) == 1:
            raise Held("nothing of it")


add("allowed: signal an own process", lambda: os.kill(os.getpid(), 0), SAME)
add("allowed: lower the own priority", lambda: os.nice(1), SAME)
add("allowed: share memory", lambda: (making(f"/dev/shm/own-{os.getpid()}")(), os.unlink(f"/dev/shm/own-{os.getpid()}")), SAME)

# Further namespaces, in which a program would have capabilities, and those of others.

KINDS = dict(mnt=0x20000, cgroup=0x2000000, uts=0x4000000, ipc=0x8000000, user=0x10000000, pid=0x20000000, net=0x40000000)


def cloning(flags):
    def attack():
        child = call("clone", flags | signal.SIGCHLD, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    return attack


for kind, flag in KINDS.items():
    add(f"leave the {kind} namespace", calling("unshare", flag), SAME)
    add(f"start a process in another {kind} namespace", cloning(flag), SAME)
    add(f"enter the first process's {kind} namespace", lambda kind=kind, flag=flag: call("setns", os.open(f"/proc/1/ns/{kind}", os.O_RDONLY), flag))
    add(f"enter the own {kind} namespace", lambda kind=kind, flag=flag: call("setns", os.open(f"/proc/self/ns/{kind}", os.O_RDONLY), flag), SAME if kind == "user" else None)
add("leave the time namespace", calling("unshare", 0x80), SAME)
add("leave user and mount namespace together", calling("unshare", 0x10020000), SAME)
add("leave the user namespace with high bits set", calling("unshare", 0x10000000 | 1 << 40), None)
add("start a process in a user namespace with high bits set", cloning(0x10000000 | 1 << 40), SAME)
add("start a process by clone3", calling("clone3", bytes(88), 88), calling("clone3", bytes(88), 1))
add("start a process in a user namespace by clone3", calling("clone3", struct.pack("11Q", 0x10000000, *[0] * 10), 88), calling("clone3", bytes(88), 1))
add("enter all namespaces of the first process", lambda: call("setns", call("pidfd_open", 1, 0), sum(KINDS.values())), lambda: call("setns", -1, 0))
add("find the user namespace around this one", lambda: fcntl.ioctl(os.open("/proc/self/ns/user", os.O_RDONLY), 0xB702))
add("find the process namespace around this one", lambda: fcntl.ioctl(os.open("/proc/self/ns/pid", os.O_RDONLY), 0xB702))


@attempt("allowed: start a process", SAME)
def _():
    cloning(0)()


@attempt("allowed: start a thread", SAME)
def _():
    import threading
    ran = []
    thread = threading.Thread(target=lambda: ran.append(1))
    thread.start()
    thread.join()
    assert ran

# Devices, descriptors that came along, and terminals.

HERE = -100 & 0xFFFFFFFFFFFFFFFF
CHARACTER, BLOCK = 0o020600, 0o060600
for name, kind, major, minor in [("mem", CHARACTER, 1, 1), ("kmem", CHARACTER, 1, 2), ("null", CHARACTER, 1, 3), ("kmsg", CHARACTER, 1, 11), ("tty", CHARACTER, 5, 0), ("fuse", CHARACTER, 10, 229),
                                 ("kvm", CHARACTER, 10, 232), ("whiteout", CHARACTER, 0, 0), ("sda", BLOCK, 8, 0), ("vda", BLOCK, 254, 0), ("loop", BLOCK, 7, 0)]:
    def made(name=name, kind=kind, major=major, minor=minor):
        path = f"device-{name}-{os.getpid()}"
        call("mknodat", HERE, path.encode(), kind, os.makedev(major, minor))
        os.unlink(path)
    add(f"make the device {name}", made, SAME)
add("make a device with high bits set", lambda: call("mknodat", HERE, b"device", CHARACTER | 1 << 40, os.makedev(1, 1)), lambda: (call("mknodat", HERE, b"device", CHARACTER | 1 << 40, os.makedev(1, 3)), os.unlink("device")))
for name in ["mem", "kmem", "port", "kmsg", "kvm", "fuse", "net/tun", "vhost-net", "vhost-vsock", "vsock", "loop-control", "loop0", "sda", "vda", "nvme0n1", "mapper/control", "uinput", "hwrng",
             "rtc0", "console", "tty0", "tty1", "ttyS0", "userfaultfd", "watchdog", "cpu_dma_latency", "dri/card0", "snd/timer", "autofs", "btrfs-control", "raw/rawctl", "bus/usb", "mqueue"]:
    add(f"open /dev/{name}", opening(f"/dev/{name}", os.O_RDWR), SAME if name == "kmsg" else None)
add("open the terminal of the host", opening("/dev/tty", os.O_RDWR))


@attempt("find a device that programs do not need")
def _():
    usual = {"console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}
    stray = set(os.listdir("/dev")) - usual
    if not stray and not os.listdir("/dev/pts")[1:]:
        raise Held("nothing of it")
    raise Held(f"stray devices: {stray}")


@attempt("find a descriptor that came along", SAME)
def _():
    stray = [number for number in CAME_ALONG if number > 2]
    if not stray:
        raise Held("nothing of it")


@attempt("find a socket among the standard descriptors")
def _():
    import stat
    if not any(stat.S_ISSOCK(os.fstat(number).st_mode) or stat.S_ISREG(os.fstat(number).st_mode) for number in (0, 1, 2)):
        raise Held("nothing of it")


@attempt("read from what starts the sandbox")
def _():
    if not os.read(0, 1):
        raise Held("empty")


def on_terminal(request, argument):
    """Asks something of a terminal that is this process's own."""
    def attack():
        ours, theirs = os.openpty()
        os.setsid()
        fcntl.ioctl(theirs, 0x540E, 0)
        call("ioctl", theirs, request, argument)
    return attack


add("type into a terminal", on_terminal(0x5412, b"x"), SAME)
add("type into a terminal with high bits set", on_terminal(0x5412 | 1 << 40, b"x"), SAME)
add("command a console", on_terminal(0x541C, b"\x03"), SAME)
add("take over the console", on_terminal(0x541D, 0))
add("give a terminal another discipline", on_terminal(0x5423, struct.pack("i", 21)), on_terminal(0x5423, struct.pack("i", 0)))


@attempt("allowed: use a terminal of the own", SAME)
def _():
    ours, theirs = os.openpty()
    os.write(theirs, b"x")
    assert os.read(ours, 1) == b"x"


for name, flags in [("null", os.O_WRONLY), ("zero", os.O_RDONLY), ("urandom", os.O_RDONLY), ("full", os.O_RDONLY)]:
    add(f"allowed: open /dev/{name}", opening(f"/dev/{name}", flags), SAME)

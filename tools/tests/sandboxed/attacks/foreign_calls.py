# System calls by the two other interfaces that this kind of processor has.

import mmap

BIT = 0x40000000
add("ask for the own number by the x32 interface", lambda: raw(BIT | 39), SAME)
add("mount by the x32 interface", lambda: raw(BIT | 165, b"none", b"/tmp", b"tmpfs", 0, 0), lambda: raw(BIT | 165, 0, 1, 1, 0, 0))
add("leave the user namespace by the x32 interface", lambda: raw(BIT | 272, 0x10000000), None)
add("trace by the x32 interface", lambda: raw(BIT | 521, 0, 0, 0, 0), None)


def by_interrupt(number):
    """The 32-bit interface: mov eax, number; xor ebx, ebx; int 0x80; ret."""
    def attack():
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\x53\xb8" + struct.pack("I", number) + b"\x31\xdb\xcd\x80\x5b\xc3")
        function = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
        answer = function()
        if answer < 0:
            raise OSError(-answer, "refused")
    return attack


add("ask for the own number by the 32-bit interface", by_interrupt(20), SAME)
add("unmount by the 32-bit interface", by_interrupt(52), None)
add("leave namespaces by the 32-bit interface", by_interrupt(310), None)
add("set up the processor's segments", calling("modify_ldt", 1, bytes(16), 16), calling("modify_ldt", 99, 0, 0))
add("reach ports of the machine", calling("ioperm", 0, 1, 1), calling("ioperm", 1 << 40, 0, 0))
add("reach all ports of the machine", calling("iopl", 3), calling("iopl", 99))
add("use a library in the old way", calling("uselib", b"/usr/bin/env"), None)
add("set the user bit by the old chmod", lambda: call("chmod", b"probe.py", 0o4755), None)


def made_by(name, *arguments):
    def attack():
        path = f"old-{name}-{os.getpid()}".encode()
        call(name, path, *arguments)
        if not os.stat(path).st_mode & 0o6000:
            raise Held("no such bit")
    return attack


add("set the user bit by the old creat", made_by("creat", 0o4755), SAME)
add("set the user bit by the old open", made_by("open", os.O_CREAT | os.O_WRONLY, 0o4755), SAME)
add("set the user bit by the old mknod", made_by("mknod", 0o104755, 0), SAME)
add("make a device by the old mknod", lambda: call("mknod", b"old-device", 0o020600, os.makedev(1, 1)), None)
add("allowed: ask for the own number", lambda: raw(39), SAME)

# Sockets of kinds that reach past the network namespace, services of the host, and places on the network.

TCP, UDP = FACTS["tcp"], FACTS["udp"]
FAMILIES = dict(AX25=3, IPX=4, APPLETALK=5, X25=9, KEY=15, PACKET=17, RDS=21, PPPOX=24, LLC=26, CAN=29, TIPC=30, BLUETOOTH=31, PHONET=35,
                IEEE802154=36, CAIF=37, ALG=38, NFC=39, VSOCK=40, KCM=41, QIPCRTR=42, SMC=43, XDP=44, MCTP=45)
KINDS = dict(usersock=2, sock_diag=4, nflog=5, xfrm=6, selinux=7, iscsi=8, audit=9, fib_lookup=10, connector=11, netfilter=12, uevent=15, generic=16, rdma=20, crypto=21)


def opened(family, kind, protocol=0):
    return lambda: call("socket", family, kind, protocol)


for name, number in FAMILIES.items():
    kind = socket.SOCK_SEQPACKET if name in ("ALG", "CAIF") else socket.SOCK_RAW if name in ("CAN", "KEY", "XDP", "PHONET") else socket.SOCK_DGRAM
    add(f"open a socket of the family {name}", opened(number, kind), SAME)
for name, number in KINDS.items():
    add(f"talk to the kernel by netlink {name}", opened(socket.AF_NETLINK, socket.SOCK_RAW, number), SAME)
add("open a raw packet socket", opened(socket.AF_PACKET, socket.SOCK_RAW, 0x300), SAME)
add("open a packet socket of the old kind", opened(socket.AF_INET, 10, 0x300), SAME)
add("open a raw IPv4 socket", opened(socket.AF_INET, socket.SOCK_RAW, 1), SAME)
add("open a raw IPv6 socket", opened(socket.AF_INET6, socket.SOCK_RAW, 58), SAME)
add("open a raw socket that is closed at exec", opened(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 255), SAME)
add("open a socket to other machines' hosts with high bits set", opened(40 | 1 << 40, socket.SOCK_STREAM), SAME)
add("open a raw socket with high bits set", opened(socket.AF_INET | 1 << 40, socket.SOCK_RAW | 1 << 40, 1), SAME)
for name, kind, protocol in [("SCTP", socket.SOCK_STREAM, 132), ("SCTP in packets", socket.SOCK_SEQPACKET, 132), ("DCCP", 6, 33), ("UDP-Lite", socket.SOCK_DGRAM, 136),
                             ("L2TP", socket.SOCK_DGRAM, 115), ("MPTCP", socket.SOCK_STREAM, 262), ("SMC", socket.SOCK_STREAM, 256)]:
    add(f"open a socket of the protocol {name}", opened(socket.AF_INET, kind, protocol), SAME)
add("open a pair of sockets of another family", lambda: socket.socketpair(30, socket.SOCK_SEQPACKET), SAME)


def connected():
    listener = socket.create_server(("127.0.0.1", 0))
    return socket.create_connection(listener.getsockname()), listener


@attempt("have the kernel speak TLS", SAME)
def _():
    client, listener = connected()
    client.setsockopt(socket.IPPROTO_TCP, 31, b"tls")


@attempt("set filters of packets", SAME)
def _():
    socket.socket().setsockopt(socket.SOL_IP, 64, bytes(200))


@attempt("be bound to an interface of the host")
def _():
    socket.socket().setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")


@attempt("make an interface", None)
def _():
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    body = struct.pack("BxHiII", 0, 0, 0, 0, 0) + struct.pack("HH8s", 12, 3, b"planted\0") + struct.pack("HHHH6sxx", 16, 18, 10, 1, b"dummy\0")
    link.send(struct.pack("IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
    code = struct.unpack_from("i", link.recv(4096), 16)[0]
    if code:
        raise OSError(-code, "refused")


@attempt("take an interface down")
def _():
    fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 0))


@attempt("add a route")
def _():
    fcntl.ioctl(socket.socket(), 0x890B, bytes(120))


def sent(family, address, payload=b"?", broadcast=False):
    """Sends a datagram, and works when an answer comes."""
    def attack():
        client = socket.socket(family, socket.SOCK_DGRAM)
        client.settimeout(2)
        if broadcast:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.connect(address)
        client.send(payload)
        client.recv(512)
    return attack


def joined(family, address):
    def attack():
        client = socket.socket(family, socket.SOCK_STREAM)
        client.settimeout(2)
        client.connect(address)
    return attack


QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
add("reach a service of the host on its loopback", joined(socket.AF_INET, ("127.0.0.1", TCP)), SAME)
add("reach a service of the host as localhost", lambda: socket.create_connection(("localhost", TCP), 2), SAME)
add("reach a service of the host by another loopback address", joined(socket.AF_INET, ("127.9.9.9", TCP)), SAME)
add("reach a service of the host by the address of no host", joined(socket.AF_INET, ("0.0.0.0", TCP)), SAME)
add("reach a service of the host by its own address", joined(socket.AF_INET, (FACTS["address"], TCP)), SAME)
add("reach a service of the host by IPv6", joined(socket.AF_INET6, ("::1", FACTS["tcp6"] or TCP)), SAME)
add("reach a service of the host by IPv4 within IPv6", joined(socket.AF_INET6, ("::ffff:127.0.0.1", TCP)), SAME)
add("reach a service of the host by datagrams", sent(socket.AF_INET, ("127.0.0.1", UDP)), SAME)
add("reach an abstract socket of the host", joined(socket.AF_UNIX, b"\0" + FACTS["abstract"].encode()), SAME)
add("reach a socket of the host by its path", joined(socket.AF_UNIX, FACTS["socket"]), SAME)
for path in ["/run/dbus/system_bus_socket", "/var/run/docker.sock", "/run/systemd/private", "/dev/log", "/run/egress"]:
    add(f"reach {path}", joined(socket.AF_UNIX, path))
for name, address in [("a cloud", "169.254.169.254"), ("a container service", "169.254.170.2"), ("a second cloud", "100.100.100.200"), ("a third cloud", "168.63.129.16"),
                      ("a private network", "10.0.0.1"), ("another private network", "192.168.0.1"), ("a container's host", "172.17.0.1")]:
    add(f"reach the service of {name} at {address}", joined(socket.AF_INET, (address, 80)))
add("reach a cloud's service by IPv6", joined(socket.AF_INET6, ("fd00:ec2::254", 80)))
add("reach a public address", joined(socket.AF_INET, ("1.1.1.1", 443)))
add("reach a public address by IPv6", joined(socket.AF_INET6, ("2606:4700:4700::1111", 443)))
add("ask a public name server by datagram", sent(socket.AF_INET, ("1.1.1.1", 53), QUESTION))
add("ask a public name server by stream", joined(socket.AF_INET, ("1.1.1.1", 53)))
add("ask a public name server by IPv6", sent(socket.AF_INET6, ("2001:4860:4860::8888", 53), QUESTION))
add("ask the host's name server by datagram", sent(socket.AF_INET, (FACTS["resolver"], 53), QUESTION))
add("ask the host's name server by stream", joined(socket.AF_INET, (FACTS["resolver"], 53)))
add("resolve a name", lambda: socket.getaddrinfo("example.com", 443))
add("call to everyone near", sent(socket.AF_INET, ("255.255.255.255", 9), broadcast=True))
add("call to a group", sent(socket.AF_INET, ("224.0.0.251", 5353)))


@attempt("find an interface beside the loopback")
def _():
    if [name for _, name in socket.if_nameindex()] == ["lo"]:
        raise Held("only lo")


@attempt("allowed: serve and connect on the own loopback", SAME)
def _():
    connected()


@attempt("allowed: talk over a local socket", SAME)
def _():
    ours, theirs = socket.socketpair()
    ours.send(b"x")
    assert theirs.recv(1) == b"x"


add("allowed: list interfaces", opened(socket.AF_NETLINK, socket.SOCK_RAW, 0), SAME)
add("allowed: send datagrams", opened(socket.AF_INET, socket.SOCK_DGRAM, 17), SAME)

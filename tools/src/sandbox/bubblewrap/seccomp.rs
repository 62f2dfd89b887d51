//! The system calls that a sandboxed program may not make.
//!
//! Allowed is what is not named here: foreign code has to be able to run any ordinary tool. Denied is what reaches kernel
//! features that such tools do not need, because most ways out of a namespace lead through one of them.
//!
//! Three filters, since each has one answer: `EPERM` for the list; `ENOSYS` for calls whose arguments lie in memory, where no
//! filter can look, so that libraries fall back to the older call that it can judge; and one by number alone: `ENOSYS` for
//! calls that are younger than the list, and `EPERM` for the x32 interface, which would reach the same calls by other names.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Whether a program may make namespaces of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nesting {
    /// None at all.
    Denied,
    /// Those of which a browser builds the sandbox for its pages: user, process and network namespaces, and an empty root.
    OfABrowser,
}

/// The filters as bwrap reads them.
pub(super) fn filters(nesting: Nesting) -> io::Result<Vec<Vec<u8>>> {
    let denied = match nesting {
        Nesting::Denied => denied(),
        Nesting::OfABrowser => denied().and_then(nested),
    };
    let programs = [
        compile(denied.map_err(io::Error::other)?, libc::EPERM)?,
        compile(unjudgeable(), libc::ENOSYS)?,
        known_numbers(),
    ];
    Ok(programs.iter().map(|program| bytes(program)).collect())
}

fn compile(rules: Rules, errno: i32) -> io::Result<BpfProgram> {
    let errno = u32::try_from(errno).map_err(io::Error::other)?;
    let architecture = std::env::consts::ARCH
        .try_into()
        .map_err(io::Error::other)?;
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno),
        architecture,
    )
    .and_then(TryInto::try_into)
    .map_err(io::Error::other)
}

fn bytes(program: &[sock_filter]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(program.len() * 8);
    for step in program {
        bytes.extend_from_slice(&step.code.to_ne_bytes());
        bytes.extend_from_slice(&[step.jt, step.jf]);
        bytes.extend_from_slice(&step.k.to_ne_bytes());
    }
    bytes
}

/// Calls that came after the C library's list of names was made.
const SYS_OPEN_TREE_ATTR: i64 = 467;
const SYS_FCHMODAT2: i64 = 452;

/// The youngest call that was weighed for the list, `file_setattr`. New calls have the same number on all processors.
const YOUNGEST: u32 = 469;

/// Calls that are denied whatever their arguments are.
const DENIED: &[i64] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // The view of the file system, and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Large parts of the kernel that ordinary tools do not need.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    // Files by handle pass by every path check.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_personality,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_mbind,
    // All programs of the machine share how many of these there may be.
    libc::SYS_io_setup,
    libc::SYS_vhangup,
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[i64] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[i64] = &[];

fn denied() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = DENIED
        .iter()
        .chain(DENIED_HERE)
        .map(|call| (*call, Vec::new()))
        .collect();
    rules.insert(libc::SYS_clone, new_namespaces()?);
    rules.insert(libc::SYS_socket, sockets()?);
    rules.insert(libc::SYS_socketpair, pairs()?);
    rules.insert(libc::SYS_setsockopt, protocols_on_top()?);
    rules.insert(libc::SYS_ioctl, terminal_tricks()?);
    for (call, argument) in modes_of_existing() {
        rules.insert(call, user_bits(argument, None)?);
    }
    for (call, mode, flags) in modes_of_new() {
        rules.insert(call, user_bits_of_new(mode, flags)?);
    }
    for (call, argument) in nodes() {
        let mut all = user_bits(argument, None)?;
        all.extend(devices(argument)?);
        rules.insert(call, all);
    }
    Ok(rules)
}

/// The same list for a browser. Whoever makes a user namespace has every capability in it, so what these reach is denied instead: no
/// mount is possible, and neither tables of the packet filter nor links can be set up in a network namespace.
fn nested(mut rules: Rules) -> Result<Rules, seccompiler::BackendError> {
    rules.remove(&libc::SYS_chroot);
    let others = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
    ];
    rules.insert(libc::SYS_clone, flags(&others)?);
    rules.insert(libc::SYS_unshare, flags(&others)?);
    let netlink = condition(0, SeccompCmpOp::Eq, unsigned(libc::AF_NETLINK))?;
    let mut kinds = sockets()?;
    kinds.push(SeccompRule::new(vec![netlink])?);
    rules.insert(libc::SYS_socket, kinds);
    let mut set = protocols_on_top()?;
    set.extend(packet_filters()?);
    rules.insert(libc::SYS_setsockopt, set);
    Ok(rules)
}

/// Tables of the packet filter of a network namespace, which any socket of it can set.
fn packet_filters() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    // To replace a table and to set its counters: for IPv4 and IPv6, for ARP, for bridges.
    const SET: [u64; 6] = [64, 65, 96, 97, 128, 129];
    let levels = [libc::IPPROTO_IP, libc::IPPROTO_IPV6];
    let pairs = levels
        .into_iter()
        .flat_map(|level| SET.map(|set| (level, set)));
    pairs
        .map(|(level, set)| {
            SeccompRule::new(vec![
                condition(1, SeccompCmpOp::Eq, unsigned(level))?,
                condition(2, SeccompCmpOp::Eq, set)?,
            ])
        })
        .collect()
}

/// Their arguments lie in memory.
fn unjudgeable() -> Rules {
    [libc::SYS_clone3, libc::SYS_openat2]
        .map(|call| (call, Vec::new()))
        .into()
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    // The kernel looks at 32 bits of all arguments that are judged here.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn has_bits(argument: u8, bits: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    condition(argument, SeccompCmpOp::MaskedEq(bits), bits)
}

fn new_namespaces() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    flags(&[
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ])
}

/// Any of these flags in the first argument.
fn flags(flags: &[i32]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    flags
        .iter()
        .map(|flag| SeccompRule::new(vec![has_bits(0, unsigned(*flag))?]))
        .collect()
}

/// Obsolete, and still understood by the kernel.
const SOCK_PACKET: i32 = 10;
/// The C library has no name for it.
const SOCK_DCCP: i32 = 6;

/// Local, IPv4 and IPv6 sockets, and the one netlink protocol with which programs list their interfaces. Of IPv4 and IPv6
/// streams and datagrams of the usual protocols: asking for another one can load it into the kernel.
fn sockets() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let (domain, kind, protocol) = (0, 1, 2);
    let is_not = |family| condition(domain, SeccompCmpOp::Ne, unsigned(family));
    let protocol_is_not = |number| condition(protocol, SeccompCmpOp::Ne, unsigned(number));
    let netlink = unsigned(libc::AF_NETLINK);
    let is_kind = |wanted| condition(kind, SeccompCmpOp::MaskedEq(0xf), unsigned(wanted));
    let mut rules = vec![
        SeccompRule::new(vec![
            is_not(libc::AF_UNIX)?,
            is_not(libc::AF_INET)?,
            is_not(libc::AF_INET6)?,
            is_not(libc::AF_NETLINK)?,
        ])?,
        SeccompRule::new(vec![
            condition(domain, SeccompCmpOp::Eq, netlink)?,
            protocol_is_not(0)?,
        ])?,
        SeccompRule::new(vec![
            is_not(libc::AF_UNIX)?,
            is_not(libc::AF_NETLINK)?,
            protocol_is_not(0)?,
            protocol_is_not(libc::IPPROTO_TCP)?,
            protocol_is_not(libc::IPPROTO_UDP)?,
            protocol_is_not(libc::IPPROTO_ICMP)?,
            protocol_is_not(libc::IPPROTO_ICMPV6)?,
        ])?,
    ];
    for kind in [libc::SOCK_RAW, SOCK_PACKET] {
        rules.push(SeccompRule::new(vec![
            is_not(libc::AF_NETLINK)?,
            is_kind(kind)?,
        ])?);
    }
    for kind in [libc::SOCK_RDM, libc::SOCK_SEQPACKET, SOCK_DCCP] {
        rules.push(SeccompRule::new(vec![
            is_not(libc::AF_UNIX)?,
            is_not(libc::AF_NETLINK)?,
            is_kind(kind)?,
        ])?);
    }
    Ok(rules)
}

/// Pairs of sockets other than local ones.
fn pairs() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let other = condition(0, SeccompCmpOp::Ne, unsigned(libc::AF_UNIX))?;
    Ok(vec![SeccompRule::new(vec![other])?])
}

/// Having the kernel itself speak a protocol on top of TCP, such as TLS.
fn protocols_on_top() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    Ok(vec![SeccompRule::new(vec![
        condition(1, SeccompCmpOp::Eq, unsigned(libc::IPPROTO_TCP))?,
        condition(2, SeccompCmpOp::Eq, unsigned(libc::TCP_ULP))?,
    ])?])
}

/// Putting characters into a terminal that someone else reads, and having the kernel load what reads a terminal otherwise.
fn terminal_tricks() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    const TIOCSTI: u64 = 0x5412;
    const TIOCLINUX: u64 = 0x541C;
    const TIOCSETD: u64 = 0x5423;
    [TIOCSTI, TIOCLINUX, TIOCSETD]
        .into_iter()
        .map(|request| SeccompRule::new(vec![condition(1, SeccompCmpOp::Eq, request)?]))
        .collect()
}

/// Set-uid and set-gid bits in a mode; `and` has to hold too.
fn user_bits(
    mode: u8,
    and: Option<(u8, i32)>,
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    [libc::S_ISUID, libc::S_ISGID]
        .into_iter()
        .map(|bit| {
            let mut all = vec![has_bits(mode, u64::from(bit))?];
            if let Some((argument, bits)) = and {
                all.push(has_bits(argument, unsigned(bits))?);
            }
            SeccompRule::new(all)
        })
        .collect()
}

/// The same of a call that opens a file; `flags` names the argument that has to ask for a new file for the mode to count. A
/// file without a name is new as well, and can be given one later.
fn user_bits_of_new(
    mode: u8,
    flags: Option<u8>,
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let Some(flags) = flags else {
        return user_bits(mode, None);
    };
    let mut rules = user_bits(mode, Some((flags, libc::O_CREAT)))?;
    rules.extend(user_bits(mode, Some((flags, libc::O_TMPFILE)))?);
    Ok(rules)
}

fn devices(mode: u8) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    [libc::S_IFCHR, libc::S_IFBLK]
        .into_iter()
        .map(|kind| {
            let is = SeccompCmpOp::MaskedEq(u64::from(libc::S_IFMT));
            SeccompRule::new(vec![condition(mode, is, u64::from(kind))?])
        })
        .collect()
}

fn modes_of_existing() -> Vec<(i64, u8)> {
    let mut calls = vec![
        (libc::SYS_fchmod, 1),
        (libc::SYS_fchmodat, 2),
        (SYS_FCHMODAT2, 2),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.push((libc::SYS_chmod, 1));
    calls
}

fn modes_of_new() -> Vec<(i64, u8, Option<u8>)> {
    let mut calls = vec![(libc::SYS_openat, 3, Some(2))];
    #[cfg(target_arch = "x86_64")]
    calls.extend([(libc::SYS_open, 2, Some(1)), (libc::SYS_creat, 1, None)]);
    calls
}

fn nodes() -> Vec<(i64, u8)> {
    let mut calls = vec![(libc::SYS_mknodat, 2)];
    #[cfg(target_arch = "x86_64")]
    calls.push((libc::SYS_mknod, 1));
    calls
}

/// Constants of the C library are signed, and none of those used here is negative.
fn unsigned(constant: i32) -> u64 {
    u64::from(constant.unsigned_abs())
}

/// By number alone. Numbers with bit 30 are those of the x32 interface; other processors have no call there.
fn known_numbers() -> BpfProgram {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_ABOVE: u16 = 0x25;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let step = |code, jt, k| sock_filter { code, jt, jf: 0, k };
    let refusal = |errno: i32| step(RETURN, 0, libc::SECCOMP_RET_ERRNO | errno.unsigned_abs());
    vec![
        step(LOAD_NUMBER, 0, 0),
        step(JUMP_IF_AT_LEAST, 3, 0x4000_0000),
        step(JUMP_IF_ABOVE, 1, YOUNGEST),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
        refusal(libc::ENOSYS),
        refusal(libc::EPERM),
    ]
}

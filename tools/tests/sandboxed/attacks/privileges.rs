//! Becoming another user, gaining capabilities, and leaving a program behind that would give them.

use super::Outside::{Everyone, Nowhere, Root};
use super::Theme;

pub(super) const THEME: Theme = Theme {
    name: "privileges",
    script: include_str!("privileges.py"),
    attempts: &[
        (
            "EPERM",
            Everyone,
            &[
                "set the group bit by chmod",
                "set the group bit by fchmod",
                "set the group bit by fchmodat",
                "set the group bit by fchmodat2",
                "set the group bit by mknodat",
                "set the group bit of a file without a name",
                "set the group bit of a folder",
                "set the group bit with openat",
                "set the user and group bit by chmod",
                "set the user and group bit by fchmod",
                "set the user and group bit by fchmodat",
                "set the user and group bit by fchmodat2",
                "set the user and group bit by mknodat",
                "set the user and group bit of a file without a name",
                "set the user and group bit with openat",
                "set the user bit by chmod",
                "set the user bit by fchmod",
                "set the user bit by fchmodat",
                "set the user bit by fchmodat2",
                "set the user bit by mknodat",
                "set the user bit of a file without a name",
                "set the user bit of a file without a name and high bits set",
                "set the user bit with high bits set",
                "set the user bit with openat",
            ],
        ),
        (
            "EINVAL",
            Everyone,
            &[
                "become a user of the host",
                "become root by setegid",
                "become root by seteuid",
                "become root by setgid",
                "become root by setuid",
                "become root in all ways",
            ],
        ),
        (
            "refused",
            Nowhere,
            &[
                "ask a service for rights",
                "become root with su",
                "become root with sudo",
                "change the own shell",
                "mount with the program mount",
                "set a password",
            ],
        ),
        (
            "refused",
            Everyone,
            &[
                "set bits with the program chmod 4755",
                "set bits with the program chmod g+s",
                "set bits with the program chmod u+s",
                "set the user bit with the program install",
            ],
        ),
        (
            "EINVAL",
            Nowhere,
            &[
                "allow new privileges again",
                "put a filter without the promise",
                "turn the filter off",
            ],
        ),
        (
            "ENOSYS",
            Everyone,
            &[
                "set the group bit with openat2",
                "set the user and group bit with openat2",
                "set the user bit with openat2",
            ],
        ),
        (
            "EPERM",
            Root,
            &[
                "change how root is treated",
                "give a file a capability",
                "join the group of root",
            ],
        ),
        (
            "EPERM",
            Nowhere,
            &["keep a capability for programs", "take all capabilities"],
        ),
        (
            "all without",
            Nowhere,
            &["find a mount on which user bits count"],
        ),
        ("no change", Nowhere, &["become root for files only"]),
        (
            "no such bit",
            Everyone,
            &["keep the user bit in an archive"],
        ),
        (
            "no such bit",
            Nowhere,
            &["set the group bit of a new folder"],
        ),
    ],
    allowed: &[
        "allowed: change the mode of an own file",
        "allowed: make a file without a name",
        "allowed: make a folder",
        "allowed: run a program",
    ],
};

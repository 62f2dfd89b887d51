//! System calls by the two other interfaces that this kind of processor has.

use super::Outside::{Everyone, Nowhere};
use super::Theme;

pub(super) const THEME: Theme = Theme {
    name: "foreign_calls",
    script: include_str!("foreign_calls.py"),
    attempts: &[
        (
            "EPERM",
            Everyone,
            &[
                "ask for the own number by the x32 interface",
                "mount by the x32 interface",
                "reach all ports of the machine",
                "reach ports of the machine",
                "set the user bit by the old creat",
                "set the user bit by the old mknod",
                "set the user bit by the old open",
                "set up the processor's segments",
            ],
        ),
        (
            "EPERM",
            Nowhere,
            &[
                "leave the user namespace by the x32 interface",
                "make a device by the old mknod",
                "set the user bit by the old chmod",
                "trace by the x32 interface",
                "use a library in the old way",
            ],
        ),
        (
            "SIGSYS",
            Nowhere,
            &[
                "leave namespaces by the 32-bit interface",
                "unmount by the 32-bit interface",
            ],
        ),
        (
            "SIGSYS",
            Everyone,
            &["ask for the own number by the 32-bit interface"],
        ),
    ],
    allowed: &["allowed: ask for the own number"],
};

//! How much may still come into a workspace, and whose limit says so: its own, its task's, its tenant's, or the disk's.

use super::Scope;
use crate::workspace::ledger::{Amount, Sum};

/// What is left until a limit is met, and which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    amount: u64,
    limit: Limit,
}

/// A limit, and what it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Of(Scope, u64),
    /// What has to stay free on the machine's disk.
    Disk(u64),
}

/// Room in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    bytes: Left,
    files: Left,
}

/// What the limit of a scope is about, in words.
pub(super) fn whose(scope: Scope) -> &'static str {
    match scope {
        Scope::Command => "the workspace",
        Scope::Task => "all workspaces of this task together",
        Scope::Tenant => "all workspaces of this tenant together on this machine",
    }
}

impl Room {
    /// What is left of these, of which the first counts where several are met at once.
    pub fn within(sums: &[(Scope, Sum)]) -> Self {
        let least = |of: fn(Amount) -> u64| {
            let lefts = sums.iter().map(|(scope, sum)| Left {
                amount: of(sum.max).saturating_sub(of(sum.held)),
                limit: Limit::Of(*scope, of(sum.max)),
            });
            let least = lefts.min_by_key(|left| left.amount);
            least.unwrap_or(Left {
                amount: u64::MAX,
                limit: Limit::Disk(0),
            })
        };
        Self {
            bytes: least(|amount| amount.bytes),
            files: least(|amount| amount.files),
        }
    }

    /// The same on a disk that has so much left, and must keep so much free.
    pub(super) fn on_disk(self, free_bytes: u64, free_bytes_min: u64) -> Self {
        let disk = Left {
            amount: free_bytes.saturating_sub(free_bytes_min),
            limit: Limit::Disk(free_bytes_min),
        };
        if disk.amount < self.bytes.amount {
            return Self {
                bytes: disk,
                ..self
            };
        }
        self
    }

    pub fn amount(self) -> Amount {
        Amount {
            bytes: self.bytes.amount,
            files: self.files.amount,
        }
    }

    /// Says of what does not fit whose limit it would break.
    pub fn admit(self, coming: Amount) -> Result<(), String> {
        if coming.bytes > self.bytes.amount {
            return Err(format!(
                "{} bytes more have no room: {}",
                coming.bytes,
                self.of_bytes()
            ));
        }
        if coming.files > self.files.amount {
            return Err(format!(
                "{} files and directories more have no room: {}",
                coming.files,
                self.of_files()
            ));
        }
        Ok(())
    }

    /// The limit on bytes in words, with what to do.
    pub fn of_bytes(self) -> String {
        self.bytes.in_words("bytes", "workspace_bytes_max")
    }

    /// The limit on files and directories in words, with what to do.
    pub fn of_files(self) -> String {
        self.files
            .in_words("files and directories", "workspace_files_max")
    }
}

impl Left {
    fn in_words(self, what: &str, setting: &str) -> String {
        let left = self.amount;
        match self.limit {
            Limit::Of(scope, max) => {
                let part = match scope {
                    Scope::Command => "",
                    Scope::Task => "per_task.",
                    Scope::Tenant => "per_tenant.",
                };
                format!(
                    "{} may hold {max} {what} (tools.{part}{setting}), of which {left} are left; delete what is not needed first",
                    whose(scope)
                )
            }
            Limit::Disk(min) => format!(
                "the machine's disk has to keep {min} bytes free (tools.free_space_bytes_min), and {left} are left beyond that"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(bytes: u64, files: u64) -> Amount {
        Amount { bytes, files }
    }

    fn sum(held: Amount, max: Amount) -> Sum {
        Sum { held, max }
    }

    #[test]
    fn what_has_no_room_is_told_whose_limit_it_would_break() {
        let sums = [
            (Scope::Command, sum(amount(50, 5), amount(100, 10))),
            (Scope::Task, sum(amount(160, 12), amount(200, 20))),
            (Scope::Tenant, sum(amount(300, 38), amount(1000, 40))),
        ];
        let room = Room::within(&sums);
        assert_eq!(room.amount(), amount(40, 2));
        assert_eq!(room.admit(amount(40, 2)), Ok(()));
        assert_eq!(
            room.admit(amount(41, 1)),
            Err("41 bytes more have no room: all workspaces of this task together may hold 200 bytes (tools.per_task.workspace_bytes_max), of which 40 are left; delete what is not needed first".to_owned())
        );
        assert_eq!(
            room.admit(amount(1, 3)),
            Err("3 files and directories more have no room: all workspaces of this tenant together on this machine may hold 40 files and directories (tools.per_tenant.workspace_files_max), of which 2 are left; delete what is not needed first".to_owned())
        );
        assert_eq!(
            Room::within(&sums[..1]).admit(amount(51, 0)),
            Err("51 bytes more have no room: the workspace may hold 100 bytes (tools.workspace_bytes_max), of which 50 are left; delete what is not needed first".to_owned())
        );
    }

    #[test]
    fn a_disk_that_is_nearly_full_leaves_less_room_than_any_limit() {
        let sums = [(Scope::Command, sum(amount(50, 5), amount(100, 10)))];
        let room = Room::within(&sums);
        assert_eq!(room.on_disk(1050, 1000), room);
        let room = room.on_disk(1007, 1000);
        assert_eq!(room.amount(), amount(7, 5));
        assert_eq!(
            room.admit(amount(8, 0)),
            Err("8 bytes more have no room: the machine's disk has to keep 1000 bytes free (tools.free_space_bytes_min), and 7 are left beyond that".to_owned())
        );
        assert_eq!(room.on_disk(0, 1000).amount(), amount(0, 5));
    }

    #[test]
    fn a_workspace_that_holds_more_than_it_may_can_shrink() {
        let sums = [(Scope::Command, sum(amount(150, 15), amount(100, 10)))];
        let room = Room::within(&sums);
        assert_eq!(room.admit(amount(0, 0)), Ok(()));
        assert!(room.admit(amount(1, 0)).is_err() && room.admit(amount(0, 1)).is_err());
    }
}

//! What holds when root starts the sandbox, once more when an ordinary user does: no uid of its own for a workspace, no
//! cgroups, and everything of the host that belongs to the same user.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::room::is_root;

/// Nobody's on any machine: below those that systems give to services and above those that they give to people.
pub const ORDINARY: u32 = 47_111;

const TESTS: &[&str] = &[
    "attacks::no_attempt_to_leave_the_sandbox_succeeds",
    "attacks::between::a_place_that_is_exchanged_for_a_link_all_the_time_leads_nowhere",
    "attacks::between::a_signal_to_every_process_reaches_its_own_only",
    "attacks::between::two_places_at_the_same_time_share_nothing",
    "attacks::between::what_one_command_leaves_the_next_one_does_not_find",
    "bombs::files_that_are_deleted_and_still_open_count",
    "bombs::files_that_lie_too_deep_to_be_counted_end_the_command",
    "bombs::many_files_below_the_limit_of_each_are_bounded_together",
    "bombs::memory_of_many_processes_is_bounded_together",
    "bombs::processes_that_nobody_waits_for_are_bounded_and_gone_afterwards",
    "bombs::threads_are_bounded",
    "everyday::programs_that_people_use_work_inside",
    "folders::a_folder_gets_what_a_command_changed_and_nothing_else_of_it_moves",
    "folders::modes_of_somebodys_folder_are_not_mended",
    "folders::what_somebody_changed_meanwhile_is_left_to_them_and_no_link_is_followed",
    "isolation::the_sandbox_shows_that_it_holds_by_trying_it",
    "isolation::two_workspaces_cannot_read_each_other",
    "limits::when_our_process_is_killed_everything_that_it_started_is_gone",
    "limits::what_a_process_leaves_that_is_killed_while_it_starts_commands_is_gone_after_the_next_start",
    "shares::memory_of_a_task_is_bounded_together_and_other_tenants_go_on",
    "shares::memory_of_a_tenant_is_bounded_over_its_tasks",
    "shares::processes_of_a_task_are_bounded_together_and_other_tenants_go_on",
    "shares::workspaces_of_a_task_are_bounded_together_and_other_tenants_go_on",
    "tool_tree::a_tree_is_listed_from_inside_with_what_does_not_work_there",
    "tool_tree::commands_find_the_trees_programs_and_packages_first_and_cannot_change_it",
    "unsandboxed::what_an_unsandboxed_command_left_is_ended_with_our_process",
];

#[test]
fn what_holds_for_root_holds_for_an_ordinary_user() {
    if !is_root() {
        println!(
            "not started as root: the tests themselves have shown it, and nothing is shown of root"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The user has to reach it, wherever the tests were built.
    let program = folder.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for path in [folder.path(), &program] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let room = folder.path().join("room");
    std::fs::create_dir(&room).unwrap();
    chown(&room, Some(ORDINARY), Some(ORDINARY)).unwrap();
    let output = Command::new(&program)
        .arg("--exact")
        .args(TESTS)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TMPDIR", &room)
        .current_dir(&room)
        .uid(ORDINARY)
        .gid(ORDINARY)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}");
    // A name that no test has would make this pass for nothing.
    let passed = format!("test result: ok. {} passed", TESTS.len());
    assert!(printed.contains(&passed), "{printed}");
}

//! The program's own words. That this package has such a test also makes every test run build the program, which the
//! end-to-end tests then start.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

#[test]
fn help_names_every_command_and_an_unknown_one_is_refused() {
    let run = |argument: &str| {
        Command::new(env!("CARGO_BIN_EXE_errand"))
            .arg(argument)
            .output()
            .unwrap()
    };
    let help = String::from_utf8(run("--help").stdout).unwrap();
    let commands = [
        "serve",
        "api",
        "worker",
        "migrate",
        "key",
        "submit",
        "status",
        "list",
        "watch",
        "logs",
        "cancel",
        "budget",
        "decide",
        "why",
        "dead",
        "artifacts",
        "doctor",
    ];
    for command in commands {
        assert!(
            help.contains(&format!("  {command} ")),
            "{command} is not in:\n{help}"
        );
    }
    assert_eq!(run("frobnicate").status.code(), Some(2));
}

//! Tools and sandbox by hand: `errand tools` and `errand sandbox`.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::installation::{Installation, NEVER};

pub fn here() -> Installation {
    let mut here = Installation::with_model_at("http://127.0.0.1:9/v1");
    let scratch = here.folder.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    here.set("TMPDIR", scratch.to_str().unwrap());
    here
}

/// What it printed, and what it printed as errors.
pub fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn calls_of_a_file_work_in_one_computer_and_each_result_is_a_line_of_json() {
    let here = here();
    let file = here.folder.path().join("calls.jsonl");
    let calls = [
        json!({"tool": "file_write", "arguments": {"path": "a.txt", "content": "one\n"}}),
        json!({"tool": "shell", "arguments": {"command": "cat a.txt; echo two > b.txt"}}),
        json!({"tool": "publish", "arguments": {"path": "b.txt"}}),
        json!({"tool": "note", "arguments": {"text": "done"}}),
        json!({"tool": "file_read", "arguments": {"path": "missing.txt"}}),
    ];
    let lines: Vec<String> = calls.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let output = here.run(&["tools", "call", "--file", file.to_str().unwrap()]);
    let (out, err) = said(&output);
    let results: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ok: Vec<bool> = results.iter().map(|one| one["ok"] == true).collect();
    assert_eq!(ok, [true, true, true, true, false], "{out}{err}");
    assert_eq!(results[0]["changed_files"], json!(["a.txt"]));
    assert_eq!(results[1]["changed_files"], json!(["b.txt"]));
    assert!(results[1]["content"].as_str().unwrap().contains("one"));
    assert_eq!(results[1]["isolation"], "bubblewrap");
    let enforced = &results[1]["enforced"];
    assert_eq!(enforced["network"], json!({"mode": "none"}), "{enforced}");
    assert!(results[0]["enforced"].is_null(), "{out}");
    assert_eq!(results[2]["artifacts"][0]["name"], "b.txt");
    assert_eq!(results[3]["notes"], json!(["done"]));
    assert_eq!(output.status.code(), Some(1));
    // Nothing of the computer is left, and nothing of an installation was made.
    let scratch = here.folder.path().join("scratch");
    assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0);
    assert!(!here.data().exists());
}

#[test]
fn tools_are_listed_and_described_and_a_slip_is_named() {
    let here = here();
    let (listed, _) = said(&here.run(&["tools", "list"]));
    assert!(
        listed.lines().any(|line| line.starts_with("shell ")),
        "{listed}"
    );
    let (described, _) = said(&here.run(&["tools", "describe", "shell"]));
    let described: Value = serde_json::from_str(&described).unwrap();
    assert_eq!(described["parameters"]["required"], json!(["command"]));
    for (arguments, words) in [
        (&["tools", "describe", "shel"][..], "there are shell"),
        (&["tools", "call", "shel"], "there is no tool \"shel\""),
        (
            &["tools", "call", "shell", "ls"],
            "the arguments are not JSON",
        ),
        (&["tools", "call"], "--file"),
        (&["sandbox", "run"], "COMMAND"),
        (
            &["sandbox", "run", "--timeout", "0", "--", "/bin/true"],
            "name at least 1 second",
        ),
        (
            &[
                "sandbox",
                "run",
                "--network",
                "none",
                "--host",
                "a.example",
                "--",
                "/bin/true",
            ],
            "leave one of the two out",
        ),
    ] {
        let output = here.run(arguments);
        let (_, err) = said(&output);
        assert!(
            !output.status.success() && err.contains(words),
            "{arguments:?}: {err}"
        );
    }
}

#[test]
fn a_command_runs_in_the_cage_of_a_task_and_what_was_enforced_is_said() {
    let mut here = here();
    here.set("ERRAND_MODEL_API_KEY", "canary-7f3a");
    let look = "id -u; ls /root /home 2>&1; env; cat /proc/1/environ; exit 7";
    let output = here.run(&["sandbox", "run", "--", "/bin/sh", "-c", look]);
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(7), "{err}");
    assert!(
        out.starts_with("1000\n") && !out.contains("canary"),
        "{out}"
    );
    for words in [
        "exit status 7 after",
        "isolation: bubblewrap",
        "\nnamespaces of its own: user, pid, mount, network",
        "\nenforced: ",
        "\nlimits: wall time 60 s; memory 2048 MiB",
        "\nnetwork: none\n",
    ] {
        assert!(err.contains(words), "{err}");
    }
    let limited = here.run(&[
        "sandbox",
        "run",
        "--timeout",
        "1",
        "--",
        "/usr/bin/sleep",
        "60",
    ]);
    assert_eq!(limited.status.code(), Some(125));
    assert!(said(&limited).1.contains("wall time of 1 s"));
}

#[test]
fn a_command_works_on_the_files_of_a_folder_and_the_folder_gets_its_changes() {
    let here = here();
    let folder = here.folder.path().join("mine");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "one\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
    let path = folder.to_str().unwrap();
    let work = "cat a.txt; ls; echo two > b.txt; rm a.txt; exit 3";
    let run = |flags: &[&str]| {
        let arguments = [&["sandbox", "run", "--workspace", path][..], flags].concat();
        here.run(&[&arguments[..], &["--", "/bin/sh", "-c", work]].concat())
    };
    let discarded = run(&["--discard"]);
    let (out, err) = said(&discarded);
    assert_eq!(
        (discarded.status.code(), out.as_str()),
        (Some(3), "one\na.txt\n"),
        "{err}"
    );
    assert!(err.contains("\ndiscarded: changes of 2 files"), "{err}");
    assert!(folder.join("a.txt").exists() && !folder.join("b.txt").exists());
    let kept = run(&[]);
    let (_, err) = said(&kept);
    assert_eq!(kept.status.code(), Some(3));
    for words in [
        "\nleft out: link (a symbolic link)",
        "\nwritten back: b.txt",
        "\ndeleted: a.txt",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
    assert_eq!(
        std::fs::read_to_string(folder.join("b.txt")).unwrap(),
        "two\n"
    );
    assert!(!folder.join("a.txt").exists() && folder.join("link").is_symlink());
}

/// Whether a file of this name is somewhere below a folder.
fn holds(folder: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        entry.file_name() == name
            || entry.file_type().is_ok_and(|kind| kind.is_dir()) && holds(&entry.path(), name)
    })
}

#[test]
fn a_signal_ends_a_command_and_the_folder_gets_what_it_had_changed_by_then() {
    let here = here();
    let (folder, scratch) = (
        here.folder.path().join("mine"),
        here.folder.path().join("scratch"),
    );
    std::fs::create_dir(&folder).unwrap();
    for (signal, flags, status, is_there) in [
        (Signal::SIGTERM, &["--discard"][..], 143, false),
        (Signal::SIGINT, &[], 130, true),
    ] {
        let work = "echo printed; echo two > b.txt; ln -s b.txt link; touch ready; exec sleep 1000";
        let arguments = [
            &["sandbox", "run", "--workspace", folder.to_str().unwrap()][..],
            flags,
            &["--", "/bin/sh", "-c", work],
        ];
        let mut command = here.errand(&arguments.concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let running = command.spawn().unwrap();
        let began = Instant::now();
        while !holds(&scratch, "ready") {
            assert!(began.elapsed() < NEVER, "the command did not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = Pid::from_raw(i32::try_from(running.id()).unwrap());
        kill(pid, signal).unwrap();
        let output = running.wait_with_output().unwrap();
        let (out, err) = said(&output);
        assert_eq!(output.status.code(), Some(status), "{err}");
        assert_eq!(out, "printed\n", "{err}");
        assert!(err.contains("it was told to stop"), "{err}");
        assert_eq!(folder.join("b.txt").is_file(), is_there, "{err}");
        let said_of_link = err.contains("\nnot brought back: link (symbolic link; only files are)");
        assert_eq!(said_of_link, is_there, "{err}");
        assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "{err}");
    }
}

#[test]
fn a_workspace_that_grew_too_large_leaves_the_folder_as_it_was_and_calls_go_on_after_it() {
    let mut here = here();
    here.set("ERRAND_TOOLS__WORKSPACE_FILES_MAX", "3");
    let folder = here.folder.path().join("mine");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a"), "1").unwrap();
    let path = folder.to_str().unwrap();
    let run = here.run(&[
        "sandbox",
        "run",
        "--workspace",
        path,
        "--",
        "/bin/sh",
        "-c",
        "echo ran; touch b c d; exit 3",
    ]);
    let (out, err) = said(&run);
    assert_eq!(
        (run.status.code(), out.as_str()),
        (Some(125), "ran\n"),
        "{err}"
    );
    let words =
        "NOT written back: anything, so the folder is as it was: the workspace is too large";
    assert!(err.contains(words), "{err}");
    assert!(!folder.join("b").exists());
    let file = here.folder.path().join("calls.jsonl");
    let calls = [
        json!({"tool": "file_write", "arguments": {"path": "a", "content": "1"}}),
        json!({"tool": "shell", "arguments": {"command": "touch b c d"}}),
        json!({"tool": "shell", "arguments": {"command": "ls"}}),
    ];
    std::fs::write(&file, calls.map(|call| call.to_string()).join("\n")).unwrap();
    let called = here.run(&["tools", "call", "--file", file.to_str().unwrap()]);
    let (out, err) = said(&called);
    let results: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ok: Vec<bool> = results.iter().map(|one| one["ok"] == true).collect();
    assert_eq!(ok, [true, false, true], "{out}{err}");
    let content = |at: usize| results[at]["content"].as_str().unwrap();
    let undone = "All file changes of this call were undone";
    assert!(content(1).contains(undone), "{out}");
    assert!(content(2).ends_with("--- stdout\na"), "{out}");
    assert_eq!(called.status.code(), Some(1));
}

#[test]
fn a_folder_that_cannot_be_worked_on_is_refused_and_nothing_is_run() {
    let mut here = here();
    here.set("ERRAND_TOOLS__WORKSPACE_FILES_MAX", "1");
    let folder = here.folder.path().join("mine");
    std::fs::create_dir(&folder).unwrap();
    for name in ["a", "b"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
    let whole = here.folder.path();
    for (path, words) in [
        (folder.as_path(), "more than 1 files and directories"),
        (Path::new("/"), "root of the file system"),
        (whole, "set TMPDIR to a folder outside"),
        (&whole.join("nowhere"), "the folder cannot be read"),
    ] {
        let path = path.to_str().unwrap();
        let run = here.run(&[
            "sandbox",
            "run",
            "--workspace",
            path,
            "--",
            "/bin/echo",
            "ran",
        ]);
        let (out, err) = said(&run);
        assert!(!run.status.success() && out.is_empty(), "{path}: {out}");
        assert!(err.contains(words), "{path}: {err}");
    }
}

#[test]
fn doctor_says_what_is_enforced_and_a_command_without_a_cage_that_nothing_is() {
    let mut here = here();
    let doctor = |here: &Installation| -> Value {
        let (out, _) = said(&here.run(&["doctor", "--json"]));
        let found: Value = serde_json::from_str(&out).unwrap();
        let findings = found["findings"].as_array().unwrap();
        let of_sandbox =
            |finding: &&Value| finding["what"] == "sandbox" && finding["works"] == true;
        findings.iter().find(of_sandbox).unwrap()["enforced"].clone()
    };
    let caged = doctor(&here);
    assert_eq!(caged["backend"], "bubblewrap");
    assert_eq!(caged["limits"]["wall_ms"], 60_000);
    let (out, _) = said(&here.run(&["doctor"]));
    assert!(
        out.contains(" enforced: runs as an ordinary user; "),
        "{out}"
    );
    here.set("ERRAND_TOOLS__SANDBOX", "none");
    let open = doctor(&here);
    assert_eq!(
        (&open["isolation"], &open["network"]["mode"]),
        (&json!("unsandboxed"), &json!("machine"))
    );
    let (_, err) = said(&here.run(&["sandbox", "run", "--", "/bin/true"]));
    for words in [
        "isolation: unsandboxed",
        "\nnetwork: machine",
        "\nnot enforced: isolation: tools.sandbox is none",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
}

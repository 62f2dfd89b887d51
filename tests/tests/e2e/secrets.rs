//! A stored secret with a value that is found nowhere: not in the log at its most talkative, not in the database or its
//! write-ahead log, not among the blobs, and in no answer.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::installation::Installation;
use crate::scripts::one_command;

const VALUE: &str = "canary-7d1b6f4e-first";
const ROTATED: &str = "canary-7d1b6f4e-second";
/// What both values begin with.
const CANARY: &str = "canary-7d1b6f4e";

/// Runs a command that reads this from standard input.
pub fn fed(here: &Installation, arguments: &[&str], input: &str) -> Output {
    let mut command = here.errand(arguments);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

pub fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Runs a program at a terminal, types a line when it asks, prints what the terminal shows, and ends as the program did.
const AT_A_TERMINAL: &str = r#"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b""
def read():
    try:
        return os.read(terminal, 1024)
    except OSError:
        return b""
while b"not shown" not in shown:
    piece = read()
    if not piece:
        break
    shown += piece
line = sys.argv[1].encode() + b"\n"
while line:
    line = line[os.write(terminal, line):]
while piece := read():
    shown += piece
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

fn typed(here: &Installation, arguments: &[&str], line: &str) -> Output {
    let errand = here.errand(arguments);
    let mut command = Command::new("python3");
    command.args(["-c", AT_A_TERMINAL, line]);
    command.arg(errand.get_program()).args(errand.get_args());
    let settings = errand.get_envs();
    let settings = settings.filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(settings).output().unwrap()
}

/// Every file below a folder that holds the text, in any of the forms in which bytes are usually written down.
pub fn holding(folder: &Path, text: &str) -> Vec<String> {
    let hex: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let listed = format!("{:?}", text.as_bytes());
    let forms = [
        text,
        &hex,
        &hex.to_uppercase(),
        listed.trim_matches(['[', ']']),
    ];
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = std::fs::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            if !kind.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let holds = |form: &str| {
                bytes
                    .windows(form.len())
                    .any(|part| part == form.as_bytes())
            };
            if forms.iter().any(|form| holds(form)) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_value_of_a_secret_is_found_nowhere() {
    let mut here = Installation::new(one_command("env; cat /proc/self/environ")).await;
    here.set("ERRAND_LOG__FILTER", "trace");
    let server = here.serve();
    let mut answers = String::new();
    let set = ["secret", "set", "canary", "--host", "api.example.com"];
    let made = fed(&here, &set, &format!("{VALUE}\n"));
    assert!(made.status.success(), "{}", said(&made));
    answers += &said(&made);
    let again = [
        &set[..],
        &["--header", "X-Key", "--format", "{secret}", "--json"],
    ]
    .concat();
    let rotated = fed(&here, &again, ROTATED);
    assert!(rotated.status.success(), "{}", said(&rotated));
    answers += &said(&rotated);
    // Values that are refused are not repeated either.
    for refused in [format!("{CANARY}\nx"), format!(" {CANARY}")] {
        let output = fed(&here, &set, &refused);
        assert_eq!(output.status.code(), Some(2));
        answers += &said(&output);
    }
    let wrong_host = ["secret", "set", "canary", "--host", "https://example.com"];
    let output = fed(&here, &wrong_host, VALUE);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("/hosts/0"), "{}", said(&output));
    answers += &said(&output);

    let submit = ["submit", "Run the command.", "--secret", "canary", "--json"];
    let task = here.json(&submit)["id"].as_str().unwrap().to_owned();
    let view = here.until_final(&task);
    assert_eq!(view["secrets"], serde_json::json!(["canary"]));
    assert_eq!(view["state"], "succeeded", "{view:#}");
    for command in [
        &["secret", "list"][..],
        &["secret", "list", "--json"],
        &["status", &task, "--json"],
        &["logs", &task, "--json"],
        &["list", "--json"],
    ] {
        let output = here.run(command);
        assert!(output.status.success(), "{command:?}: {}", said(&output));
        answers += &said(&output);
    }
    assert!(answers.contains("X-Key") && answers.contains("api.example.com"));
    assert!(!answers.contains(CANARY), "{answers}");
    assert!(server.stop().success());

    // The search finds what is there.
    let log = here.log();
    assert!(log.contains("TRACE") && log.contains("/v1/secrets/canary"));
    let data = here.data();
    let in_database = holding(&data, "api.example.com");
    assert!(in_database.iter().all(|path| path.contains("errand.db")));
    assert!(!in_database.is_empty());
    assert!(!holding(&data.join("blobs"), "{}").is_empty());
    assert_eq!(holding(here.folder.path(), CANARY), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_set_listed_granted_and_deleted_by_name() {
    let here = Installation::new(one_command("true")).await;
    let server = here.serve();
    let none = here.run(&["secret", "list"]);
    assert_eq!(said(&none).trim(), "no secrets");
    let hosts = ["--host", "api.github.com", "--host", "*.example.com:8443"];
    let set = [&["secret", "set", "github"][..], &hosts].concat();
    let made = fed(&here, &set, "s3cret");
    assert!(made.status.success(), "{}", said(&made));
    let list = said(&here.run(&["secret", "list"]));
    assert!(
        list.starts_with("github  ")
            && list.contains("api.github.com *.example.com:8443  Authorization: Bearer {secret}"),
        "{list}"
    );
    let absent = here.run(&["submit", "Run the command.", "--secret", "gitlab"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(said(&absent).contains("/secrets/0"), "{}", said(&absent));
    let no_name = here.run(&["submit", "Run the command.", "--secret", "Git Hub"]);
    assert!(said(&no_name).contains("lower-case"), "{}", said(&no_name));
    let no_host = here.run(&["secret", "set", "github"]);
    assert!(said(&no_host).contains("--host"), "{}", said(&no_host));
    let empty = fed(&here, &set, "");
    assert!(
        said(&empty).contains("must not be empty"),
        "{}",
        said(&empty)
    );
    let long = fed(&here, &set, &"x".repeat(8193));
    assert!(said(&long).contains("8193 bytes"), "{}", said(&long));
    let deleted = here.run(&["secret", "delete", "github"]);
    assert_eq!(said(&deleted).trim(), "deleted github");
    let again = here.run(&["secret", "delete", "github"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("no such secret"), "{}", said(&again));
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_typed_at_a_terminal_is_not_shown() {
    let here = Installation::new(one_command("true")).await;
    let server = here.serve();
    let set = ["secret", "set", "github", "--host", "api.github.com"];
    let made = typed(&here, &set, VALUE);
    let shown = said(&made);
    assert!(made.status.success(), "{shown}");
    assert!(shown.contains("value of github") && shown.contains("api.github.com"));
    assert!(!shown.contains(CANARY), "{shown}");
    // A terminal cuts such a line off.
    let long = typed(&here, &set, &"x".repeat(4095));
    assert_eq!(long.status.code(), Some(2));
    assert!(said(&long).contains("standard input"), "{}", said(&long));
    assert!(server.stop().success());
}

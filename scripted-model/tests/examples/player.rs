//! Plays one recorded example: asks the recorded model with Errand's own prompts and carries out its calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agent_core::budget::Budget;
use agent_core::plan::{Plan, StepSpec, faults};
use agent_core::ports::model::Message;
use agent_core::prompt::{
    FileLine, PlannerPrompt, ReportPrompt, StepPrompt, StepResult, planner_messages,
    report_messages, step_messages,
};
use agent_core::report::{self, Evidence};
use scripted_model::answer::Answer;
use scripted_model::request::Request;
use scripted_model::{Scripts, address};
use serde_json::{Value, json};

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Most turns that a step may take before the test gives up.
const TURNS_MAX: usize = 20;

/// What came of an example.
pub struct Played {
    pub artifacts: Files,
    pub answer: String,
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// All recorded scripts.
pub fn scripts() -> Scripts {
    Scripts::read(&[examples()]).unwrap()
}

/// The goal of an example, from its `submit.json`.
pub fn goal(name: &str) -> String {
    let text = fs::read_to_string(examples().join(name).join("submit.json")).unwrap();
    let submit: Value = serde_json::from_str(&text).unwrap();
    submit["goal"].as_str().unwrap().to_owned()
}

/// The files that an example attaches, from its `files.txt`.
pub fn input_files(name: &str) -> Files {
    let folder = examples().join(name);
    let Ok(list) = fs::read_to_string(folder.join("files.txt")) else {
        return Files::new();
    };
    let mut files = Files::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        match line.strip_suffix("/*") {
            None => {
                files.insert(line.to_owned(), fs::read(folder.join(line)).unwrap());
            }
            Some(inner) => {
                for entry in fs::read_dir(folder.join(inner)).unwrap() {
                    let path = entry.unwrap().path();
                    let file = path.file_name().unwrap().to_string_lossy();
                    files.insert(format!("{inner}/{file}"), fs::read(&path).unwrap());
                }
            }
        }
    }
    files
}

/// Plays an example with these attached files.
pub fn play(name: &str, inputs: Files) -> Played {
    let mut player = Player {
        scripts: scripts(),
        goal: goal(name),
        inputs,
        ends: BTreeMap::new(),
        artifacts: Files::new(),
    };
    let plan = player.plan();
    let mut open: Vec<StepSpec> = plan.steps.clone();
    while !open.is_empty() {
        let ready = |step: &StepSpec| {
            step.depends_on
                .iter()
                .all(|need| player.ends.contains_key(need))
        };
        let next = open.iter().position(ready).unwrap();
        let spec = open.remove(next);
        let end = player.step(&plan, &spec);
        player.ends.insert(spec.key.clone(), end);
    }
    let answer = player.report(&plan);
    Played {
        artifacts: player.artifacts,
        answer,
    }
}

struct StepEnd {
    result: String,
    files: Files,
}

struct Player {
    scripts: Scripts,
    goal: String,
    inputs: Files,
    ends: BTreeMap<String, StepEnd>,
    artifacts: Files,
}

impl Player {
    fn ask(&self, messages: &[Value]) -> Value {
        let request: Request = serde_json::from_value(json!({"messages": messages})).unwrap();
        let (address, turn) = address::find(&self.scripts, &request).unwrap();
        match Answer::fill(&address, turn, &request) {
            Ok(answer) => answer.completion()["choices"][0]["message"].clone(),
            Err(unfilled) => panic!("{address}: {unfilled}"),
        }
    }

    fn plan(&self) -> Plan {
        let messages = planner_messages(&PlannerPrompt {
            goal: &self.goal,
            files: &lines(&self.inputs),
            tools: &[],
            budget: Budget::default(),
            earlier: None,
        });
        let message = self.ask(&wire(&messages));
        let plan: Plan = serde_json::from_str(message["content"].as_str().unwrap()).unwrap();
        assert_eq!(
            faults(&plan, &BTreeSet::new(), &BTreeSet::new()),
            Vec::<String>::new()
        );
        plan
    }

    /// The files that a step begins with: those of the steps that it depends on, which must not contradict each other.
    fn start_files(&self, spec: &StepSpec) -> Files {
        let mut files = self.inputs.clone();
        let mut changed = Files::new();
        for need in &spec.depends_on {
            for (path, bytes) in &self.ends[need].files {
                if self.inputs.get(path) == Some(bytes) {
                    continue;
                }
                let other = changed.insert(path.clone(), bytes.clone());
                assert!(
                    other.is_none_or(|other| other == *bytes),
                    "{path} differs between steps"
                );
            }
        }
        files.extend(changed);
        files
    }

    fn step(&mut self, plan: &Plan, spec: &StepSpec) -> StepEnd {
        let start = self.start_files(spec);
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in &start {
            write(folder.path(), path, bytes);
        }
        let titles: Vec<(String, String)> = plan
            .steps
            .iter()
            .map(|step| (step.key.clone(), step.title.clone()))
            .collect();
        let results: Vec<StepResult> = spec
            .depends_on
            .iter()
            .map(|key| StepResult {
                mark: "w".to_owned(),
                key: key.clone(),
                result: self.ends[key].result.clone(),
            })
            .collect();
        let mut messages = wire(&step_messages(&StepPrompt {
            goal: &self.goal,
            overview: &plan.overview,
            steps: &titles,
            spec,
            results: &results,
            files: &lines(&start),
            remarks: &[],
        }));
        for _ in 0..TURNS_MAX {
            let message = self.ask(&messages);
            let calls = message["tool_calls"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            messages.push(message);
            for call in calls {
                let arguments: Value =
                    serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
                let tool = call["function"]["name"].as_str().unwrap();
                if tool == "finish" {
                    return StepEnd {
                        result: arguments["result"].as_str().unwrap().to_owned(),
                        files: read_all(folder.path()),
                    };
                }
                let text = self.carry_out(folder.path(), tool, &arguments);
                messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": text}));
            }
        }
        panic!("step {} did not finish", spec.key);
    }

    fn carry_out(&mut self, folder: &Path, tool: &str, arguments: &Value) -> String {
        let argument = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
        match tool {
            "shell" => shell(folder, &argument("command")),
            "file_write" => {
                write(folder, &argument("path"), argument("content").as_bytes());
                "written".to_owned()
            }
            "file_read" => fs::read_to_string(folder.join(argument("path"))).unwrap(),
            "file_list" => lines(&read_all(folder))
                .into_iter()
                .map(|line| line.path + "\n")
                .collect(),
            "file_search" => shell(
                folder,
                &format!("grep -rn '{}' {}", argument("pattern"), argument("path")),
            ),
            "file_edit" => {
                let path = folder.join(argument("path"));
                let (find, replace) = (argument("find"), argument("replace"));
                let before = fs::read_to_string(&path).unwrap();
                assert_eq!(before.matches(&find).count(), 1, "{find} in {before}");
                fs::write(&path, before.replace(&find, &replace)).unwrap();
                "edited".to_owned()
            }
            "note" | "shell_start" => "told".to_owned(),
            // There is no browser here: a picture is a file, and what a page shows is nothing.
            "browser_file" => {
                write(folder, &argument("path"), b"\xff\xd8");
                "saved".to_owned()
            }
            "browser_open" | "browser_look" | "browser_tab" => "shown".to_owned(),
            "publish" => {
                let path = argument("path");
                let name = arguments["name"].as_str().unwrap_or(&path).to_owned();
                self.artifacts
                    .insert(name, fs::read(folder.join(&path)).unwrap());
                "published".to_owned()
            }
            other => panic!("there is no tool {other}"),
        }
    }

    fn report(&self, plan: &Plan) -> String {
        let mut all = Finished {
            files: Files::new(),
            artifacts: &self.artifacts,
        };
        all.files
            .extend(self.ends.values().flat_map(|end| end.files.clone()));
        let mut verdicts = Vec::new();
        for step in &plan.steps {
            verdicts.extend(
                step.acceptance
                    .iter()
                    .map(|criterion| report::check(&step.key, criterion, &all)),
            );
        }
        let refuted: Vec<_> = verdicts
            .iter()
            .filter(|verdict| verdict.holds == Some(false))
            .collect();
        assert!(refuted.is_empty(), "{refuted:?}");
        let steps: Vec<(&'static str, StepResult)> = plan
            .steps
            .iter()
            .map(|step| {
                let done = StepResult {
                    mark: "w".to_owned(),
                    key: step.key.clone(),
                    result: self.ends[&step.key].result.clone(),
                };
                ("succeeded", done)
            })
            .collect();
        let message = self.ask(&wire(&report_messages(&ReportPrompt {
            goal: &self.goal,
            steps: &steps,
            verdicts: &verdicts,
            artifacts: &lines(&self.artifacts),
            result_schema: None,
        })));
        let report: Value = serde_json::from_str(message["content"].as_str().unwrap()).unwrap();
        assert_eq!(report["not_done"], json!([]));
        report["answer"].as_str().unwrap().to_owned()
    }
}

struct Finished<'a> {
    files: Files,
    artifacts: &'a Files,
}

impl Evidence for Finished<'_> {
    fn file(&self, path: &str) -> Option<String> {
        String::from_utf8(self.files.get(path)?.clone()).ok()
    }
    fn file_bytes(&self, path: &str) -> Option<u64> {
        self.files.get(path).map(|bytes| bytes.len() as u64)
    }
    fn has_artifact(&self, name: &str) -> bool {
        self.artifacts.contains_key(name)
    }
}

/// Runs a command as the tool `shell` does, without its sandbox, and answers in its form.
fn shell(folder: &Path, command: &str) -> String {
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command}\n{}\n{}",
        part(&output.stdout),
        part(&output.stderr)
    );
    format!(
        "exit status: 0 (took 0.1 s)\n--- stdout\n{}\n--- stderr\n{}",
        part(&output.stdout),
        part(&output.stderr)
    )
}

fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let target = folder.join(path);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::write(target, bytes).unwrap();
}

fn read_all(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![folder.to_owned()];
    while let Some(inner) = open.pop() {
        for entry in fs::read_dir(&inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn lines(files: &Files) -> Vec<FileLine> {
    let line = |(path, bytes): (&String, &Vec<u8>)| FileLine {
        path: path.clone(),
        bytes: bytes.len() as u64,
    };
    files.iter().map(line).collect()
}

/// The opening of a job as the model layer sends it.
fn wire(messages: &[Message]) -> Vec<Value> {
    let one = |message: &Message| match message {
        Message::System { text } => json!({"role": "system", "content": text}),
        Message::User { text } => json!({"role": "user", "content": text}),
        Message::Assistant { .. } | Message::Tool { .. } => {
            panic!("an opening has neither answers nor results")
        }
    };
    messages.iter().map(one).collect()
}

//! The work of a trial: what the model says for each task, which effects its commands have, and what comes out.
//!
//! Five steps: two side by side, then three in a row. Every command tells the world outside Errand, through a named pipe
//! below a folder that its sandbox can only read, that it begins and that it ended, with its key and its fence.

use std::path::Path;

use scripted_model::Script;
use serde_json::{Value, json};

/// Each step with its commands and the steps that it waits for.
pub const STEPS: [(&str, usize, &[&str]); 5] = [
    ("a", 2, &[]),
    ("b", 2, &[]),
    ("c", 1, &["a", "b"]),
    ("d", 1, &["c"]),
    ("e", 1, &["d"]),
];

/// How a task is called in its goal, in its script and in its effects.
pub fn name(task: usize) -> String {
    format!("t{task:04}")
}

/// What is submitted.
pub fn request(task: usize) -> Value {
    json!({"goal": format!("Do the work of [{}].", name(task))})
}

/// The same, to be done before all else.
pub fn urgent_request(task: usize) -> Value {
    let mut request = request(task);
    request["priority"] = json!("high");
    request
}

/// The file that a task hands over if everything was done once.
pub fn content(task: usize) -> String {
    let lines = STEPS
        .iter()
        .flat_map(|(step, commands, _)| (0..*commands).map(move |at| format!("{step}{at}")));
    let lines: Vec<String> = lines
        .map(|line| format!("{} {line}\n", name(task)))
        .collect();
    lines.concat()
}

/// How often each question is asked if nothing happens: job and turn.
pub fn questions() -> Vec<(String, u64)> {
    let mut all = vec![("plan".to_owned(), 0), ("report".to_owned(), 0)];
    for (step, commands, _) in STEPS {
        // The last step also publishes, and every step says that it is done.
        let turns = commands as u64 + if step == "e" { 2 } else { 1 };
        all.extend((0..turns).map(|turn| (format!("step:{step}"), turn)));
    }
    all
}

/// The words for one task.
pub fn script(task: usize, outside: &Path) -> Script {
    let name = name(task);
    let mut jobs = serde_json::Map::new();
    let steps: Vec<Value> = STEPS.iter().map(|(key, _, after)| json!({"key": key, "title": key, "instructions": "do it", "depends_on": after, "acceptance": []})).collect();
    jobs.insert(
        "plan".to_owned(),
        json!([{"content": {"overview": "five steps", "steps": steps}}]),
    );
    for (step, commands, _) in STEPS {
        let mut turns: Vec<Value> = (0..commands)
            .map(|at| shell(&command(&name, step, at, outside)))
            .collect();
        if step == "e" {
            turns.push(
                json!({"tool_calls": [{"name": "publish", "arguments": {"path": "all.txt"}}]}),
            );
        }
        turns.push(json!({"tool_calls": [{"name": "finish", "arguments": {"result": "done"}}]}));
        jobs.insert(format!("step:{step}"), Value::from(turns));
    }
    jobs.insert(
        "report".to_owned(),
        json!([{"content": {"answer": "All lines are in all.txt.", "not_done": []}}]),
    );
    let text = json!({"match": format!("[{name}]"), "said": "Recorded for a trial.", "jobs": jobs});
    Script::parse(&name, &text.to_string(), Path::new(".")).unwrap()
}

fn shell(command: &str) -> Value {
    json!({"tool_calls": [{"name": "shell", "arguments": {"command": command}}]})
}

/// The first line is what the public log shows of the call.
fn command(task: &str, step: &str, at: usize, outside: &Path) -> String {
    let pipe = outside.join("effects");
    let pipe = pipe.display();
    let join = if step == "e" {
        "cat a.txt b.txt c.txt d.txt e.txt > all.txt\n"
    } else {
        ""
    };
    format!(
        ": {task} {step} {at}\n\
         mark() {{ echo \"$ERRAND_IDEMPOTENCY_KEY $ERRAND_FENCE {task} {step} {at} $1\" > '{pipe}'; }}\n\
         mark begin\n\
         echo '{task} {step}{at}' >> {step}.txt\n\
         sleep 0.1\n\
         {join}mark end\n"
    )
}

/// How many tool calls a task makes whose results are in the log: the commands and the publication.
pub fn calls() -> usize {
    STEPS.iter().map(|(_, commands, _)| commands).sum::<usize>() + 1
}

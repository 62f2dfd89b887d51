//! The work of a trial: what the model says for each task, which effects its commands have, and what comes out.
//!
//! Five steps: two side by side, then three in a row. Every command tells the world outside Errand that it begins and that
//! it ended, with its key and its fence: through a named pipe below a folder that its sandbox can only read, or, where the
//! workers may be on other machines, by an HTTP request to the trial.

use std::path::{Path, PathBuf};

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

/// Where the effects of a trial are told.
#[derive(Debug, Clone)]
pub enum Way {
    /// Into the pipe `effects` in this folder.
    Pipe(PathBuf),
    /// To the server at this base URL.
    Http(String),
}

/// The words of one trial.
#[derive(Debug, Clone)]
pub struct Words {
    /// Tells the tasks of this trial from those of others in the same installation.
    pub trial: String,
    pub way: Way,
}

/// How a task is called in its script and in its effects.
pub fn name(task: usize) -> String {
    format!("t{task:04}")
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

/// How many commands a task has.
pub fn commands() -> usize {
    STEPS.iter().map(|(_, commands, _)| commands).sum()
}

impl Words {
    /// The mark of a task in its goal.
    fn mark(&self, task: usize) -> String {
        format!("[{} {}]", self.trial, name(task))
    }

    /// What is submitted.
    pub fn request(&self, task: usize) -> Value {
        json!({"goal": format!("Do the work of {}.", self.mark(task))})
    }

    /// The same, to be done before all else.
    pub fn urgent_request(&self, task: usize) -> Value {
        let mut request = self.request(task);
        request["priority"] = json!("high");
        request
    }

    /// The key under which a task is submitted, however often.
    pub fn idempotency_key(&self, task: usize) -> String {
        format!("{}-{}", self.trial, name(task))
    }

    /// Which task of this trial a row in the list of all tasks is.
    pub fn number_of(&self, listed: &Value) -> Option<usize> {
        let title = listed["title"].as_str()?;
        let (_, rest) = title.split_once(&format!("[{} t", self.trial))?;
        rest.split_once(']')?.0.parse().ok()
    }

    /// How many tool calls a task makes whose results are in the log: the commands, the publication, and whatever makes
    /// the file that is published.
    pub fn calls(&self) -> usize {
        commands()
            + match self.way {
                Way::Pipe(_) => 1,
                Way::Http(_) => 2,
            }
    }

    /// The words for one task.
    pub fn script(&self, task: usize) -> Script {
        let mut jobs = serde_json::Map::new();
        let steps: Vec<Value> = STEPS.iter().map(|(key, _, after)| json!({"key": key, "title": key, "instructions": "do it", "depends_on": after, "acceptance": []})).collect();
        jobs.insert(
            "plan".to_owned(),
            json!([{"content": {"overview": "five steps", "steps": steps}}]),
        );
        for (step, commands, _) in STEPS {
            let mut turns: Vec<Value> = (0..commands)
                .map(|at| json!({"tool_calls": self.command(task, step, at)}))
                .collect();
            if step == "e" {
                turns.push(call("publish", &json!({"path": "all.txt"})));
            }
            turns.push(call("finish", &json!({"result": "done"})));
            jobs.insert(format!("step:{step}"), Value::from(turns));
        }
        jobs.insert(
            "report".to_owned(),
            json!([{"content": {"answer": "All lines are in all.txt.", "not_done": []}}]),
        );
        let text = json!({"match": self.mark(task), "said": "Recorded for a trial.", "jobs": jobs});
        Script::parse(&name(task), &text.to_string(), Path::new(".")).unwrap()
    }

    /// The calls of one turn.
    fn command(&self, task: usize, step: &str, at: usize) -> Value {
        match &self.way {
            Way::Pipe(folder) => {
                let command = shell(&name(task), step, at, folder);
                json!([{"name": "shell", "arguments": {"command": command}}])
            }
            Way::Http(base) => {
                let url = format!("{base}/{}/{}/{step}/{at}", self.trial, name(task));
                let told =
                    json!({"name": "http_request", "arguments": {"method": "PUT", "url": url}});
                let file = json!({"path": "all.txt", "content": content(task)});
                match step {
                    "e" => json!([told, {"name": "file_write", "arguments": file}]),
                    _ => json!([told]),
                }
            }
        }
    }
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({"tool_calls": [{"name": tool, "arguments": arguments}]})
}

/// The first line is what the public log shows of the call.
fn shell(task: &str, step: &str, at: usize, outside: &Path) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_known_by_its_title_and_one_of_another_trial_is_not() {
        let words = |trial: &str| Words {
            trial: trial.to_owned(),
            way: Way::Http("http://127.0.0.1:1".to_owned()),
        };
        let mine = words("mine");
        let row = |words: &Words| json!({"title": words.request(17)["goal"]});
        assert_eq!(mine.number_of(&row(&mine)), Some(17));
        assert_eq!(mine.number_of(&row(&words("other"))), None);
    }
}

//! Addresses: which recorded answer a request asks for.
//!
//! The script follows from the goal, the job from the prompt's first line, the turn from the number of answers in the
//! history. Nothing else of the request matters, so file contents, results and retries may differ from the recording.

use std::fmt;

use crate::request::Request;
use crate::script::{Script, Scripts, Turn};

/// Where a recorded answer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name of the script.
    pub script: String,
    /// `plan`, `replan`, `step:<key>` or `report`.
    pub job: String,
    /// Turn, from 0.
    pub turn: usize,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "script {}, job {}, turn {}",
            self.script, self.job, self.turn
        )
    }
}

/// Why no recorded answer fits a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// There is no prompt.
    #[error("the request has no user message")]
    Prompt,
    /// The prompt does not say its job.
    #[error(
        "no line of the first user message says `Job: plan`, `Job: replan`, `Job: step <key>` or `Job: report`"
    )]
    Job,
    /// No script's `match` occurs in the goal.
    #[error("no script matches the goal; scripts here: {0}")]
    Script(String),
    /// More than one does.
    #[error("more than one script matches the goal: {0}")]
    Ambiguous(String),
    /// The script does not know the job.
    #[error("script {script} has no job {job}; its jobs: {known}")]
    JobOfScript {
        /// The script.
        script: String,
        /// The job that was asked for.
        job: String,
        /// The jobs it has.
        known: String,
    },
    /// The job was recorded with fewer turns.
    #[error("{address} was not recorded; the job has {turns} turns, counted from 0")]
    Turn {
        /// What was asked for.
        address: Address,
        /// How many turns there are.
        turns: usize,
    },
}

/// The recorded answer for a request, and its address.
pub fn find<'a>(scripts: &'a Scripts, request: &Request) -> Result<(Address, &'a Turn), Missing> {
    let prompt = request.prompt().ok_or(Missing::Prompt)?;
    let job = job_of(&prompt).ok_or(Missing::Job)?;
    let script = script_for(scripts, &prompt)?;
    let turns = script.jobs.get(&job).ok_or_else(|| Missing::JobOfScript {
        script: script.name.clone(),
        job: job.clone(),
        known: script.jobs.keys().cloned().collect::<Vec<_>>().join(", "),
    })?;
    let address = Address {
        script: script.name.clone(),
        job,
        turn: request.turn(),
    };
    match turns.get(address.turn) {
        Some(turn) => Ok((address, turn)),
        None => Err(Missing::Turn {
            address,
            turns: turns.len(),
        }),
    }
}

/// The job that the prompt's first `Job:` line names, in the spelling of scripts.
pub fn job_of(prompt: &str) -> Option<String> {
    let name = prompt
        .lines()
        .find_map(|line| line.strip_prefix("Job:"))?
        .trim();
    match name.split_once(char::is_whitespace) {
        Some(("step", key)) if !key.trim().is_empty() => Some(format!("step:{}", key.trim())),
        None if matches!(name, "plan" | "replan" | "report") => Some(name.to_owned()),
        Some(_) | None => None,
    }
}

fn script_for<'a>(scripts: &'a Scripts, prompt: &str) -> Result<&'a Script, Missing> {
    let goal = goal_part(prompt);
    let fitting: Vec<&Script> = scripts
        .all()
        .iter()
        .filter(|script| goal.contains(&script.matches))
        .collect();
    match fitting.as_slice() {
        [script] => Ok(script),
        [] => Err(Missing::Script(scripts.names().join(", "))),
        several => {
            let names: Vec<&str> = several.iter().map(|script| script.name.as_str()).collect();
            Err(Missing::Ambiguous(names.join(", ")))
        }
    }
}

/// The prompt without the results of steps, in which a stranger's text could stand.
fn goal_part(prompt: &str) -> String {
    let mut end: Option<String> = None;
    let mut kept = String::new();
    for line in prompt.lines() {
        if end.is_none()
            && line.starts_with("<<< result of step ")
            && let Some((_, word)) = line.rsplit_once(' ')
        {
            end = Some(format!(">>> end of result {word}"));
        }
        if end.is_none() {
            kept.push_str(line);
            kept.push('\n');
        }
        if end.as_deref() == Some(line) {
            end = None;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn scripts() -> Scripts {
        let script = |name: &str, matches: &str| {
            let text = json!({"match": matches, "said": "recorded", "jobs": {
                "plan": [{"content": "the plan"}],
                "step:look": [{"content": "first"}, {"content": "second"}],
            }});
            Script::parse(name, &text.to_string(), std::path::Path::new(".")).unwrap()
        };
        Scripts::new(vec![
            script("homes", "recommend homes"),
            script("site", "make a web site"),
        ])
    }

    fn request(prompt: &str, answers: usize) -> Request {
        let mut messages = vec![
            json!({"role": "system", "content": "Job: none, these are rules"}),
            json!({"role": "user", "content": prompt}),
        ];
        for _ in 0..answers {
            messages.push(json!({"role": "assistant", "content": "make a web site"}));
            messages
                .push(json!({"role": "tool", "tool_call_id": "c", "content": "make a web site"}));
        }
        serde_json::from_value(json!({"model": "m", "messages": messages})).unwrap()
    }

    fn said(prompt: &str, answers: usize) -> Result<(String, Option<serde_json::Value>), Missing> {
        let scripts = scripts();
        let (address, turn) = find(&scripts, &request(prompt, answers))?;
        Ok((address.to_string(), turn.content.clone()))
    }

    #[test]
    fn goal_job_and_number_of_answers_decide_and_nothing_else() {
        assert_eq!(
            said("Job: plan\nGoal: recommend homes, please\n", 0),
            Ok((
                "script homes, job plan, turn 0".to_owned(),
                Some(json!("the plan"))
            ))
        );
        assert_eq!(
            said("Job: step look\nother words, recommend homes\n", 1),
            Ok((
                "script homes, job step:look, turn 1".to_owned(),
                Some(json!("second"))
            ))
        );
    }

    #[test]
    fn the_results_of_steps_cannot_choose_the_script() {
        let prompt = "Job: step look\nrecommend homes\n<<< result of step a w\nmake a web site\n>>> end of result w\n";
        assert_eq!(
            said(prompt, 0).unwrap().0,
            "script homes, job step:look, turn 0"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |prompt: &str, answers| said(prompt, answers).unwrap_err().to_string();
        assert_eq!(
            message("Job: plan\nsing", 0),
            "no script matches the goal; scripts here: homes, site"
        );
        assert_eq!(
            message("Job: plan\nrecommend homes and make a web site", 0),
            "more than one script matches the goal: homes, site"
        );
        assert_eq!(
            message("Job: report\nrecommend homes", 0),
            "script homes has no job report; its jobs: plan, step:look"
        );
        assert_eq!(
            message("Job: step look\nrecommend homes", 2),
            "script homes, job step:look, turn 2 was not recorded; the job has 2 turns, counted from 0"
        );
        assert!(message("recommend homes", 0).starts_with("no line of the first user message"));
    }
}

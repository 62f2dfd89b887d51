//! Scripts: recorded answers, as the `model.json` files of the examples hold them.
//!
//! A script is checked when it is read, so that a fault in it stops the start and not a task. A text of a script may stand
//! in a file of its own, beside the script: `{"$file": "recorded/score.py"}` stands for that file's text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// One answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The visible text. An object or list is sent as its JSON text, after the placeholders in its strings were filled.
    #[serde(default)]
    pub content: Option<Value>,
    /// The thought, sent as `reasoning_content`.
    #[serde(default)]
    pub reasoning: Option<String>,
    /// The calls it asks for.
    #[serde(default)]
    pub tool_calls: Vec<Call>,
}

/// One tool call of an answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
}

/// All answers for one kind of goal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The name of its folder or file; not part of the file.
    #[serde(skip)]
    pub name: String,
    /// Text that occurs in the goals it answers, and in no others.
    #[serde(rename = "match")]
    pub matches: String,
    /// Says to a reader that the words are recorded.
    pub said: String,
    /// Answers by job (`plan`, `replan`, `step:<key>`, `report`) and turn.
    pub jobs: BTreeMap<String, Vec<Turn>>,
}

/// Why scripts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file system said no.
    #[error("could not read {path}")]
    Read {
        /// File or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a script.
    #[error("{path} is not a script: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to answer with.
    #[error("no scripts found in {0}; expected *.json files, or folders with a model.json")]
    None(PathBuf),
}

/// All scripts of one server.
#[derive(Debug, Clone, Default)]
pub struct Scripts(Vec<Script>);

impl Script {
    /// Reads a script from its text. Files that it names are looked for in `folder`.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Self, String> {
        let mut value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        include_files(&mut value, folder)?;
        let mut script: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        name.clone_into(&mut script.name);
        if script.matches.trim().is_empty() {
            return Err("`match` is empty and would answer every goal".to_owned());
        }
        for (job, turns) in &script.jobs {
            check_job(job, turns)?;
        }
        Ok(script)
    }
}

/// Puts the text of a file in the place of each `{"$file": path}`.
fn include_files(value: &mut Value, folder: &Path) -> Result<(), String> {
    match value {
        Value::Object(map) if map.len() == 1 && map.contains_key("$file") => {
            let path = folder.join(map["$file"].as_str().ok_or("`$file` is not a text")?);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("could not read {}: {error}", path.display()))?;
            *value = Value::String(text);
        }
        Value::Object(map) => {
            for inner in map.values_mut() {
                include_files(inner, folder)?;
            }
        }
        Value::Array(items) => {
            for inner in items {
                include_files(inner, folder)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

fn check_job(job: &str, turns: &[Turn]) -> Result<(), String> {
    let known = matches!(job, "plan" | "replan" | "report")
        || job.strip_prefix("step:").is_some_and(|key| !key.is_empty());
    if !known {
        return Err(format!(
            "job {job:?} is none of plan, replan, report, step:<key>"
        ));
    }
    for (turn, said) in turns.iter().enumerate() {
        if said.content.is_none() && said.tool_calls.is_empty() {
            return Err(format!(
                "turn {turn} of job {job} has neither content nor tool calls"
            ));
        }
        crate::words::check(said).map_err(|fault| format!("turn {turn} of job {job}: {fault}"))?;
    }
    Ok(())
}

impl Scripts {
    /// These scripts.
    pub fn new(scripts: Vec<Script>) -> Self {
        Self(scripts)
    }

    /// Reads scripts from files and folders. A folder gives its own `*.json` files and the `model.json` of each folder
    /// right below it.
    pub fn read(paths: &[PathBuf]) -> Result<Self, ScriptError> {
        let mut scripts = Vec::new();
        for path in paths {
            let files = if path.is_dir() {
                files_of(path)?
            } else {
                vec![path.clone()]
            };
            if files.is_empty() {
                return Err(ScriptError::None(path.clone()));
            }
            for file in files {
                scripts.push(read_file(&file)?);
            }
        }
        Ok(Self(scripts))
    }

    /// Names of all scripts.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|script| script.name.as_str()).collect()
    }

    /// All scripts.
    pub fn all(&self) -> &[Script] {
        &self.0
    }
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, ScriptError> {
    let failed = |source| ScriptError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let inner = path.join("model.json");
        if inner.is_file() {
            files.push(inner);
        } else if path.is_file() && path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    // The order of a folder's entries differs between machines.
    files.sort();
    Ok(files)
}

fn read_file(file: &Path) -> Result<Script, ScriptError> {
    let text = std::fs::read_to_string(file).map_err(|source| ScriptError::Read {
        path: file.to_owned(),
        source,
    })?;
    let named_by = if file.file_name().is_some_and(|name| name == "model.json") {
        file.parent().and_then(Path::file_name)
    } else {
        file.file_stem()
    };
    let name = named_by.map_or_else(
        || "script".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let folder = file.parent().unwrap_or(Path::new("."));
    Script::parse(&name, &text, folder).map_err(|reason| ScriptError::Invalid {
        path: file.to_owned(),
        reason,
    })
}

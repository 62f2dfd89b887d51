//! The command line.

mod network;
mod policy;
mod secret;

use std::path::PathBuf;

use agent_core::credential::SecretName;
use clap::{Args, Parser, Subcommand};

pub use network::NetworkFlags;
pub use policy::PolicyFlags;
pub use secret::{SecretAction, SetSecret};

/// Errand: submit a goal, walk away, come back to the result.
#[derive(Debug, Parser)]
#[command(name = "errand", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Command,
}

/// Settings that win over environment and file.
#[derive(Debug, Args)]
pub struct Settings {
    /// Configuration file; without it, errand.toml in the current folder if there is one
    #[arg(long, global = true, value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Folder for database, blobs, workspaces and keys
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// sqlite:FILE or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Which events are logged, such as info or info,worker=debug
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
}

/// How to reach a server.
#[derive(Debug, Args, Clone)]
pub struct Target {
    // Written as `help`, because the text is shown to people as it stands.
    #[arg(
        long,
        value_name = "URL",
        help = "Address of the server [default: http://127.0.0.1:7370, or ERRAND_URL]"
    )]
    pub url: Option<String>,
    #[arg(
        long,
        value_name = "KEY",
        help = "API key [default: ERRAND_API_KEY, or the first key in the data folder]"
    )]
    pub key: Option<String>,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run API and worker in one process, on SQLite unless a database is named
    Serve(Listen),
    /// Run the API alone (PostgreSQL only)
    Api(Listen),
    /// Run a worker alone (PostgreSQL only)
    Worker(Health),
    /// Say which migrations are due, and apply them
    Migrate {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Bind the database to the blob store and the sealing key of these settings, whatever it was bound to before
    ///
    /// For when the right ones are lost or were moved without their mark. What was sealed with another key stays closed, and
    /// what is only in another blob store stays missing. Stop every other process on the database first, and never name a
    /// blob store that another database uses: each would remove the other's files.
    Adopt,
    /// Make, list and revoke API keys
    Key {
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Try the tools by hand, in a throwaway computer as a task's step gets one
    Tools {
        #[command(subcommand)]
        action: ToolsAction,
    },
    /// Try the cage by hand
    Sandbox {
        #[command(subcommand)]
        action: SandboxAction,
    },
    /// Submit a goal
    Submit(Box<Submit>),
    /// Show one task
    Status {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
    },
    /// List tasks, newest first
    List {
        #[command(flatten)]
        target: Target,
        /// Only tasks in this state
        #[arg(long, value_parser = identity)]
        state: Option<String>,
        /// Most tasks to show
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Say why a task is where it is, and what to do
    Why {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
    },
    /// List and requeue what was set aside: jobs that workers died on, messages that nobody took
    Dead {
        #[command(subcommand)]
        action: DeadAction,
    },
    /// Store, list and delete the secrets that tasks may be granted
    Secret {
        #[command(subcommand)]
        action: SecretAction,
    },
    /// Follow a task until it ends
    Watch {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
    },
    /// Print a task's log
    Logs {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
        /// Go on until the task ends
        #[arg(long, short)]
        follow: bool,
    },
    /// Cancel a task, and show what was stopped, what is gone, and what remains
    Cancel {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Wait so many seconds, at most, until all of it is known to be gone; 2 by default
        #[arg(long, value_name = "S")]
        wait: Option<u64>,
    },
    /// Raise a task's budget
    Budget {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
        #[command(flatten)]
        budget: BudgetFlags,
    },
    /// Say what became of a call whose outcome is unknown, or whether one that was held is made
    Decide {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
        /// The call, as the reason of the wait names it
        #[arg(value_parser = identity)]
        call: String,
        #[arg(
            value_parser = ["done", "not_done", "repeat", "approve", "deny"],
            help = "of a call that was cut off, done: it had its effect; not_done: it had none; repeat: make it again, with the same \
key. Of one that was held, approve: make it; deny: do not"
        )]
        decision: String,
        /// What the model is told besides
        #[arg(long)]
        note: Option<String>,
    },
    /// List or fetch a task's artifacts
    Artifacts {
        #[command(subcommand)]
        action: ArtifactAction,
    },
    /// Try what works here, and say how to get what does not
    Doctor {
        #[command(flatten)]
        model: ModelFlags,
        /// Print each setting in force and where it came from, and stop
        #[arg(long)]
        config: bool,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct Listen {
    /// Address to listen on
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    #[command(flatten)]
    pub model: ModelFlags,
}

#[derive(Debug, Args)]
pub struct Health {
    /// Address at which to answer /healthz and /readyz; none by default
    #[arg(long, value_name = "HOST:PORT")]
    pub health_listen: Option<String>,
    #[command(flatten)]
    pub model: ModelFlags,
}

#[derive(Debug, Args)]
pub struct ModelFlags {
    /// Base URL of an OpenAI-compatible endpoint
    #[arg(long, value_name = "URL")]
    pub model_base_url: Option<String>,
    /// Name of the model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Name of the model for steps, if it is another one
    #[arg(long, value_name = "NAME")]
    pub executor_model: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum ToolsAction {
    /// Name the tools that steps have under these settings
    List {
        /// Print all that is known of them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what a model is told of a tool, as JSON
    Describe { tool: String },
    /// Make one call, or those of a file one after the other, and print a line of JSON for each
    #[command(group(clap::ArgGroup::new("calls").required(true)))]
    Call {
        #[arg(group = "calls")]
        tool: Option<String>,
        /// The arguments, a JSON object [default: {}]
        arguments: Option<String>,
        /// File with one call in each line: {"tool": NAME, "arguments": {...}}; - is the standard input
        #[arg(long, value_name = "FILE", group = "calls")]
        file: Option<PathBuf>,
        #[command(flatten)]
        network: NetworkFlags,
    },
}

#[derive(Debug, Subcommand)]
pub enum SandboxAction {
    /// Run one command in the cage of the shell tool, and say what was enforced
    Run {
        /// End it after so many seconds
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
        #[command(flatten)]
        network: NetworkFlags,
        /// The folder whose files it works on: they are copied to its /workspace, and what it changed is written back
        #[arg(long, value_name = "DIR")]
        workspace: Option<PathBuf>,
        /// Leave the folder as it is
        #[arg(long, requires = "workspace")]
        discard: bool,
        /// The program, as it is named inside, and its arguments
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Make a key; it is shown once
    Create {
        /// A name for people
        name: String,
        /// The tenant it belongs to; made if there is none
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// List keys
    List {
        /// The tenant
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Revoke a key by its id
    Revoke {
        /// The key's id
        id: String,
        /// The tenant it belongs to
        #[arg(long, default_value = "default")]
        tenant: String,
    },
}

#[derive(Debug, Args)]
pub struct BudgetFlags {
    /// Most model calls
    #[arg(long = "budget-model-calls", value_name = "N")]
    pub model_calls: Option<u64>,
    /// Most tool calls
    #[arg(long = "budget-tool-calls", value_name = "N")]
    pub tool_calls: Option<u64>,
    /// Most tokens
    #[arg(long = "budget-tokens", value_name = "N")]
    pub tokens: Option<u64>,
    /// Most minutes of work
    #[arg(long = "budget-minutes", value_name = "N")]
    pub minutes: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Submit {
    #[command(flatten)]
    pub target: Target,
    /// The goal; - reads it from standard input
    pub goal: String,
    /// A file to attach; NAME=PATH gives it another name
    #[arg(long = "file", value_name = "PATH")]
    pub files: Vec<String>,
    /// Where to send the outcome
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// Secret that signs webhook messages; one is made and shown if absent
    #[arg(long, value_name = "whsec_…")]
    pub webhook_secret: Option<String>,
    /// A tool that may be used; without this, all may
    #[arg(long = "tool", value_name = "NAME")]
    pub tools: Vec<String>,
    /// A stored secret that may be used, by its name; without this, none may
    #[arg(long = "secret", value_name = "NAME")]
    pub secrets: Vec<SecretName>,
    #[command(flatten)]
    pub network: NetworkFlags,
    #[command(flatten)]
    pub policy: PolicyFlags,
    /// A label, KEY=VALUE
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Which tasks come first; tenants take turns within one priority
    #[arg(long, value_name = "PRIORITY", value_parser = ["high", "normal", "low"])]
    pub priority: Option<String>,
    /// A file with the JSON Schema of the result's data
    #[arg(long, value_name = "FILE")]
    pub result_schema: Option<PathBuf>,
    /// Submitting again with the same key gives the same task
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    #[command(flatten)]
    pub budget: BudgetFlags,
    /// Follow the task until it ends, or until it waits for a person
    ///
    /// Exit status: 0 succeeded, 3 partial, 4 failed, 5 cancelled, 7 waits for a person, for example to raise its budget.
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Args)]
pub struct DeadFilter {
    /// Only those of this kind: job, unreadable or delivery
    #[arg(long, value_parser = identity)]
    pub kind: Option<String>,
    /// Only those set aside before this time, in milliseconds since the epoch
    #[arg(long, value_name = "MS")]
    pub before_ms: Option<u64>,
}

#[derive(Debug, Args)]
pub struct ListDead {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub filter: DeadFilter,
    /// Most to show
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub struct Requeue {
    #[command(flatten)]
    pub target: Target,
    /// The dead letter
    #[arg(conflicts_with = "all", value_parser = identity)]
    pub id: Option<String>,
    /// All of them, or all that the filters leave
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub filter: DeadFilter,
}

#[derive(Debug, Subcommand)]
pub enum DeadAction {
    /// List them, the last one first
    List(ListDead),
    /// Let one, or all, go on
    Requeue(Requeue),
}

impl DeadAction {
    /// Which server is asked.
    pub fn target(&self) -> &Target {
        match self {
            Self::List(asked) => &asked.target,
            Self::Requeue(asked) => &asked.target,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum ArtifactAction {
    /// List a task's artifacts
    List {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
    },
    /// Fetch one artifact, or all
    Get {
        #[command(flatten)]
        target: Target,
        #[arg(value_parser = identity)]
        task: String,
        /// Its name; without it, all are fetched
        name: Option<String>,
        /// Folder to write to
        #[arg(long, short, value_name = "DIR", default_value = ".")]
        output: PathBuf,
        /// Replace files that are there, and write hidden ones
        #[arg(long)]
        force: bool,
    },
}

/// A name as it goes into a URL of the API: an id or a state. Whether there is such a thing, the server says.
fn identity(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if !text.is_empty() && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("ids and states consist of letters, digits and _, as `errand list` shows them".to_owned())
}

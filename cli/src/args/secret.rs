//! What `errand secret` takes. A value is no argument, which other users of the machine could read.

use agent_core::credential::SecretName;
use clap::{Args, Subcommand};

use super::Target;

#[derive(Debug, Args)]
pub struct SetSecret {
    #[command(flatten)]
    pub target: Target,
    /// Its name: lower-case letters, digits, _ and -
    pub name: SecretName,
    /// A host that may see it, such as api.example.com, *.example.com or localhost:8080; port 443 unless one is named
    #[arg(long = "host", value_name = "HOST", required = true)]
    pub hosts: Vec<String>,
    /// The header that carries it [default: Authorization]
    #[arg(long, value_name = "NAME")]
    pub header: Option<String>,
    /// What the header says, with {secret} in it [default: Bearer {secret}]
    #[arg(long, value_name = "TEXT")]
    pub format: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum SecretAction {
    /// Store one, or replace it; its value is read from standard input, or asked for at a terminal
    Set(SetSecret),
    /// List them, without their values
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Delete one
    Delete {
        #[command(flatten)]
        target: Target,
        name: SecretName,
    },
}

impl SecretAction {
    /// Which server is asked.
    pub fn target(&self) -> &Target {
        match self {
            Self::Set(asked) => &asked.target,
            Self::List { target } | Self::Delete { target, .. } => target,
        }
    }
}

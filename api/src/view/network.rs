//! What of the network a task may reach, as a submit says it and the task shows it.

use agent_core::network::{Network, NetworkMode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::state::names;

names! {
    /// How far a task reaches.
    NetworkModeName of NetworkMode {
        /// Nowhere.
        None,
        /// To the hosts that are named.
        AllowList,
        /// To every public host.
        Open,
    }
}

impl From<NetworkModeName> for NetworkMode {
    fn from(name: NetworkModeName) -> Self {
        match name {
            NetworkModeName::None => Self::None,
            NetworkModeName::AllowList => Self::AllowList,
            NetworkModeName::Open => Self::Open,
        }
    }
}

/// What of the network a task may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkView {
    /// How far.
    pub mode: NetworkModeName,
    /// The hosts of mode `allow_list`: a name, `*.name` for its subdomains, or an address, each with `:port` where that is
    /// neither 80 nor 443.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["pypi.org", "*.pythonhosted.org"]))]
    pub hosts: Vec<String>,
}

impl From<&NetworkView> for Network {
    fn from(asked: &NetworkView) -> Self {
        Self {
            mode: asked.mode.into(),
            hosts: asked.hosts.clone(),
        }
    }
}

impl From<Network> for NetworkView {
    fn from(granted: Network) -> Self {
        Self {
            mode: granted.mode.into(),
            hosts: granted.hosts,
        }
    }
}

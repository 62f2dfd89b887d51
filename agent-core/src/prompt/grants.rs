//! What models are told of a task's grants: the network and the stored secrets, which they know by name only.

use crate::credential::SecretName;
use crate::network::NetworkMode;
use crate::task::TaskSpec;

/// Hosts that are named one by one; the rest is counted.
const HOSTS_TOLD_MAX: usize = 30;

/// The grants in words; nothing for a task that has none.
pub(super) fn grants_text(spec: &TaskSpec) -> String {
    let mut lines = Vec::new();
    if let Some(network) = &spec.network {
        lines.push(match network.mode {
            NetworkMode::None => "- Network: none.".to_owned(),
            NetworkMode::AllowList => format!("- Network: {} only.", told(&network.hosts)),
            NetworkMode::Open => "- Network: public hosts.".to_owned(),
        });
    }
    if !spec.secrets.is_empty() {
        let names: Vec<&str> = spec.secrets.iter().map(SecretName::as_str).collect();
        lines.push(format!(
            "- Stored secrets: {}. Each is added by itself to requests to its own hosts; you never see it and must not ask for it. \
             Commands ask for such a host by http://, which is sent as https:// with the secret.",
            names.join(", ")
        ));
    }
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "\n\nWhat this task may use beside its own computer:\n{}",
        lines.join("\n")
    )
}

fn told(hosts: &[String]) -> String {
    let named = hosts.iter().take(HOSTS_TOLD_MAX).map(String::as_str);
    let named = named.collect::<Vec<_>>().join(", ");
    match hosts.len().saturating_sub(HOSTS_TOLD_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::blob::BlobHash;
    use crate::network::Network;

    fn spec(network: Option<(NetworkMode, Vec<String>)>, secrets: &[&str]) -> TaskSpec {
        TaskSpec {
            goal: "g".to_owned(),
            files: Vec::new(),
            tools: None,
            secrets: secrets.iter().map(|name| name.parse().unwrap()).collect(),
            result_schema: None,
            network: network.map(|(mode, hosts)| Network { mode, hosts }),
            policy: crate::policy::TaskPolicy::default(),
            snapshot: BlobHash::of(b""),
        }
    }

    #[test]
    fn a_task_without_grants_has_nothing_to_tell() {
        assert_eq!(grants_text(&spec(None, &[])), "");
    }

    #[test]
    fn grants_are_told_by_host_and_name() {
        let hosts = (0..32).map(|number| format!("{number}.example")).collect();
        let told = grants_text(&spec(Some((NetworkMode::AllowList, hosts)), &["github"]));
        assert!(
            told.contains("0.example, ") && told.contains("29.example and 2 more only."),
            "{told}"
        );
        assert!(told.contains("Stored secrets: github."), "{told}");
        let open = grants_text(&spec(Some((NetworkMode::Open, Vec::new())), &[]));
        assert!(open.ends_with("- Network: public hosts."), "{open}");
    }
}

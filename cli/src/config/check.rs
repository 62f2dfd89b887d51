//! Settings that can be read and would still break a worker, or silently do nothing: each is refused before anything is
//! started, with its key, its value, where that came from, and what to write instead.
//!
//! What only costs speed or comfort is let through.

use std::fmt::Display;

use agent_core::network::NetworkMode;
use anyhow::{Result, bail};
use egress::{Guard, Url};
use serde_json::Value;

use super::layers::get;
use super::{Config, Loaded};
use crate::entropy::SystemEntropy;
use crate::wiring;

/// A worker beats three times in a lease and gives each beat half of the time that is left. With less than this, the usual hiccup
/// of a disk or a network ends the worker's life.
const LEASE_MS_MIN: u64 = 1_000;
/// A blob may be named for half of it after it was put.
const SWEEP_AGE_MS_MIN: u64 = 24 * 60 * 60_000;

/// Settings with which 0 leaves nothing that would work, though it can be read, and what would not.
const NEVER_ZERO: [(&str, &str); 32] = [
    ("api.body_timeout_ms", "no request would be read"),
    ("api.connections_max", "no connection would be taken"),
    (
        "api.connections_per_address_max",
        "no connection would be taken",
    ),
    ("api.goal_bytes_max", "no goal would be short enough"),
    ("api.header_timeout_ms", "no request would be read"),
    ("api.json_body_bytes_max", "no request would be read"),
    ("api.page_rows", "lists would be empty"),
    ("api.page_rows_max", "lists would be empty"),
    ("api.requests_max", "every request would be refused"),
    (
        "api.requests_per_tenant_max",
        "every request would be refused",
    ),
    ("model.concurrency_max", "no question would be asked"),
    ("model.retry.requests_max", "no question would be asked"),
    (
        "model.timeouts.first_byte_ms",
        "no answer would come in time",
    ),
    ("model.timeouts.idle_ms", "no answer would come in time"),
    ("model.timeouts.total_ms", "no answer would come in time"),
    (
        "tools.browser.idle_ms",
        "a browser would be closed between two calls",
    ),
    ("tools.cpu_percent", "no command would get on"),
    (
        "tools.http_request.timeout_ms",
        "no answer would come in time",
    ),
    ("tools.memory_bytes", "no command would run"),
    ("tools.open_files_max", "no command would run"),
    (
        "tools.output_bytes_max",
        "a command that prints would be ended",
    ),
    ("tools.processes_max", "no command would run"),
    ("tools.shown_bytes_max", "the model would be shown nothing"),
    ("tools.uid_count", "no command would run"),
    ("tools.wall_time_ms", "no command would run"),
    ("tools.wall_time_ms_max", "no command would run"),
    (
        "tools.web.download_bytes_max",
        "no file would be downloaded",
    ),
    (
        "tools.web.download_timeout_ms",
        "no answer would come in time",
    ),
    ("tools.workspace_bytes_max", "no file could be written"),
    ("tools.workspace_files_max", "no file could be written"),
    ("worker.model_deadline_ms", "no answer would come in time"),
    ("worker.webhook_timeout_ms", "no message would be delivered"),
];

/// What is wrong, one line for each setting.
struct Wrongs<'a> {
    loaded: &'a Loaded,
    found: Vec<String>,
}

impl Wrongs<'_> {
    fn add(&mut self, key: &str, value: impl Display, cure: &str) {
        let source = self.loaded.sources.get(key);
        let from = source.map(|source| format!(" ({source})"));
        let from = from.unwrap_or_default();
        self.found
            .push(format!("{key} = {value}{from} cannot be used: {cure}"));
    }

    fn at_least(&mut self, key: &str, (value, least): (u64, u64), why: &str) {
        if value < least {
            self.add(key, value, &format!("write {least} or more; {why}"));
        }
    }
}

/// Refuses settings under which no worker could do its work.
pub fn refuse_unusable(loaded: &Loaded) -> Result<()> {
    let found = Vec::new();
    let mut wrongs = Wrongs { loaded, found };
    worker(&mut wrongs, &loaded.config.worker);
    for (tenant, weight) in &loaded.config.queue.tenant_weights {
        wrongs.at_least(
            &format!("queue.tenant_weights.{tenant}"),
            ((*weight).into(), 1),
            "with 0 its tasks would never be run; 1 is what tenants have that are not named",
        );
    }
    for (key, why) in NEVER_ZERO {
        if get(&loaded.tree, key).and_then(Value::as_u64) == Some(0) {
            wrongs.at_least(key, (0, 1), &format!("with 0 {why}"));
        }
    }
    let http = &loaded.config.tools.http_request;
    hosts(&mut wrongs, "tools.http_request.hosts", &http.hosts);
    let honoured = &http.key_honoured_by;
    hosts(&mut wrongs, "tools.http_request.key_honoured_by", honoured);
    reach(&mut wrongs, &loaded.config.tools);
    if let Err(unfit) = tools::tool_tree::check(&loaded.config.tools) {
        let tree = get(&loaded.tree, "tools.tree").unwrap_or(&Value::Null);
        wrongs.add("tools.tree", tree, &unfit.to_string());
    }
    shares(&mut wrongs, loaded);
    match Guard::new(loaded.config.egress.clone()) {
        Ok(guard) => outward(&mut wrongs, &loaded.config, &guard),
        Err(error) => {
            let entries = format!("{:?}", loaded.config.egress.allow_private);
            wrongs.add("egress.allow_private", entries, &error.to_string());
        }
    }
    if !wrongs.found.is_empty() {
        bail!("{}", wrongs.found.join("\n"));
    }
    Ok(())
}

/// Limits that several share, each below the one beside it that could never be reached then. 0 is no limit.
const SHARES: [(&str, &str); 12] = [
    ("tools.per_task.memory_bytes", "tools.memory_bytes"),
    ("tools.per_task.processes_max", "tools.processes_max"),
    ("tools.per_task.cpu_percent", "tools.cpu_percent"),
    (
        "tools.per_task.workspace_bytes_max",
        "tools.workspace_bytes_max",
    ),
    (
        "tools.per_task.workspace_files_max",
        "tools.workspace_files_max",
    ),
    ("tools.per_tenant.memory_bytes", "tools.memory_bytes"),
    ("tools.per_tenant.processes_max", "tools.processes_max"),
    ("tools.per_tenant.cpu_percent", "tools.cpu_percent"),
    (
        "tools.per_tenant.workspace_bytes_max",
        "tools.workspace_bytes_max",
    ),
    (
        "tools.per_tenant.workspace_files_max",
        "tools.workspace_files_max",
    ),
    (
        "tools.network.per_tenant.connections_max",
        "tools.network.limits.connections_max",
    ),
    (
        "tools.network.per_tenant.bytes_per_hour_max",
        "tools.network.limits.bytes_down_max",
    ),
];

/// What a task and a tenant may use together: no less than one command may.
fn shares(wrongs: &mut Wrongs<'_>, loaded: &Loaded) {
    let number = |key: &str| get(&loaded.tree, key).and_then(Value::as_u64).unwrap_or(0);
    for (shared, single) in SHARES {
        let (value, least) = (number(shared), number(single));
        if value > 0 && value < least {
            let cure = format!(
                "it is less than {single}, which could never be used then; write {least} or more, lower that one, or write 0 for no limit"
            );
            wrongs.add(shared, value, &cure);
        }
    }
}

/// How far tasks may reach, and the search service.
fn reach(wrongs: &mut Wrongs<'_>, tools: &tools::Options) {
    let network = &tools.network;
    if let Err(error) = tools::Reach::of(network) {
        let hosts = format!("{:?}", network.hosts);
        wrongs.add("tools.network.hosts", hosts, &error.to_string());
    }
    let needs_hosts = network.mode == NetworkMode::AllowList;
    if needs_hosts == network.hosts.is_empty() {
        let cure = "with mode allow_list it names the hosts that tasks may reach, one at least; with another mode it is empty";
        wrongs.add("tools.network.hosts", format!("{:?}", network.hosts), cure);
    }
    let url = &tools.search.url;
    let asks = url.contains("{query}") || tools.search.body.contains("{query}");
    let is_usable = url.is_empty() || asks && tools.search.sample_url().is_some();
    if !is_usable {
        let cure = "write the address of a search service with {query} in it, such as https://search.example/search?q={query}&format=json";
        wrongs.add("tools.search.url", url, cure);
    }
}

fn worker(wrongs: &mut Wrongs<'_>, worker: &worker::Options) {
    wrongs.at_least(
        "worker.concurrency",
        (worker.concurrency.into(), 1),
        "with 0 no task would ever run, and a process without a worker is `errand api`",
    );
    wrongs.at_least(
        "worker.lease_ms",
        (worker.lease_ms, LEASE_MS_MIN),
        "with less, a worker loses its jobs at every short delay of the database; 15000 is usual",
    );
    wrongs.at_least(
        "worker.crashes_max",
        (worker.crashes_max.into(), 1),
        "with 0 every job would be set aside before it began; 3 is usual, and a large number sets hardly any aside",
    );
    wrongs.at_least(
        "worker.housekeeping.sweep_age_ms",
        (worker.housekeeping.sweep_age_ms, SWEEP_AGE_MS_MIN),
        "what is younger than a day may be about to be named by a task",
    );
    let (least, most) = (worker.poll_min_ms, worker.poll_max_ms);
    if least > most {
        let cure =
            format!("it is more than worker.poll_max_ms; write {most} or less, or raise that one");
        wrongs.add("worker.poll_min_ms", least, &cure);
    }
    for (tool, at_once) in &worker.tool_calls_at_once {
        wrongs.at_least(
            &format!("worker.tool_calls_at_once.{tool}"),
            ((*at_once).into(), 1),
            "with 0 no step that calls the tool would end, and no entry means no limit",
        );
    }
}

/// What is reached through the guard, or depends on what is.
fn outward(wrongs: &mut Wrongs<'_>, config: &Config, guard: &Guard) {
    let specs = tools::specs(&config.tools, guard);
    let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    for (tool, at_once) in &config.worker.tool_calls_at_once {
        // A limit on a tool that is not there would be one that the operator only believes in.
        if !known.contains(&tool.as_str()) {
            let cure = format!("there is no such tool; there are {}", known.join(", "));
            wrongs.add(&format!("worker.tool_calls_at_once.{tool}"), at_once, &cure);
        }
    }
    if let Err(error) = wiring::check_blobs(config, guard) {
        wrongs.add("blobs.url", &config.blobs.url, &error.to_string());
    }
    let entropy = std::sync::Arc::new(SystemEntropy::default());
    let model = &config.model;
    if wiring::is_configured(config)
        && model.concurrency_max > 0
        && model.retry.requests_max > 0
        && let Err(error) = wiring::chat_models(config, guard, entropy)
    {
        // It names the setting itself, and shows an address without what is secret in it.
        wrongs.found.push(format!("model: {error}"));
    }
}

fn hosts(wrongs: &mut Wrongs<'_>, key: &str, list: &[String]) {
    for entry in list {
        if let Some(cure) = cure_of_host(entry) {
            wrongs.add(key, format!("{entry:?}"), &cure);
        }
    }
}

/// What to write instead of an entry that no request would ever match.
fn cure_of_host(entry: &str) -> Option<String> {
    if entry.contains('*') {
        return Some(
            "patterns are not understood; write each host as `host` or `host:port`".to_owned(),
        );
    }
    let form = "write `host` or `host:port`";
    let whole = entry.contains("://").then(|| Url::parse(entry));
    let parsed = whole.unwrap_or_else(|| Url::parse(&format!("http://{entry}/")));
    let Ok(url) = parsed else {
        return Some(form.to_owned());
    };
    let host = url.host_str().unwrap_or_default();
    let rest = entry
        .get(..host.len())
        .filter(|start| start.eq_ignore_ascii_case(host));
    let rest = rest.map(|start| &entry[start.len()..]);
    let is_port = |text: &str| {
        text.parse::<u16>()
            .is_ok_and(|port| text == port.to_string())
    };
    match rest {
        Some("") if !host.is_empty() => None,
        Some(rest) if rest.strip_prefix(':').is_some_and(is_port) => None,
        Some(_) | None if host.is_empty() => Some(form.to_owned()),
        Some(_) | None => {
            let port = url.port().map(|port| format!(":{port}"));
            Some(format!("{form}, here `{host}{}`", port.unwrap_or_default()))
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::{Layers, load};
    use super::*;

    fn said(name: &str, value: &str) -> String {
        let environment = vec![(name.to_owned(), value.to_owned())];
        let layers = Layers {
            environment,
            ..Layers::default()
        };
        let refused = refuse_unusable(&load(&layers).unwrap());
        refused.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn a_value_that_breaks_a_worker_is_named_with_its_source_and_with_what_to_write() {
        let wrong = [
            (
                "WORKER__CONCURRENCY",
                "0",
                "worker.concurrency = 0",
                "1 or more",
            ),
            (
                "WORKER__LEASE_MS",
                "999",
                "worker.lease_ms = 999",
                "1000 or more",
            ),
            (
                "WORKER__CRASHES_MAX",
                "0",
                "worker.crashes_max = 0",
                "1 or more",
            ),
            (
                "WORKER__POLL_MIN_MS",
                "2001",
                "worker.poll_min_ms = 2001",
                "2000 or less",
            ),
            (
                "WORKER__HOUSEKEEPING__SWEEP_AGE_MS",
                "3600000",
                "worker.housekeeping.sweep_age_ms = 3600000",
                "86400000 or more",
            ),
            (
                "WORKER__TOOL_CALLS_AT_ONCE__SHELL",
                "0",
                "worker.tool_calls_at_once.shell = 0",
                "1 or more",
            ),
            (
                "WORKER__TOOL_CALLS_AT_ONCE__SHEL",
                "2",
                "worker.tool_calls_at_once.shel = 2",
                "there are shell, ",
            ),
            (
                "EGRESS__ALLOW_PRIVATE",
                "[\"10.0.0.0/33\"]",
                "egress.allow_private = ",
                "10.0.0.0/33",
            ),
            (
                "BLOBS__URL",
                "gs://bucket",
                "blobs.url = gs://bucket",
                "must begin with s3://",
            ),
            ("TOOLS__TREE", "tools", "tools.tree = ", "the absolute path"),
            (
                "QUEUE__TENANT_WEIGHTS__ACME",
                "0",
                "queue.tenant_weights.acme = 0",
                "1 or more",
            ),
        ];
        for (name, value, key, cure) in wrong {
            let name = format!("ERRAND_{name}");
            let said = said(&name, value);
            for words in [key, cure, &name] {
                assert!(said.contains(words), "{said:?} lacks {words:?}");
            }
        }
    }

    #[test]
    fn a_host_that_no_request_would_match_is_refused_and_one_that_is_a_host_is_not() {
        let name = "ERRAND_TOOLS__HTTP_REQUEST__HOSTS";
        let good =
            "[\"pay.example\", \"Pay.example:8443\", \"10.0.0.1:80\", \"[::1]:80\", \"[::1]\"]";
        assert_eq!(said(name, good), "");
        for (entry, cure) in [
            ("https://pay.example/charges", "here `pay.example`"),
            ("http://pay.example:8080", "here `pay.example:8080`"),
            ("pay.example/charges", "here `pay.example`"),
            ("bob@pay.example", "here `pay.example`"),
            ("pay.example:", "here `pay.example`"),
            ("bücher.example", "here `xn--bcher-kva.example`"),
            ("*.example", "each host"),
            ("::1", "`host:port`"),
            ("", "`host:port`"),
            ("pay.example:70000", "`host:port`"),
        ] {
            let said = said(name, &format!("[{entry:?}]"));
            assert!(said.contains(cure), "{entry:?}: {said:?}");
            assert!(said.contains("tools.http_request.hosts"), "{said:?}");
        }
        let honoured = said(
            "ERRAND_TOOLS__HTTP_REQUEST__KEY_HONOURED_BY",
            "[\"https://pay.example\"]",
        );
        assert!(
            honoured.contains("tools.http_request.key_honoured_by"),
            "{honoured:?}"
        );
    }

    #[test]
    fn every_setting_that_must_not_be_0_is_one_and_is_refused_with_its_own_name() {
        for (key, _) in NEVER_ZERO {
            let name = format!("ERRAND_{}", key.replace('.', "__").to_uppercase());
            let said = said(&name, "0");
            let words = format!("{key} = 0 (environment {name}) cannot be used: write 1 or more");
            assert!(said.starts_with(&words), "{said:?}");
        }
    }

    #[test]
    fn what_is_shared_is_no_less_than_what_one_may_use_alone_or_no_limit() {
        for (shared, single) in SHARES {
            let name = format!("ERRAND_{}", shared.replace('.', "__").to_uppercase());
            let refused = said(&name, "1");
            let words = format!(
                "{shared} = 1 (environment {name}) cannot be used: it is less than {single}"
            );
            assert!(refused.starts_with(&words), "{refused:?}");
            assert_eq!(said(&name, "0"), "");
        }
    }

    #[test]
    fn the_defaults_are_let_through() {
        refuse_unusable(&load(&Layers::default()).unwrap()).unwrap();
    }
}

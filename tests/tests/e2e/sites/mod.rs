//! Sites of every kind that a model meets, each done by a scripted model through the tools, over the real program and Chromium.

mod faults;
mod kills;
mod lasting;
mod losses;
mod moments;
mod ordinary;
mod pages;
mod script;
mod server;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::installation::Installation;
use script::Visit;
use server::Sites;

/// An installation whose tasks reach the sites, and whose model knows these visits.
async fn installation(sites: &Sites, visits: &[Visit]) -> Installation {
    let scripts: Vec<Value> = visits.iter().map(Visit::script).collect();
    let mut here = Installation::telling(TempDir::new().unwrap(), scripts).await;
    let hosts = json!([sites.here, sites.elsewhere]).to_string();
    here.set("ERRAND_TOOLS__NETWORK__MODE", "allow_list");
    here.set("ERRAND_TOOLS__NETWORK__HOSTS", &hosts);
    here.set("ERRAND_EGRESS__ALLOW_PRIVATE", &hosts);
    here
}

/// Lets tasks make all the visits, and checks what each of them found.
async fn all_are_done(sites: &Sites, visits: &[Visit]) {
    let here = installation(sites, visits).await;
    let server = here.serve();
    let tasks: Vec<String> = visits.iter().map(|visit| here.submit(visit.goal)).collect();
    let mut wrong = Vec::new();
    for (task, visit) in tasks.iter().zip(visits) {
        let view = here.until_final(task);
        let answer = view["result"]["answer"].as_str().unwrap_or_default();
        if view["state"] != "succeeded" || !answer.contains(visit.answer) {
            wrong.push(format!("{} ({task}):\n{view:#}", visit.goal));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(server.stop().success());
}

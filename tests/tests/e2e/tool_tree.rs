//! The operator's tool tree: refused where it cannot be used, listed by the doctor, used by a step.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::installation::Installation;
use crate::scripts::one_command;

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_cannot_be_used_stops_the_start_and_the_doctor_names_the_cure() {
    let mut here = Installation::new(one_command("greet")).await;
    let tree = here.folder.path().join("absent");
    here.set("ERRAND_TOOLS__TREE", tree.to_str().unwrap());
    let output = here.run(&["serve"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let words = format!("tools.tree = {tree:?} (environment ERRAND_TOOLS__TREE) cannot be used: ");
    let cure = "script/tools-tree makes a tree";
    assert!(said.contains(&words) && said.contains(cure), "{said}");
    let output = here.run(&["doctor"]);
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{found}");
    assert!(found.contains(&words) && found.contains(cure), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_uses_the_tree_and_the_doctor_lists_it_from_inside() {
    let mut here = Installation::new(one_command("greet")).await;
    let tree = here.folder.path().join("tools");
    std::fs::create_dir_all(tree.join("bin")).unwrap();
    let greet = tree.join("bin/greet");
    std::fs::write(&greet, "#!/usr/bin/bash\necho hello from the tree\n").unwrap();
    std::fs::set_permissions(&greet, PermissionsExt::from_mode(0o755)).unwrap();
    here.set("ERRAND_TOOLS__TREE", tree.to_str().unwrap());
    let found: Value = serde_json::from_slice(&here.run(&["doctor", "--json"]).stdout).unwrap();
    let findings = found["findings"].as_array().unwrap();
    let listed = findings.iter().find(|one| one["what"] == "tool tree");
    let words = format!("{}: programs: greet", tree.display());
    assert_eq!(listed.unwrap()["found"], words, "{found:#}");
    let told = here.json(&["tools", "describe", "shell"]);
    let told = told["description"].as_str().unwrap();
    assert!(
        told.contains("Beside the usual programs there are: greet."),
        "{told}"
    );
    let server = here.serve();
    let task = here.submit("Run the command.");
    let view = here.until_final(&task);
    let answer = view["result"]["answer"].as_str().unwrap_or_default();
    assert!(answer.contains("hello from the tree"), "{view:#}");
    assert!(server.stop().success());
}

//! Random plans without faults.

use agent_core::plan::{Plan, StepSpec};

/// A plan from random bytes: one step for each, which names the earlier steps that it needs. Steps of a second plan
/// may need what succeeded before.
pub fn plan(bytes: &[u8], version: u32, done: &[String]) -> Plan {
    let key = |number: usize| format!("p{version}-s{number}");
    let steps = bytes.iter().enumerate().map(|(number, byte)| {
        let earlier = (0..number)
            .filter(|earlier| byte & (1 << earlier) != 0)
            .map(key);
        let before = done.iter().filter(|_| byte & 0x80 != 0).cloned();
        StepSpec {
            key: key(number),
            title: key(number),
            instructions: "do it".to_owned(),
            depends_on: earlier.chain(before).collect(),
            acceptance: Vec::new(),
        }
    });
    Plan {
        overview: String::new(),
        steps: steps.collect(),
    }
}

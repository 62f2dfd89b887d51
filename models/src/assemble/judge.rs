//! Judging calls: names are brought to those that were offered, arguments to values that satisfy the tool's
//! schema, ids to ones that are used once. A call that fails is kept with its problem, to be answered and not run.

use std::collections::HashSet;

use agent_core::ports::entropy::Entropy;
use agent_core::ports::model::{CallProblem, ProposedCall};
use agent_core::ports::tool::ToolSpec;
use serde_json::{Map, Value};

use super::calls::{CallDraft, RawArguments};
use super::mend;
use super::schema::Schemas;

/// What servers and models put before a tool's name.
const NAME_PREFIXES: [&str; 5] = [
    "functions.",
    "function.",
    "tools.",
    "functions:",
    "default_api.",
];

/// Judges calls in order.
pub(crate) struct Judge<'a> {
    tools: &'a [ToolSpec],
    schemas: &'a Schemas,
    taken: HashSet<String>,
    entropy: &'a dyn Entropy,
}

impl<'a> Judge<'a> {
    /// A judge over the tools that were offered; `taken` are ids that the history uses.
    pub(crate) fn new(
        tools: &'a [ToolSpec],
        schemas: &'a Schemas,
        taken: HashSet<String>,
        entropy: &'a dyn Entropy,
    ) -> Self {
        Self {
            tools,
            schemas,
            taken,
            entropy,
        }
    }

    /// A call, or a block of markup from which none could be read.
    pub(crate) fn judge(&mut self, draft: Option<&CallDraft>) -> ProposedCall {
        let Some(draft) = draft else {
            return ProposedCall {
                id: self.id(""),
                tool: String::new(),
                arguments: Value::Null,
                repaired: false,
                problem: Some(problem(
                    "unparsable_call",
                    "a tool call was begun in the text, but it is not well-formed; make the call again".to_owned(),
                )),
            };
        };
        let id = self.id(&draft.id);
        if !draft.is_function {
            return ProposedCall {
                id,
                tool: String::new(),
                arguments: Value::Null,
                repaired: false,
                problem: Some(problem(
                    "unsupported_call_type",
                    format!(
                        "calls of type {:?} are not supported; call one of the offered functions",
                        draft.kind
                    ),
                )),
            };
        }
        let name = draft.name(|name| self.find(name).is_some());
        let (arguments, repaired, unreadable) = match arguments(&draft.arguments()) {
            Ok((value, repaired)) => (value, repaired, None),
            Err((raw, why)) => (raw, false, Some(why)),
        };
        let Some(tool) = self.find(&name) else {
            let offered: Vec<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
            let message = format!(
                "there is no tool {:?}; the tools are: {}",
                tidy(&name),
                offered.join(", ")
            );
            return ProposedCall {
                id,
                tool: tidy(&name).to_owned(),
                arguments,
                repaired,
                problem: Some(problem("unknown_tool", message)),
            };
        };
        let problem = match unreadable {
            Some(why) => Some(problem("invalid_arguments", why)),
            None => self
                .schemas
                .violation(&tool.parameters, &arguments)
                .map(|why| problem("schema_violation", why)),
        };
        ProposedCall {
            id,
            tool: tool.name.clone(),
            arguments,
            repaired,
            problem,
        }
    }

    fn id(&mut self, wanted: &str) -> String {
        let wanted = wanted.trim();
        if !wanted.is_empty() && self.taken.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let made = format!("call_{}", self.entropy.uuid_v7().simple());
        self.taken.insert(made.clone());
        made
    }

    fn find(&self, name: &str) -> Option<&'a ToolSpec> {
        let exact = |name: &str| self.tools.iter().find(|tool| tool.name == name);
        exact(name)
            .or_else(|| exact(tidy(name)))
            .or_else(|| exact(bare(name)))
    }
}

fn problem(class: &str, message: String) -> CallProblem {
    CallProblem {
        class: class.to_owned(),
        message,
    }
}

fn tidy(name: &str) -> &str {
    name.trim_matches(|character: char| character.is_whitespace() || "`\"'".contains(character))
}

/// A name without what templates put round it: `functions.name:0`, `name<|channel|>commentary`.
fn bare(name: &str) -> &str {
    let mut name = tidy(name);
    name = name.split("<|").next().unwrap_or(name);
    for prefix in NAME_PREFIXES {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    let numbered = name.rsplit_once(':').filter(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    tidy(numbered.map_or(name, |(name, _)| name))
}

/// Arguments as an object, and whether they had to be mended; or the raw text and what is wrong with it.
fn arguments(raw: &RawArguments) -> Result<(Value, bool), (Value, String)> {
    let text = match raw {
        RawArguments::Value(value @ Value::Object(_)) => return Ok((value.clone(), false)),
        // Languages with one type for lists and objects write an empty object as a list.
        RawArguments::Value(Value::Array(items)) if items.is_empty() => {
            return Ok((Value::Object(Map::new()), true));
        }
        RawArguments::Value(other) => {
            return Err((
                other.clone(),
                "the arguments must be a JSON object".to_owned(),
            ));
        }
        RawArguments::Text(text) => text,
    };
    if text.trim().is_empty() {
        return Ok((Value::Object(Map::new()), false));
    }
    let unreadable = || Value::String(text.clone());
    let Some(mut mended) = mend::read(text) else {
        return Err((
            unreadable(),
            "the arguments are not well-formed JSON; write them again, whole".to_owned(),
        ));
    };
    // Some templates encode the arguments a second time.
    for _ in 0..2 {
        let Value::String(inner) = &mended.value else {
            break;
        };
        match mend::read(inner) {
            Some(read) => {
                mended = mend::Mended {
                    value: read.value,
                    repaired: true,
                }
            }
            None => break,
        }
    }
    match mended.value {
        object @ Value::Object(_) => Ok((object, mended.repaired)),
        Value::Null => Ok((Value::Object(Map::new()), false)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Err((
            unreadable(),
            "the arguments must be a JSON object".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use agent_core::ports::entropy::Seeded;
    use agent_core::ports::tool::{EffectClass, FileUse};
    use serde_json::json;

    use super::*;

    fn tools() -> Vec<ToolSpec> {
        vec![ToolSpec {
            name: "web_search".to_owned(),
            description: String::new(),
            parameters: json!({"type": "object", "properties": {"query": {"type": "string"}},
                "required": ["query"], "additionalProperties": false}),
            effect: EffectClass::Read,
            files: FileUse::None,
            outside: false,
        }]
    }

    fn judged(name: &str, arguments: &str) -> ProposedCall {
        let draft = CallDraft::found(name, RawArguments::Text(arguments.to_owned()));
        Judge::new(
            &tools(),
            &Schemas::default(),
            HashSet::new(),
            &Seeded::new(1),
        )
        .judge(Some(&draft))
    }

    #[test]
    fn names_are_brought_to_the_offered_ones() {
        for name in [
            " functions.web_search ",
            "functions.web_search:0",
            "web_search<|channel|>commentary",
            "`web_search`",
        ] {
            let call = judged(name, "{\"query\":\"x\"}");
            assert_eq!(
                (call.tool.as_str(), call.problem),
                ("web_search", None),
                "{name}"
            );
        }
        let unknown = judged("web-search", "{\"query\":\"x\"}");
        assert_eq!(
            unknown.problem.map(|problem| problem.class),
            Some("unknown_tool".to_owned())
        );
    }

    #[test]
    fn bad_arguments_are_told_to_the_model() {
        for (arguments, class) in [
            ("{\"query\":", "invalid_arguments"),
            ("{'query': 'x'}", "invalid_arguments"),
            ("[1]", "invalid_arguments"),
            ("{\"query\":7}", "schema_violation"),
            ("", "schema_violation"),
        ] {
            let problem = judged("web_search", arguments).problem;
            assert_eq!(
                problem.map(|problem| problem.class),
                Some(class.to_owned()),
                "{arguments}"
            );
        }
    }

    #[test]
    fn ids_of_the_history_are_not_used_again() {
        let mut draft =
            CallDraft::found("web_search", RawArguments::Text("{\"query\":\"x\"}".into()));
        draft.id = "call_0".to_owned();
        let taken = HashSet::from(["call_0".to_owned()]);
        let tools = tools();
        let entropy = Seeded::new(1);
        let schemas = Schemas::default();
        let mut judge = Judge::new(&tools, &schemas, taken, &entropy);
        let (first, second) = (judge.judge(Some(&draft)), judge.judge(Some(&draft)));
        assert!(first.id != "call_0" && second.id != first.id);
    }
}

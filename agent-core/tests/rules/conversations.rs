//! Laws of a step's turns: whatever a worker's death cuts off, nothing that is in the log is asked or done again.

use std::collections::{BTreeMap, BTreeSet};

use agent_core::call::ToolReturned;
use agent_core::conversation::{Conversation, FINISH, IDLE_TURNS_MAX, Next, TURNS_MAX};
use agent_core::event::{EventBody, ModelReplied, RecordedCall, ToolIntended, ToolUnknown};
use agent_core::id::CallId;
use agent_core::ports::entropy::Seeded;
use agent_core::ports::model::{CallProblem, Message};
use agent_core::ports::tool::EffectClass;
use proptest::prelude::*;
use serde_json::json;

/// What the model asks for in one turn.
#[derive(Debug, Clone)]
enum Wish {
    Tool,
    Unreadable,
    Finish,
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let wish = prop_oneof![
        6 => Just(Wish::Tool),
        2 => Just(Wish::Unreadable),
        1 => Just(Wish::Finish),
    ];
    proptest::collection::vec(wish, 0..4)
}

/// A step under way: its log, and what was done so far.
struct Run {
    entropy: Seeded,
    log: Vec<EventBody>,
    conversation: Conversation,
    turns_asked: Vec<u32>,
    made: BTreeMap<CallId, u32>,
}

impl Run {
    fn record(&mut self, body: EventBody) {
        self.conversation.push(body.clone());
        self.log.push(body);
    }

    /// A worker died: the next one has the log and nothing else.
    fn crash(&mut self) {
        let read = self.log.iter().cloned();
        self.conversation = Conversation::default();
        read.for_each(|body| self.conversation.push(body));
    }

    fn reply(&mut self, turn: u32, wishes: &[Wish]) {
        self.turns_asked.push(turn);
        let calls: Vec<RecordedCall> = wishes.iter().map(|wish| self.call(turn, wish)).collect();
        let tool_names = calls.iter().map(|call| call.tool.clone()).collect();
        self.record(EventBody::ModelReplied(ModelReplied {
            job: "step".to_owned(),
            turn,
            model: "m".to_owned(),
            usage: None,
            finish: "tool_calls".to_owned(),
            tool_names,
            text: None,
            thought: None,
            calls,
        }));
    }

    fn call(&self, turn: u32, wish: &Wish) -> RecordedCall {
        let (tool, problem) = match wish {
            Wish::Tool => ("shell", None),
            Wish::Unreadable => ("shell", Some("unparsable_call")),
            Wish::Finish => (FINISH, None),
        };
        RecordedCall {
            call: CallId::new(&self.entropy),
            tool: tool.to_owned(),
            arguments: json!({ "result": format!("result of turn {turn}") }),
            problem: problem.map(|class| CallProblem {
                class: class.to_owned(),
                message: "not JSON".to_owned(),
            }),
        }
    }

    fn intend(&mut self, call: RecordedCall, effect: EffectClass) {
        self.record(EventBody::ToolIntended(ToolIntended {
            call: call.call,
            tool: call.tool,
            effect,
            outside: false,
            summary: String::new(),
            label: agent_core::policy::Label::User,
            consent: agent_core::policy::Consent::NotNeeded,
            key: "k".to_owned(),
            fence: 1,
            arguments: call.arguments,
        }));
    }

    fn make(&mut self, intended: &ToolIntended, returns: bool) {
        *self.made.entry(intended.call.clone()).or_default() += 1;
        if returns {
            self.record(EventBody::ToolReturned(ToolReturned {
                call: intended.call.clone(),
                tool: intended.tool.clone(),
                ok: true,
                duration_ms: 1,
                isolation: None,
                enforced: None,
                changed_files: 0,
                label: agent_core::policy::Label::Outside,
                content: format!("answer {}", self.log.len()),
                snapshot: None,
                images: Vec::new(),
                programs: None,
            }));
        } else {
            self.crash();
        }
    }

    fn settle(&mut self, intended: &ToolIntended) {
        if intended.effect == EffectClass::Once {
            self.record(EventBody::ToolUnknown(ToolUnknown {
                call: intended.call.clone(),
                tool: intended.tool.clone(),
                reason: "the worker died".to_owned(),
                asked: false,
                decide_by_ms: None,
            }));
        } else {
            self.make(intended, true);
        }
    }
}

/// Runs a step to its end; `crashes` says which calls are cut off before their result is in the log.
fn run(turns: &[Vec<Wish>], crashes: &[bool], effect: EffectClass) -> (Run, Next) {
    let mut run = Run {
        entropy: Seeded::new(1),
        log: Vec::new(),
        conversation: Conversation::default(),
        turns_asked: Vec::new(),
        made: BTreeMap::new(),
    };
    let mut crashes = crashes.iter();
    loop {
        match run.conversation.next() {
            Next::AskModel { turn } => {
                let wishes = turns.get(turn as usize - 1).cloned().unwrap_or_default();
                run.reply(turn, &wishes);
            }
            Next::Call(call) => {
                run.intend(call.clone(), effect);
                let Next::Settle(intended) = run.conversation.next() else {
                    panic!("the intent of {call:?} is not seen");
                };
                let dies = crashes.next().copied().unwrap_or(false);
                run.make(&intended, !dies);
            }
            Next::Settle(intended) => run.settle(&intended),
            end @ (Next::Finish { .. }
            | Next::GiveUp { .. }
            | Next::AwaitDecision { .. }
            | Next::AwaitConsent { .. }) => {
                return (run, end);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_step_ends_and_repeats_nothing_that_is_in_its_log(
        turns in proptest::collection::vec(wishes(), 0..12), crashes in proptest::collection::vec(any::<bool>(), 0..20)
    ) {
        let (once, _) = run(&turns, &crashes, EffectClass::Once);
        let expected: Vec<u32> = (1..=u32::try_from(once.turns_asked.len()).unwrap()).collect();
        prop_assert_eq!(&once.turns_asked, &expected);
        prop_assert!(once.turns_asked.len() <= turns.len() + IDLE_TURNS_MAX);
        prop_assert!(once.made.values().all(|count| *count == 1));
        let (again, _) = run(&turns, &crashes, EffectClass::Repeatable);
        // An outcome that is unknown keeps the step going, so the two need not take the same number of turns.
        let expected: Vec<u32> = (1..=u32::try_from(again.turns_asked.len()).unwrap()).collect();
        prop_assert_eq!(&again.turns_asked, &expected);
        prop_assert!(again.made.values().all(|count| *count <= 2));
    }

    #[test]
    fn a_death_between_two_calls_changes_nothing(turns in proptest::collection::vec(wishes(), 0..12)) {
        let (mut whole, end) = run(&turns, &[], EffectClass::Read);
        let messages = whole.conversation.messages(Vec::new());
        whole.crash();
        prop_assert_eq!(whole.conversation.next(), end);
        prop_assert_eq!(whole.conversation.messages(Vec::new()), messages);
    }

    #[test]
    fn every_call_in_the_history_has_one_answer_right_after_its_turn(
        turns in proptest::collection::vec(wishes(), 0..12), crashes in proptest::collection::vec(any::<bool>(), 0..20)
    ) {
        let (run, _) = run(&turns, &crashes, EffectClass::Once);
        let mut open = Vec::new();
        let mut seen = BTreeSet::new();
        for message in run.conversation.messages(Vec::new()) {
            match message {
                Message::Assistant { calls, .. } => {
                    prop_assert!(open.is_empty(), "calls without an answer: {:?}", open);
                    open = calls.into_iter().map(|call| call.id).collect();
                    prop_assert!(open.iter().all(|id| seen.insert(id.clone())));
                }
                Message::Tool { call_id, text, .. } => {
                    prop_assert_eq!(open.remove(0), call_id);
                    prop_assert!(!text.is_empty());
                }
                Message::User { .. } => prop_assert!(open.is_empty()),
                Message::System { .. } => prop_assert!(false, "a step's turns hold no rules"),
            }
        }
        prop_assert!(open.is_empty());
    }
}

#[test]
fn a_model_that_never_finishes_is_stopped() {
    let turns = vec![vec![Wish::Tool]; TURNS_MAX + 20];
    let (run, end) = run(&turns, &[], EffectClass::Read);
    assert_eq!(run.turns_asked.len(), TURNS_MAX);
    assert!(matches!(end, Next::GiveUp { .. }), "{end:?}");
}

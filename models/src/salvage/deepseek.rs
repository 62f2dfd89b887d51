//! The call tokens of `DeepSeek` V3 and R1.
//!
//! `…call begin…function…sep…NAME`, then the arguments in a fence; V3.1 writes `NAME…sep…ARGUMENTS`.

use super::{Block, between};
use crate::assemble::calls::{CallDraft, RawArguments};

struct Marks {
    outer: [&'static str; 2],
    open: &'static str,
    close: &'static str,
    separator: &'static str,
}

/// The tokens as the model writes them, and as some servers transcribe them.
const MARKS: [Marks; 2] = [
    Marks {
        outer: ["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
        open: "<｜tool▁call▁begin｜>",
        close: "<｜tool▁call▁end｜>",
        separator: "<｜tool▁sep｜>",
    },
    Marks {
        outer: ["<|tool_calls_begin|>", "<|tool_calls_end|>"],
        open: "<|tool_call_begin|>",
        close: "<|tool_call_end|>",
        separator: "<|tool_sep|>",
    },
];

/// The blocks of a text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    MARKS
        .iter()
        .map(|marks| blocks_between(text, marks))
        .find(|blocks| !blocks.is_empty())
        .unwrap_or_default()
}

fn blocks_between(text: &str, marks: &Marks) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut from = 0;
    while let Some((start, inside, end, complete)) = between(text, from, marks.open, marks.close) {
        from = end;
        blocks.push(Block {
            start,
            end,
            complete,
            call: call(inside, marks.separator),
        });
    }
    // The marks round all calls belong to the first and the last.
    if let Some(first) = blocks.first_mut() {
        let before = text[..first.start].trim_end();
        if let Some(before) = before.strip_suffix(marks.outer[0]) {
            first.start = before.len();
        }
    }
    if let Some(last) = blocks.last_mut() {
        let after = text[last.end..].trim_start();
        if let Some(after) = after.strip_prefix(marks.outer[1]) {
            last.end = text.len() - after.len();
        }
    }
    blocks
}

fn call(inside: &str, separator: &str) -> Option<CallDraft> {
    let (left, right) = inside.split_once(separator)?;
    let (name, arguments) = if left.trim() == "function" {
        right.split_once('\n').unwrap_or((right, ""))
    } else {
        (left, right)
    };
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let arguments = arguments.trim();
    let bare = arguments
        .strip_prefix("```")
        .and_then(|rest| rest.split_once('\n'))
        .map_or(arguments, |(_, rest)| rest.trim_end_matches('`').trim());
    Some(CallDraft::found(name, RawArguments::Text(bare.to_owned())))
}

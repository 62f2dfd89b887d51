//! Finding the place in a text where a hunk fits.
//!
//! Lines are compared exactly first, then without the blanks at their ends, then without empty lines around the hunk. A
//! place is taken only where nothing else could be meant: changing the wrong one of two equal places is worse than asking.

use super::hunk::Hunk;

/// Where a hunk goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The index of its first line.
    pub start: usize,
    /// The hunk as it fits there.
    pub hunk: Hunk,
}

/// Why a hunk goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Its lines are not there.
    Absent,
    /// They are there more than once, beginning at these indexes.
    Several(Vec<usize>),
    /// A line that was said to stand above is not there.
    NoAnchor(String),
}

/// How far the hunks before this one went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    /// The index after the last line that they touched.
    pub end: usize,
    /// How many lines they added.
    pub added: usize,
    /// How many lines they removed.
    pub removed: usize,
}

/// Finds the place of a hunk among lines without line breaks.
pub(super) fn locate(lines: &[&str], hunk: &Hunk, before: Before) -> Result<Place, Misfit> {
    // Where the lines alone say enough, it does not matter that what was said to stand above does not.
    let anchored = anchored(lines, hunk, before.end);
    let said = hunk
        .line
        .map(|line| (line.saturating_sub(1) + before.added).saturating_sub(before.removed));
    if hunk.old_lines().is_empty() {
        return Ok(Place {
            start: insertion(lines, hunk, anchored?, before),
            hunk: hunk.clone(),
        });
    }
    let bare = hunk.without_margins();
    for (form, is_lenient) in [(hunk, false), (hunk, true), (&bare, true)] {
        let found = matches(lines, &form.old_lines(), is_lenient);
        let start = match found.as_slice() {
            [] => continue,
            [only] => *only,
            _ => choose(lines, form, found, (said, anchored?, before.end))?,
        };
        return Ok(Place {
            start,
            hunk: form.clone(),
        });
    }
    Err(Misfit::Absent)
}

/// The index after the lines that were said to stand above, and whether they stand there once only.
fn anchored(lines: &[&str], hunk: &Hunk, from: usize) -> Result<Option<(usize, bool)>, Misfit> {
    let mut place: Option<(usize, bool)> = None;
    for anchor in &hunk.anchors {
        let from = place.map_or(from, |(at, _)| at);
        let mut found = positions(lines, anchor, from);
        if found.is_empty() && place.is_none() {
            // The hunks are not in the order of the file.
            found = positions(lines, anchor, 0);
        }
        let Some(first) = found.first() else {
            return Err(Misfit::NoAnchor(anchor.clone()));
        };
        place = Some((first + 1, found.len() == 1));
    }
    Ok(place)
}

/// Where a line stands; a line that only begins so counts where no other does.
fn positions(lines: &[&str], anchor: &str, from: usize) -> Vec<usize> {
    let search = |is_it: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let below = lines.iter().enumerate().skip(from);
        let found = below.filter(|(_, line)| is_it(line.trim()));
        found.map(|(index, _)| index).collect()
    };
    let exact = search(&|line| line == anchor);
    if exact.is_empty() {
        search(&|line| line.starts_with(anchor))
    } else {
        exact
    }
}

/// Where lines go that come without others around them: after the line with that number, after the anchor, or at the end.
fn insertion(
    lines: &[&str],
    hunk: &Hunk,
    anchored: Option<(usize, bool)>,
    before: Before,
) -> usize {
    let said = hunk
        .line
        .map(|line| (line + before.added).saturating_sub(before.removed));
    let at = said.or(anchored.map(|(at, _)| at));
    at.unwrap_or(lines.len()).min(lines.len())
}

fn matches(lines: &[&str], old: &[&str], is_lenient: bool) -> Vec<usize> {
    if old.is_empty() {
        return Vec::new();
    }
    let is_same = |(line, wanted): (&&str, &&str)| {
        if is_lenient {
            line.trim_end() == wanted.trim_end()
        } else {
            line == wanted
        }
    };
    lines
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| window.iter().zip(old).all(is_same))
        .map(|(index, _)| index)
        .collect()
}

/// The one of several places that is meant.
fn choose(
    lines: &[&str],
    hunk: &Hunk,
    found: Vec<usize>,
    (said, anchored, end): (Option<usize>, Option<(usize, bool)>, usize),
) -> Result<usize, Misfit> {
    let length = hunk.old_lines().len();
    let at_end = found.iter().find(|start| *start + length == lines.len());
    if let Some(last) = at_end.filter(|_| hunk.at_end) {
        return Ok(*last);
    }
    if let Some(said) = said.filter(|said| found.contains(said)) {
        return Ok(said);
    }
    let below = |from: usize| found.iter().copied().filter(move |start| *start >= from);
    if let Some((from, true)) = anchored
        && let Some(first) = below(from).next()
    {
        return Ok(first);
    }
    let mut later = below(anchored.map_or(end, |(from, _)| from));
    match (later.next(), later.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Misfit::Several(found)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::patch::hunk::Mark::{self, Add, Keep, Remove};

    const TEXT: [&str; 9] = [
        "fn one() {",
        "    start();",
        "    stop();  ",
        "}",
        "",
        "fn two() {",
        "    start();",
        "    stop();",
        "}",
    ];

    fn hunk(title: &str, lines: &[(Mark, &str)]) -> Hunk {
        Hunk {
            lines: lines
                .iter()
                .map(|(mark, text)| (*mark, (*text).to_owned()))
                .collect(),
            ..Hunk::titled(title)
        }
    }

    fn found(hunk: &Hunk, before: Before) -> Result<usize, Misfit> {
        locate(&TEXT, hunk, before).map(|place| place.start)
    }

    #[test]
    fn a_place_is_found_by_its_lines_whatever_the_number_says() {
        let fits = [(Keep, "fn two() {"), (Remove, "    start();")];
        for title in [
            "@@ -6,2 +6,1 @@",
            "@@ -1,2 +1,1 @@",
            "@@ -900,2 +900,1 @@",
            "@@",
            "@@ fn two() {",
        ] {
            assert_eq!(
                found(&hunk(title, &fits), Before::default()),
                Ok(5),
                "{title}"
            );
        }
        let absent = hunk("@@ -6 +6 @@", &[(Remove, "fn three() {")]);
        assert_eq!(found(&absent, Before::default()), Err(Misfit::Absent));
    }

    #[test]
    fn of_several_places_the_one_is_taken_that_was_named_by_number_anchor_end_or_order() {
        let twice = [(Keep, "    start();"), (Add, "    work();")];
        let none = Before::default();
        let after = Before {
            end: 3,
            added: 0,
            removed: 0,
        };
        let mut last = hunk("@@", &[(Remove, "}")]);
        last.at_end = true;
        for (hunk, before, wanted) in [
            (hunk("@@", &twice), none, Err(Misfit::Several(vec![1, 6]))),
            (
                hunk("@@ -3 +3 @@", &twice),
                none,
                Err(Misfit::Several(vec![1, 6])),
            ),
            (hunk("@@ -7 +7 @@", &twice), none, Ok(6)),
            (
                hunk("@@ -7 +7 @@", &twice),
                Before {
                    end: 1,
                    added: 2,
                    removed: 7,
                },
                Ok(1),
            ),
            (hunk("@@ fn two() {", &twice), none, Ok(6)),
            (hunk("@@ fn one", &twice), none, Ok(1)),
            (hunk("@@", &twice), after, Ok(6)),
            (last, none, Ok(8)),
            (
                hunk("@@ fn three", &twice),
                none,
                Err(Misfit::NoAnchor("fn three".to_owned())),
            ),
        ] {
            assert_eq!(found(&hunk, before), wanted, "{hunk:?}");
        }
    }

    #[test]
    fn blanks_at_the_ends_of_lines_and_empty_lines_around_a_hunk_may_differ() {
        for lines in [
            vec![(Keep, "    stop();"), (Keep, "}"), (Keep, "")],
            vec![
                (Keep, "    start();   "),
                (Keep, "    stop();"),
                (Keep, "}"),
                (Keep, ""),
            ],
        ] {
            assert!(
                found(&hunk("@@", &lines), Before::default()).is_ok(),
                "{lines:?}"
            );
        }
        let margins = hunk(
            "@@",
            &[
                (Keep, ""),
                (Keep, "fn one() {"),
                (Remove, "    start();"),
                (Keep, " "),
            ],
        );
        let place = locate(&TEXT, &margins, Before::default()).unwrap();
        assert_eq!(
            (place.start, place.hunk.old_lines()),
            (0, vec!["fn one() {", "    start();"])
        );
    }

    #[test]
    fn lines_that_come_alone_go_after_their_number_their_anchor_or_to_the_end() {
        let alone = [(Add, "new")];
        for (title, before, wanted) in [
            ("@@ -0,0 +1 @@", Before::default(), 0),
            ("@@ -5,0 +6 @@", Before::default(), 5),
            (
                "@@ -5,0 +6 @@",
                Before {
                    end: 1,
                    added: 2,
                    removed: 1,
                },
                6,
            ),
            ("@@ fn two", Before::default(), 6),
            ("@@", Before::default(), 9),
            ("@@ -99,0 +99 @@", Before::default(), 9),
        ] {
            assert_eq!(found(&hunk(title, &alone), before), Ok(wanted), "{title}");
        }
    }
}

//! Figures: one measured value each, beside the floor that was measured in the same run, as a table or as JSON.
//!
//! A figure that could not be measured is not made up: it is left out, and a note says why.

use serde::Serialize;

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// `sqlite`, `postgres`, or `-` where none is involved.
    pub database: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// What a bare loop needs for the same, in the same unit; absent where there is no such thing.
    pub floor: Option<f64>,
    /// Value by floor.
    pub ratio: Option<f64>,
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order in which they were measured.
    pub figures: Vec<Figure>,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
}

impl Report {
    /// Adds a value.
    pub fn add(
        &mut self,
        database: &str,
        name: &str,
        (value, unit): (f64, &str),
        floor: Option<f64>,
    ) {
        let ratio = floor
            .filter(|floor| *floor > 0.0)
            .map(|floor| value / floor);
        self.figures.push(Figure {
            name: name.to_owned(),
            database: database.to_owned(),
            value,
            unit: unit.to_owned(),
            floor,
            ratio,
        });
    }

    /// Says what is missing.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The figures as a table that is valid Markdown.
    pub fn table(&self) -> String {
        let header = ["figure", "database", "value", "unit", "floor", "ratio"];
        let optional = |value: Option<f64>| value.map_or_else(String::new, shown);
        let mut rows = vec![header.map(str::to_owned)];
        rows.extend(self.figures.iter().map(|one| {
            [
                one.name.clone(),
                one.database.clone(),
                shown(one.value),
                one.unit.clone(),
                optional(one.floor),
                optional(one.ratio),
            ]
        }));
        let widths: Vec<usize> = (0..header.len())
            .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
            .collect();
        let line = |row: &[String; 6]| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!(" {cell:width$} |"));
            format!("|{}\n", cells.collect::<String>())
        };
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        let rule = rules.join("|");
        let body: String = rows[1..].iter().map(line).collect();
        format!("{}|{rule}|\n{body}", line(&rows[0]))
    }
}

/// Three digits that count are more than a shared machine can promise.
fn shown(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// The middle of some values, or nothing when there are none.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which this part of the values lies (nearest rank).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank in a list that fits into memory"
)]
pub fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(last)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_line_for_each_figure_and_leaves_absent_floors_empty() {
        let mut report = Report::default();
        report.add("sqlite", "turn", (2.0, "ms"), Some(0.5));
        report.add("-", "binary", (31.25, "MB"), None);
        let expected = "\
| figure | database | value | unit | floor | ratio |
|--------|----------|-------|------|-------|-------|
| turn   | sqlite   | 2.00  | ms   | 0.500 | 4.00  |
| binary | -        | 31.2  | MB   |       |       |
";
        assert_eq!(report.table(), expected);
    }

    #[test]
    fn a_figure_in_json_has_exactly_the_published_fields() {
        let mut report = Report::default();
        report.add("sqlite", "turn", (2.0, "ms"), Some(0.5));
        report.add("-", "binary", (31.25, "MB"), None);
        let expected = serde_json::json!([
            {"name": "turn", "database": "sqlite", "value": 2.0, "unit": "ms", "floor": 0.5, "ratio": 4.0},
            {"name": "binary", "database": "-", "value": 31.25, "unit": "MB", "floor": null, "ratio": null},
        ]);
        assert_eq!(serde_json::to_value(&report.figures).ok(), Some(expected));
    }

    #[test]
    fn medians_and_high_quantiles_are_values_that_occurred() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(
            (median(&values), quantile(&values, 0.99)),
            (Some(3.0), Some(5.0))
        );
        assert_eq!(median(&[]), None);
    }
}

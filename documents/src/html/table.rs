//! Tables of a page: those with data as tables, those that only place things as blocks.

use super::markdown::Writer;
use crate::clean::cut;
use crate::table::plain;

/// Columns and rows that a cell may claim.
const SPAN_MAX: usize = 60;
/// Characters of one cell.
const CELL_CHARS: u64 = 2000;

impl Writer<'_> {
    /// Writes a table.
    pub(super) fn table(&mut self, node: usize) {
        let rows = self.rows(node);
        let widest = rows.iter().map(Vec::len).max().unwrap_or(0);
        let tree = self.tree;
        let mut inner = tree.below(node).skip(1);
        let has_blocks = inner.any(|below| {
            matches!(
                &*tree.nodes[below].name,
                "table" | "h1" | "h2" | "pre" | "article" | "section"
            )
        });
        if has_blocks || widest < 2 {
            self.end_line();
            for cell in rows.into_iter().flatten() {
                self.children(cell);
                self.end_line();
            }
            return;
        }
        let caption = tree.nodes[node]
            .children
            .iter()
            .find(|&&child| &*tree.nodes[child].name == "caption");
        if let Some(&caption) = caption {
            let text = self.one_line_of(caption);
            self.put_block(&text);
        }
        let mut written: Vec<Vec<String>> = Vec::new();
        // For each column how many more rows a cell above reaches down.
        let mut reach = vec![0usize; SPAN_MAX];
        for row in rows {
            let mut cells: Vec<String> = Vec::new();
            for cell in row {
                skip_reached(&mut cells, &mut reach);
                let text = self.one_line_of(cell).replace('|', "\\|");
                let [columns, down] = ["colspan", "rowspan"].map(|name| {
                    let span = tree.nodes[cell]
                        .attribute(name)
                        .and_then(|span| span.trim().parse().ok());
                    span.unwrap_or(1usize).clamp(1, SPAN_MAX)
                });
                for column in 0..columns {
                    if let Some(reach) = reach.get_mut(cells.len()) {
                        *reach = down - 1;
                    }
                    cells.push(if column == 0 {
                        cut(&text, CELL_CHARS)
                    } else {
                        String::new()
                    });
                }
            }
            skip_reached(&mut cells, &mut reach);
            if cells.iter().any(|cell| !cell.is_empty()) {
                written.push(cells);
            }
        }
        self.put_block(&plain(&written));
    }

    /// The cells of each row, without those of tables inside.
    fn rows(&self, table: usize) -> Vec<Vec<usize>> {
        let tree = self.tree;
        let is = |node: usize, names: &[&str]| names.contains(&&*tree.nodes[node].name);
        let mut rows: Vec<Vec<usize>> = Vec::new();
        // Forms and groups may stand between a table, its rows and its cells, so they are looked for at any depth.
        let mut waiting: Vec<usize> = tree.nodes[table].children.iter().rev().copied().collect();
        while let Some(node) = waiting.pop() {
            if is(node, &["td", "th"]) {
                let mut row = rows.pop().unwrap_or_default();
                row.push(node);
                rows.push(row);
                continue;
            }
            if is(node, &["tr"]) {
                rows.push(Vec::new());
            }
            if !is(node, &["table", "caption"]) {
                waiting.extend(tree.nodes[node].children.iter().rev());
            }
        }
        rows
    }
}

/// Leaves the places empty that cells above reach down to.
fn skip_reached(cells: &mut Vec<String>, reach: &mut [usize]) {
    while let Some(reach) = reach.get_mut(cells.len()).filter(|reach| **reach > 0) {
        *reach -= 1;
        cells.push(String::new());
    }
}

//! Tables as HTML: [`table`], with a caption, headers that say what they head, and a body a group.

use super::inline::{escape, html};
use crate::report::document::{Row, Table};

/// A table; one with column names can be sorted.
pub(super) fn table(table: &Table) -> String {
    let named = table.head.iter().any(|cell| !cell.is_empty());
    let class = if named { "sortable" } else { "facts" };
    let mut written = format!("<div class=\"scroll\">\n<table class=\"{class}\">\n");
    written.push_str(&format!("<caption>{}</caption>\n", escape(&table.caption)));
    if named {
        let cells: String = table.head.iter().enumerate().map(|(column, words)| head(table, column, words)).collect();
        written.push_str(&format!("<thead>\n<tr>{cells}</tr>\n</thead>\n"));
    }
    written.push_str("<tbody>\n");
    for (place, row) in table.rows.iter().enumerate() {
        if row.group && place > 0 {
            written.push_str("</tbody>\n<tbody>\n");
        }
        written.push_str(&line(table, row));
    }
    written.push_str("</tbody>\n</table>\n</div>\n");
    written
}

fn head(table: &Table, column: usize, words: &str) -> String {
    let class = class(table, column);
    if words.is_empty() { "<td></td>".to_owned() } else { format!("<th scope=\"col\"{class}>{}</th>", html(words)) }
}

fn line(table: &Table, row: &Row) -> String {
    let cells: String = row
        .cells
        .iter()
        .enumerate()
        .map(|(column, words)| {
            let class = class(table, column);
            match (column, row.group) {
                (0, true) => format!("<th scope=\"rowgroup\">{}</th>", html(words)),
                (0, false) => format!("<th scope=\"row\">{}</th>", html(words)),
                _ => format!("<td{class}>{}</td>", html(words)),
            }
        })
        .collect();
    format!("<tr{}>{cells}</tr>\n", if row.group { " class=\"group\"" } else { "" })
}

/// Figures stand right.
fn class(table: &Table, column: usize) -> &'static str {
    if column < table.text { "" } else { " class=\"figure\"" }
}

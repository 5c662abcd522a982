//! GitHub-flavoured markdown: [`Table`], escaping, and how numbers are written.

use plantpipe_stage::format::Interval;

/// A table whose first `text` columns are set left and the others right.
pub(super) struct Table {
    head: Vec<String>,
    text: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str], text: usize) -> Self {
        Self { head: head.iter().map(|cell| (*cell).to_owned()).collect(), text, rows: Vec::new() }
    }

    /// A table whose column names are computed.
    pub(super) fn with_head(head: Vec<String>, text: usize) -> Self {
        Self { head, text, rows: Vec::new() }
    }

    /// Adds a row; absent cells at its end are left empty.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, a blank line after it.
    pub(super) fn render(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> =
                cells.iter().map(|cell| cell.replace('|', "\\|").replace(['\n', '\r'], " ")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<&str> =
            (0..self.head.len()).map(|column| if column < self.text { ":--" } else { "--:" }).collect();
        let mut text = format!("{}| {} |\n", line(&self.head), rule.join(" | "));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text.push('\n');
        text
    }
}

/// A name as code, whatever is in it.
pub(super) fn code(name: &str) -> String {
    let name = name.replace(['\n', '\r'], " ");
    if name.contains('`') { format!("`` {name} ``") } else { format!("`{name}`") }
}

/// Names as code with commas.
pub(super) fn codes<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| code(name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Words that markdown should not read anything into.
pub(super) fn text(words: &str) -> String {
    let mut escaped = String::new();
    for c in words.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '$' => escaped.extend(['\\', c]),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A picture with its caption below.
pub(super) fn picture(link: &str, caption: &str) -> String {
    let caption = text(caption);
    format!("![{caption}]({link})\n\n*{caption}*\n\n")
}

/// Three decimals.
pub(super) fn number(value: f64) -> String {
    format!("{value:.3}")
}

/// `0.814 [0.781, 0.845]`.
pub(super) fn interval(interval: &Interval) -> String {
    format!("{:.3} [{:.3}, {:.3}]", interval.value, interval.low, interval.high)
}

/// As `12 345 678`, thin spaces between thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 photograph`, `2 photographs`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// The first 12 hex digits.
pub(super) fn digest(hex: &str) -> String {
    code(hex.get(..12).unwrap_or(hex))
}

/// The anchor that GitHub gives a heading.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Table, anchor, code, count, interval, text};
    use plantpipe_stage::format::Interval;

    #[test]
    fn a_table_keeps_bars_out_of_its_cells() {
        let mut table = Table::new(&["label", "n"], 1);
        table.row([code("a|b"), "3".into()]);
        table.row(["c\nd".into()]);
        assert_eq!(table.render(), "| label | n |\n| :-- | --: |\n| `a\\|b` | 3 |\n| c d |  |\n\n");
    }

    #[test]
    fn names_lose_their_meaning_to_markdown() {
        assert_eq!(text("a_b*c [x](y) <i> & # $z$"), r"a\_b\*c \[x\](y) &lt;i&gt; &amp; \# \$z\$");
        assert_eq!(code("a`b"), "`` a`b ``");
    }

    #[test]
    fn numbers_have_three_decimals_and_thousands_apart() {
        assert_eq!(interval(&Interval { value: 0.8144, low: 0.78, high: 1.0 }), "0.814 [0.780, 1.000]");
        assert_eq!(count(600), "600");
        assert_eq!(count(3000), "3000");
        assert_eq!(count(11_180_616), "11\u{202f}180\u{202f}616");
    }

    #[test]
    fn an_anchor_is_as_github_makes_it() {
        assert_eq!(anchor("Limits and noise"), "limits-and-noise");
        assert_eq!(anchor("What's `x_y`?"), "whats-x_y");
    }
}

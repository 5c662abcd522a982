//! Inline markdown: names as [`code`], words escaped by [`text`], and how numbers are written.

use plantpipe_stage::format::Interval;

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
    format!("{} {}", count(number), plural(number, noun, &format!("{noun}s")))
}

/// The word that goes with a number.
pub(super) fn plural<'w>(number: u64, one: &'w str, many: &'w str) -> &'w str {
    if number == 1 { one } else { many }
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
    use super::{anchor, code, count, counted, interval, text};
    use plantpipe_stage::format::Interval;

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
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|number| counted(number, "panel")), ["0 panels", "1 panel", "2 panels"]);
    }

    #[test]
    fn an_anchor_is_as_github_makes_it() {
        assert_eq!(anchor("Limits and noise"), "limits-and-noise");
        assert_eq!(anchor("What's `x_y`?"), "whats-x_y");
    }
}

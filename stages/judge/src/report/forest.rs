//! Intervals side by side as SVG text, a row a model (a forest plot): [`svg`].

use super::chart::{BLUE, VERMILION, escape, open};
use plantpipe_stage::format::Interval;
use std::fmt::Write;

/// A row: what it is of, and its interval.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) interval: Interval,
    /// What models are compared with.
    pub(super) baseline: bool,
}

const ROW: f64 = 26.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 50.0;
const LENGTH: f64 = 460.0;
/// A letter's width at 13 px, rather too wide than too narrow.
const LETTER: f64 = 7.6;
const FIGURES: f64 = 160.0;

/// The rows from top to bottom on a scale from 0 to 1, on white.
pub(super) fn svg(title: &str, rows: &[Row]) -> String {
    let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0) as f64;
    let left = longest * LETTER + 32.0;
    let (width, bottom) = (left + LENGTH + FIGURES, TOP + ROW * rows.len() as f64);
    let height = bottom + BOTTOM;
    let mut text = open(width, height);
    for tenth in (0..=10).step_by(2) {
        let x = left + LENGTH * f64::from(tenth) / 10.0;
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\" stroke=\"#d8dee4\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.1}</text>",
            TOP - 6.0,
            bottom + 18.0,
            f64::from(tenth) / 10.0
        );
    }
    for (place, row) in rows.iter().enumerate() {
        let y = TOP + ROW * (place as f64 + 0.5);
        let at = |value: f64| left + LENGTH * value.clamp(0.0, 1.0);
        let Interval { value, low, high } = row.interval;
        let colour = if row.baseline { VERMILION } else { BLUE };
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" stroke-width=\"2.2\"/>\
             <circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\">{value:.3} [{low:.3}, {high:.3}]</text>",
            left - 14.0,
            y + 4.5,
            escape(&row.name),
            at(low),
            at(high),
            at(value),
            left + LENGTH + 16.0,
            y + 4.5
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n</svg>",
        left + LENGTH / 2.0,
        bottom + 40.0,
        escape(title)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{Row, svg};
    use plantpipe_stage::format::Interval;

    #[test]
    fn a_value_stands_where_its_share_of_the_scale_is() {
        let interval = Interval { value: 0.5, low: 0.25, high: 1.0 };
        let text = svg("exact match <test>", &[Row { name: "a & b".into(), interval, baseline: false }]);
        // The scale begins at 5 letters x 7.6 + 32 = 70 and is 460 long.
        assert!(text.contains("x1=\"185.0\" x2=\"530.0\""), "{text}");
        assert!(text.contains("cx=\"300.0\""), "{text}");
        assert!(text.contains("a &amp; b") && text.contains("exact match &lt;test&gt;"), "{text}");
    }
}

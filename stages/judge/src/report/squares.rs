//! Charts on the unit square as SVG text, in rows: [`svg`] draws [`Square`]s, for reliability diagrams and
//! precision-recall curves.

use super::chart::{INK, PALE, WORDS, cut, escape, open};
use std::fmt::Write;

/// One chart; both axes go from 0 to 1.
pub(super) struct Square<'a> {
    pub(super) title: String,
    /// A second line, smaller.
    pub(super) remark: String,
    pub(super) x_title: &'a str,
    pub(super) y_title: &'a str,
    /// Whether the diagonal is drawn, where a perfect chart would lie.
    pub(super) diagonal: bool,
    /// Heights from 0 to 1 of bars of equal width, faint, behind the rest.
    pub(super) bars: Vec<f64>,
    pub(super) lines: Vec<Line<'a>>,
}

/// A line, with or without dots.
pub(super) struct Line<'a> {
    pub(super) colour: &'a str,
    /// As SVG writes it; empty: a whole line.
    pub(super) dashes: &'a str,
    /// (x, y).
    pub(super) points: Vec<(f64, f64)>,
    /// Radii of dots, pixels; none: a line alone.
    pub(super) dots: Vec<f64>,
}

const SIDE: f64 = 210.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 48.0;
const CELL: (f64, f64) = (LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM);

/// How many letters of the title and of the remark have room.
const LETTERS: (usize, usize) = (27, 34);

/// Room for a line that says what the colours are.
const KEY: f64 = 30.0;

/// The squares, `columns` in a row; `key` names the lines where there are several, by colour and dashes.
pub(super) fn svg(squares: &[Square], columns: usize, key: &[(&str, Line)]) -> String {
    let columns = columns.clamp(1, squares.len().max(1));
    let rows = squares.len().div_ceil(columns);
    let above = if key.is_empty() { 0.0 } else { KEY };
    let mut text = open(CELL.0 * columns as f64, above + CELL.1 * rows as f64);
    let mut x = LEFT;
    for (name, line) in key {
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" x2=\"{:.1}\" y1=\"20\" y2=\"20\" stroke=\"{}\" stroke-width=\"2.2\"{}/>\
             <text x=\"{:.1}\" y=\"24.5\">{}</text>",
            x + 30.0,
            line.colour,
            dashed(line),
            x + 37.0,
            escape(name)
        );
        x += 64.0 + 7.6 * name.chars().count() as f64;
    }
    for (place, square) in squares.iter().enumerate() {
        let (left, top) = (CELL.0 * (place % columns) as f64, above + CELL.1 * (place / columns) as f64);
        let _ = writeln!(text, "<g transform=\"translate({left} {top})\">");
        draw(&mut text, square);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn x(value: f64) -> f64 {
    LEFT + SIDE * value.clamp(0.0, 1.0)
}

fn y(value: f64) -> f64 {
    TOP + SIDE * (1.0 - value.clamp(0.0, 1.0))
}

fn dashed(line: &Line) -> String {
    if line.dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", line.dashes) }
}

fn draw(text: &mut String, square: &Square) {
    let _ = writeln!(
        text,
        "<text x=\"{LEFT}\" y=\"22\" font-size=\"14\" font-weight=\"bold\">{}</text>\
         <text x=\"{LEFT}\" y=\"41\" font-size=\"12\" fill=\"{WORDS}\">{}</text>",
        escape(&cut(&square.title, LETTERS.0)),
        escape(&cut(&square.remark, LETTERS.1))
    );
    let width = SIDE / square.bars.len().max(1) as f64;
    for (place, height) in square.bars.iter().enumerate().filter(|(_, height)| **height > 0.0) {
        let _ = writeln!(
            text,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{PALE}\"/>",
            LEFT + width * place as f64 + 1.0,
            y(*height),
            width - 2.0,
            TOP + SIDE - y(*height)
        );
    }
    axes(text, square);
    if square.diagonal {
        let _ = writeln!(
            text,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{WORDS}\" stroke-dasharray=\"3 4\"/>",
            x(0.0),
            x(1.0),
            y(0.0),
            y(1.0)
        );
    }
    for line in &square.lines {
        let path: Vec<String> =
            line.points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" stroke-linejoin=\"round\"{}/>",
            path.join(" "),
            line.colour,
            dashed(line)
        );
        for ((px, py), radius) in line.points.iter().zip(&line.dots) {
            let _ = writeln!(
                text,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"{}\" stroke=\"#ffffff\"/>",
                x(*px),
                y(*py),
                line.colour
            );
        }
    }
}

fn axes(text: &mut String, square: &Square) {
    for tenth in (0..=10).step_by(2) {
        let tick = f64::from(tenth) / 10.0;
        let (along, up) = (x(tick), y(tick));
        let grid = if tenth == 0 { INK } else { "#d8dee4" };
        let _ = writeln!(
            text,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{up:.1}\" y2=\"{up:.1}\" stroke=\"{grid}\" stroke-opacity=\"0.7\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"11\">{tick:.1}</text>\
             <text x=\"{along:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\">{tick:.1}</text>",
            LEFT + SIDE,
            LEFT - 7.0,
            up + 4.0,
            TOP + SIDE + 16.0
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"12\">{}</text>\
         <text transform=\"translate(15 {:.1}) rotate(-90)\" text-anchor=\"middle\" font-size=\"12\">{}</text>",
        LEFT + SIDE / 2.0,
        TOP + SIDE + 36.0,
        escape(square.x_title),
        TOP + SIDE / 2.0,
        escape(square.y_title)
    );
}

#[cfg(test)]
mod tests {
    use super::{Line, Square, svg};
    use crate::report::chart::BLUE;

    fn square(points: Vec<(f64, f64)>, dots: Vec<f64>) -> Square<'static> {
        Square {
            title: "a < b".into(),
            remark: String::new(),
            x_title: "recall",
            y_title: "precision",
            diagonal: false,
            bars: vec![0.5, 0.0],
            lines: vec![Line { colour: BLUE, dashes: "", points, dots }],
        }
    }

    #[test]
    fn a_point_stands_at_its_shares_of_the_sides() {
        let text = svg(&[square(vec![(0.5, 0.25), (1.0, 1.0)], vec![3.0])], 3, &[]);
        // 56 + 210 x .5; 56 + 210 x .75.
        assert!(text.contains("points=\"161.0,213.5 266.0,56.0\""), "{text}");
        assert_eq!(text.matches("<circle").count(), 1);
        assert!(text.contains("width=\"103.0\" height=\"105.0\""), "the first of two bars, half as high: {text}");
        assert!(text.contains("a &lt; b") && text.contains("viewBox=\"0 0 284 314\""), "{text}");
    }

    #[test]
    fn squares_stand_in_rows_below_the_key() {
        let squares: Vec<Square> = (0..4).map(|_| square(vec![(0.0, 0.0)], vec![])).collect();
        let key = Line { colour: BLUE, dashes: "2 2", points: vec![], dots: vec![] };
        let text = svg(&squares, 3, &[("small & old", key)]);
        for place in ["translate(0 30)", "translate(568 30)", "translate(0 344)"] {
            assert!(text.contains(place), "{place}");
        }
        assert!(text.contains("stroke-dasharray=\"2 2\"") && text.contains("small &amp; old"));
    }
}

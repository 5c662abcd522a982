//! Binary confusion matrices as SVG text, in rows: [`svg`] draws one a label, each row of a matrix shaded by its shares.

use super::chart::{BLUE, WORDS, cut, escape, open};
use super::words::count;
use std::fmt::Write;

/// One label's decisions.
pub(super) struct Matrix {
    pub(super) label: String,
    /// `[carries it, does not][said, not said]`, photographs.
    pub(super) counts: [[u64; 2]; 2],
}

const CELL: (f64, f64) = (84.0, 48.0);
/// How much of blue a cell takes on: dark words still stand out from it.
const DARKEST: f64 = 0.6;
/// How many letters of a label have room.
const LETTERS: usize = 22;
const LEFT: f64 = 84.0;
const TOP: f64 = 60.0;
const FRAME: (f64, f64) = (LEFT + 2.0 * CELL.0 + 24.0, TOP + 2.0 * CELL.1 + 22.0);

/// The matrices, `columns` in a row.
pub(super) fn svg(matrices: &[Matrix], columns: usize) -> String {
    let columns = columns.clamp(1, matrices.len().max(1));
    let rows = matrices.len().div_ceil(columns);
    let mut text = open(FRAME.0 * columns as f64, FRAME.1 * rows as f64);
    for (place, matrix) in matrices.iter().enumerate() {
        let (left, top) = (FRAME.0 * (place % columns) as f64, FRAME.1 * (place / columns) as f64);
        let _ = writeln!(text, "<g transform=\"translate({left} {top})\">");
        draw(&mut text, matrix);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn draw(text: &mut String, matrix: &Matrix) {
    let _ = writeln!(
        text,
        "<text x=\"{LEFT}\" y=\"22\" font-size=\"14\" font-weight=\"bold\">{}</text>",
        escape(&cut(&matrix.label, LETTERS))
    );
    for (column, words) in ["said", "not said"].into_iter().enumerate() {
        let x = LEFT + CELL.0 * (column as f64 + 0.5);
        let _ = writeln!(
            text,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"12\" fill=\"{WORDS}\">{words}</text>",
            TOP - 8.0
        );
    }
    for (row, words) in ["there", "not there"].into_iter().enumerate() {
        let top = TOP + CELL.1 * row as f64;
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"12\" fill=\"{WORDS}\">{words}</text>",
            LEFT - 10.0,
            top + CELL.1 / 2.0 + 4.0
        );
        let sum: u64 = matrix.counts[row].iter().sum();
        for (column, number) in matrix.counts[row].iter().enumerate() {
            let share = if sum == 0 { 0.0 } else { *number as f64 / sum as f64 };
            let (x, left) = (LEFT + CELL.0 * (column as f64 + 0.5), LEFT + CELL.0 * column as f64);
            let opacity = DARKEST * share;
            let said = if sum == 0 { "–".to_owned() } else { format!("{:.0}%", 100.0 * share) };
            let _ = writeln!(
                text,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{}\" height=\"{}\" fill=\"{BLUE}\" \
                 fill-opacity=\"{opacity:.2}\" stroke=\"#8c959f\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"15\">{}</text>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\">{said}</text>",
                CELL.0,
                CELL.1,
                top + 22.0,
                count(*number),
                top + 39.0
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Matrix, svg};

    #[test]
    fn cells_hold_counts_and_the_shares_of_their_row() {
        let matrix = |label: &str, counts| Matrix { label: label.into(), counts };
        let text = svg(&[matrix("rust & co", [[3, 1], [0, 0]]), matrix("scab", [[0, 2], [5, 5]])], 3);
        assert!(text.contains("rust &amp; co"), "{text}");
        for words in [">3<", ">75%<", ">1<", ">25%<", ">–<", ">100%<", ">50%<"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(text.matches("<rect").count(), 9, "a ground and two times four cells");
    }

    #[test]
    fn a_cell_is_as_dark_as_its_share_of_the_row() {
        let text = svg(&[Matrix { label: "rust".into(), counts: [[3, 1], [0, 8]] }], 1);
        let shades = ["0.45", "0.15", "0.00", "0.60"].map(|shade| text.find(&format!("fill-opacity=\"{shade}\"")));
        assert!(shades.iter().all(Option::is_some) && shades.is_sorted(), "{text}");
    }
}

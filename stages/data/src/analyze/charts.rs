//! The charts of an [`Analysis`] as SVG text: [`label_chart`] and [`cooccurrence_chart`]. Written by hand: rectangles
//! and words are all there is, and the text is the same on every machine.

use plantpipe_pixels::text::width;
use plantpipe_stage::format::{Analysis, Split};
use std::cmp::Reverse;
use std::fmt::Write;

const INK: &str = "#1f2328";
const FAINT: &str = "#57606a";
const SIZE: f32 = 13.0;

/// Colours that colour-blind people can tell apart (Okabe and Ito, 2008).
fn color(split: Split) -> &'static str {
    match split {
        Split::Train => "#0072B2",
        Split::Val => "#E69F00",
        Split::Test => "#009E73",
    }
}

/// Bars: how many photographs of each split carry each label, commonest label first, with the share of the split.
pub(super) fn label_chart(analysis: &Analysis) -> String {
    const BAR: f32 = 17.0;
    const LENGTH: f32 = 520.0;
    const TOP: f32 = 74.0;
    let group = BAR * analysis.splits.len() as f32 + 14.0;
    let left = widest(analysis) + 34.0;
    let most = analysis.splits.iter().flat_map(|split| &split.label_counts).copied().max().unwrap_or(0).max(1);
    let mut order: Vec<usize> = (0..analysis.labels.len()).collect();
    order.sort_by_key(|label| Reverse(analysis.cooccurrence[*label][*label]));
    let mut svg = open(left + LENGTH + 120.0, TOP + group * order.len() as f32 + 8.0);
    words(
        &mut svg,
        20.0,
        28.0,
        "Photographs that carry each label",
        &format!("font-size=\"16\" font-weight=\"bold\" fill=\"{INK}\""),
    );
    legend(&mut svg, analysis);
    for (row, label) in order.iter().enumerate() {
        let top = TOP + group * row as f32;
        let middle = top + (group - 14.0) / 2.0 + 4.5;
        words(
            &mut svg,
            left - 12.0,
            middle,
            &spaced(&analysis.labels[*label]),
            &format!("text-anchor=\"end\" fill=\"{INK}\""),
        );
        for (place, split) in analysis.splits.iter().enumerate() {
            let (y, count) = (top + BAR * place as f32, split.label_counts[*label]);
            let length = LENGTH * count as f32 / most as f32;
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                BAR - 2.0,
                color(split.split)
            );
            let share = if split.images == 0 { 0.0 } else { 100.0 * count as f64 / split.images as f64 };
            words(
                &mut svg,
                left + length + 6.0,
                y + 12.0,
                &format!("{count} ({share:.1}%)"),
                &format!("font-size=\"12\" fill=\"{INK}\""),
            );
        }
    }
    let _ = writeln!(
        svg,
        "<line x1=\"{left:.1}\" x2=\"{left:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{FAINT}\"/>\n</svg>",
        TOP - 6.0,
        TOP + group * order.len() as f32 - 6.0
    );
    svg
}

fn legend(svg: &mut String, analysis: &Analysis) {
    let mut x = 20.0;
    for split in &analysis.splits {
        let name = format!("{} ({} photographs)", split.split, split.images);
        let _ =
            writeln!(svg, "<rect x=\"{x:.1}\" y=\"42\" width=\"13\" height=\"13\" fill=\"{}\"/>", color(split.split));
        words(svg, x + 19.0, 53.0, &name, &format!("fill=\"{INK}\""));
        x += 19.0 + measure(&name) + 22.0;
    }
}

/// A heat map with numbers: photographs of all splits that carry both labels; the diagonal, which counts the label
/// alone, is grey, so that it does not drown the rest.
pub(super) fn cooccurrence_chart(analysis: &Analysis) -> String {
    const TOP: f32 = 78.0;
    let labels = analysis.labels.len();
    let cell = (560.0 / labels.max(1) as f32).clamp(36.0, 64.0);
    let side = cell * labels as f32;
    let (names, left) = (widest(analysis), widest(analysis) + 34.0);
    // The names below stand at 40 degrees: sin 0.64, cos 0.77; the first one reaches out to the left.
    let left = left.max(names * 0.77 + 20.0 - cell / 2.0);
    let mut svg = open((left + side + 24.0).max(500.0), TOP + side + names * 0.65 + 34.0);
    words(
        &mut svg,
        20.0,
        28.0,
        "Labels that occur together",
        &format!("font-size=\"16\" font-weight=\"bold\" fill=\"{INK}\""),
    );
    words(
        &mut svg,
        20.0,
        50.0,
        "photographs that carry both labels, all splits; grey: photographs that carry the label",
        &format!("font-size=\"12\" fill=\"{FAINT}\""),
    );
    let most = (0..labels).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| analysis.cooccurrence[i][j]).max();
    let most = most.unwrap_or(0).max(1) as f32;
    for (i, counts) in analysis.cooccurrence.iter().enumerate() {
        let (y, name) = (TOP + cell * i as f32, spaced(&analysis.labels[i]));
        words(&mut svg, left - 10.0, y + cell / 2.0 + 4.5, &name, &format!("text-anchor=\"end\" fill=\"{INK}\""));
        let (x, below) = (left + cell * (i as f32 + 0.5), TOP + side + 16.0);
        let turned = format!("transform=\"rotate(-40 {x:.1} {below:.1})\" text-anchor=\"end\" fill=\"{INK}\"");
        words(&mut svg, x, below, &name, &turned);
        for (j, count) in counts.iter().enumerate() {
            let (fill, ink) = if i == j { ("#e6e8eb".to_owned(), INK) } else { shade(*count as f32 / most) };
            let x = left + cell * j as f32;
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\" fill=\"{fill}\" stroke=\"#d0d7de\"/>"
            );
            words(
                &mut svg,
                x + cell / 2.0,
                y + cell / 2.0 + 4.5,
                &count.to_string(),
                &format!("text-anchor=\"middle\" fill=\"{ink}\""),
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// From white to a deep blue, and the ink that can be read on it.
fn shade(share: f32) -> (String, &'static str) {
    let mix = |dark: f32| (255.0 + (dark - 255.0) * share).round() as u8;
    let fill = format!("#{:02x}{:02x}{:02x}", mix(8.0), mix(69.0), mix(148.0));
    (fill, if share > 0.55 { "#ffffff" } else { INK })
}

fn open(width: f32, height: f32) -> String {
    let (width, height) = (width.ceil(), height.ceil());
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"{SIZE}\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    )
}

fn words(svg: &mut String, x: f32, y: f32, what: &str, attributes: &str) {
    let what = what.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{what}</text>");
}

fn spaced(label: &str) -> String {
    label.replace('_', " ")
}

/// Room for words in a chart, pixels: the viewer's font may run wider than the one measured.
fn measure(what: &str) -> f32 {
    width(SIZE, what) * 1.2
}

fn widest(analysis: &Analysis) -> f32 {
    analysis.labels.iter().map(|label| measure(&spaced(label))).fold(0.0, f32::max)
}

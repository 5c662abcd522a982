//! Line charts as SVG text: [`svg`] draws [`Panel`]s side by side. Written by hand: a plotting crate would be many times
//! this file, and the text is the same on every machine.

use std::fmt::Write;

/// Colours that colour-blind people can tell apart (Okabe and Ito, 2008).
pub(super) const BLUE: &str = "#0072B2";
pub(super) const VERMILION: &str = "#D55E00";
pub(super) const GREEN: &str = "#007F5F";

pub(super) const INK: &str = "#24292f";
/// Words that say less.
pub(super) const WORDS: &str = "#57606a";
/// What stands behind.
pub(super) const PALE: &str = "#c9d6e2";

/// A drawing's first lines: its size in pixels, its letters, a white ground.
pub(super) fn open(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"13\" \
         fill=\"{INK}\">\n<rect width=\"{width:.0}\" height=\"{height:.0}\" fill=\"#ffffff\"/>\n"
    )
}

/// One chart.
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    pub(super) x_title: &'a str,
    pub(super) y_title: &'a str,
    pub(super) lines: Vec<Line<'a>>,
    /// A value of x to mark, and what it is.
    pub(super) mark: Option<(f64, String)>,
}

/// One series.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) colour: &'a str,
    pub(super) dashed: bool,
    /// (x, y), x rising; a point that is not finite leaves a gap.
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 50.0;

/// The panels in one row, on white.
pub(super) fn svg(panels: &[Panel]) -> String {
    let width = WIDTH * panels.len() as f64;
    let mut text = open(width, HEIGHT);
    for (place, panel) in panels.iter().enumerate() {
        let _ = writeln!(text, "<g transform=\"translate({} 0)\">", WIDTH * place as f64);
        draw(&mut text, panel);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

/// From values to the panel's coordinates.
struct Scale {
    x: Axis,
    y: Axis,
}

impl Scale {
    fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.x.low) / (self.x.high - self.x.low) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (value - self.y.low) / (self.y.high - self.y.low) * (HEIGHT - TOP - BOTTOM)
    }
}

fn draw(text: &mut String, panel: &Panel) {
    let points = || panel.lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
    let scale = Scale { x: Axis::whole(points().map(|point| point.0)), y: Axis::round(points().map(|point| point.1)) };
    let _ = writeln!(
        text,
        "<text x=\"{LEFT}\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{}</text>",
        escape(panel.title)
    );
    axes(text, panel, &scale);
    if let Some((x, what)) = &panel.mark {
        let at = scale.x(*x);
        // The words stand on the side where there is room.
        let (anchor, gap) = if at > WIDTH / 2.0 { ("end", -5.0) } else { ("start", 5.0) };
        let _ = writeln!(
            text,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\" stroke=\"#57606a\" stroke-dasharray=\"2 3\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"12\" fill=\"#57606a\">{}</text>",
            HEIGHT - BOTTOM,
            at + gap,
            HEIGHT - BOTTOM - 7.0,
            escape(what)
        );
    }
    for line in &panel.lines {
        series(text, line, &scale, panel.mark.as_ref().map(|mark| mark.0));
    }
    legend(text, panel);
}

fn axes(text: &mut String, panel: &Panel, scale: &Scale) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for tick in scale.y.ticks() {
        let y = scale.y(tick);
        let _ = writeln!(
            text,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#d8dee4\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.5,
            scale.y.label(tick)
        );
    }
    for tick in scale.x.ticks() {
        let x = scale.x(tick);
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{:.1}\" stroke=\"#57606a\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 5.0,
            bottom + 19.0,
            scale.x.label(tick)
        );
    }
    let _ = writeln!(
        text,
        "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\" stroke=\"#57606a\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
         <text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, right),
        HEIGHT - 10.0,
        escape(panel.x_title),
        f64::midpoint(TOP, bottom),
        escape(panel.y_title)
    );
}

fn series(text: &mut String, line: &Line, scale: &Scale, mark: Option<f64>) {
    let dash = if line.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    for run in line.points.split(|(x, y)| !(x.is_finite() && y.is_finite())).filter(|run| !run.is_empty()) {
        let path: Vec<String> = run.iter().map(|(x, y)| format!("{:.1},{:.1}", scale.x(*x), scale.y(*y))).collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.2\" stroke-linejoin=\"round\"{dash}/>",
            path.join(" "),
            line.colour
        );
        for (x, y) in run.iter().filter(|(x, _)| run.len() == 1 || mark == Some(*x)) {
            let _ = writeln!(
                text,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4.5\" fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"1.5\"/>",
                scale.x(*x),
                scale.y(*y),
                line.colour
            );
        }
    }
}

fn legend(text: &mut String, panel: &Panel) {
    let mut x = LEFT;
    for line in &panel.lines {
        let dash = if line.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" x2=\"{:.1}\" y1=\"40\" y2=\"40\" stroke=\"{}\" stroke-width=\"2.2\"{dash}/>\
             <text x=\"{:.1}\" y=\"44.5\">{}</text>",
            x + 26.0,
            line.colour,
            x + 32.0,
            escape(line.name)
        );
        x += 56.0 + 7.2 * line.name.chars().count() as f64;
    }
}

/// A range of values with round steps.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// From the first value to the last, ticks at whole numbers.
    fn whole(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = range(values);
        let step = round_step((high - low) / 8.0).max(1.0);
        if high > low { Self { low, high, step } } else { Self { low: low - 1.0, high: low + 1.0, step } }
    }

    /// From a tick at or below every value to one at or above.
    fn round(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = range(values);
        let step = round_step(((high - low) / 5.0).max(1e-3));
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        if high > low { Self { low, high, step } } else { Self { low: low - step, high: low + step, step } }
    }

    fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step - 1e-9).ceil() as i64;
        let last = (self.high / self.step + 1e-9).floor() as i64;
        (first..=last).map(|number| number as f64 * self.step).collect()
    }

    /// As many decimals as the step has.
    fn label(&self, tick: f64) -> String {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{tick:.decimals$}")
    }
}

/// Least and greatest; 0 and 1 where there is no value.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
        .unwrap_or((0.0, 1.0))
}

/// 1, 2 or 5 times a power of ten, at or above `least`.
fn round_step(least: f64) -> f64 {
    if least <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(power)
}

/// Words with as many letters at most; what is cut off is shown by dots.
pub(super) fn cut(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    words.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Words as the text of an element.
pub(super) fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Axis, BLUE, Line, Panel, cut, svg};

    #[test]
    fn a_long_name_is_cut_to_its_room() {
        assert_eq!([cut("rust", 4), cut("scabs", 4)], ["rust", "sca…"]);
    }

    #[test]
    fn ticks_are_round_and_hold_every_value() {
        let axis = Axis::round([0.173, 0.842].into_iter());
        // (0.842 - 0.173) / 5 = 0.134 -> step 0.2, from 0 to 1.
        assert_eq!((axis.low, axis.high), (0.0, 1.0));
        let labels: Vec<String> = axis.ticks().into_iter().map(|tick| axis.label(tick)).collect();
        assert_eq!(labels, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn epochs_have_ticks_at_whole_numbers() {
        assert_eq!(Axis::whole([1.0, 2.0, 3.0].into_iter()).ticks(), [1.0, 2.0, 3.0]);
        // 49 / 8 = 6.1 -> step 10.
        assert_eq!(Axis::whole([1.0, 50.0].into_iter()).ticks(), [10.0, 20.0, 30.0, 40.0, 50.0]);
    }

    #[test]
    fn a_value_that_is_no_number_leaves_a_gap() {
        let points = vec![(1.0, 0.5), (2.0, 0.4), (3.0, f64::NAN), (4.0, 0.3), (5.0, 0.2)];
        let lines = vec![Line { name: "loss <val>", colour: BLUE, dashed: false, points }];
        let text = svg(&[Panel { title: "Loss", x_title: "epoch", y_title: "loss", lines, mark: None }]);
        assert_eq!(text.matches("<polyline").count(), 2);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        assert!(text.contains("loss &lt;val&gt;"), "{text}");
    }

    #[test]
    fn a_single_epoch_is_a_dot() {
        let lines = vec![Line { name: "loss", colour: BLUE, dashed: false, points: vec![(1.0, 0.5)] }];
        let text = svg(&[Panel { title: "Loss", x_title: "epoch", y_title: "loss", lines, mark: None }]);
        assert_eq!(text.matches("<circle").count(), 1);
        assert!(!text.contains("NaN"), "{text}");
    }
}

//! What runs, drawn on a terminal: [`Bars`], a bar a stage that tells its progress.

use crate::console::duration;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// The bars that are drawn, by stage.
pub struct Bars {
    all: MultiProgress,
    of: BTreeMap<String, ProgressBar>,
    /// The column of the names.
    width: usize,
}

impl Bars {
    /// None are drawn yet.
    pub fn new(width: usize) -> Self {
        Self { all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8)), of: BTreeMap::new(), width }
    }

    /// Draws how far a stage has come.
    pub fn show(&mut self, stage: &str, done: u64, total: u64, unit: &str) {
        if let Some(bar) = self.of.get(stage) {
            bar.set_length(total);
            bar.set_position(done);
            return;
        }
        // Made ready out of sight: what is drawn first is true already.
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        bar.set_style(style(unit, total));
        bar.set_message(format!("{stage:<width$}", width = self.width));
        bar.set_position(done);
        let bar = self.all.add(bar);
        bar.enable_steady_tick(Duration::from_millis(200));
        self.of.insert(stage.to_owned(), bar);
    }

    /// Takes a stage's bar away.
    pub fn hide(&mut self, stage: &str) {
        if let Some(bar) = self.of.remove(stage) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    /// Takes all of them away.
    pub fn hide_all(&mut self) {
        while let Some(stage) = self.of.keys().next().cloned() {
            self.hide(&stage);
        }
    }

    /// Writes above them.
    pub fn above(&self, write: impl FnOnce()) {
        self.all.suspend(write);
    }
}

/// `train [=====>      ] 384/480 images, 42.1/s, 2s left`; bytes as a download shows them, and without an end where
/// `total` is 0: not known.
fn style(unit: &str, total: u64) -> ProgressStyle {
    let template = match (unit, total) {
        ("bytes", 0) => "        {msg} {bytes}{bytes_a_second}".to_owned(),
        ("bytes", _) => "        {msg} [{bar:24}] {bytes}/{total_bytes}{bytes_a_second}{left}".to_owned(),
        (unit, _) => {
            format!("        {{msg}} [{{bar:24}}] {{pos}}/{{len}} {}{{a_second}}{{left}}", unit.replace(['{', '}'], ""))
        }
    };
    // A line that cannot be drawn is drawn again a moment later.
    ProgressStyle::with_template(&template)
        .expect("a valid template")
        .with_key("a_second", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = rate(state.pos(), state.elapsed()).map_or(Ok(()), |rate| write!(out, ", {rate:.1}/s"));
        })
        .with_key("bytes_a_second", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = rate(state.pos(), state.elapsed())
                .map_or(Ok(()), |rate| write!(out, ", {}/s", HumanBytes(rate as u64)));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            if rate(state.pos(), state.elapsed()).is_some() {
                let _ = match state.eta().as_secs_f64().ceil() {
                    seconds if seconds < 120.0 => write!(out, ", {seconds} s left"),
                    seconds => write!(out, ", {} left", duration(seconds)),
                };
            }
        })
        .progress_chars("=> ")
}

/// How many a second so far; the first second says nothing.
fn rate(done: u64, elapsed: Duration) -> Option<f64> {
    (done > 0 && elapsed >= Duration::from_secs(1)).then(|| done as f64 / elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_second_has_no_rate() {
        assert_eq!(rate(30, Duration::from_millis(900)), None);
        assert_eq!(rate(0, Duration::from_secs(2)), None);
        assert_eq!(rate(30, Duration::from_millis(1500)), Some(20.0));
    }
}

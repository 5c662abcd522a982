//! Events -> words: [`Console`] writes one plain line a change of state, a bar on a terminal, or NDJSON.

use crate::bars::Bars;
use crate::event::{Event, Planned};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::time::Instant;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only errors.
    Quiet,
    Normal,
    /// Every reason, every fresh stage.
    Verbose,
}

/// Who hears of a run.
pub enum Console {
    /// Words on standard error.
    Words { verbosity: Verbosity, bars: Option<Bars>, width: usize },
    /// A line of JSON an event on standard output.
    Ndjson { started: Instant },
}

impl Console {
    /// `names`: the stages' names, for the column they stand in.
    pub fn new<'a>(json: bool, verbosity: Verbosity, names: impl Iterator<Item = &'a str>) -> Self {
        if json {
            return Self::Ndjson { started: Instant::now() };
        }
        let width = names.map(str::len).max().unwrap_or(0);
        let bars = (verbosity > Verbosity::Quiet && std::io::stderr().is_terminal()).then(|| Bars::new(width));
        Self::Words { verbosity, bars, width }
    }

    /// Tells one event.
    pub fn tell(&mut self, event: &Event) {
        match self {
            Self::Ndjson { started } => {
                let timed = Timed { event, at: started.elapsed().as_secs_f64() };
                let line = serde_json::to_string(&timed).expect("an event becomes JSON");
                // A reader that has gone is no reason to stop working.
                let _ = writeln!(std::io::stdout().lock(), "{line}");
            }
            Self::Words { verbosity, bars, width } => words(event, *verbosity, bars.as_mut(), *width),
        }
    }
}

impl Console {
    /// Takes the bars away.
    pub fn finish(&mut self) {
        if let Self::Words { bars: Some(bars), .. } = self {
            bars.hide_all();
        }
    }
}

/// An event as NDJSON has it: with the seconds since the command began to tell.
#[derive(Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    event: &'a Event,
    at: f64,
}

const GREEN: Style = AnsiColor::Green.on_default().bold();
const BLUE: Style = AnsiColor::Cyan.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

fn words(event: &Event, verbosity: Verbosity, mut bars: Option<&mut Bars>, width: usize) {
    if verbosity == Verbosity::Quiet {
        return;
    }
    let verbose = verbosity == Verbosity::Verbose;
    if let (Some(bars), Some(stage)) = (&mut bars, ended(event)) {
        bars.hide(stage);
    }
    let line = |style: Style, verb: &str, stage: &str, rest: &str| {
        let text = format!("{style}{verb:<8}{style:#}{stage:<width$}  {rest}");
        let text = text.trim_end().to_owned();
        match &bars {
            Some(bars) => bars.above(|| anstream::eprintln!("{text}")),
            None => anstream::eprintln!("{text}"),
        }
    };
    match event {
        Event::RunStarted { pipeline, profile, stages, .. } => {
            let profile = profile.as_ref().map(|name| format!(", profile {name}")).unwrap_or_default();
            anstream::eprintln!("{pipeline}{profile}: {}", counted(*stages, "stage"));
        }
        Event::RunPlanned { stages } => {
            if let Some(forecast) = forecast(stages) {
                anstream::eprintln!("{forecast}");
            }
        }
        Event::SourceFetched { source, url } => line(BLUE, "fetch", source, url),
        Event::SourceKept { source, bytes: size, sha256, seconds } => {
            let sha256 = &sha256[..12];
            line(GREEN, "done", source, &format!("{} in {}, sha256 {sha256}...", bytes(*size), duration(*seconds)));
        }
        Event::StageFresh { stage } if verbose => line(DIM, "fresh", stage, ""),
        Event::StageFrozen { stage, reasons } if verbose || !reasons.is_empty() => {
            line(DIM, "frozen", stage, &reasons.join("; "));
        }
        Event::StageFresh { .. } | Event::StageFrozen { .. } => {}
        Event::StageStarted { stage, reasons, .. } => {
            let few = if verbose { reasons.len() } else { 2 };
            let mut why = reasons.iter().take(few).cloned().collect::<Vec<_>>().join("; ");
            if reasons.len() > few {
                why.push_str(&format!("; and {} more (plantpipe why {stage})", reasons.len() - few));
            }
            line(BLUE, "run", stage, &why);
        }
        Event::StageProgress { stage, done, total, unit } => {
            if let Some(bars) = bars {
                bars.show(stage, *done, *total, unit);
            }
        }
        Event::StageNote { stage, note } => line(DIM, "", stage, note),
        Event::StageDone { stage, seconds, same_bytes } => {
            let same = if *same_bytes { ", the same bytes as before" } else { "" };
            line(GREEN, "done", stage, &format!("{}{same}", duration(*seconds)));
        }
        Event::StageRetried { stage, failed, of, message, seconds } => {
            let took = duration(*seconds);
            line(RED, "again", stage, &format!("{message} ({took}); retry {failed} of {of}"));
        }
        Event::StageFailed { stage, seconds, .. } => line(RED, "failed", stage, &duration(*seconds)),
        Event::StageStopped { stage, seconds } => line(RED, "stopped", stage, &duration(*seconds)),
        Event::StageSkipped { stage, because } => line(DIM, "skip", stage, &format!("{because} failed")),
        Event::RunStopping { running } => {
            let those = counted(*running, "stage");
            line(RED, "stop", "", &format!("{those} asked to end; once more ends at once"));
        }
        Event::Note { note } => anstream::eprintln!("note: {note}"),
        Event::ReportPublished { path } => anstream::eprintln!("report: {path}"),
        Event::RunDone { ran: 0, fresh, .. } => anstream::eprintln!("nothing to do: {}", all_fresh(*fresh)),
        Event::RunDone { ran, fresh, seconds } => {
            anstream::eprintln!("{} ran in {}, {fresh} fresh", counted(*ran, "stage"), duration(*seconds));
        }
        Event::RunFailed { ran, fresh, failed, skipped, seconds } => {
            let mut text = format!("{} ran in {}, {fresh} fresh", counted(*ran, "stage"), duration(*seconds));
            for (number, what) in [(failed, "failed"), (skipped, "skipped")] {
                if *number > 0 {
                    text.push_str(&format!(", {number} {what}"));
                }
            }
            anstream::eprintln!("{text}");
        }
    }
}

/// Whose bar has come to its end.
fn ended(event: &Event) -> Option<&str> {
    match event {
        Event::SourceKept { source: stage, .. }
        | Event::StageDone { stage, .. }
        | Event::StageRetried { stage, .. }
        | Event::StageFailed { stage, .. }
        | Event::StageStopped { stage, .. } => Some(stage),
        _ => None,
    }
}

/// What a run that takes long took the last time; none for one that took less than ten seconds or is new.
fn forecast(stages: &[Planned]) -> Option<String> {
    let known: Vec<&Planned> = stages.iter().filter(|stage| stage.last_seconds.is_some()).collect();
    let seconds: f64 = known.iter().filter_map(|stage| stage.last_seconds).sum();
    if seconds < 10.0 {
        return None;
    }
    let certain = stages.iter().filter(|stage| stage.certain).count();
    let mut text = format!("to run: {}", counted(certain, "stage"));
    if certain < stages.len() {
        text.push_str(&format!(", and perhaps {} behind", stages.len() - certain));
    }
    text.push_str(&format!("; together {} the last time", duration(seconds)));
    let most = known.iter().filter_map(|stage| Some((stage.last_memory?, &stage.stage))).max();
    if let Some((memory, stage)) = most {
        text.push_str(&format!(", at most {} of memory ({stage})", bytes(memory)));
    }
    let new = stages.len() - known.len();
    if new > 0 {
        text.push_str(&format!("; {} never ran", counted(new, "stage")));
    }
    Some(text)
}

/// `300 kB`, `640 MB`, `1.3 GB`.
pub fn bytes(number: u64) -> String {
    match number as f64 / 1e6 {
        mega if mega < 1.0 => format!("{:.0} kB", mega * 1e3),
        mega if mega < 1000.0 => format!("{mega:.0} MB"),
        mega => format!("{:.1} GB", mega / 1e3),
    }
}

/// What a stage's last run took, where that is worth a word: ` (last time 83 s, 1.3 GB)`.
pub fn took(planned: &Planned) -> String {
    let Some(seconds) = planned.last_seconds.filter(|seconds| *seconds >= 1.0) else { return String::new() };
    let memory = planned.last_memory.map(|memory| format!(", {}", bytes(memory))).unwrap_or_default();
    format!(" (last time {}{memory})", duration(seconds))
}

/// `1 stage is fresh`, `4 stages are fresh`.
pub fn all_fresh(stages: usize) -> String {
    format!("{} {} fresh", counted(stages, "stage"), if stages == 1 { "is" } else { "are" })
}

/// `1 stage`, `4 stages`.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `0.4 s`, `83 s`, `4 min 10 s`.
pub fn duration(seconds: f64) -> String {
    // Rounded before it is cut in two, so that no minute has 60 seconds.
    let whole = seconds.round();
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        _ if whole < 120.0 => format!("{whole} s"),
        _ => format!("{} min {} s", (whole / 60.0) as u64, whole % 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(stage: &str, certain: bool, seconds: Option<f64>, memory: Option<u64>) -> Planned {
        Planned { stage: stage.into(), certain, reasons: Vec::new(), last_seconds: seconds, last_memory: memory }
    }

    #[test]
    fn a_long_run_is_forecast_from_what_its_stages_took() {
        let stages = [
            planned("small", true, Some(3.5), Some(640_000_000)),
            planned("train", false, Some(150.0), Some(1_340_000_000)),
            planned("new", true, None, None),
        ];
        assert_eq!(
            forecast(&stages).as_deref(),
            Some(
                "to run: 2 stages, and perhaps 1 behind; together 2 min 34 s the last time, at most 1.3 GB of memory (train); 1 stage never ran"
            )
        );
        assert_eq!(forecast(&stages[..1]), None);
        assert_eq!(took(&stages[1]), " (last time 2 min 30 s, 1.3 GB)");
        assert_eq!(took(&stages[2]), "");
    }

    #[test]
    fn no_minute_has_sixty_seconds() {
        let said = [0.04, 9.94, 9.96, 119.4, 119.6, 299.7].map(duration);
        assert_eq!(said, ["0.0 s", "9.9 s", "10 s", "119 s", "2 min 0 s", "5 min 0 s"]);
    }
}

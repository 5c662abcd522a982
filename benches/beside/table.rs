//! What came of it, as a table in Markdown: [`Table`].

use super::Figures;

/// What a figure is of, and so which is better.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Less is better.
    Seconds,
    /// Less is better.
    Milliseconds,
    /// So many of these a second: more is better.
    PerSecond(&'static str),
}

pub struct Table {
    heading: String,
    unit: Unit,
    rows: Vec<String>,
    notes: Vec<String>,
}

impl Table {
    pub fn new(heading: &str, unit: Unit) -> Self {
        Self { heading: heading.to_owned(), unit, rows: Vec::new(), notes: Vec::new() }
    }

    /// Two figures and how many times better ours is: more than 1 is faster.
    pub fn beside(&mut self, what: &str, ours: &Figures, peer: &str, peers: &Figures) {
        let ratio = match self.unit {
            Unit::Seconds | Unit::Milliseconds => peers.median() / ours.median(),
            Unit::PerSecond(_) => ours.median() / peers.median(),
        };
        let (ours, peers) = (self.unit.words(ours), self.unit.words(peers));
        self.rows.push(format!("| {what} | {ours} | {peer} | {peers} | {ratio:.2} |"));
    }

    pub fn alone(&mut self, what: &str, ours: &Figures) {
        self.rows.push(format!("| {what} | {} | | | |", self.unit.words(ours)));
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn note(&mut self, words: &str) {
        self.notes.push(words.to_owned());
    }

    pub fn print(&self) {
        println!("{}; {}; medians (lowest to highest)\n", machine(), self.heading);
        println!("| plantpipe | | beside | | times faster |");
        println!("| --- | ---: | --- | ---: | ---: |");
        self.rows.iter().for_each(|row| println!("{row}"));
        self.notes.iter().for_each(|note| println!("\n{note}"));
    }
}

impl Unit {
    pub fn words(self, figures: &Figures) -> String {
        let (median, (low, high)) = (figures.median(), figures.range());
        match self {
            Self::Seconds => format!("{median:.3} s ({low:.3} to {high:.3})"),
            Self::Milliseconds => format!("{:.1} ms ({:.1} to {:.1})", median * 1e3, low * 1e3, high * 1e3),
            Self::PerSecond(what) if median < 100.0 => format!("{median:.1} {what}/s ({low:.1} to {high:.1})"),
            Self::PerSecond(what) => format!("{median:.0} {what}/s ({low:.0} to {high:.0})"),
        }
    }
}

fn machine() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let name = name.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!("{name}, {cores} cores, load average {load} at the end")
}

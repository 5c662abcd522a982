//! What came of it, as a table in Markdown: [`Table`].

use crate::clock::Times;
use std::collections::BTreeMap;

pub struct Table {
    files: usize,
    rounds: usize,
    rows: Vec<String>,
    notes: Vec<String>,
    kept: BTreeMap<String, Times>,
}

impl Table {
    pub fn new(files: usize, rounds: usize) -> Self {
        Self { files, rounds, rows: Vec::new(), notes: Vec::new(), kept: BTreeMap::new() }
    }

    /// Of the other's time: more than 1 is faster.
    pub fn beside(&mut self, what: &str, times: &Times, peer: &str, peers: &Times) {
        let ratio = peers.median() / times.median();
        self.rows.push(format!("| {what} | {times} | {peer} | {peers} | {ratio:.2} |"));
    }

    pub fn alone(&mut self, what: &str, times: &Times) {
        self.rows.push(format!("| {what} | {times} | | | |"));
    }

    pub fn note(&mut self, words: &str) {
        self.notes.push(words.to_owned());
    }

    /// For a later row.
    pub fn keep(&mut self, name: &str, times: Times) {
        self.kept.insert(name.to_owned(), times);
    }

    pub fn kept(&self, name: &str) -> Option<Times> {
        self.kept.get(name).cloned()
    }

    pub fn print(&self) {
        println!("{}, {} photographs, median of {} (lowest to highest)\n", machine(), self.files, self.rounds);
        println!("| plantpipe | | beside | | its time over ours |");
        println!("| --- | ---: | --- | ---: | ---: |");
        self.rows.iter().for_each(|row| println!("{row}"));
        self.notes.iter().for_each(|note| println!("\n{note}"));
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

//! What every side-by-side needs: [`clock`] runs things in turn, [`Figures`] are what came of it, [`table`] prints ratios.

// Each of the benches uses its part of it.
#![allow(dead_code)]

pub mod clock;
pub mod table;

use std::path::PathBuf;

/// A figure of each round, sorted.
#[derive(Debug, Clone)]
pub struct Figures(Vec<f64>);

impl Figures {
    pub fn of(mut figures: Vec<f64>) -> Self {
        assert!(!figures.is_empty(), "a round at least");
        figures.sort_by(f64::total_cmp);
        Self(figures)
    }

    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    pub fn range(&self) -> (f64, f64) {
        (self.0[0], self.0[self.0.len() - 1])
    }

    /// How many a second, where these are the seconds for `number`.
    pub fn rate(&self, number: usize) -> Self {
        Self::of(self.0.iter().map(|seconds| number as f64 / seconds).collect())
    }
}

/// A program named by a variable, or found on the path.
pub fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    named.or_else(|| std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file()))
}

/// The numbers behind flags: each of `flags` has its name and what it is when it is not given.
pub fn numbers<const N: usize>(flags: [(&str, usize); N]) -> Result<[usize; N], String> {
    let mut numbers = flags.map(|(_, number)| number);
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(flag) = args.next() {
        let Some(at) = flags.iter().position(|(name, _)| *name == flag) else {
            return Err(format!("unknown flag {flag}: there are {}", flags.map(|(name, _)| name).join(", ")));
        };
        numbers[at] = args.next().and_then(|text| text.parse().ok()).ok_or(format!("{flag} wants a number"))?;
    }
    Ok(numbers)
}

/// Prints why there is no table.
pub fn end(result: Result<(), String>) -> std::process::ExitCode {
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("error: {what}");
            std::process::ExitCode::FAILURE
        }
    }
}

//! How long commands take: [`Clock`] runs them in turn, so that whatever else the machine does meets all of them.

use super::Figures;
use std::process::{Command, Stdio};
use std::time::Instant;

pub struct Clock {
    pub rounds: usize,
}

impl Clock {
    /// Runs each command once a round, after one round that doesn't count; the seconds of each.
    pub fn in_turn<const N: usize>(
        &self,
        mut commands: [&mut dyn FnMut() -> Command; N],
    ) -> Result<[Figures; N], String> {
        let mut timed = commands.each_mut().map(|make| || run(&mut make()));
        self.figures(timed.each_mut().map(|timed| timed as &mut dyn FnMut() -> Result<f64, String>))
    }

    /// Asks each for a figure of its own once a round, after one round that doesn't count.
    pub fn figures<const N: usize>(
        &self,
        mut measured: [&mut dyn FnMut() -> Result<f64, String>; N],
    ) -> Result<[Figures; N], String> {
        let mut figures = vec![Vec::new(); N];
        for round in 0..=self.rounds {
            for (measure, figures) in measured.iter_mut().zip(&mut figures) {
                let figure = measure()?;
                if round > 0 {
                    figures.push(figure);
                }
            }
        }
        let figures: Vec<Figures> = figures.into_iter().map(Figures::of).collect();
        Ok(figures.try_into().expect("one of each"))
    }

    /// Runs a command after a change, once a round.
    pub fn after(
        &self,
        change: &dyn Fn() -> Result<(), String>,
        make: impl Fn() -> Command,
    ) -> Result<Figures, String> {
        let mut seconds = Vec::new();
        for _ in 0..self.rounds {
            change()?;
            // Nobody runs a pipeline in the tick in which he saved a file.
            std::thread::sleep(std::time::Duration::from_millis(100));
            seconds.push(run(&mut make())?);
        }
        Ok(Figures::of(seconds))
    }
}

/// Runs a command once.
pub fn once(command: &mut Command) -> Result<Figures, String> {
    Ok(Figures::of(vec![run(command)?]))
}

fn run(command: &mut Command) -> Result<f64, String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let seconds = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    Ok(seconds)
}

/// The most memory that a command holds, as GNU time tells it.
pub fn peak_memory(command: &Command) -> Result<String, String> {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%M"]).arg(command.get_program()).args(command.get_args());
    timed.current_dir(command.get_current_dir().expect("it is said where")).stdout(Stdio::null());
    let Ok(output) = timed.output() else { return Ok("no /usr/bin/time".to_owned()) };
    let told = String::from_utf8_lossy(&output.stderr);
    let kib: u64 = told.trim().parse().map_err(|_| format!("{timed:?}: {told}"))?;
    Ok(format!("{} MB", kib * 1024 / 1_000_000))
}

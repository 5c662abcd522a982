//! How long the smallest commands take, side by side with a program that does nothing, and with DVC where it is.
//!
//! ```sh
//! cargo bench --bench startup -- [--rounds 20]
//! ```

#[path = "../beside/mod.rs"]
mod beside;

use beside::clock::Clock;
use beside::program;
use beside::table::{Table, Unit};
use std::path::Path;
use std::process::{Command, ExitCode};

const PLANTPIPE: &str = env!("CARGO_BIN_EXE_plantpipe");

/// Two programs, one after the other.
const PIPELINE: &str = "[pipeline]\nname = 'small'\n[sources]\nwords = 'words.txt'\n\
    [stages.count]\nkind = 'command'\nrun = 'wc -w < \"$PLANTPIPE_INPUT_WORDS\" > \"$PLANTPIPE_OUTPUT_COUNT/words\"'\n\
    inputs = { words = 'words' }\noutputs = { count = 'text' }\n\
    [stages.twice]\nkind = 'command'\nrun = 'cat \"$PLANTPIPE_INPUT_COUNT/words\" > \"$PLANTPIPE_OUTPUT_TEXT/words\"'\n\
    inputs = { count = 'count' }\noutputs = { text = 'text' }\n";

fn main() -> ExitCode {
    beside::end(measure())
}

fn measure() -> Result<(), String> {
    let [rounds] = beside::numbers([("--rounds", 20)])?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = folder.path();
    for (name, text) in [("pipeline.toml", PIPELINE), ("words.txt", "leaf scab rust\n")] {
        std::fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    let (clock, plantpipe) = (Clock { rounds }, Path::new(PLANTPIPE));
    beside::clock::once(&mut command(plantpipe, &["run", "--quiet"], folder))?;
    let mut table = Table::new(&format!("a project of two stages, {rounds} rounds"), Unit::Milliseconds);
    let [nothing, help, status, run] = clock.in_turn([
        &mut || command(Path::new("true"), &[], folder),
        &mut || command(plantpipe, &["--help"], folder),
        &mut || command(plantpipe, &["status"], folder),
        &mut || command(plantpipe, &["run", "--quiet"], folder),
    ])?;
    table.beside("`plantpipe --help`", &help, "`true`", &nothing);
    table.beside("`plantpipe status`", &status, "`true`", &nothing);
    table.beside("`plantpipe run`, nothing to do", &run, "`true`", &nothing);
    match program("DVC", "dvc") {
        None => table.note("`dvc` is not there: name it by `DVC`"),
        Some(dvc) => {
            let [help, dvc_help] = clock.in_turn([&mut || command(plantpipe, &["--help"], folder), &mut || {
                command(&dvc, &["--help"], folder)
            }])?;
            table.beside("`plantpipe --help`", &help, "`dvc --help`", &dvc_help);
        }
    }
    let bytes = std::fs::metadata(plantpipe).map_err(|error| error.to_string())?.len();
    table.note(&format!("the program has {:.1} MB", bytes as f64 / 1e6));
    table.print();
    Ok(())
}

fn command(program: &Path, args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    command
}

//! The engine side by side with a bare walk, `b3sum` and DVC, on the same files in one go; prints a table of ratios.
//!
//! ```sh
//! cargo bench --bench engine --no-default-features --features data -- [--files 18000] [--rounds 5] [--scale 1000000]
//! ```
//!
//! `BENCH_PHOTOS` names a folder of photographs (else they are drawn), `DVC` and `B3SUM` the programs (else they are
//! looked for on the path). A program that is not there is left out, in words.

mod clock;
mod peers;
mod table;
mod world;

use clock::{Clock, Times};
use std::path::PathBuf;
use std::process::ExitCode;
use table::Table;
use world::{Scale, World};

/// What was asked.
struct Asked {
    files: usize,
    rounds: usize,
    scale: Option<usize>,
}

fn main() -> ExitCode {
    match asked().and_then(|asked| measure(&asked)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}

fn asked() -> Result<Asked, String> {
    let mut asked = Asked { files: 18_000, rounds: 5, scale: None };
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(flag) = args.next() {
        let number = args.next().and_then(|text| text.parse().ok()).ok_or(format!("{flag} wants a number"))?;
        match flag.as_str() {
            "--files" => asked.files = number,
            "--rounds" => asked.rounds = number,
            "--scale" => asked.scale = Some(number),
            _ => return Err(format!("unknown flag {flag}: there are --files, --rounds and --scale")),
        }
    }
    Ok(asked)
}

fn measure(asked: &Asked) -> Result<(), String> {
    let world = World::new(asked.files)?;
    let clock = Clock { rounds: asked.rounds };
    let mut table = Table::new(asked.files, asked.rounds);
    no_change(&world, &clock, &mut table)?;
    one_change(&world, asked.rounds, &mut table)?;
    table.print();
    drop(world);
    if let Some(files) = asked.scale {
        scale(files, asked.rounds)?;
    }
    Ok(())
}

/// Nothing changed: a look, and a run that finds nothing to do.
fn no_change(world: &World, clock: &Clock, table: &mut Table) -> Result<(), String> {
    let first = clock::once(&mut world.plantpipe(&["run", "--quiet"]))?;
    table.alone("first `run` (resize, encode, pack)", &first);
    let [status, run, walk, walk_all] = clock.in_turn([
        &mut || world.plantpipe(&["status"]),
        &mut || world.plantpipe(&["run", "--quiet"]),
        &mut || peers::walk(&world.folder, &["photos"]),
        &mut || peers::walk(&world.folder, &["photos", "cache/objects"]),
    ])?;
    table.beside("`status`, nothing changed", &status, "`find -printf '%s %T@'`, the photographs", &walk);
    table.beside("`status`, nothing changed", &status, "the same, and all outputs (what `status` looks at)", &walk_all);
    table.beside("`run`, nothing to do", &run, "`find`, the photographs", &walk);
    table.beside("`run`, nothing to do", &run, "`find`, and all outputs", &walk_all);
    match peers::b3sum(&world.folder)? {
        None => table.note("`b3sum` is not there: name it by `B3SUM`"),
        Some(b3sum) => {
            let [cold, sums] = clock.in_turn([
                &mut || {
                    world.forget_stats();
                    world.plantpipe(&["status"])
                },
                &mut || b3sum.command(),
            ])?;
            table.beside("`status`, empty stat cache, warm page cache", &cold, "`b3sum`, the same files", &sums);
        }
    }
    match peers::Dvc::new(world)? {
        None => table.note("`dvc` is not there: name it by `DVC`"),
        Some(dvc) => {
            let [status, run, dvc_status, dvc_repro] = clock.in_turn([
                &mut || world.plantpipe(&["status"]),
                &mut || world.plantpipe(&["run", "--quiet"]),
                &mut || dvc.command(&["status"]),
                &mut || dvc.command(&["repro", "-q"]),
            ])?;
            table.beside("`status`, nothing changed", &status, "`dvc status`", &dvc_status);
            table.beside("`run`, nothing to do", &run, "`dvc repro`", &dvc_repro);
            let change = || dvc.change();
            let repro = clock.after(&change, || dvc.command(&["repro", "-q"]))?;
            table.keep("dvc repro", repro);
        }
    }
    Ok(())
}

/// One photograph changed, was added, removed, renamed: resize and pack run again.
fn one_change(world: &World, rounds: usize, table: &mut Table) -> Result<(), String> {
    let clock = Clock { rounds };
    for (what, change) in world::CHANGES {
        let number = std::cell::Cell::new(0);
        let change = || {
            number.set(number.get() + 1);
            change(world, number.get())
        };
        let times = clock.after(&change, || world.plantpipe(&["run", "--quiet"]))?;
        let what = format!("`run` (resize, pack) after one photograph {what}");
        match table.kept("dvc repro").filter(|_| what.ends_with("changed")) {
            Some(dvc) => table.beside(&what, &times, "`dvc repro` of a copying stage", &dvc),
            None => table.alone(&what, &times),
        }
    }
    Ok(())
}

/// Many tiny files in folders of a thousand: time and memory as their number grows.
fn scale(files: usize, rounds: usize) -> Result<(), String> {
    println!("\n| files | `status`, nothing changed | a million at that rate | `find` | ratio | memory |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for count in [files / 100, files / 10, files] {
        let world = Scale::new(count)?;
        clock::once(&mut world.plantpipe(&["run", "--quiet"]))?;
        let [status, walk] = Clock { rounds }
            .in_turn([&mut || world.plantpipe(&["status"]), &mut || peers::walk(&world.folder, &["many"])])?;
        let memory = clock::peak_memory(&world.plantpipe(&["status"]))?;
        println!(
            "| {count} | {status} | {:.2} s | {walk} | {:.1} | {memory} |",
            status.median() * 1e6 / count as f64,
            status.median() / walk.median(),
        );
    }
    Ok(())
}

/// A program named by a variable, or found on the path.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    named.or_else(|| std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file()))
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (low, high) = self.range();
        write!(f, "{:.3} s ({low:.3} to {high:.3})", self.median())
    }
}

//! The engine side by side with a bare walk, `b3sum` and DVC, on the same files in one go; prints a table of ratios.
//!
//! ```sh
//! cargo bench --bench engine --no-default-features --features data -- [--files 18000] [--rounds 5] [--scale 1000000]
//! ```
//!
//! `BENCH_PHOTOS` names a folder of photographs (else they are drawn), `DVC` and `B3SUM` the programs (else they are
//! looked for on the path). A program that is not there is left out, in words.

#[path = "../beside/mod.rs"]
mod beside;
mod peers;
mod world;

use beside::Figures;
use beside::clock::{self, Clock};
use beside::table::{Table, Unit};
use std::process::ExitCode;
use world::{Scale, World};

fn main() -> ExitCode {
    beside::end(measure())
}

fn measure() -> Result<(), String> {
    let [files, rounds, scaled] = beside::numbers([("--files", 18_000), ("--rounds", 5), ("--scale", 0)])?;
    let world = World::new(files)?;
    let clock = Clock { rounds };
    let mut table = Table::new(&format!("{files} photographs, {rounds} rounds"), Unit::Seconds);
    let repro = no_change(&world, &clock, &mut table)?;
    one_change(&world, &clock, &mut table, repro.as_ref())?;
    table.print();
    drop(world);
    if scaled > 0 {
        scale(scaled, &clock)?;
    }
    Ok(())
}

/// Nothing changed: a look, and a run that finds nothing to do. Returns the seconds of DVC after one photograph changed.
fn no_change(world: &World, clock: &Clock, table: &mut Table) -> Result<Option<Figures>, String> {
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
        None => {
            table.note("`dvc` is not there: name it by `DVC`");
            Ok(None)
        }
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
            clock.after(&change, || dvc.command(&["repro", "-q"])).map(Some)
        }
    }
}

/// One photograph changed, was added, removed, renamed: resize and pack run again.
fn one_change(world: &World, clock: &Clock, table: &mut Table, repro: Option<&Figures>) -> Result<(), String> {
    for (what, change) in world::CHANGES {
        let number = std::cell::Cell::new(0);
        let change = || {
            number.set(number.get() + 1);
            change(world, number.get())
        };
        let times = clock.after(&change, || world.plantpipe(&["run", "--quiet"]))?;
        let what = format!("`run` (resize, pack) after one photograph {what}");
        match repro.filter(|_| what.ends_with("changed")) {
            Some(dvc) => table.beside(&what, &times, "`dvc repro` of a copying stage", dvc),
            None => table.alone(&what, &times),
        }
    }
    Ok(())
}

/// Many tiny files in folders of a thousand: time and memory as their number grows.
fn scale(files: usize, clock: &Clock) -> Result<(), String> {
    println!("\n| files | `status`, nothing changed | a million at that rate | `find` | ratio | memory |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for count in [files / 100, files / 10, files] {
        let world = Scale::new(count)?;
        clock::once(&mut world.plantpipe(&["run", "--quiet"]))?;
        let [status, walk] =
            clock.in_turn([&mut || world.plantpipe(&["status"]), &mut || peers::walk(&world.folder, &["many"])])?;
        let memory = clock::peak_memory(&world.plantpipe(&["status"]))?;
        println!(
            "| {count} | {} | {:.2} s | {} | {:.1} | {memory} |",
            Unit::Seconds.words(&status),
            status.median() * 1e6 / count as f64,
            Unit::Seconds.words(&walk),
            status.median() / walk.median(),
        );
    }
    Ok(())
}

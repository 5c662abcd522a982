//! Kills: the run, the stage that works, or both, at any instant.

use super::calm::{Calm, Setting};
use super::{FAKE, chance};
use crate::world::World;
use plantpipe_stage::random::ChaCha8Rng;
use rand::RngExt;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the events of a run that was cut tell.
#[derive(Debug, Default)]
pub struct Seen {
    pub started: BTreeSet<String>,
    /// Those that ended well.
    pub done: BTreeSet<String>,
    /// Epochs that were told of, each with its stage: it had been saved by then.
    pub epochs: BTreeSet<(String, String)>,
    pub ended: bool,
}

/// Starts a run whose events go to a file, so that they survive it.
pub fn start(world: &World, setting: &Setting) -> Child {
    let events = File::create(world.path("events.ndjson")).expect("makes a file");
    world.command(&setting.run()).stdout(events).stderr(Stdio::null()).spawn().expect("starts")
}

/// The events so far; the last line may be half a one.
pub fn seen(world: &World) -> Seen {
    let mut seen = Seen::default();
    for line in world.read("events.ndjson").lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let stage = || event["stage"].as_str().expect("a name").to_owned();
        match event["event"].as_str() {
            Some("stage_started") => _ = seen.started.insert(stage()),
            Some("stage_done") => _ = seen.done.insert(stage()),
            Some("stage_note") => {
                let note = event["note"].as_str().expect("a sentence");
                let epoch = note.strip_prefix("epoch ").and_then(|rest| rest.split_once(": train loss"));
                seen.epochs.extend(epoch.map(|(epoch, _)| (stage(), epoch.trim().to_owned())));
            }
            Some("run_done") => seen.ended = true,
            _ => {}
        }
    }
    seen
}

/// Kills a run, the stages that work for it, or both.
fn kill(run: &mut Child, chance: &mut ChaCha8Rng) {
    let children = || {
        let listed = Command::new("pgrep").args(["-P", &run.id().to_string()]).output().expect("pgrep is there");
        String::from_utf8(listed.stdout).expect("digits").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let itself = vec![run.id().to_string()];
    let victims = match chance.random_range(0..4) {
        0 => children(),
        1 => [children(), itself].concat(),
        _ => itself,
    };
    if !victims.is_empty() {
        // One that has ended meanwhile is no matter.
        let _ = Command::new("kill").arg("-KILL").args(victims).stderr(Stdio::null()).status();
    }
}

/// Kills `kills` runs, each at an instant before `longest` (none: while an undisturbed run would last); a run goes on where the one before was cut, and every few
/// kills one is let through to its end and looked at.
pub fn endure(setting: Setting, kills: u64, longest: Option<Duration>, purpose: &str) {
    let calm = Calm::of(setting);
    let longest = longest.unwrap_or(calm.took);
    let chance = &mut chance(purpose);
    let (mut world, mut done, mut epochs) = ((setting.make)(), BTreeSet::new(), BTreeSet::new());
    let (mut cut, mut whole, mut resumed) = (0, 0, 0);
    for number in 1..=kills {
        let instant = longest.mul_f64(chance.random_range(0.0..1.0));
        let mut run = start(&world, &setting);
        std::thread::sleep(instant);
        kill(&mut run, chance);
        run.wait().expect("ends");
        let seen = seen(&world);
        let again: Vec<&String> = seen.started.intersection(&done).collect();
        assert!(again.is_empty(), "kill {number}, after {instant:?}: {again:?} had ended well and ran again");
        let again: Vec<_> = seen.epochs.intersection(&epochs).collect();
        assert!(again.is_empty(), "kill {number}, after {instant:?}: {again:?} had been saved and were done again");
        cut += u64::from(!seen.ended);
        resumed += usize::from(!epochs.is_empty() && !seen.epochs.is_empty());
        done.extend(seen.done);
        epochs.extend(seen.epochs);
        calm.check_fresh(&world);
        if seen.ended || number % 8 == 0 || number == kills {
            let started = calm.check_next_run(&world);
            assert!(started.iter().all(|name| !done.contains(name)), "{started:?} again, of {done:?}");
            assert_eq!(world.run(setting.args), [""; 0]);
            (world, done, epochs) = ((setting.make)(), BTreeSet::new(), BTreeSet::new());
            whole += 1;
        }
    }
    assert!(cut > 0, "every run was quicker than its kill");
    println!(
        "{kills} kills, {cut} of them before the end, {resumed} trainings that went on and were cut again; {whole} runs \
         brought to their end: all as undisturbed"
    );
}

#[test]
fn a_run_killed_at_any_instant_loses_only_the_stages_that_were_running() {
    endure(FAKE, 24, None, "kills");
}

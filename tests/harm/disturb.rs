//! Disturbances while a run goes on: inputs that change, and a second run.

use super::calm::{Calm, Setting};
use super::kills::{seen, start};
use super::{FAKE, chance};
use rand::RngExt;
use std::process::Stdio;

/// Edits a source at some instant of a run: it ends well or says that its inputs moved, and the next one is as if the
/// source had always been so; with the source as it was, so is everything else.
pub fn endure_edits(setting: Setting, times: u64) {
    let (calm, edited) = (Calm::of(setting), Calm::edited(setting));
    let chance = &mut chance("edits");
    for _ in 0..times {
        let world = (setting.make)();
        let before = std::fs::read(world.path(setting.edited.0)).expect("reads");
        let mut run = start(&world, &setting);
        std::thread::sleep(calm.took.mul_f64(chance.random_range(0.0..1.0)));
        world.write(setting.edited.0, setting.edited.1);
        let code = run.wait().expect("ends").code();
        assert!(matches!(code, Some(0 | 5)), "exit code {code:?}");
        edited.check_fresh(&world);
        edited.check_next_run(&world);
        world.write(setting.edited.0, before);
        calm.check_fresh(&world);
        calm.check_next_run(&world);
    }
}

/// Two runs start at nearly the same time: one of them, or both in turn, end well.
pub fn endure_company(setting: Setting, times: u64) {
    let calm = Calm::of(setting);
    let chance = &mut chance("company");
    for _ in 0..times {
        let world = (setting.make)();
        let mut first = start(&world, &setting);
        std::thread::sleep(calm.took.mul_f64(chance.random_range(0.0..1.2)));
        let second = world.command(&setting.run()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let codes = [first.wait().expect("ends").code(), second.expect("starts").code()];
        assert!(codes.contains(&Some(0)), "{codes:?}");
        assert!(codes.iter().all(|code| matches!(code, Some(0 | 4))), "{codes:?}");
        assert!(codes[0] == Some(4) || seen(&world).ended);
        assert_eq!(calm.check_next_run(&world), [""; 0]);
    }
}

#[test]
fn an_input_edited_at_any_instant_of_a_run_leaves_nothing_wrong() {
    endure_edits(FAKE, 10);
}

#[test]
fn two_runs_that_start_together_end_as_one() {
    endure_company(FAKE, 6);
}

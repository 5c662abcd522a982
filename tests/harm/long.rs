//! The long form: everything at the tiny sample, real photographs of a kind, a real training; a few kills of it in the
//! short form too.

use super::calm::Setting;
use super::{damage, disturb, full_disk, kills, number};
use crate::world::World;
use std::time::Duration;

/// The built-in pipeline's profile `tiny`, its photographs' number in a file that can be edited.
const TINY: Setting = Setting { make: tiny, args: &["--profile", "tiny"], edited: ("none", b"") };

fn tiny() -> World {
    World::leaves(include_str!("../../pipeline.toml"))
}

#[test]
fn the_sample_killed_a_few_times_ends_as_undisturbed() {
    kills::endure(TINY, 4, Some(Duration::from_secs(8)), "a few kills");
}

#[test]
#[ignore = "it takes a quarter of an hour: its short form, a few kills, is the test above"]
fn the_sample_killed_hundreds_of_times_ends_as_undisturbed() {
    kills::endure(TINY, number("PLANTPIPE_KILLS", 200), Some(Duration::from_secs(6)), "kills");
}

#[test]
#[ignore = "it takes minutes: its short form is the test of the fake kinds in damage.rs"]
fn the_sample_damaged_everywhere_is_repaired() {
    damage::endure_flips(TINY, number("PLANTPIPE_KILLS", 200) / 4);
    damage::endure_removals(TINY, number("PLANTPIPE_KILLS", 200) / 10);
}

#[test]
#[ignore = "it takes minutes: its short form is the tests of the fake kinds in full_disk.rs and disturb.rs"]
fn the_sample_on_full_disks_and_in_company_ends_as_undisturbed() {
    full_disk::endure_full_disks(TINY, number("PLANTPIPE_KILLS", 200) / 20, 60_000_000);
    disturb::endure_company(TINY, number("PLANTPIPE_KILLS", 200) / 40);
}

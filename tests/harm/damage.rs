//! Damage to the cache: flipped bits, and files that vanish behind a record's back.

use super::calm::{Calm, Setting};
use super::{FAKE, chance, one_of};
use crate::world::{World, tree};
use plantpipe_stage::random::ChaCha8Rng;
use rand::RngExt;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A file of the cache, by its path in it.
fn a_file(world: &World, chance: &mut ChaCha8Rng) -> String {
    let files: Vec<String> = tree(&world.path("cache"), "lock")
        .into_iter()
        .filter(|(name, bytes)| !bytes.is_empty() && !name.starts_with("out/"))
        .map(|(name, _)| name)
        .collect();
    one_of(chance, &files).clone()
}

/// The stages that may have to run again when a file of the cache is lost; none: any.
fn concerned(calm: &Calm, name: &str) -> Option<BTreeSet<String>> {
    let digest = name.strip_prefix("objects/")?.get(3..67)?;
    Some(calm.with_object(digest))
}

/// Does something to files of the cache, one after the other, and lets a run repair it each time.
fn endure(setting: Setting, times: u64, purpose: &str, harm: fn(&Path, &mut ChaCha8Rng)) {
    let calm = Calm::of(setting);
    let chance = &mut chance(purpose);
    let world = (setting.make)();
    calm.check_next_run(&world);
    for _ in 0..times {
        let name = a_file(&world, chance);
        println!("{purpose}: {name}");
        harm(&world.path("cache").join(&name), chance);
        calm.check_fresh(&world);
        let started: BTreeSet<String> = calm.check_next_run(&world).into_iter().collect();
        if let Some(concerned) = concerned(&calm, &name) {
            assert!(started.is_subset(&concerned), "{name}: {started:?} ran, {concerned:?} were concerned");
        }
        assert_eq!(world.run(setting.args), [""; 0], "{name}");
    }
}

fn flip(path: &Path, chance: &mut ChaCha8Rng) {
    let mut bytes = fs::read(path).expect("reads");
    let at = chance.random_range(0..bytes.len());
    bytes[at] ^= 1 << chance.random_range(0..8);
    let before = fs::metadata(path).expect("is there");
    fs::set_permissions(path, Permissions::from_mode(0o644)).expect("opens");
    fs::write(path, bytes).expect("writes");
    // As a disk that errs would: without a new time of change.
    let file = fs::File::options().write(true).open(path).expect("opens");
    file.set_modified(before.modified().expect("a time")).expect("sets");
    fs::set_permissions(path, before.permissions()).expect("closes");
}

fn remove(path: &Path, chance: &mut ChaCha8Rng) {
    // The file, or all that lies beside it.
    let place = if chance.random_bool(0.5) { path } else { path.parent().expect("lies in a folder") };
    if place.is_dir() { fs::remove_dir_all(place) } else { fs::remove_file(place) }.expect("removes");
}

pub fn endure_flips(setting: Setting, times: u64) {
    endure(setting, times, "flips", flip);
}

pub fn endure_removals(setting: Setting, times: u64) {
    endure(setting, times, "removals", remove);
}

#[test]
fn a_flipped_bit_anywhere_in_the_cache_is_repaired_and_never_called_fresh() {
    endure_flips(FAKE, 40);
}

#[test]
fn what_vanishes_from_the_cache_is_made_again() {
    endure_removals(FAKE, 20);
}

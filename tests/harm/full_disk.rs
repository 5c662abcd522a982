//! A disk that fills: a small file system in memory, where this user may mount one.

use super::calm::{Calm, Setting};
use super::{FAKE, chance};
use crate::world::World;
use rand::RngExt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A small file system at `cache/`.
struct Disk(PathBuf);

impl Disk {
    /// None where mounting is not allowed.
    fn mount(world: &World, bytes: u64) -> Option<Self> {
        let folder = world.path("cache");
        fs::create_dir_all(&folder).expect("makes a folder");
        let disk = Self(folder);
        disk.call("mount", &["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).then_some(disk)
    }

    fn grow(&self) {
        assert!(self.call("mount", &["-o", "remount,size=512m"]), "a mount can be grown");
    }

    fn call(&self, program: &str, args: &[&str]) -> bool {
        Command::new(program).args(args).arg(&self.0).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.call("umount", &[]);
    }
}

/// Runs on disks of some size up to `most` bytes, then with room.
pub fn endure_full_disks(setting: Setting, times: u64, most: u64) {
    let calm = Calm::of(setting);
    let chance = &mut chance("full disk");
    let mut full = 0;
    for _ in 0..times {
        let world = (setting.make)();
        let bytes = chance.random_range(4096..most);
        let Some(disk) = Disk::mount(&world, bytes) else {
            eprintln!("skipped: this user may not mount a file system");
            return;
        };
        let ended = world.go(&setting.run());
        if ended.code != 0 {
            full += 1;
            assert_eq!(ended.code, 1, "{}", ended.stderr);
            assert!(ended.stderr.contains("No space left"), "{bytes} bytes: {}", ended.stderr);
        }
        calm.check_fresh(&world);
        disk.grow();
        calm.check_next_run(&world);
        // Before the folder is removed.
        drop(disk);
    }
    println!("{times} small disks, {full} of them too small: all as undisturbed after");
}

#[test]
fn a_disk_that_fills_loses_nothing_that_was_finished() {
    endure_full_disks(FAKE, 8, 400_000);
}

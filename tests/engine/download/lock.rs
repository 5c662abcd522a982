//! The lock file: what came the first time is what has to come ever after.

use super::server::{Server, file};
use super::{SHA256, TAG, content, copied, fails, good, world};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server whose file can be changed.
fn fickle() -> (Server, Arc<AtomicBool>) {
    let changed = Arc::new(AtomicBool::new(false));
    let is_changed = changed.clone();
    let server = Server::start(move |request| {
        if is_changed.load(Ordering::SeqCst) {
            file(request, b"something else", "\"two\"")
        } else {
            file(request, &content(), TAG)
        }
    });
    (server, changed)
}

#[test]
fn the_first_download_is_recorded_beside_the_pipeline_file_one_a_profile() {
    let server = good();
    let world = world(&format!("'{}/leaf.txt'\n[profiles.short.pipeline]\nname = 'short'", server.address));
    world.run(&[]);
    let lock = world.read("pipeline.lock");
    let blake3 = blake3(&content());
    let expected = format!(
        "version = 2\n\n[sources.file]\nurl = \"{}/leaf.txt\"\nsha256 = \"{SHA256}\"\nblake3 = \"{blake3}\"\nsize = 300000\n\n",
        server.address
    );
    assert!(lock.contains(&expected), "{lock}");
    assert!(!world.path("pipeline.short.lock").exists());
    world.run(&["--profile", "short"]);
    assert_eq!(world.read("pipeline.short.lock"), lock);
    assert_eq!(server.heard().len(), 1);
}

fn blake3(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[test]
fn a_file_that_is_another_one_now_is_refused_and_the_entry_taken_out_accepts_it() {
    let (server, changed) = fickle();
    let world = world(&format!("'{}/leaf.txt'", server.address));
    world.run(&[]);
    let lock = world.read("pipeline.lock");
    changed.store(true, Ordering::SeqCst);
    // What came before is used as long as it is there.
    assert_eq!(world.run(&[]), [""; 0]);
    std::fs::remove_dir_all(world.path("cache")).expect("removes");
    let says = [
        "is not the file that pipeline.lock names",
        &format!(", not {SHA256}"),
        "take [sources.file] out of pipeline.lock",
    ];
    fails(&world, &["run"], 5, &says);
    assert_eq!(world.read("pipeline.lock"), lock);
    assert_eq!(world.states(&[])[0], "folder blocked");
    std::fs::remove_file(world.path("pipeline.lock")).expect("removes");
    world.run(&[]);
    assert_eq!(copied(&world), b"something else");
    assert_ne!(world.read("pipeline.lock"), lock);
}

#[test]
fn a_sha256_in_the_pipeline_file_accepts_another_file_too() {
    let (server, changed) = fickle();
    let world = world(&format!("'{}/leaf.txt'", server.address));
    world.run(&[]);
    changed.store(true, Ordering::SeqCst);
    let sha256 = "0b9cdb3a2ad5b4d6e5d9e4a6ce7a2a4d14e2dc9c5a8d1c2d6fbf7b9b0d3a3c4e";
    world.edit(
        &format!("'{}/leaf.txt'", server.address),
        &format!("{{ url = '{}/leaf.txt', sha256 = '{sha256}' }}", server.address),
    );
    fails(&world, &["run"], 5, &["is not the file wanted"]);
    let ended = world.go(&["run"]).stderr;
    let found = ended.split("its sha256 is ").nth(1).expect("the digest")[..64].to_owned();
    world.edit(sha256, &found);
    world.run(&[]);
    assert_eq!(copied(&world), b"something else");
    assert!(world.read("pipeline.lock").contains(&found));
}

#[test]
fn a_lock_of_another_file_makes_the_cached_one_give_way() {
    let (server, changed) = fickle();
    let world = world(&format!("'{}/leaf.txt'", server.address));
    world.run(&[]);
    let lock = world.read("pipeline.lock");
    // As if a colleague had accepted another file.
    changed.store(true, Ordering::SeqCst);
    std::fs::remove_dir_all(world.path("cache")).expect("removes");
    std::fs::remove_file(world.path("pipeline.lock")).expect("removes");
    world.run(&[]);
    world.write("pipeline.lock", &lock);
    changed.store(false, Ordering::SeqCst);
    fails(&world, &["run", "--offline"], 5, &["is not the file that pipeline.lock names", "without --offline"]);
    world.run(&[]);
    assert_eq!(copied(&world), content());
    assert_eq!(world.read("pipeline.lock"), lock);
}

#[test]
fn a_source_given_by_set_is_neither_recorded_nor_held_against_the_entry_of_another_address() {
    let server = good();
    let world = world("'absent.txt'");
    let set = format!("sources.file={}/leaf.txt", server.address);
    world.run(&["-S", &set]);
    assert!(!world.path("pipeline.lock").exists());
    world.edit("'absent.txt'", &format!("'{}/leaf.txt'", server.address));
    world.run(&[]);
    let lock = world.read("pipeline.lock");
    world.run(&["-S", &format!("sources.file={}/other/leaf.txt", server.address)]);
    world.write("own.txt", "own");
    world.run(&["-S", "sources.file=own.txt"]);
    assert_eq!(world.read("pipeline.lock"), lock);
}

#[test]
fn another_address_replaces_the_entry_and_a_source_that_is_gone_loses_it() {
    let server = good();
    let world = world(&format!("'{}/leaf.txt'", server.address));
    world.run(&[]);
    world.edit("/leaf.txt'", "/other/leaf.txt'");
    world.run(&[]);
    assert!(world.read("pipeline.lock").contains("/other/leaf.txt"));
    world.write("own.txt", "own");
    world.edit(&format!("'{}/other/leaf.txt'", server.address), "'own.txt'");
    world.run(&[]);
    assert!(!world.read("pipeline.lock").contains("[sources"), "{}", world.read("pipeline.lock"));
}

#[test]
fn a_lock_file_that_cannot_be_read_stops_the_run_with_a_way_out() {
    let server = good();
    let world = world(&format!("'{}/leaf.txt'", server.address));
    world.write("pipeline.lock", "<<<<<<< mine\n");
    fails(&world, &["run"], 2, &["pipeline.lock cannot be read", "take it from version control again, or delete it"]);
    assert_eq!(world.read("pipeline.lock"), "<<<<<<< mine\n");
    assert!(server.heard().is_empty());
}

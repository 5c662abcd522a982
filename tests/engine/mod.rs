//! The engine's behaviour, seen through its binary with fake kinds.

mod cache;
mod command;
mod command_line;
mod diff;
mod documents;
#[cfg(feature = "download")]
mod download;
mod file;
mod frozen;
mod gc;
mod items;
mod keys;
mod locked;
mod luck;
mod matrix;
mod openings;
mod parallel;
mod predict;
mod resume;
mod retries;
mod runs;
mod schema;
mod subset;
mod trace;
mod verify;
mod why;

use crate::world::World;

/// words -> first (copy) -> both (join) -> last (copy); other -> both.
const CHAIN: &str = r#"
[pipeline]
name = "chain"
seed = 7

[sources]
words = "words"
other = "other.txt"

[stages.first]
kind = "copy"
inputs = { from = "words" }
rate = 0.001

[stages.both]
kind = "join"
inputs = { parts = ["first", "side"] }

[stages.side]
kind = "copy"
inputs = { from = "first" }
note = "!"

[stages.last]
kind = "copy"
inputs = { from = "both" }

[profiles.short.pipeline]
name = "short"
[profiles.short.stages.last]
remove = true
[profiles.short.stages.side]
note = "?"
"#;

fn chain() -> World {
    let world = World::fake(CHAIN);
    world.write("words/a.txt", "alpha ");
    world.write("words/b.txt", "beta ");
    world.write("other.txt", "other");
    world
}

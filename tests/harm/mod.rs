//! Harm: whatever is done to a run or to its cache, the next run ends as an undisturbed one, and nothing damaged is called
//! fresh.
//!
//! The short form is part of the tests. The long form kills hundreds of runs of the tiny sample and does everything else to
//! it too; one command:
//!
//! ```text
//! cargo test --release --workspace --test tests -- --ignored --nocapture harm::long
//! ```
//!
//! `PLANTPIPE_KILLS` (default 200) and `PLANTPIPE_SEED` (default 1) say how much and which.

mod calm;
mod damage;
mod disturb;
mod full_disk;
mod kills;
#[cfg(all(feature = "data", feature = "learn", feature = "judge"))]
mod long;

use crate::world::World;
use calm::Setting;
use plantpipe_stage::random::{ChaCha8Rng, keyed};
use rand::RngExt;

/// A per-item stage, branches that can run at once, a stage that keeps checkpoints, a published page, something that counts
/// openings.
const LEAF: &str = r#"
[pipeline]
name = "harm"
seed = 3

[sources]
words = "words"

[stages.each]
kind = "each"
inputs = { from = "words" }

[stages.left]
kind = "copy"
inputs = { from = "each" }
note = "l"

[stages.right]
kind = "copy"
inputs = { from = "each" }
note = "r"

[stages.both]
kind = "join"
inputs = { parts = ["left", "right"] }

[stages.model]
kind = "learn"
inputs = { from = "left" }

[stages.counted]
kind = "count"
inputs = { from = "right" }

[stages.score]
kind = "score"
inputs = { from = "both" }

[stages.page]
kind = "tell"
inputs = { from = "score" }
"#;

/// The fake kinds' world.
pub const FAKE: Setting = Setting { make: fake, args: &[], edited: ("words/c.txt", b"another gamma") };

fn fake() -> World {
    let world = World::fake(LEAF);
    for (name, word) in [("a", "alpha"), ("b", "beta"), ("c", "gamma"), ("d", "delta")] {
        world.write(&format!("words/{name}.txt"), word);
    }
    world
}

/// Chance that can be had again: its seed comes from the environment.
pub fn chance(purpose: &str) -> ChaCha8Rng {
    keyed(number("PLANTPIPE_SEED", 1), purpose, &[])
}

/// A number from the environment.
pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}?")))
}

/// One of several, by chance.
pub fn one_of<'a, T>(chance: &mut ChaCha8Rng, all: &'a [T]) -> &'a T {
    &all[chance.random_range(0..all.len())]
}

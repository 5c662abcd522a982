//! A training that was stopped goes on from its checkpoint, does no step twice, and ends with the bytes of a straight run.

use super::world::World;
use crate::TRAIN;
use plantpipe_stage::Action;
use plantpipe_stage::checkpoint::{Place, Start};
use plantpipe_stage::format::Split;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

type Files = BTreeMap<String, Vec<u8>>;

/// Three steps an epoch of the smallest network, `more` aside.
fn params(more: &Value) -> Value {
    let mut given = json!({ "arch": "efficientnet_lite0", "size": 32, "epochs": 2, "batch": 4, "warmup": 0.5 });
    given.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    given
}

/// A try of a training.
struct Tried {
    /// The model, where it came to an end.
    files: Option<Files>,
    /// How often it asked whether to stop: after each step, and between epochs.
    asked: usize,
    notes: Vec<String>,
}

impl World {
    /// Trains with a checkpoint of that name, and stops it when it asks for the `stop`-th time.
    fn attempt(&self, name: &str, params: &Value, stop: usize) -> Tried {
        let home = self.path("checkpoints");
        let folder = home.join(name);
        let all = std::fs::read_dir(&home).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut others: Vec<PathBuf> = all.filter(|other| *other != folder).collect();
        others.sort();
        let place = Place { folder, others, start: Start::GoOn };
        let asked = AtomicUsize::new(0);
        let stopping = || asked.fetch_add(1, Ordering::SeqCst) + 1 == stop;
        let edit = |action: &mut Action| action.checkpoint = Some(place);
        let (notes, result) = self.run_until(&TRAIN, "out", &[("shards", "shards")], params.clone(), edit, stopping);
        let files = match result {
            Ok(()) => Some(self.files("out/model")),
            Err(error) if error.message.contains("asked to stop") => None,
            Err(error) => panic!("{error}"),
        };
        Tried { files, asked: asked.into_inner(), notes }
    }

    /// A run that nothing stops, and nothing is kept of.
    fn straight(&self, params: &Value) -> Files {
        self.run(&TRAIN, "straight", &[("shards", "shards")], params.clone()).expect("trains");
        self.files("straight/model")
    }

    /// Stops a training wherever it can be stopped, each time after one step, and holds it against a straight run.
    #[track_caller]
    fn stopped_everywhere(&self, params: &Value) {
        let straight = self.straight(params);
        let whole = self.attempt("whole", params, usize::MAX);
        assert_eq!(whole.files.as_ref(), Some(&straight), "a checkpoint changes nothing: {params}");
        let stops = whole.asked;
        // The chain below shall find its own steps alone.
        std::fs::remove_dir_all(self.path("checkpoints")).expect("removes");
        let mut asked = 0;
        let last = loop {
            let tried = self.attempt("chain", params, 1);
            asked += tried.asked;
            assert!(asked <= stops, "{params}: something was done twice: {:?}", tried.notes);
            if let Some(files) = tried.files {
                break files;
            }
        };
        assert_eq!(asked, stops, "{params}");
        assert!(last == straight, "{params}: other bytes");
    }
}

/// The options that hide something that must not be lost: each pair of them in one training.
const OPTIONS: [fn() -> Value; 4] = [
    || json!({ "ema": 0.5, "accumulate": 2, "mixup": 0.2, "drop": 0.2 }),
    || json!({ "optimizer": "sgd", "lr": 0.01, "freeze": 3, "freeze_epochs": 1, "cutmix": 1, "clip": 0.5, "size": 64, "size_from": 32, "size_epochs": 1 }),
    || json!({ "freeze": 9, "ema": 0.9, "smoothing": 0.1, "layer_decay": 0.7 }),
    || json!({ "schedule": "constant", "patience": 1, "lr": 1e-9, "epochs": 4, "loss": "focal", "batch": 5 }),
];

#[test]
fn stopped_after_each_step_it_ends_with_the_bytes_of_a_straight_run_whatever_the_options() {
    let world = World::new();
    for options in OPTIONS {
        let _ = std::fs::remove_dir_all(world.path("checkpoints"));
        world.stopped_everywhere(&params(&options()));
    }
}

#[test]
fn stopped_at_any_step_and_then_left_alone_it_ends_with_the_same_bytes_and_does_nothing_twice() {
    let world = World::new();
    let params = params(&json!({ "ema": 0.5, "drop": 0.2 }));
    let straight = world.straight(&params);
    // Three steps, one question between the epochs, three steps.
    for stop in 1..=7 {
        let name = stop.to_string();
        let first = world.attempt(&name, &params, stop);
        assert_eq!((first.files, first.asked), (None, stop), "{stop}");
        let second = world.attempt(&name, &params, usize::MAX);
        assert!(second.files.as_ref() == Some(&straight), "stopped at {stop}: other bytes");
        assert_eq!(second.asked, 7 - stop, "{stop}");
        let epochs = second.notes.iter().filter(|note| note.contains(": train loss ")).count();
        assert_eq!(epochs, if stop < 4 { 2 } else { 1 }, "stopped at {stop}: {:?}", second.notes);
        let _ = std::fs::remove_dir_all(world.path("checkpoints"));
    }
}

#[test]
fn it_says_from_where_it_goes_on() {
    let world = World::new();
    let params = params(&json!({}));
    let told = |notes: &[String]| notes.iter().find(|note| note.starts_with("goes on")).cloned();
    world.attempt("a", &params, 2);
    let notes = world.attempt("a", &params, 2).notes;
    assert_eq!(told(&notes).as_deref(), Some("goes on from a checkpoint after 0 of 2 epochs and 2 of 3 batches"));
    let notes = world.attempt("a", &params, usize::MAX).notes;
    assert_eq!(told(&notes).as_deref(), Some("goes on from a checkpoint after 1 of 2 epochs"));
    // What ended is there at once, if its record was not written.
    let again = world.attempt("a", &params, usize::MAX);
    assert_eq!(
        (told(&again.notes).as_deref(), again.asked),
        (Some("goes on from a checkpoint after 2 of 2 epochs"), 0)
    );
    assert_eq!(again.files, Some(world.files("out/model")));
}

#[test]
fn more_epochs_go_on_where_the_schedule_is_constant() {
    let world = World::new();
    let epochs = |epochs: u64| params(&json!({ "schedule": "constant", "epochs": epochs }));
    world.attempt("two", &epochs(2), usize::MAX);
    let more = world.attempt("three", &epochs(3), usize::MAX);
    assert_eq!(more.asked, 3, "{:?}", more.notes);
    assert!(more.files.expect("ends") == world.straight(&epochs(3)));
    // Fewer would have passed by another best epoch.
    let fewer = world.attempt("one", &epochs(1), usize::MAX);
    assert_eq!(fewer.asked, 3);
    assert!(
        fewer.notes.contains(
            &"a checkpoint after 3 of 3 epochs is of no use, training begins anew: it is beyond the 1 epoch asked for"
                .to_owned()
        ),
        "{:?}",
        fewer.notes
    );
    assert!(fewer.files.expect("ends") == world.straight(&epochs(1)));
}

#[test]
fn more_epochs_begin_anew_under_a_cosine_and_it_is_said_why() {
    let world = World::new();
    world.attempt("two", &params(&json!({})), usize::MAX);
    let more = world.attempt("three", &params(&json!({ "epochs": 3 })), usize::MAX);
    // Steps 1 and 2 are warm-up, and step 3 is the peak.
    assert!(more.notes.contains(
        &"a checkpoint after 2 of 2 epochs is of no use, training begins anew: epochs 2 -> 3 changes the learning rate from \
          step 4 on (`schedule` is a cosine over all epochs)".to_owned()
    ), "{:?}", more.notes);
    assert_eq!(more.asked, 11);
}

#[test]
fn more_epochs_go_on_within_the_warm_up_where_nothing_depends_on_them_yet() {
    let world = World::new();
    let epochs = |epochs: u64| params(&json!({ "warmup": 1, "epochs": epochs }));
    world.attempt("two", &epochs(2), 3);
    let more = world.attempt("three", &epochs(3), usize::MAX);
    assert_eq!(more.asked, 11 - 3, "{:?}", more.notes);
    assert!(more.files.expect("ends") == world.straight(&epochs(3)));
}

#[test]
fn a_checkpoint_of_other_photographs_is_not_gone_on_from() {
    let world = World::new();
    let params = params(&json!({}));
    world.attempt("a", &params, 2);
    world.pack("shards", &super::world::LABELS, &[(Split::Train, 11), (Split::Val, 6), (Split::Test, 6)]);
    let tried = world.attempt("a", &params, usize::MAX);
    assert!(
        tried.notes.contains(
            &"the checkpoint is of no use, training begins anew: it began with other photographs, weights or params"
                .to_owned()
        ),
        "{:?}",
        tried.notes
    );
    assert!(tried.files.expect("ends") == world.straight(&params));
}

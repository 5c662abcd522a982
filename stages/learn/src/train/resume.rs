//! Going on where an earlier run stopped: [`Keeper`] saves a training as it goes, and finds the state that leads to the
//! same bytes as a straight run, or says why there is none.

use super::fit::{Journey, Training};
use super::saved::{About, Tensors, write};
use crate::models::Network;
use crate::weights;
use crate::words::counted;
use plantpipe_stage::checkpoint::{Found, Saved};
use plantpipe_stage::{Checkpoint, Result};
use std::time::{Duration, Instant};

/// Within an epoch, a state is saved so often at most, and never for more than a hundredth of the time.
const PAUSE: Duration = Duration::from_mins(2);

/// Looks after the checkpoint of a training; without a place for one, nothing is kept.
pub(super) struct Keeper<'a> {
    training: &'a Training<'a>,
    kept: Option<Kept>,
}

struct Kept {
    checkpoint: Checkpoint,
    origin: String,
    /// When a state was saved the last time, and what that took.
    last: Instant,
    took: Duration,
    /// How many were saved in all, and what all of them took.
    count: usize,
    all: Duration,
}

impl<'a> Keeper<'a> {
    /// Takes the place; `network` is what the training begins with.
    pub(super) fn open(training: &'a Training<'a>, network: &Network) -> Result<Self> {
        let kept = training.ctx.checkpoint()?.map(|checkpoint| Kept {
            checkpoint,
            origin: origin(training, network),
            last: Instant::now(),
            took: Duration::ZERO,
            count: 0,
            all: Duration::ZERO,
        });
        Ok(Self { training, kept })
    }

    /// Sets a journey that is at its beginning to where an earlier run left it, if one did; tells what was found.
    pub(super) fn go_on(&self, journey: &mut Journey) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let ctx = self.training.ctx;
        match kept.checkpoint.own() {
            Found::Saved(saved) => match self.usable(&saved, kept) {
                Ok(found) => return self.put(&saved, found, journey),
                Err(why) => ctx.note(format!("the checkpoint is of no use, training begins anew: {why}")),
            },
            Found::Damaged => ctx.note("the checkpoint is damaged, or another version's: training begins anew"),
            Found::Nothing => {}
        }
        let mut refused = None;
        let mut others: Vec<Saved> = kept.checkpoint.others().collect();
        // The one that came farthest first.
        others.sort_by_key(|saved| std::cmp::Reverse(saved.about["seen"].as_u64()));
        for saved in others {
            match self.usable(&saved, kept) {
                Ok(found) => return self.put(&saved, found, journey),
                Err(why) => _ = refused.get_or_insert((saved, why)),
            }
        }
        if let Some((saved, why)) = refused {
            ctx.note(format!("a checkpoint after {} is of no use, training begins anew: {why}", saved.progress));
        }
        Ok(())
    }

    /// What a state says and holds, if going on from it gives the bytes of a straight run; else why it doesn't.
    fn usable(&self, saved: &Saved, kept: &Kept) -> Result<(About, Tensors), String> {
        let about: About = serde_json::from_value(saved.about.clone()).map_err(|error| error.to_string())?;
        if about.origin != kept.origin {
            return Err("it began with other photographs, weights or params".to_owned());
        }
        self.fits(&about)?;
        let tensors = saved.open().and_then(Tensors::read).map_err(|error| error.message)?;
        Ok((about, tensors))
    }

    /// Whether a straight run of as many epochs as are asked for would pass through this state.
    fn fits(&self, about: &About) -> Result<(), String> {
        let (asked, was) = (self.training.params.epochs, about.epochs);
        if (about.epoch, about.batches) > (asked + 1, 0) {
            return Err(format!("it is beyond the {} asked for", counted(asked as usize, "epoch")));
        }
        let [schedule, then] = [asked, was].map(|epochs| self.training.schedule(epochs));
        match (0..about.steps).find(|step| schedule.at(*step).to_bits() != then.at(*step).to_bits()) {
            Some(step) => Err(format!(
                "epochs {was} -> {asked} changes the learning rate from step {} on (`schedule` is a cosine over all epochs)",
                step + 1
            )),
            None => Ok(()),
        }
    }

    fn put(&self, saved: &Saved, (about, tensors): (About, Tensors), journey: &mut Journey) -> Result<()> {
        about.put(tensors, journey)?;
        self.training.ctx.goes_on_from(saved);
        self.training.ctx.note(format!("goes on from a checkpoint after {}", saved.progress));
        Ok(())
    }

    /// After each step: saves from time to time, and stops where that is asked.
    pub(super) fn after_step(&mut self, journey: &Journey) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        if self.training.ctx.stopping() {
            self.save(journey)?;
            return Err(self.training.ctx.stopped());
        }
        if kept.last.elapsed() >= PAUSE.max(100 * kept.took) {
            self.save(journey)?;
        }
        Ok(())
    }

    /// Between epochs, with all saved: stops where that is asked.
    pub(super) fn after_epoch(&self, journey: &Journey) -> Result<()> {
        // With nothing left to do, the result is there sooner than anything that stops it.
        let is_over = self.training.is_over(journey);
        if self.kept.is_some() && !is_over && self.training.ctx.stopping() {
            return Err(self.training.ctx.stopped());
        }
        Ok(())
    }

    /// Saves where the journey is.
    pub(super) fn save(&mut self, journey: &Journey) -> Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let start = Instant::now();
        let about = About::of(journey, &kept.origin, self.training.params.epochs);
        let progress = self.training.progress_of(&about);
        let about = serde_json::to_value(about).expect("what is said of a training becomes JSON");
        kept.checkpoint.save(&progress, about, self.training.ctx.spent(), |path| write(journey, path))?;
        (kept.last, kept.took) = (Instant::now(), start.elapsed());
        kept.count += 1;
        kept.all += kept.took;
        Ok(())
    }

    /// What saving took, of a training that took so long.
    pub(super) fn tell(&self, training: Duration) {
        if let Some(Kept { count, all, .. }) = &self.kept
            && *count > 0
        {
            let [all, training] = [all, &training].map(Duration::as_secs_f64);
            self.training.ctx.note(format!("{} took {all:.2} s of {training:.2} s", counted(*count, "checkpoint")));
        }
    }
}

impl Training<'_> {
    /// `7 of 12 epochs`, `7 of 12 epochs and 30 of 94 batches`.
    fn progress_of(&self, about: &About) -> String {
        let epochs = format!("{} of {}", about.epoch - 1, counted(about.epochs as usize, "epoch"));
        match about.batches {
            0 => epochs,
            batches => format!("{epochs} and {batches} of {} batches", self.batches(self.train).count()),
        }
    }
}

/// The digest of all that a training begins with but `epochs`: what the recipe names, as it was really read.
fn origin(training: &Training, network: &Network) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("plantpipe 2026 origin of a training");
    let mut params: serde_json::Map<String, serde_json::Value> = training.ctx.params().expect("any params are a map");
    params.remove("epochs");
    let words = (params, training.ctx.seed(), training.preprocessing);
    hasher.update(&serde_json::to_vec(&words).expect("params become JSON"));
    for photos in [training.train, training.val] {
        hasher.update(&(photos.len() as u64).to_le_bytes());
        for (sample, image) in photos.samples.iter().zip(&photos.images) {
            let words = (&sample.id, &sample.targets, image.dimensions());
            hasher.update(&serde_json::to_vec(&words).expect("a sample becomes JSON"));
            hasher.update(image.as_raw());
        }
    }
    for (name, (shape, values)) in weights::walk::tensors(network) {
        hasher.update(&serde_json::to_vec(&(name, shape)).expect("a name becomes JSON"));
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

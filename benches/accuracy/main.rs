//! Time to accuracy: from a folder of photographs to a val exact match, by plantpipe and by a plain `PyTorch` recipe.
//!
//! ```sh
//! DATASET=DIR WEIGHTS=efficientnet_lite0.safetensors PEERS_PYTHON=venv/bin/python cargo bench --bench accuracy -- [--percent 80]
//! ```
//!
//! One after the other on the same machine; each time is from the start of the program, reading and packing included, to
//! the end of the first epoch at whose end val exact match has reached the goal. Validation counts for plantpipe, but not
//! for `PyTorch`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

#[path = "../beside/mod.rs"]
mod beside;

/// Small photographs first: an epoch of them takes a fifth of the time.
const PIPELINE: &str = r#"
[pipeline]
name = "accuracy"
seed = 1
[sources]
dataset = "dataset"
weights = "weights.safetensors"
[stages.small]
kind = "resize"
inputs = { images = "dataset" }
[stages.labels]
kind = "encode"
inputs = { labels = "dataset" }
[stages.shards]
kind = "pack"
inputs = { images = "small", labels = "labels" }
[stages.train]
kind = "train"
inputs = { shards = "shards", weights = "weights" }
arch = "efficientnet_lite0"
size = 160
size_from = 96
size_epochs = 4
epochs = 8
"#;

fn main() -> ExitCode {
    beside::end(measure())
}

fn measure() -> Result<(), String> {
    let [percent] = beside::numbers([("--percent", 80)])?;
    let goal = percent as f64 / 100.0;
    let (dataset, weights) = (place("DATASET")?, place("WEIGHTS")?);
    let ours = plantpipe(&dataset, &weights, goal)?;
    ours.print("plantpipe, 96 to 160 px");
    let Some(python) = std::env::var_os("PEERS_PYTHON") else {
        println!("PEERS_PYTHON names no Python with PyTorch: nothing to stand beside");
        return Ok(());
    };
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/accuracy/recipe.py");
    let mut command = Command::new(python);
    command.arg(recipe).args([&dataset, &weights]).arg(goal.to_string());
    let peers = Curve::of(command, goal, told_by_recipe)?;
    peers.print("PyTorch, 224 px, the better of the network and its average");
    if let (Some(ours), Some(peers)) = (ours.reached(goal), peers.reached(goal)) {
        println!("{goal:.2} after {ours:.0} s and {peers:.0} s: {:.2} of the time", ours / peers);
    }
    Ok(())
}

fn place(variable: &str) -> Result<PathBuf, String> {
    let named = std::env::var_os(variable).ok_or(format!("{variable} names no place"))?;
    std::fs::canonicalize(&named).map_err(|error| format!("{variable}: {}: {error}", named.display()))
}

fn plantpipe(dataset: &Path, weights: &Path, goal: f64) -> Result<Curve, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = folder.path();
    std::fs::write(folder.join("pipeline.toml"), PIPELINE).map_err(|error| error.to_string())?;
    for (to, name) in [(dataset, "dataset"), (weights, "weights.safetensors")] {
        std::os::unix::fs::symlink(to, folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_plantpipe"));
    command.args(["run", "--json", "train"]).current_dir(folder);
    Curve::of(command, goal, told_by_plantpipe)
}

/// Val exact match at the end of each epoch, with the seconds since the beginning.
struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// Listens to a program until the goal is reached; `told` reads a line: the seconds, if it tells them, and exact match.
    fn of(mut command: Command, goal: f64, told: impl Fn(&str) -> Option<(Option<f64>, f64)>) -> Result<Self, String> {
        let begun = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut curve = Self(Vec::new());
        for line in lines {
            let line = line.map_err(|error| error.to_string())?;
            let Some((seconds, reached)) = told(&line) else { continue };
            curve.0.push((seconds.unwrap_or_else(|| begun.elapsed().as_secs_f64()), reached));
            if reached >= goal {
                end(&mut child)?;
                return Ok(curve);
            }
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(curve) } else { Err(format!("{command:?} ended with {status}")) }
    }

    fn reached(&self, goal: f64) -> Option<f64> {
        self.0.iter().find(|(_, reached)| *reached >= goal).map(|(seconds, _)| *seconds)
    }

    fn print(&self, who: &str) {
        println!("{who}:");
        for (epoch, (seconds, reached)) in self.0.iter().enumerate() {
            println!("  epoch {:>2}  {seconds:6.1} s  {reached:.3}", epoch + 1);
        }
    }
}

/// Ends a program as one does that has seen enough.
fn end(child: &mut Child) -> Result<(), String> {
    let ended = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    ended.and_then(|_| child.wait()).map(|_| ()).map_err(|error| error.to_string())
}

/// `{"event":"stage_note","stage":"train","note":"epoch 2/8: ..., val exact match 0.750, ..."}`
fn told_by_plantpipe(line: &str) -> Option<(Option<f64>, f64)> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let note = event["note"].as_str().filter(|note| note.starts_with("epoch ") && note.contains(" images/s"))?;
    let (_, after) = note.split_once("val exact match ")?;
    Some((None, after.split(',').next()?.parse().ok()?))
}

/// `seconds network average`
fn told_by_recipe(line: &str) -> Option<(Option<f64>, f64)> {
    let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [seconds, network, average] = numbers[..] else { return None };
    Some((Some(seconds), network.max(average)))
}

//! A measurement, not a test: training, prediction and class activation maps beside `PyTorch`, timm and pytorch-grad-cam, in turn
//! on the same machine, as rows of a table:
//!
//! ```sh
//! PEERS_PYTHON=.../bin/python cargo test -p plantpipe-learn --release -- --ignored --nocapture beside_pytorch
//! ```
//!
//! `PEERS_PYTHON` is a Python that has `torch`, `timm` and `grad-cam`; without it only we are measured. `PLANTPIPE_PART` names
//! one of the parts `train`, `infer` and `cam`, `PLANTPIPE_ARCH` one network, `PLANTPIPE_ROUNDS` how many steps of each are
//! timed, `PLANTPIPE_THREADS` how many threads both have (2).
//!
//! Every contestant is a process of its own, so that the most memory it held is its own too; all wait but the one whose turn
//! it is. Of `PyTorch`'s two layouts of memory the faster counts.

use super::speed::Step;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

const PARTS: [&str; 3] = ["train", "infer", "cam"];
const NETWORKS: [(&str, usize); 3] = [("efficientnet_lite0", 32), ("resnet50", 16), ("vit_small_patch16_224", 16)];

/// A process that makes a step for every line it is given, and says how long that took.
struct Contestant {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    /// Images a second, of each step.
    speeds: Vec<f64>,
}

impl Contestant {
    fn new(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it answers")).lines();
        Self { child, orders, answers, speeds: Vec::new() }
    }

    /// The next number that it says.
    fn number(&mut self) -> f64 {
        let number = self.answers.by_ref().map(|line| line.expect("text")).find_map(|line| line.parse().ok());
        number.expect("it answers with a number")
    }

    fn step(&mut self) -> f64 {
        writeln!(self.orders.as_mut().expect("it is asked"), "step").expect("it listens");
        self.number()
    }

    fn median(&mut self) -> f64 {
        self.speeds.sort_by(f64::total_cmp);
        self.speeds[self.speeds.len() / 2]
    }

    /// The most memory it held, MiB.
    fn end(mut self) -> f64 {
        drop(self.orders.take());
        let most = self.number() / 1024.0;
        self.child.wait().expect("it ends");
        most
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[test]
#[ignore = "it prints speeds and has nothing to pass or fail; run it on a quiet machine"]
fn beside_pytorch() {
    let rounds: usize = variable("PLANTPIPE_ROUNDS").map_or(7, |count| count.parse().expect("a number of rounds"));
    let python = variable("PEERS_PYTHON");
    if python.is_none() {
        eprintln!("PEERS_PYTHON is not set: nothing is measured beside us");
    }
    println!(
        "| part | network, photographs | plantpipe, images/s | PyTorch, images/s | ratio | memory, MiB | PyTorch's |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for part in PARTS.iter().filter(|part| variable("PLANTPIPE_PART").is_none_or(|asked| asked == **part)) {
        for (name, count) in NETWORKS.iter().filter(|of| variable("PLANTPIPE_ARCH").is_none_or(|asked| asked == of.0)) {
            row(part, name, *count, rounds, python.as_deref());
        }
    }
}

fn row(part: &str, name: &str, count: usize, rounds: usize, python: Option<&str>) {
    let mut ours = Command::new(std::env::current_exe().expect("a path"));
    ours.args(["--ignored", "--exact", "--nocapture", "tests::beside::our_steps"]);
    ours.env("PLANTPIPE_STEPS", format!("{part} {name} {count}"));
    let mut contestants = vec![Contestant::new(ours)];
    for layout in python.iter().flat_map(|_| ["nchw", "channels_last"]) {
        let mut peer = Command::new(python.expect("there is one"));
        peer.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/peer.py"));
        peer.args([part, name, &count.to_string(), layout]);
        contestants.push(Contestant::new(peer));
    }
    for round in 0..rounds + 2 {
        for one in &mut contestants {
            // The others had the caches meanwhile: the first step of a turn does not count.
            one.step();
            let speed = count as f64 / one.step();
            // Two to warm up.
            if round > 1 {
                one.speeds.push(speed);
            }
        }
    }
    let best = (1..contestants.len()).max_by(|a, b| {
        let [a, b] = [a, b].map(|at| {
            let mut speeds = contestants[*at].speeds.clone();
            speeds.sort_by(f64::total_cmp);
            speeds[speeds.len() / 2]
        });
        a.total_cmp(&b)
    });
    let mut cells: Vec<(String, f64, f64)> = Vec::new();
    for (at, mut one) in contestants.into_iter().enumerate() {
        let median = one.median();
        let words = format!("{median:.1} ({:.1} to {:.1})", one.speeds[0], one.speeds[one.speeds.len() - 1]);
        let most = one.end();
        if at == 0 || Some(at) == best {
            cells.push((words, median, most));
        }
    }
    let (ours, peer) = (&cells[0], cells.get(1));
    let of_peer = |text: &dyn Fn(&(String, f64, f64)) -> String| peer.map_or(String::new(), text);
    println!(
        "| {part} | {name}, {count} | {} | {} | {} | {:.0} | {} |",
        ours.0,
        of_peer(&|peer| peer.0.clone()),
        of_peer(&|peer| format!("{:.2}", ours.1 / peer.1)),
        ours.2,
        of_peer(&|peer| format!("{:.0}", peer.2)),
    );
}

/// Our side, in a process of its own.
#[test]
#[ignore = "it is our side of `beside_pytorch`, which starts it"]
fn our_steps() {
    let Some(asked) = variable("PLANTPIPE_STEPS") else { return };
    let [part, name, count] = asked.split(' ').collect::<Vec<_>>().try_into().expect("three words");
    let threads = variable("PLANTPIPE_THREADS").map_or(2, |count| count.parse().expect("a number of threads"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let mut step = Step::new(part, name, count.parse().expect("a number of photographs"));
    for line in std::io::stdin().lines() {
        line.expect("text");
        let start = Instant::now();
        pool.install(|| step.make());
        println!("{}", start.elapsed().as_secs_f64());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    println!("{}", most.map_or("0", str::trim));
}

//! plantpipe's engine with fake stage kinds, for the engine's tests: they read and write a few bytes of text.

mod tools;

use plantpipe::registry::Registry;
use plantpipe_stage::checkpoint::Found;
use plantpipe_stage::{
    Arity, Context, Error, InputSpec, IoContext, Item, Kind, Opening, OutputSpec, ParamSpec, ParamType, Reads, Result,
    Uses,
};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    plantpipe::main(Registry {
        kinds: &[
            &[
                &COPY, &JOIN, &FAIL, &PANIC, &CRASH, &SLOW, &MEDDLE, &SIGN, &TELL, &LEARN, &EACH, &PAIRS, &LINES,
                &LOOK, &ROWS, &SCORE, &MEET, &STUMBLE, &COUNT,
            ],
            plantpipe_command::KINDS,
        ],
        ask: Some(&tools::ASK),
        checkpoint: Some(&tools::CHECKPOINT),
        archs: &["abacus", "sundial"],
        look: None,
        devices: &["cpu"],
        auto_device: || "cpu".to_owned(),
    })
}

const FROM: InputSpec =
    InputSpec { name: "from", doc: "what to read", format: "text", arity: Arity::One, reads: Reads::All };
const TEXT: &[OutputSpec] = &[OutputSpec { name: "text", doc: "text", format: "text" }];
const BASE: Kind = Kind {
    name: "",
    doc: "",
    inputs: &[FROM],
    outputs: TEXT,
    params: &[],
    code: &[],
    crates: &[],
    uses: Uses::NOTHING,
    run: copy,
};

/// Copies its input, and logs that it ran: a line in the file named by `log`, if any.
const COPY: Kind = Kind {
    name: "copy",
    doc: "copies its input",
    params: &[
        ParamSpec { name: "note", doc: "a word added at the end", ty: ParamType::Text, default: Some("\"\"") },
        ParamSpec { name: "rate", doc: "a number", ty: ParamType::Float { min: 0.0, max: 1.0 }, default: Some("0.5") },
    ],
    run: copy,
    ..BASE
};

/// Joins its inputs, upper case: small changes in the case of a letter end here.
const JOIN: Kind = Kind {
    name: "join",
    doc: "joins its inputs, upper case",
    inputs: &[InputSpec { name: "parts", doc: "what to join", format: "text", arity: Arity::Many, reads: Reads::All }],
    run: |ctx| {
        let mut all = String::new();
        for part in ctx.inputs("parts") {
            all.push_str(&read(&part.path)?.to_uppercase());
        }
        write(ctx, &all)
    },
    ..BASE
};

/// Upper-cases each file of its input by itself and adds its other input, and tells each file that it had to read.
const EACH: Kind = Kind {
    name: "each",
    doc: "upper-cases each file of its input",
    inputs: &[
        FROM,
        InputSpec { name: "with", doc: "added to each", format: "text", arity: Arity::Optional, reads: Reads::All },
    ],
    params: &[
        ParamSpec { name: "note", doc: "a word added to each", ty: ParamType::Text, default: Some("\"\"") },
        ParamSpec { name: "lie", doc: "record what is not so", ty: ParamType::Bool, default: Some("false") },
    ],
    uses: Uses { items: &["from"], ..Uses::NOTHING },
    run: each,
    ..BASE
};

#[derive(serde::Deserialize)]
struct EachParams {
    note: String,
    lie: bool,
}

fn each(ctx: &Context) -> Result<()> {
    let EachParams { note, lie } = ctx.params()?;
    let root = &ctx.input("from").path;
    let folder = ctx.output("text")?;
    let with = ctx.optional("with").map_or(Ok(String::new()), |with| read(&with.path))?;
    for path in files(root)? {
        let id = path.file_name().expect("a name").to_string_lossy().into_owned();
        let out = folder.join(&id);
        if ctx.known("from", &path).is_some_and(|known| ctx.reuse(&id, &known.digest, &out)) {
            continue;
        }
        ctx.note(format!("made {id}"));
        let before = std::fs::read_to_string(&path).io("read", &path)?;
        let after = format!("{}{with}{note}", before.to_uppercase());
        std::fs::write(&out, &after).io("write", &out)?;
        let digest = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
        ctx.record(Item { id, input: digest(&before), output: digest(if lie { "" } else { &after }) });
    }
    let reused = ctx.reused();
    ctx.note(format!("{reused} as before"));
    Ok(())
}

/// Counts to `to` and writes the numbers down; tells each that it counts, keeps a checkpoint after it, and waits at the
/// number in the file `hold`, if there is one. A level count goes the same way however far it goes, a steep one doesn't.
const COUNT: Kind = Kind {
    name: "count",
    doc: "counts",
    params: &[
        ParamSpec { name: "to", doc: "the last number", ty: ParamType::Int { min: 1, max: 99 }, default: Some("5") },
        ParamSpec { name: "level", doc: "count level", ty: ParamType::Bool, default: Some("false") },
        ParamSpec { name: "fail", doc: "fail at the end", ty: ParamType::Bool, default: Some("false") },
    ],
    uses: Uses { grows: Some(&["to"]), ..Uses::NOTHING },
    run: count,
    ..BASE
};

#[derive(serde::Deserialize)]
struct CountParams {
    to: u64,
    level: bool,
    fail: bool,
}

fn count(ctx: &Context) -> Result<()> {
    let CountParams { to, level, fail } = ctx.params()?;
    let checkpoint = ctx.checkpoint()?.expect("a run of a pipeline keeps checkpoints");
    let mut own = match checkpoint.own() {
        Found::Saved(saved) => Some(saved),
        Found::Nothing => None,
        Found::Damaged => {
            ctx.note("the checkpoint is damaged");
            None
        }
    };
    if own.is_none()
        && let Some(other) = checkpoint.others().next()
    {
        if level { own = Some(other) } else { ctx.note("a steep count begins anew") }
    }
    let state = own.as_ref().map(|saved| saved.open().map(std::fs::read_to_string));
    let mut counted = match state {
        Some(Ok(text)) => {
            ctx.goes_on_from(own.as_ref().expect("a state was opened"));
            text.io("read", "a state")?
        }
        Some(Err(_)) => {
            ctx.note("the state is damaged");
            String::new()
        }
        None => String::new(),
    };
    let done = counted.split_whitespace().count() as u64;
    if done > 0 {
        ctx.note(format!("goes on after {done}"));
    }
    for number in done + 1..=to {
        ctx.note(format!("counts {number}"));
        counted.push_str(&format!("{} ", if level { number } else { number * to }));
        let write = |path: &Path| std::fs::write(path, &counted).io("write", path);
        checkpoint.save(&format!("{number} of {to}"), serde_json::Value::Null, ctx.spent(), write)?;
        while !ctx.stopping() && std::fs::read_to_string("hold").is_ok_and(|hold| hold == number.to_string()) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        if ctx.stopping() {
            return Err(ctx.stopped());
        }
    }
    if fail {
        return Err(Error::new("it was told to fail"));
    }
    if level {
        ctx.keep_checkpoint();
    }
    write(ctx, &format!("{}{counted}", read(&ctx.input("from").path)?))
}
/// Joins each file of one input with the file of that name in the other: an item is a pair, and both inputs count.
const PAIRS: Kind = Kind {
    name: "pairs",
    doc: "joins files of one name",
    inputs: &[
        FROM,
        InputSpec { name: "with", doc: "what to join", format: "text", arity: Arity::One, reads: Reads::All },
    ],
    uses: Uses { items: &["from", "with"], ..Uses::NOTHING },
    run: pairs,
    ..BASE
};

fn pairs(ctx: &Context) -> Result<()> {
    let folder = ctx.output("text")?;
    let digest = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    for first in files(&ctx.input("from").path)? {
        let id = first.file_name().expect("a name").to_string_lossy().into_owned();
        let second = ctx.input("with").path.join(&id);
        let out = folder.join(&id);
        let known = ctx.known("from", &first).zip(ctx.known("with", &second));
        let known = known.map(|(first, second)| format!("{} {}", first.digest, second.digest));
        if known.is_some_and(|input| ctx.reuse(&id, &input, &out)) {
            continue;
        }
        ctx.note(format!("made {id}"));
        let text = |path: &Path| std::fs::read_to_string(path).io("read", path);
        let (first, second) = (text(&first)?, text(&second)?);
        let input = format!("{} {}", digest(&first), digest(&second));
        let both = first + &second;
        std::fs::write(&out, &both).io("write", &out)?;
        ctx.record(Item { id, input, output: digest(&both) });
    }
    Ok(())
}

/// Upper-cases each file of its input into a line of one file: an item is a line, and all share the file.
const LINES: Kind = Kind {
    name: "lines",
    doc: "a line a file",
    inputs: &[
        FROM,
        InputSpec { name: "with", doc: "added to each", format: "text", arity: Arity::Optional, reads: Reads::All },
    ],
    params: &[ParamSpec { name: "note", doc: "a word added to each", ty: ParamType::Text, default: Some("\"\"") }],
    uses: Uses { items: &["from", "with"], ..Uses::NOTHING },
    run: lines,
    ..BASE
};

fn lines(ctx: &Context) -> Result<()> {
    let note = ctx.params::<CopyParams>()?.note;
    let digest = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let with = ctx.optional("with").map_or(Ok(String::new()), |with| read(&with.path))?;
    let (mut all, mut items) = (String::new(), Vec::new());
    for path in files(&ctx.input("from").path)? {
        let id = path.file_name().expect("a name").to_string_lossy().into_owned();
        let before = std::fs::read_to_string(&path).io("read", &path)?;
        let input = digest(&format!("{before} {with}"));
        let earlier = ctx.earlier(&id, &input).map(std::fs::read_to_string).transpose().io("read", "an earlier run")?;
        let earlier = earlier.and_then(|all| all.lines().find(|line| line.starts_with(&id)).map(str::to_owned));
        let line = earlier.unwrap_or_else(|| {
            ctx.note(format!("made {id}"));
            format!("{id} {}{with}{note}", before.to_uppercase())
        });
        all.push_str(&format!("{line}\n"));
        items.push((id, input));
    }
    for (id, input) in items {
        ctx.record(Item { id, input, output: digest(&all) });
    }
    write(ctx, &all)
}

/// Reads photographs.
const LOOK: Kind = Kind {
    name: "look",
    doc: "counts photographs",
    inputs: &[InputSpec { name: "photos", reads: Reads::Images, ..FROM }],
    run: |ctx| {
        let names = files(&ctx.input("photos").path)?;
        write(ctx, &names.iter().filter(|path| Reads::is_image(&path.to_string_lossy())).count().to_string())
    },
    ..BASE
};

/// Reads tables.
const ROWS: Kind = Kind {
    name: "rows",
    doc: "copies tables",
    inputs: &[InputSpec { name: "photos", reads: Reads::Tables, ..FROM }],
    run: |ctx| {
        let tables = files(&ctx.input("photos").path)?.into_iter();
        let tables = tables.filter(|path| Reads::is_table(&path.to_string_lossy()));
        let texts = tables.map(|path| std::fs::read_to_string(&path).io("read", path)).collect::<Result<String>>()?;
        write(ctx, &texts)
    },
    ..BASE
};

const FAIL: Kind = Kind {
    name: "fail",
    doc: "fails",
    run: |ctx| {
        write(ctx, "half")?;
        Err(Error::new("it was told to fail").hint("do not use `fail`"))
    },
    ..BASE
};

const PANIC: Kind = Kind { name: "panic", doc: "panics", run: |_| panic!("a bug on purpose"), ..BASE };

const CRASH: Kind = Kind { name: "crash", doc: "ends without a report", run: |_| std::process::exit(9), ..BASE };

const SLOW: Kind = Kind {
    name: "slow",
    doc: "takes a minute",
    run: |ctx| {
        ctx.progress(0, 60, "seconds");
        std::thread::sleep(std::time::Duration::from_mins(1));
        copy(ctx)
    },
    ..BASE
};

/// Says that it is there by a file `met-<me>`, and ends when everybody that it waits for is there too.
const MEET: Kind = Kind {
    name: "meet",
    doc: "waits for others",
    params: &[
        ParamSpec { name: "me", doc: "a name", ty: ParamType::Text, default: Some("\"\"") },
        ParamSpec { name: "others", doc: "who must be there", ty: ParamType::Texts, default: Some("[]") },
    ],
    run: |ctx| {
        let MeetParams { me, others } = ctx.params()?;
        let path = |name: &str| PathBuf::from(format!("met-{name}"));
        std::fs::write(path(&me), "").io("write", path(&me))?;
        ctx.note(format!("{} threads", ctx.threads()));
        for _ in 0..1000 {
            if others.iter().all(|other| path(other).exists()) {
                return write(ctx, &read(&ctx.input("from").path)?);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Err(Error::new("waited in vain"))
    },
    ..BASE
};

#[derive(serde::Deserialize)]
struct MeetParams {
    me: String,
    others: Vec<String>,
}

/// Fails as often as `times` says, and then copies: each try leaves a line in the file `tries`.
const STUMBLE: Kind = Kind {
    name: "stumble",
    doc: "fails some times",
    params: &[ParamSpec {
        name: "times",
        doc: "how often",
        ty: ParamType::Int { min: 0, max: i64::MAX },
        default: Some("1"),
    }],
    run: |ctx| {
        let tries = std::fs::read_to_string("tries").unwrap_or_default();
        std::fs::write("tries", format!("{tries}.\n")).io("write", "tries")?;
        if tries.lines().count() < ctx.params::<StumbleParams>()?.times {
            return Err(Error::new("it stumbled"));
        }
        write(ctx, &read(&ctx.input("from").path)?)
    },
    ..BASE
};

#[derive(serde::Deserialize)]
struct StumbleParams {
    times: usize,
}

/// Changes its own input while it runs, as a careless user would.
const MEDDLE: Kind = Kind {
    name: "meddle",
    doc: "changes its input while it runs",
    run: |ctx| {
        copy(ctx)?;
        let path = ctx.input("from").path.join("a.txt");
        std::fs::write(&path, "changed meanwhile").io("write", path)
    },
    ..BASE
};

/// A copy that counts as a model.
const LEARN: Kind = Kind {
    name: "learn",
    doc: "copies its input as a model",
    outputs: &[OutputSpec { name: "model", doc: "text", format: "model" }],
    run: |ctx| {
        let path = ctx.output("model")?.join("text.txt");
        std::fs::write(&path, read(&ctx.input("from").path)?).io("write", path)
    },
    ..BASE
};

/// Says how long its input is, as a score on test against the answers of that name.
const SCORE: Kind = Kind {
    name: "score",
    doc: "scores its input on test",
    params: &[ParamSpec { name: "answers", doc: "a name", ty: ParamType::Text, default: Some("\"a\"") }],
    run: |ctx| {
        let answers = ctx.params::<ScoreParams>()?.answers;
        ctx.open(Opening { answers, size: 3 });
        write(ctx, &read(&ctx.input("from").path)?.len().to_string())
    },
    ..BASE
};

#[derive(serde::Deserialize)]
struct ScoreParams {
    answers: String,
}

const SIGN: Kind = Kind {
    name: "sign",
    doc: "writes seed and device",
    inputs: &[],
    uses: Uses { seed: true, device: true, ..Uses::NOTHING },
    run: |ctx| write(ctx, &format!("{} {}", ctx.seed(), ctx.device())),
    ..BASE
};

/// A report of sorts: published, aware of what lies upstream, with the pictures of its input.
const TELL: Kind = Kind {
    name: "tell",
    doc: "tells what lies upstream",
    uses: Uses { lineage: true, published: true, ..Uses::NOTHING },
    run: |ctx| {
        let names: Vec<&str> =
            ctx.lineage().into_iter().flat_map(|lineage| &lineage.ancestors).map(|a| a.name.as_str()).collect();
        let path = ctx.output("text")?.join("report.md");
        std::fs::write(&path, names.join(" ")).io("write", &path)?;
        for picture in
            files(&ctx.input("from").path)?.iter().filter(|file| file.extension().is_some_and(|e| e == "png"))
        {
            let copy = path.with_file_name(picture.file_name().expect("a name"));
            std::fs::copy(picture, &copy).io("write", copy)?;
        }
        Ok(())
    },
    ..BASE
};

#[derive(serde::Deserialize)]
struct CopyParams {
    #[serde(default)]
    note: String,
}

fn copy(ctx: &Context) -> Result<()> {
    let note = ctx.params::<CopyParams>()?.note;
    ctx.note("copying");
    write(ctx, &format!("{}{note}", read(&ctx.input("from").path)?))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut names: Vec<_> = std::fs::read_dir(folder).io("read", folder)?.flatten().map(|entry| entry.path()).collect();
    names.sort();
    Ok(names)
}

fn read(folder: &Path) -> Result<String> {
    files(folder)?.iter().map(|path| std::fs::read_to_string(path).io("read", path)).collect()
}

fn write(ctx: &Context, text: &str) -> Result<()> {
    let path = ctx.output("text")?.join("text.txt");
    std::fs::write(&path, text).io("write", path)
}

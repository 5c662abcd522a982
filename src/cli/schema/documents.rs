//! JSON Schemas of what `--json` prints: one a document, and one for a line of `run --json`.

use clap::ValueEnum;
use serde_json::{Map, Value, json};

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// The pipeline file
    Pipeline,
    /// `status --json`
    Status,
    /// `why --json`
    Why,
    /// `graph --json`
    Graph,
    /// `kinds --json`
    Kinds,
    /// `run -n --json`
    Plan,
    /// A line of `run --json`
    Event,
    /// `runs --json`
    Runs,
    /// `runs RUN --json`
    Run,
    /// `diff --json`
    Diff,
    /// `verify --json`
    Verify,
    /// `gc --json`
    Gc,
    /// `predict --json`
    Predict,
    /// An error, on standard error
    Error,
}

/// The schema of a document; the pipeline file's stands elsewhere, with the kinds that it is made of.
pub fn schema(document: Document) -> Option<Value> {
    let (title, schema) = match document {
        Document::Pipeline => return None,
        Document::Status => ("plantpipe status --json", status()),
        Document::Why => ("plantpipe why --json", why()),
        Document::Graph => ("plantpipe graph --json", graph()),
        Document::Kinds => ("plantpipe kinds --json", kinds()),
        Document::Plan => ("plantpipe run -n --json", plan()),
        Document::Event => ("a line of plantpipe run --json", event()),
        Document::Runs => ("plantpipe runs --json", runs()),
        Document::Run => ("plantpipe runs RUN --json", versioned(run())),
        Document::Diff => ("plantpipe diff --json", diff()),
        Document::Verify => ("plantpipe verify --json", verify()),
        Document::Gc => ("plantpipe gc --json", gc()),
        Document::Predict => ("plantpipe predict --json", predict()),
        Document::Error => ("an error of plantpipe with --json", error()),
    };
    let mut whole = json!({ "$schema": "http://json-schema.org/draft-07/schema#", "title": title });
    let fields = schema.as_object().expect("a schema is a table").clone();
    whole.as_object_mut().expect("a schema is a table").extend(fields);
    Some(whole)
}

type Fields = Vec<(&'static str, Value)>;

/// All of these fields, and perhaps others by and by.
fn object(fields: Fields) -> Value {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let required = json!(required);
    let properties: Map<String, Value> = fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// The same, of which some may be absent.
fn perhaps(mut object: Value, fields: Fields) -> Value {
    for (name, schema) in fields {
        object["properties"][name] = schema;
    }
    object
}

fn document(mut fields: Fields) -> Value {
    fields.insert(0, ("schema_version", json!({ "const": 1 })));
    object(fields)
}

/// A table that has the version of the document that it is.
fn versioned(mut object: Value) -> Value {
    object["properties"]["schema_version"] = json!({ "const": 1 });
    object["required"].as_array_mut().expect("an array").push(json!("schema_version"));
    object
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn truth() -> Value {
    json!({ "type": "boolean" })
}

fn digest() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn list(of: &Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn map(of: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": of })
}

fn nullable(schema: Value) -> Value {
    let either = vec![schema, json!({ "type": "null" })];
    json!({ "anyOf": either })
}

fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

fn anything() -> Value {
    json!({})
}

fn state() -> Value {
    one_of(&["fresh", "frozen", "stale", "missing", "interrupted", "never_run", "blocked", "failed"])
}

fn status() -> Value {
    let stage = object(vec![
        ("name", text()),
        ("group", nullable(text())),
        ("kind", text()),
        ("state", state()),
        ("reasons", list(&text())),
        ("key", nullable(digest())),
        ("outputs", nullable(map(&digest()))),
        ("seconds", nullable(number())),
    ]);
    document(vec![("pipeline", text()), ("profile", nullable(text())), ("stages", list(&stage))])
}

fn recipe() -> Value {
    object(vec![
        ("schema", count()),
        ("kind", text()),
        ("code", map(&digest())),
        ("crates", map(&text())),
        ("device", nullable(text())),
        ("seed", nullable(count())),
        ("params", map(&anything())),
        ("inputs", map(&list(&digest()))),
        ("lineage", nullable(digest())),
    ])
}

/// How many came, went and changed, and the first of them.
fn delta() -> Value {
    object(vec![("added", count()), ("removed", count()), ("changed", count()), ("first", list(&text()))])
}

/// One reason as data, as `what` says.
fn reason() -> Value {
    let table = object(vec![("file", text()), ("columns_changed", truth()), ("rows", delta())]);
    let detail = object(vec![("images", delta()), ("files", delta()), ("tables", list(&table))]);
    let artifact = object(vec![("name", text()), ("detail", nullable(detail))]);
    let is = ("is", one_of(&["new", "gone", "artifacts", "changed"]));
    let artifacts = ("artifacts", list(&artifact));
    let input = perhaps(object(vec![is]), vec![("before", count()), ("after", count()), artifacts]);
    let file = one_of(&["new", "gone", "changed"]);
    let words = ["schema", "kind", "param", "input", "code", "crate", "seed", "device", "lineage"];
    let change = json!({ "anyOf": [input, file] });
    let (before, after) = (("before", anything()), ("after", anything()));
    let more = vec![("name", text()), ("kind", text()), ("file", text()), before, after, ("change", change)];
    perhaps(object(vec![("what", one_of(&words))]), more)
}

fn why() -> Value {
    let behind =
        object(vec![("stage", text()), ("state", state()), ("reasons", list(&text())), ("changes", list(&reason()))]);
    let last =
        object(vec![("time", time()), ("seconds", number()), ("reasons", list(&text())), ("same_bytes", truth())]);
    let cut_off = object(vec![("stage", text()), ("reasons", list(&text()))]);
    let next = object(vec![("stage", text()), ("certain", truth()), ("last_seconds", number())]);
    let stage = document(vec![
        ("stage", text()),
        ("state", state()),
        ("reasons", list(&text())),
        ("changes", list(&reason())),
        ("behind", list(&behind)),
        ("key", nullable(digest())),
        ("recipe", nullable(recipe())),
        ("last_run", nullable(last)),
        ("cut_off", list(&cut_off)),
        ("then", list(&next)),
    ]);
    let group = document(vec![("group", text()), ("instances", list(&stage))]);
    json!({ "anyOf": [stage, group] })
}

fn graph() -> Value {
    let stage =
        object(vec![("name", text()), ("group", nullable(text())), ("kind", text()), ("params", map(&anything()))]);
    let edge = object(vec![("from", text()), ("to", text()), ("output", nullable(text())), ("input", text())]);
    document(vec![("sources", list(&text())), ("stages", list(&stage)), ("edges", list(&edge))])
}

fn kinds() -> Value {
    let input = object(vec![("name", text()), ("doc", text()), ("format", text()), ("arity", text())]);
    let output = object(vec![("name", text()), ("doc", text()), ("format", text())]);
    let param = object(vec![("name", text()), ("doc", text()), ("type", text()), ("default", nullable(text()))]);
    let kind = object(vec![
        ("name", text()),
        ("doc", text()),
        ("inputs", list(&input)),
        ("outputs", list(&output)),
        ("params", list(&param)),
    ]);
    document(vec![("kinds", list(&kind))])
}

fn planned(action: (&'static str, Value)) -> Value {
    object(vec![
        ("stage", text()),
        action,
        ("reasons", list(&text())),
        ("last_seconds", nullable(number())),
        ("last_memory", nullable(count())),
    ])
}

fn plan() -> Value {
    document(vec![("would_run", list(&planned(("action", one_of(&["run", "perhaps"])))))])
}

fn event() -> Value {
    let stage = || ("stage", text());
    let seconds = || ("seconds", number());
    let kept = vec![("source", text()), ("bytes", count()), ("sha256", text()), seconds()];
    let failed = vec![stage(), seconds(), ("message", text()), ("hint", nullable(text()))];
    let retried = vec![stage(), ("failed", count()), ("of", count()), ("message", text()), seconds()];
    let progress = vec![stage(), ("done", count()), ("total", count()), ("unit", text())];
    let started = vec![stage(), ("kind", text()), ("reasons", list(&text())), ("threads", count())];
    let ended = vec![("ran", count()), ("fresh", count()), ("failed", count()), ("skipped", count()), seconds()];
    let run = vec![
        ("schema_version", json!({ "const": 1 })),
        ("pipeline", text()),
        ("profile", nullable(text())),
        ("stages", count()),
    ];
    let events: Vec<(&str, Fields)> = vec![
        ("run_started", run),
        ("source_fetched", vec![("source", text()), ("url", text())]),
        ("source_kept", kept),
        ("run_planned", vec![("stages", list(&planned(("certain", truth()))))]),
        ("stage_fresh", vec![stage()]),
        ("stage_frozen", vec![stage(), ("reasons", list(&text()))]),
        ("stage_started", started),
        ("stage_progress", progress),
        ("stage_note", vec![stage(), ("note", text())]),
        ("stage_done", vec![stage(), seconds(), ("same_bytes", truth())]),
        ("stage_retried", retried),
        ("stage_failed", failed),
        ("stage_stopped", vec![stage(), seconds()]),
        ("stage_skipped", vec![stage(), ("because", text())]),
        ("run_stopping", vec![("running", count())]),
        ("note", vec![("note", text())]),
        ("report_published", vec![("path", text())]),
        ("run_done", vec![("ran", count()), ("fresh", count()), seconds()]),
        ("run_failed", ended),
    ];
    // Events that are to come are no error to a reader of these.
    let known: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
    let other = json!({ "type": "object", "required": ["event"], "properties": { "event": { "type": "string", "not": { "enum": known } } } });
    let each = events.into_iter().map(|(name, mut fields)| {
        fields.insert(0, ("event", json!({ "const": name })));
        // Seconds since the run began, where they are told.
        perhaps(object(fields), vec![("at", number())])
    });
    json!({ "anyOf": each.chain([other]).collect::<Vec<_>>() })
}

fn run() -> Value {
    let machine = object(vec![("system", text()), ("processor", text()), ("threads", count())]);
    let stage = object(vec![
        ("stage", text()),
        ("fate", one_of(&["ran", "fresh", "frozen", "failed", "skipped", "stopped"])),
        ("key", nullable(digest())),
        ("outputs", map(&digest())),
        ("seconds", number()),
        ("failed_tries", count()),
    ]);
    object(vec![
        ("name", text()),
        ("version", text()),
        ("started", time()),
        ("pipeline", text()),
        ("profile", nullable(text())),
        ("set", list(&text())),
        ("device", text()),
        ("machine", machine),
        ("stages", list(&stage)),
        ("seconds", number()),
        ("outcome", text()),
    ])
}

fn runs() -> Value {
    document(vec![("runs", list(&run())), ("all", count()), ("unreadable", count())])
}

fn diff() -> Value {
    let side = object(vec![("name", text()), ("run", nullable(run()))]);
    let parts = ["kind", "param", "input", "seed", "device", "code", "crate"];
    let change = object(vec![("part", one_of(&parts)), ("name", text()), ("a", anything()), ("b", anything())]);
    let files = object(vec![("added", count()), ("removed", count()), ("changed", count()), ("same", count())]);
    let output = object(vec![
        ("output", text()),
        ("a", nullable(digest())),
        ("b", nullable(digest())),
        ("files", nullable(files)),
    ]);
    let interval = json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 });
    let measure = object(vec![("value", number()), ("interval", nullable(interval))]);
    let metric = object(vec![("name", text()), ("a", nullable(measure.clone())), ("b", nullable(measure))]);
    let picture = object(vec![("file", text()), ("a", nullable(text())), ("b", nullable(text()))]);
    let stage = object(vec![
        ("stage", text()),
        ("there", one_of(&["both", "only_a", "only_b"])),
        ("recipe", list(&change)),
        ("outputs", list(&output)),
        ("metrics", list(&metric)),
        ("pictures", list(&picture)),
        ("unknown", list(&text())),
    ]);
    document(vec![("a", side.clone()), ("b", side), ("stages", list(&stage))])
}

fn verify() -> Value {
    let line = object(vec![("number", count()), ("recorded", nullable(text())), ("again", nullable(text()))]);
    let verdicts = ["same", "intact", "damaged", "differs", "failed", "unverified"];
    let stage = object(vec![("stage", text()), ("verdict", one_of(&verdicts)), ("seconds", nullable(number()))]);
    let more = vec![
        ("output", text()),
        ("file", nullable(text())),
        ("line", nullable(line)),
        ("message", text()),
        ("reason", text()),
    ];
    document(vec![("stages", list(&perhaps(stage, more)))])
}

fn gc() -> Value {
    let sorts = ["run", "record", "pointer", "output", "checkpoint", "leftover"];
    let piece = object(vec![
        ("sort", one_of(&sorts)),
        ("name", text()),
        ("kind", nullable(text())),
        ("last_used", nullable(time())),
        ("bytes", count()),
    ]);
    document(vec![("dry_run", truth()), ("removed", list(&piece)), ("bytes_before", count()), ("bytes_after", count())])
}

fn predict() -> Value {
    let failed = object(vec![("image", text()), ("error", text())]);
    let answer = object(vec![("image", text()), ("probabilities", map(&number())), ("predicted", list(&text()))]);
    let stage = document(vec![
        ("threshold", number()),
        ("labels", list(&text())),
        ("answers", list(&answer)),
        ("failed", list(&failed)),
    ]);
    let output = object(vec![("image", text()), ("values", list(&number()))]);
    let checkpoint = document(vec![
        ("asked", map(&anything())),
        ("labels", list(&text())),
        ("answers", list(&output)),
        ("failed", list(&failed)),
    ]);
    json!({ "anyOf": [stage, checkpoint] })
}

fn error() -> Value {
    let place = object(vec![
        ("file", text()),
        ("line", count()),
        ("column", count()),
        ("word", nullable(text())),
        ("label", text()),
    ]);
    let error = document(vec![("error", text()), ("hint", nullable(text())), ("exit_code", count())]);
    perhaps(error, vec![("place", place)])
}

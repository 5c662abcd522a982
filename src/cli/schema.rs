//! `plantpipe schema`: the JSON Schema of a pipeline file, from the same table that checks it, and those of what `--json`
//! prints.

mod documents;

use documents::Document;

use super::print_json;
use crate::conduct;
use crate::error::Result;
use crate::params::default_value;
use crate::registry::Registry;
use clap::Args;
use plantpipe_stage::{InputSpec, Kind, ParamSpec, ParamType};
use serde_json::{Map, Value, json};

#[derive(Args)]
pub struct Schema {
    /// Of what
    #[arg(value_enum, value_name = "DOCUMENT", default_value = "pipeline")]
    document: Document,
}

impl Schema {
    pub fn run(&self, registry: Registry) -> Result<()> {
        print_json(&documents::schema(self.document).unwrap_or_else(|| schema(registry)))
    }
}

/// Draft 7, which editors' TOML plug-ins know.
fn schema(registry: Registry) -> Value {
    let stages: Vec<Value> = registry.kinds().map(|kind| stage(kind, true)).collect();
    let mut changes: Vec<Value> = registry.kinds().map(|kind| stage(kind, false)).collect();
    changes.push(json!({ "$ref": "#/definitions/remove" }));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "plantpipe pipeline file",
        "type": "object",
        "properties": {
            "pipeline": { "$ref": "#/definitions/pipeline" },
            "sources": table("What is there before the pipeline runs: name -> path or URL", &json!({ "$ref": "#/definitions/source" })),
            "stages": table("What is done: name -> stage", &json!({ "$ref": "#/definitions/stage" })),
            "profiles": table("Partial pipelines, merged over this one by --profile NAME", &json!({ "$ref": "#/definitions/profile" })),
        },
        "required": ["pipeline"],
        "additionalProperties": false,
        "definitions": {
            "pipeline": {
                "type": "object",
                "properties": {
                    "name": { "type": "string", "pattern": NAME, "description": "The report goes to reports/<name>/" },
                    "seed": { "type": "integer", "minimum": 0, "default": 0, "description": "What chance depends on" },
                },
                "additionalProperties": false,
            },
            "source": {
                "description": "A path, relative to this file, or a URL (https://, hf://)",
                "anyOf": [
                    { "type": "string", "minLength": 1 },
                    {
                        "type": "object",
                        "properties": {
                            "url": { "type": "string", "minLength": 1 },
                            "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "What comes is held against it" },
                        },
                        "required": ["url"],
                        "additionalProperties": false,
                    },
                ],
            },
            "remove": {
                "type": "object",
                "properties": { "remove": { "const": true, "description": "Takes the entry out" } },
                "required": ["remove"],
                "additionalProperties": false,
            },
            "stage": { "oneOf": stages },
            "change": { "anyOf": changes },
            "profile": {
                "type": "object",
                "properties": {
                    "pipeline": { "$ref": "#/definitions/pipeline" },
                    "sources": table("Other sources", &json!({ "anyOf": [{ "$ref": "#/definitions/source" }, { "$ref": "#/definitions/remove" }] })),
                    "stages": table("Other stages", &json!({ "$ref": "#/definitions/change" })),
                },
                "additionalProperties": false,
            },
        },
    })
}

const NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_-]*$";

fn table(description: &str, entry: &Value) -> Value {
    json!({ "type": "object", "description": description, "propertyNames": { "pattern": NAME }, "additionalProperties": entry })
}

/// A stage of a kind; in a profile nothing is required, and anything can be removed.
fn stage(kind: &Kind, whole: bool) -> Value {
    let or_remove =
        |schema: Value| if whole { schema } else { json!({ "anyOf": [schema, { "$ref": "#/definitions/remove" }] }) };
    let mut properties = Map::new();
    properties.insert("kind".to_owned(), json!({ "const": kind.name, "description": kind.doc }));
    if !kind.inputs.is_empty() {
        properties.insert("inputs".to_owned(), inputs(kind, whole));
    }
    for param in kind.params {
        properties.insert(param.name.to_owned(), or_remove(described(param)));
    }
    if kind.uses.seed {
        let seed = json!({ "type": "integer", "minimum": 0, "description": "Instead of the pipeline's seed" });
        properties.insert("seed".to_owned(), or_remove(seed));
    }
    properties.insert("matrix".to_owned(), or_remove(matrix(kind)));
    for (key, schema) in conduct() {
        properties.insert(key.to_owned(), or_remove(schema));
    }
    let follow = json!({ "type": "string", "description": "One instance of this stage for each of that one" });
    properties.insert("for_each".to_owned(), or_remove(follow));

    let mut schema =
        json!({ "type": "object", "description": kind.doc, "properties": properties, "additionalProperties": false });
    if whole {
        let needed = kind.params.iter().filter(|param| param.default.is_none()).map(|param| param.name);
        let needs_inputs = kind.inputs.iter().any(is_needed).then_some("inputs");
        let needed: Vec<&str> = needed.chain(needs_inputs).collect();
        schema["required"] = json!(["kind"]);
        if !needed.is_empty() {
            // What an axis gives need not stand in the stage.
            schema["anyOf"] = json!([{ "required": needed }, { "required": ["matrix"] }]);
        }
    }
    schema
}

/// How a stage is run: the same for every kind.
fn conduct() -> [(&'static str, Value); 3] {
    let [frozen, retries, resources] = conduct::KEYS;
    let frozen_is = "It is not run: its last result is used";
    let retries_is = "How often a try that failed is repeated";
    let resources_is = "What it takes while it runs: threads, gpu, or whatever else has a name";
    let amount = |least: u32| json!({ "type": "integer", "minimum": least });
    [
        (frozen, json!({ "type": "boolean", "default": false, "description": frozen_is })),
        (retries, json!({ "type": "integer", "minimum": 0, "description": retries_is })),
        (
            resources,
            json!({
                "type": "object", "description": resources_is,
                "properties": { conduct::THREADS: amount(1), conduct::GPU: amount(0) },
                "additionalProperties": amount(0),
            }),
        ),
    ]
}

fn is_needed(input: &InputSpec) -> bool {
    use plantpipe_stage::Arity;
    !input.is_any() && matches!(input.arity, Arity::One | Arity::Many)
}

fn inputs(kind: &Kind, whole: bool) -> Value {
    let one = |input: &InputSpec| {
        let name = json!({ "type": "string", "minLength": 1 });
        let mut forms = vec![name.clone()];
        if input.arity.is_many() {
            forms.push(json!({ "type": "array", "items": name }));
        }
        if !whole {
            forms.push(json!({ "$ref": "#/definitions/remove" }));
        }
        json!({ "anyOf": forms, "description": format!("{} ({})", input.doc, input.format) })
    };
    let named = kind.inputs.iter().filter(|input| !input.is_any());
    let properties: Map<String, Value> = named.map(|input| (input.name.to_owned(), one(input))).collect();
    let others = kind.inputs.iter().find(|input| input.is_any()).map_or(json!(false), one);
    json!({ "type": "object", "properties": properties, "additionalProperties": others })
}

/// Axes: params, inputs and the seed, each an array.
fn matrix(kind: &Kind) -> Value {
    let params = kind
        .params
        .iter()
        .map(|param| (param.name.to_owned(), json!({ "type": "array", "minItems": 1, "items": of_type(&param.ty) })));
    let names = json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
    let inputs = kind.inputs.iter().filter(|input| !input.is_any()).map(|input| (input.name.to_owned(), names.clone()));
    let mut properties: Map<String, Value> = params.chain(inputs).collect();
    if kind.uses.seed {
        properties.insert(
            "seed".to_owned(),
            json!({ "type": "array", "minItems": 1, "items": { "type": "integer", "minimum": 0 } }),
        );
    }
    let rows =
        |description: &str| json!({ "type": "array", "items": { "type": "object" }, "description": description });
    properties.insert("include".to_owned(), rows("Adds to the combinations that it agrees with, or is one more"));
    properties.insert("exclude".to_owned(), rows("Takes the combinations out that have these values"));
    json!({
        "type": "object",
        "description": "An instance of this stage for each combination of these values",
        "properties": properties,
        "additionalProperties": {
            "type": "object",
            "description": "Variants: under each name a table of what it sets",
            "minProperties": 1,
            "additionalProperties": { "type": "object" },
        },
    })
}

fn described(param: &ParamSpec) -> Value {
    let mut schema = of_type(&param.ty);
    schema["description"] = json!(param.doc);
    if let Some(default) = default_value(param) {
        schema["default"] = default;
    }
    schema
}

fn of_type(ty: &ParamType) -> Value {
    match ty {
        ParamType::Int { min, max: i64::MAX } => json!({ "type": "integer", "minimum": min }),
        ParamType::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        ParamType::Float { min, max } if max.is_infinite() => json!({ "type": "number", "minimum": min }),
        ParamType::Float { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        ParamType::Bool => json!({ "type": "boolean" }),
        ParamType::Text => json!({ "type": "string" }),
        ParamType::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        ParamType::Table => json!({ "type": "object" }),
        ParamType::TextTable => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        ParamType::Choice(words) => json!({ "enum": words }),
        ParamType::Choices(words) => json!({ "type": "array", "items": { "enum": words } }),
        ParamType::Rgb => json!({
            "anyOf": [{ "type": "number" }, { "type": "array", "items": { "type": "number" }, "minItems": 3, "maxItems": 3 }],
        }),
        ParamType::Auto(inner) => json!({ "anyOf": [{ "const": "auto" }, of_type(inner)] }),
    }
}

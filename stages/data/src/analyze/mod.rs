//! The kind [`ANALYZE`]: what is in a data set, counted and shown, before anything is trained on it.

mod charts;
mod contact;
mod counts;

use crate::dataset::{self, Divided, card, labelled, passed_over};
use charts::{cooccurrence_chart, label_chart};
use contact::contact_sheet;
use counts::count;
use plantpipe_pixels::{dimensions, encode_jpeg};
use plantpipe_stage::format::{JsonFormat, Picture, Split};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, InputSpec, IoContext, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

const OWN: Code = code!("data/analyze", "mod.rs", "charts.rs", "contact.rs", "counts.rs");

const CONTACT_FILE: &str = "contact.jpg";
const LABELS_FILE: &str = "labels.svg";
const COOCCURRENCE_FILE: &str = "cooccurrence.svg";

/// Counts labels, label sets and sizes, names each split by a fingerprint, and draws a contact sheet and two charts.
pub const ANALYZE: Kind = Kind {
    name: "analyze",
    doc: "counts and shows what is in a data set: labels, label sets, sizes, a contact sheet",
    inputs: &[
        InputSpec {
            name: "dataset",
            doc: "the data set to look at",
            format: "dataset",
            arity: Arity::One,
            reads: Reads::All,
        },
        dataset::SPLITS,
    ],
    outputs: &[OutputSpec { name: "analysis", doc: "`analysis.json` and its pictures", format: "analysis" }],
    params: &[ParamSpec {
        name: "contact",
        doc: "photographs a label on the contact sheet",
        ty: ParamType::Int { min: 1, max: 24 },
        default: Some("6"),
    }],
    code: &[
        &OWN,
        &dataset::CODE,
        &sources::TABLES,
        &sources::DOCUMENTS,
        &plantpipe_pixels::CODE,
        &plantpipe_pixels::DRAWING,
    ],
    crates: crate::DRAWING_CRATES,
    uses: Uses::NOTHING,
    run,
};

/// The params of [`ANALYZE`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalyzeParams {
    pub contact: usize,
}

/// What is counted: every labelled photograph with its split.
struct Data {
    /// Sorted.
    labels: Vec<String>,
    /// Sorted by id.
    rows: Vec<Divided>,
    /// The photographs without labels, with the split of their folder.
    unlabelled: BTreeMap<String, Option<Split>>,
}

fn run(context: &Context) -> Result<()> {
    let params: AnalyzeParams = context.params()?;
    let root = &context.input("dataset").path;
    let folder = context.output("analysis")?;
    let read = labelled(root)?;
    let data = Data {
        rows: read.divided(root, context.optional("splits"))?,
        labels: read.labels,
        unlabelled: read.unlabelled,
    };
    let others = passed_over(root)?;
    if !others.is_empty() {
        let counts =
            others.iter().map(|(extension, count)| format!("{count} .{extension}")).collect::<Vec<_>>().join(", ");
        context.note(format!(
            "files of these kinds are passed over: {counts}; photographs are {}",
            Reads::IMAGES.join(", ")
        ));
    }
    let mut analysis = count(&data, card(root)?, sizes(context, &data)?);
    let save = |file: &str, bytes: &[u8]| std::fs::write(folder.join(file), bytes).io("write", folder.join(file));
    save(CONTACT_FILE, &encode_jpeg(&contact_sheet(&data, params.contact)?, 88)?)?;
    save(LABELS_FILE, label_chart(&analysis).as_bytes())?;
    save(COOCCURRENCE_FILE, cooccurrence_chart(&analysis).as_bytes())?;
    analysis.pictures = pictures(params.contact);
    analysis.write(&folder)
}

fn pictures(contact: usize) -> Vec<Picture> {
    let picture = |file: &str, caption: String, photographs| Picture { file: file.to_owned(), caption, photographs };
    let each = if contact == 1 { "one photograph".to_owned() } else { format!("up to {contact} photographs") };
    vec![
        picture(
            CONTACT_FILE,
            format!("Contact sheet: {each} of each label, drawn by a hash of their names, not by their looks"),
            true,
        ),
        picture(LABELS_FILE, "How many photographs of each split carry each label".to_owned(), false),
        picture(
            COOCCURRENCE_FILE,
            "How many photographs carry both of two labels; on the diagonal, how many carry the label".to_owned(),
            false,
        ),
    ]
}

/// How many labelled photographs there are of each size ("256x256"), upright.
fn sizes(context: &Context, data: &Data) -> Result<BTreeMap<String, u64>> {
    let done = AtomicUsize::new(0);
    let size = |path: &Path| -> Result<(u32, u32)> {
        let size = dimensions(&std::fs::read(path).io("read", path)?, path)?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(200) || done == data.rows.len() {
            context.progress(done, data.rows.len(), "images");
        }
        Ok(size)
    };
    let all = data.rows.par_iter().map(|row| size(&row.path)).collect::<Result<Vec<_>>>()?;
    let mut sizes = BTreeMap::new();
    for (width, height) in all {
        *sizes.entry(format!("{width}x{height}")).or_default() += 1;
    }
    Ok(sizes)
}

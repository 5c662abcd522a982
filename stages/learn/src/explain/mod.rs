//! The kind `explain`: [`EXPLAIN`] shows where on a photograph the network sees what speaks for a label.

mod cam;
mod choice;
mod drawn;
mod eigen;
mod faithfulness;
mod lesions;
mod look;
mod map;
mod method;
mod panel;
mod rollout;
#[cfg(test)]
mod tests;

pub(crate) use choice::labels;
#[cfg(test)]
pub(crate) use look::Eyes;
pub(crate) use look::{Look, Sight};
pub(crate) use method::Way;
pub(crate) use panel::{View, panel};

use crate::batches::Photos;
use crate::infer::Trained;
use crate::words::counted;
use crate::{NETWORK, device};
use drawn::Drawn;
use faithfulness::Trial;
use lesions::{Overlap, overlap};
use method::{Align, Method};
use plantpipe_pixels::{encode_grey_png, encode_png};
use plantpipe_stage::format::{
    Areas, CamMap, CamPanel, Cams, Faithfulness, JsonFormat, MapPer, Sample, ShardIndex, ShardReader, Split, map_file,
    write_maps,
};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses,
    code,
};
use rayon::prelude::*;
use rollout::Fusion;
use serde::Deserialize;
use std::path::Path;

/// Maps of some photographs, one a label that is true or answered; how well they meet the lesions, and whether the answers
/// hang on what they mark.
pub const EXPLAIN: Kind = Kind {
    name: "explain",
    doc: "maps where a trained model sees each label on some photographs",
    inputs: &[
        InputSpec { name: "model", doc: "the model to explain", format: "model", arity: Arity::One, reads: Reads::All },
        InputSpec {
            name: "shards",
            doc: "packed photographs with the labels the model was trained on",
            format: "shards",
            arity: Arity::One,
            reads: Reads::All,
        },
        InputSpec {
            name: "masks",
            doc: "where the lesions are, <id>.<label>.png: the share of each map that falls on them is told",
            format: "masks",
            arity: Arity::Optional,
            reads: Reads::All,
        },
    ],
    outputs: &[OutputSpec {
        name: "cams",
        doc: "cams.json, a panel a photograph and a grey map a photograph and label, maps.csv",
        format: "cams",
    }],
    params: &[
        ParamSpec {
            name: "split",
            doc: "the split to take photographs from",
            ty: ParamType::Choice(Split::NAMES),
            default: Some("\"test\""),
        },
        ParamSpec {
            name: "images",
            doc: "how many photographs: the labels take turns, each prefers label sets not yet shown",
            ty: ParamType::Int { min: 1, max: 1000 },
            default: Some("12"),
        },
        ParamSpec {
            name: "method",
            doc: "how a map is made. auto: grad-cam, of a vision transformer chefer. At the last spatial activation: \
                  grad-cam, grad-cam++, layer-cam, hires-cam, and eigen-cam, which knows no labels. Through the \
                  attention of a vision transformer: gradient-rollout, chefer, and rollout, which knows no labels",
            ty: ParamType::Choice(Method::NAMES),
            default: Some("\"auto\""),
        },
        ParamSpec {
            name: "fusion",
            doc: "how rollout makes one matrix of a layer's heads",
            ty: ParamType::Choice(&["mean", "max", "min"]),
            default: Some("\"mean\""),
        },
        ParamSpec {
            name: "discard",
            doc: "the share of each layer's attention, the smallest first, that rollout and gradient-rollout set to zero",
            ty: ParamType::Float { min: 0.0, max: 1.0 },
            default: Some("0.0"),
        },
        ParamSpec {
            name: "align",
            doc: "where a cell of a map at an activation lies on the photograph: on the middle of what it sees, or as                   pytorch-grad-cam lays it, evenly, which for a network of convolutions is half a cell to the lower right",
            ty: ParamType::Choice(Align::NAMES),
            default: Some("\"receptive-field\""),
        },
        ParamSpec {
            name: "faithfulness_steps",
            doc: "deletion and insertion: in how many steps a map's pixels are taken away and given back, each a look at \
                  6 pictures a map; 0: not measured",
            ty: ParamType::Int { min: 0, max: 1000 },
            default: Some("0"),
        },
        ParamSpec {
            name: "threshold",
            doc: "a label counts as answered from this probability on",
            ty: ParamType::Float { min: 0.0, max: 1.0 },
            default: Some("0.5"),
        },
        ParamSpec {
            name: "batch",
            doc: "photographs at a time",
            ty: ParamType::Int { min: 1, max: 4096 },
            default: Some("32"),
        },
    ],
    code: &[
        &NETWORK,
        &plantpipe_kernels::CODE,
        &EXPLANATION,
        &sources::SHARDS,
        &sources::MAPS,
        &plantpipe_pixels::CODE,
        &plantpipe_pixels::BLUR,
        &plantpipe_pixels::DRAWING,
    ],
    crates: DRAWN_CRATES,
    uses: Uses { device: true, items: &["shards", "masks"], ..Uses::NOTHING },
    run,
};

/// What maps and panels depend on.
pub(crate) const EXPLANATION: Code = code!(
    "learn/explain",
    "mod.rs",
    "cam.rs",
    "choice.rs",
    "drawn.rs",
    "eigen.rs",
    "faithfulness.rs",
    "lesions.rs",
    "look.rs",
    "map.rs",
    "method.rs",
    "panel.rs",
    "rollout.rs"
);

/// The crates of every kind here, and those that panels are drawn with.
pub(crate) const DRAWN_CRATES: &[&str] = &[
    "ab_glyph",
    "burn",
    "burn-autodiff",
    "burn-cuda",
    "burn-flex",
    "burn-wgpu",
    "colorous",
    "epaint_default_fonts",
    "fast_image_resize",
    "flate2",
    "gemm",
    "image",
    "image-webp",
    "jpeg-encoder",
    "memchr",
    "png",
    "pulp",
    "pytorch-reader",
    "rand",
    "rand_chacha",
    "safetensors",
    "zlib-rs",
    "zune-jpeg",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    split: Split,
    images: usize,
    method: String,
    fusion: Fusion,
    discard: f64,
    align: Align,
    faithfulness_steps: usize,
    threshold: f64,
    batch: usize,
}

/// Fails of an unreadable model, shards or mask, labels that differ between them, a split without a photograph, or a
/// method that does not go with the model.
fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    let device = device::open(ctx.device())?;
    let model = Trained::open(&ctx.input("model").path, &device.clone().autodiff())?;
    let way = Way::of(&params.method, params.fusion, params.discard, params.align, model.arch)?;
    let shards = &ctx.input("shards").path;
    let reader = ShardReader::open(shards)?;
    model.check(ctx, &reader.index)?;
    let samples = chosen(shards, &reader.index, &params)?;
    let folder = ctx.output("cams")?;
    for name in ["panels", "maps"] {
        std::fs::create_dir_all(folder.join(name)).io("make", folder.join(name))?;
    }

    let drawn = Drawn::new(ctx, &folder, &reader.index, &samples)?;
    let (mut panels, mut new) = (Vec::new(), Vec::new());
    for sample in samples {
        match drawn.take(&sample) {
            Some(panel) => panels.push(panel),
            None => new.push(sample),
        }
    }
    let photos = Photos::decode(&reader, shards, new)?;
    let look = Look { model: &model, device: &device, way };
    let masks = ctx.optional("masks").map(|artifact| artifact.path.as_path());
    let artist = Artist { photos: &photos, params: &params, method: way.method, masks, drawn: &drawn };
    panels.extend(show(ctx, &look, &artist)?);
    panels.sort_by(|a, b| a.image.cmp(&b.image));
    drawn.keep_rows(&write_maps(&folder, &panels)?);
    let cams = Cams {
        schema: Cams::SCHEMA,
        method: way.method.title().to_owned(),
        layer: way.method.layer(model.arch).to_owned(),
        map_per: way.method.map_per(),
        lesions: masks.and_then(|_| lesions::summary(panels.iter().flat_map(|panel| &panel.maps))),
        faithfulness: faithfulness::summary(&panels, params.faithfulness_steps),
        panels,
    };
    tell(ctx, &cams, params.split, photos.len());
    if masks.is_some() && cams.lesions.is_none() {
        ctx.note("no map has a lesion mask: the masks are of other photographs or labels");
    }
    cams.write(&folder)
}

/// Looks at photographs, draws what is seen, and tries it.
fn show(ctx: &Context, look: &Look, artist: &Artist) -> Result<Vec<CamPanel>> {
    let seen = see(ctx, look, artist.photos, artist.params)?;
    let mut panels =
        (0..artist.photos.len()).into_par_iter().map(|at| artist.draw(at, &seen[at])).collect::<Result<Vec<_>>>()?;
    attempt(ctx, look, artist.photos, artist.params, &seen, &mut panels)?;
    Ok(panels)
}

/// What was made, in a note, and how faithful it is, in another.
fn tell(ctx: &Context, cams: &Cams, split: Split, new: usize) {
    let maps = cams.panels.iter().map(|panel| panel.maps.len()).sum();
    let (photographs, maps) = (counted(cams.panels.len(), "photograph"), counted(maps, "map"));
    let shared = match cams.map_per {
        MapPer::Label => "",
        MapPer::Photograph => ", the same for every label of a photograph",
    };
    let kept = match new {
        _ if new == cams.panels.len() => String::new(),
        0 => "; none is new".to_owned(),
        1 => "; 1 photograph is new, the others are as before".to_owned(),
        _ => format!("; {new} photographs are new, the others are as before"),
    };
    ctx.note(format!("{} at {}: {maps} of {photographs} of {split}{shared}{kept}", cams.method, cams.layer));
    if let Some(Faithfulness { deletion, insertion, .. }) = &cams.faithfulness {
        let areas = |areas: &Areas| {
            format!("{:.3} (a random map {:.3}, a centred one {:.3})", areas.map, areas.random, areas.centred)
        };
        ctx.note(format!(
            "deletion AUC {}, lower is better; insertion AUC {}, higher is better",
            areas(&deletion.mean),
            areas(&insertion.mean)
        ));
    }
}

/// Measures the faithfulness of every map, where that is wanted, and writes it beside the map.
fn attempt(
    ctx: &Context,
    look: &Look,
    photos: &Photos,
    params: &Params,
    seen: &[Vec<Sight>],
    panels: &mut [CamPanel],
) -> Result<()> {
    let steps = params.faithfulness_steps;
    if steps == 0 {
        return Ok(());
    }
    for (at, (sights, panel)) in seen.iter().zip(panels).enumerate() {
        ctx.progress(at, seen.len(), "photographs tested");
        let trial = Trial::new(look, &photos.images[at], photos.name(at), steps, params.batch)?;
        for (sight, map) in sights.iter().zip(&mut panel.maps) {
            map.faithfulness = Some(trial.of(sight)?);
        }
    }
    Ok(())
}

/// The photographs to explain.
fn chosen(shards: &Path, index: &ShardIndex, params: &Params) -> Result<Vec<Sample>> {
    let samples = choice::choose(index, params.split, params.images);
    if samples.is_empty() {
        return Err(Error::at(
            shards,
            format!("the shards hold no photograph with a label of the split `{}`", params.split),
        )
        .hint("name another `split`, or pack this one"));
    }
    Ok(samples)
}

/// What the network sees of each photograph for each label that [`labels`] shows, the most probable first.
fn see(ctx: &Context, look: &Look, photos: &Photos, params: &Params) -> Result<Vec<Vec<Sight>>> {
    let batches = look.batches(&photos.images, params.batch);
    // Each photograph goes through the network twice: by the very path of `predict`, then for its activation.
    let (total, passes) = (photos.len(), 2 * photos.len());
    let answers = look.answers(&batches, |at| photos.name(at), |done| ctx.progress(done, passes, "images"))?;
    let truths = photos.samples.iter().map(|sample| Some(sample.targets.as_slice()));
    let shown: Vec<_> =
        answers.iter().zip(truths).map(|(answer, truth)| labels(answer, truth, params.threshold)).collect();
    look.sights(&batches, &answers, &shown, |done| ctx.progress(total + done, passes, "images"))
}

/// Draws and measures, a photograph at a time.
struct Artist<'a> {
    photos: &'a Photos,
    params: &'a Params,
    method: Method,
    masks: Option<&'a Path>,
    drawn: &'a Drawn<'a>,
}

impl Artist<'_> {
    /// Writes the panel and the maps of one photograph.
    fn draw(&self, at: usize, sights: &[Sight]) -> Result<CamPanel> {
        let (sample, photo) = (&self.photos.samples[at], &self.photos.images[at]);
        let mut maps = Vec::new();
        let mut views = Vec::new();
        for sight in sights {
            let name = &self.photos.labels[sight.label];
            let view = View::of(sight, name, photo, self.params.threshold);
            let file = map_file(&sample.id, name);
            self.drawn.keep(&sample.id, &file, &encode_grey_png(&view.map.grey())?)?;
            let overlap = match self.masks {
                Some(masks) => overlap(&view.map, masks, &sample.id, name, self.photos.ready.fit)?,
                None => Overlap::default(),
            };
            maps.push(CamMap {
                label: name.clone(),
                probability: f64::from(sight.probability),
                file,
                lesion_share: overlap.share,
                lesion_area: overlap.area,
                faithfulness: None,
            });
            views.push(View { is_true: Some(sample.targets[sight.label] == 1), overlap, ..view });
        }
        let shown = drawn::of(sample, &self.photos.labels, maps);
        let picture = panel(photo, &sample.id, Some(&shown.truth), self.method, &views);
        self.drawn.keep(&sample.id, &shown.file, &encode_png(&picture)?)?;
        Ok(shown)
    }
}

//! The kind `explain`: [`EXPLAIN`] shows where a network looked, one map an image and label, as panels for people.

mod gradcam;
mod panel;

use crate::batches::{Batches, Photos};
use crate::infer::{self, Trained, sigmoid};
use crate::{CRATES, NETWORK, device};
use burn::tensor::Device;
use gradcam::Request;
use panel::{Overlay, Panel};
use plantpipe_pixels::{GrayImage, RgbImage, decode, encode_grey_png, encode_png};
use plantpipe_stage::format::{CamMap, CamPanel, Cams, JsonFormat, LesionSummary, Sample, Split, mask_file};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses,
    code,
};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Draws class activation maps for some photographs of a split.
pub const EXPLAIN: Kind = Kind {
    name: "explain",
    doc: "draws class activation maps, one an image and label, as panels",
    inputs: &[
        InputSpec { name: "model", doc: "a trained model", format: "model", arity: Arity::One, reads: Reads::All },
        InputSpec { name: "shards", doc: "packed photographs", format: "shards", arity: Arity::One, reads: Reads::All },
        InputSpec {
            name: "masks",
            doc: "lesion masks: how much of each map falls on lesions is measured where they are given",
            format: "masks",
            arity: Arity::Optional,
            reads: Reads::All,
        },
    ],
    outputs: &[OutputSpec { name: "cams", doc: "cams.json, panels/*.png and maps/*.png", format: "cams" }],
    params: &[
        ParamSpec {
            name: "split",
            doc: "whose photographs",
            ty: ParamType::Choice(Split::NAMES),
            default: Some("\"test\""),
        },
        ParamSpec {
            name: "images",
            doc: "how many photographs, every label in turn",
            ty: ParamType::Int { min: 1, max: 100_000 },
            default: Some("12"),
        },
        ParamSpec {
            name: "method",
            doc: "Grad-CAM (Selvaraju et al. 2017)",
            ty: ParamType::Choice(&["grad-cam"]),
            default: Some("\"grad-cam\""),
        },
        ParamSpec {
            name: "threshold",
            doc: "labels at or above it are predicted; each true or predicted label gets a map",
            ty: ParamType::Float { min: 0.0, max: 1.0 },
            default: Some("0.5"),
        },
        ParamSpec {
            name: "batch",
            doc: "photographs at a time",
            ty: ParamType::Int { min: 1, max: 4096 },
            default: Some("16"),
        },
    ],
    code: &[&NETWORK, &OWN, &sources::SHARDS, &plantpipe_pixels::CODE, &plantpipe_pixels::DRAWING],
    crates: CRATES,
    uses: Uses { seed: false, device: true, lineage: false, published: false },
    run,
};

const OWN: Code = code!("learn/explain", "mod.rs", "gradcam.rs", "panel.rs");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    split: Split,
    images: usize,
    #[serde(rename = "method")]
    _method: Method,
    threshold: f32,
    batch: usize,
}

/// The one method there is so far.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Method {
    GradCam,
}

/// Fails of an unreadable model, shards or mask, labels that differ, or a split without a photograph.
fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    let device = device::open(ctx.device())?;
    let model_folder = &ctx.input("model").path;
    let mut model = Trained::open(model_folder, &device)?;
    let shards = &ctx.input("shards").path;
    let photos = chosen(Photos::read(shards, &[params.split])?, params.images);
    model.check_labels(&photos)?;
    if photos.len() == 0 {
        return Err(Error::at(shards, format!("the shards hold no photograph of the split `{}`", params.split))
            .hint("name another `split`, or pack this one"));
    }
    let looks = look(ctx, &params, &mut model, model_folder, &photos, &device)?;

    let work = Drawing {
        folder: ctx.output("cams")?,
        masks: ctx.optional("masks").map(|artifact| artifact.path.as_path()),
        labels: &model.card.labels,
        threshold: params.threshold,
    };
    let panels = photos
        .samples
        .iter()
        .zip(&photos.images)
        .zip(looks)
        .map(|((sample, photo), look)| work.draw(sample, photo, &look))
        .collect::<Result<Vec<_>>>()?;
    Cams {
        schema: Cams::SCHEMA,
        method: "Grad-CAM".to_owned(),
        layer: model.arch.cam_layer().to_owned(),
        lesions: summary(&panels),
        panels,
    }
    .write(&work.folder)
}

/// Some photographs, every label in turn; within a label in an order that depends on the ids alone.
fn chosen(photos: Photos, count: usize) -> Photos {
    let mut order: Vec<usize> = (0..photos.len()).collect();
    order.sort_by_key(|at| *blake3::hash(photos.samples[*at].id.as_bytes()).as_bytes());
    let mut picked: Vec<usize> = Vec::new();
    let wanted = count.min(photos.len());
    while picked.len() < wanted {
        let before = picked.len();
        for label in 0..photos.labels.len() {
            let next = order.iter().find(|at| photos.samples[**at].targets[label] == 1 && !picked.contains(at));
            if let Some(next) = next.filter(|_| picked.len() < wanted) {
                picked.push(*next);
            }
        }
        if picked.len() == before {
            // Only photographs without any label are left.
            let rest: Vec<usize> = order.iter().copied().filter(|at| !picked.contains(at)).collect();
            picked.extend(rest.into_iter().take(wanted - before));
        }
    }
    Photos {
        samples: picked.iter().map(|at| photos.samples[*at].clone()).collect(),
        images: picked.iter().map(|at| photos.images[*at].clone()).collect(),
        labels: photos.labels,
    }
}

/// What the network says of a photograph, and where it looked for some labels.
struct Look {
    probabilities: Vec<f32>,
    /// Label and map, values 0 to 1, `side` x `side`.
    maps: Vec<(usize, gradcam::Map)>,
}

fn look(
    ctx: &Context,
    params: &Params,
    model: &mut Trained,
    folder: &Path,
    photos: &Photos,
    device: &Device,
) -> Result<Vec<Look>> {
    let tail = Trained::open(folder, &device.clone().autodiff())?.network;
    let batches = Batches { photos, preprocessing: &model.card.preprocessing, batch: params.batch };
    let mut done = 0;
    let looks = batches.plain(|batch| {
        let items = batch.items.clone();
        let (images, _) = batch.tensors(device);
        let activation = model.network.activation(images);
        let logits = infer::rows(model.network.tail(activation.clone(), None));
        let mut looks: Vec<Look> = logits
            .iter()
            .map(|row| Look { probabilities: row.iter().copied().map(sigmoid).collect(), maps: Vec::new() })
            .collect();
        let requests: Vec<Request> = (items.iter().enumerate())
            .flat_map(|(place, item)| {
                let labels = worth_a_map(&looks[place].probabilities, &photos.samples[*item], params.threshold);
                labels.into_iter().map(move |label| Request { image: place, label })
            })
            .collect();
        let maps = gradcam::maps(&tail, activation, &requests);
        for (request, map) in requests.iter().zip(maps) {
            looks[request.image].maps.push((request.label, map));
        }
        done += items.len();
        ctx.progress(done, photos.len(), "images");
        Ok(looks)
    })?;
    Ok(looks.into_iter().flatten().collect())
}

/// The labels that are true or predicted, and the likeliest in any case; likeliest first.
fn worth_a_map(probabilities: &[f32], sample: &Sample, threshold: f32) -> Vec<usize> {
    let mut labels: Vec<usize> = (0..probabilities.len()).collect();
    labels.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
    let first = labels[0];
    labels.retain(|label| *label == first || probabilities[*label] >= threshold || sample.targets[*label] == 1);
    labels
}

/// Where the pictures go and what they are measured against.
struct Drawing<'a> {
    folder: PathBuf,
    masks: Option<&'a Path>,
    labels: &'a [String],
    threshold: f32,
}

impl Drawing<'_> {
    /// Writes a photograph's maps and panel.
    fn draw(&self, sample: &Sample, photo: &RgbImage, look: &Look) -> Result<CamPanel> {
        let mut maps = Vec::new();
        let mut overlays = Vec::new();
        for (label, small) in &look.maps {
            let map = small.resized(photo.width(), photo.height());
            let name = &self.labels[*label];
            let file = format!("maps/{}.{name}.png", flat(&sample.id));
            let bytes = map.iter().map(|value| byte(*value)).collect();
            let grey = GrayImage::from_raw(photo.width(), photo.height(), bytes).expect("a byte a pixel");
            self.write(&file, &encode_grey_png(&grey)?)?;
            let lesions = self.lesions(sample, name, photo)?;
            let probability = look.probabilities[*label];
            maps.push(CamMap {
                label: name.clone(),
                probability: f64::from(probability),
                file,
                lesion_share: lesions.as_ref().and_then(|lesions| share(&map, lesions)),
                lesion_area: lesions.as_ref().map(|lesions| area(lesions)),
            });
            overlays.push(Overlay {
                label: name.clone(),
                probability,
                is_true: sample.targets[*label] == 1,
                is_predicted: probability >= self.threshold,
                map,
            });
        }
        let truth: Vec<String> = (self.labels.iter().zip(&sample.targets))
            .filter(|(_, target)| **target == 1)
            .map(|(label, _)| label.clone())
            .collect();
        let file = format!("panels/{}.png", flat(&sample.id));
        let panel = Panel { id: &sample.id, truth: &truth, photo, overlays: &overlays };
        self.write(&file, &encode_png(&panel.draw())?)?;
        Ok(CamPanel { image: sample.id.clone(), split: sample.split, truth, file, maps })
    }

    /// Which pixels of the photograph are lesions of a label; none without a mask for it.
    fn lesions(&self, sample: &Sample, label: &str, photo: &RgbImage) -> Result<Option<Vec<bool>>> {
        let Some(folder) = self.masks else { return Ok(None) };
        let path = folder.join(mask_file(&sample.id, label));
        if !path.exists() {
            return Ok(None);
        }
        let mask = decode(&std::fs::read(&path).io("read", &path)?, &path)?;
        let at = |x: u32, y: u32| {
            let (column, row) = (x * mask.width() / photo.width(), y * mask.height() / photo.height());
            mask.get_pixel(column, row)[0] >= 128
        };
        Ok(Some(
            (0..photo.height()).flat_map(|y| (0..photo.width()).map(move |x| (x, y))).map(|(x, y)| at(x, y)).collect(),
        ))
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(file);
        let folder = path.parent().expect("a file has a folder");
        std::fs::create_dir_all(folder).io("make", folder)?;
        std::fs::write(&path, bytes).io("write", &path)
    }
}

/// An id as one file name.
fn flat(id: &str) -> String {
    id.replace('/', "_")
}

fn byte(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// The share of the map's sum that falls on lesions; none when the map is zero everywhere.
fn share(map: &[f32], lesions: &[bool]) -> Option<f64> {
    let sum = |values: &mut dyn Iterator<Item = &f32>| values.map(|value| f64::from(*value)).sum::<f64>();
    let all = sum(&mut map.iter());
    let on = sum(&mut map.iter().zip(lesions).filter(|(_, lesion)| **lesion).map(|(value, _)| value));
    (all > 0.0).then(|| on / all)
}

/// The share of the photograph that lesions cover.
fn area(lesions: &[bool]) -> f64 {
    lesions.iter().filter(|lesion| **lesion).count() as f64 / lesions.len() as f64
}

/// The means over every map that has a share.
fn summary(panels: &[CamPanel]) -> Option<LesionSummary> {
    let pairs: Vec<(f64, f64)> = (panels.iter().flat_map(|panel| &panel.maps))
        .filter_map(|map| Some((map.lesion_share?, map.lesion_area?)))
        .collect();
    let mean = |value: fn(&(f64, f64)) -> f64| pairs.iter().map(value).sum::<f64>() / pairs.len() as f64;
    (!pairs.is_empty()).then(|| LesionSummary {
        maps: pairs.len() as u64,
        mean_share: mean(|pair| pair.0),
        mean_area: mean(|pair| pair.1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn sample(id: &str, targets: &[u8]) -> Sample {
        Sample {
            id: id.into(),
            split: Split::Test,
            shard: String::new(),
            offset: 0,
            length: 0,
            digest: String::new(),
            targets: targets.to_vec(),
        }
    }

    #[test]
    fn the_choice_takes_every_label_in_turn_and_no_photograph_twice() {
        let samples: Vec<Sample> =
            (0..9).map(|n| sample(&format!("s{n}"), if n < 7 { &[1, 0] } else { &[0, 1] })).collect();
        let images = vec![RgbImage::new(1, 1); 9];
        let photos = Photos { labels: vec!["a".into(), "b".into()], samples, images };
        let picked = chosen(photos, 6);
        let labels: Vec<usize> = picked.samples.iter().map(|s| usize::from(s.targets[1])).collect();
        assert_eq!(labels, [0, 1, 0, 1, 0, 0]);
        let ids: BTreeSet<&str> = picked.samples.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids.len(), 6);
    }

    #[test]
    fn true_and_predicted_labels_get_a_map_and_the_likeliest_always() {
        assert_eq!(worth_a_map(&[0.1, 0.9, 0.6, 0.2], &sample("x", &[1, 0, 0, 0]), 0.5), [1, 2, 0]);
        assert_eq!(worth_a_map(&[0.1, 0.3, 0.2, 0.2], &sample("x", &[0, 0, 0, 0]), 0.5), [1]);
    }

    #[test]
    fn the_share_on_lesions_is_of_the_maps_sum() {
        // 0.5 + 0.25 of 1.0; a quarter of the area is the uniform map's.
        assert_eq!(share(&[0.5, 0.25, 0.25, 0.0], &[true, true, false, false]), Some(0.75));
        assert_eq!(share(&[0.0; 4], &[true; 4]), None);
        assert!((area(&[true, false, false, false]) - 0.25).abs() < 1e-12);
    }
}

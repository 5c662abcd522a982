//! Whether the answer hangs on what maps mark: deletion and insertion (Petsiuk et al. 2018, RISE), by a [`Trial`] of each
//! photograph; [`summary`] over many.

use super::look::{Look, Sight};
use super::map::Map;
use plantpipe_pixels::{Photo, Rgb, RgbImage, blur, held, resize};
use plantpipe_stage::Result;
use plantpipe_stage::format::{AreaSummary, Areas, CamPanel, Faithfulness, Interval, MapFaithfulness};
use plantpipe_stage::random::keyed;
use rand::{Rng, RngExt};

/// A photograph whose pixels are taken away and given back, at the size that the network sees.
pub(super) struct Trial<'a> {
    look: &'a Look<'a>,
    id: &'a str,
    steps: usize,
    batch: usize,
    photo: RgbImage,
    /// Nothing but the photograph's mean colour: what deletion ends with.
    plain: RgbImage,
    /// What insertion begins with.
    blurred: RgbImage,
    /// Probabilities `[labels]` of the three.
    ends: [Vec<f32>; 3],
}

/// The blur's sigma, of the side: enough that no lesion is left.
const BLUR: f32 = 1.0 / 16.0;

impl<'a> Trial<'a> {
    /// `steps` is in how many equal steps all pixels change (at least 1), `batch` how many pictures the network sees at a time.
    ///
    /// # Errors
    /// An answer that is no finite number.
    pub(super) fn new(look: &'a Look, photo: &Photo, id: &'a str, steps: usize, batch: usize) -> Result<Self> {
        let size = look.model.card.preprocessing.size;
        let photo = resize(photo, size, size);
        let plain = RgbImage::from_pixel(size, size, mean_colour(&photo));
        let blurred = blur(&photo, size as f32 * BLUR);
        let pictures = [photo, plain, blurred];
        let ends = look.answers(&look.batches(&pictures.clone().map(held), batch), |_| id, |_| ())?;
        let ends = ends.try_into().expect("an answer a picture");
        let [photo, plain, blurred] = pictures;
        Ok(Self { look, id, steps, batch, photo, plain, blurred, ends })
    }

    /// Takes and gives pixels in the order of the sight's map, of a random one on the same grid and of a centred one.
    ///
    /// # Errors
    /// As [`Trial::new`].
    pub(super) fn of(&self, sight: &Sight) -> Result<MapFaithfulness> {
        let side = self.photo.width() as usize;
        let label = &self.look.model.card.labels[sight.label];
        let mut random = keyed(0, &format!("faithfulness/{}/{label}", self.id), &[]);
        let ties: Vec<u64> = (0..side * side).map(|_| random.next_u64()).collect();
        let Map { width, height, .. } = sight.map;
        let noise = Map::scaled(width, height, (0..width * height).map(|_| random.random()).collect());
        let orders = [sight.map.resized(side, side), noise.resized(side, side), centred(side)];
        let orders = orders.map(|map| falling(&map.values, &ties));

        let [deletion, insertion] = [(&self.photo, &self.plain), (&self.blurred, &self.photo)];
        let pictures: Vec<Photo> = [deletion, insertion]
            .iter()
            .flat_map(|ends| orders.iter().map(move |order| (ends, order)))
            .flat_map(|((from, to), order)| course(from, to, order, self.steps))
            .map(held)
            .collect();
        let answers = self.look.answers(&self.look.batches(&pictures, self.batch), |_| self.id, |_| ())?;
        let [photo, plain, blurred] = self.ends.each_ref().map(|answer| f64::from(answer[sight.label]));
        let seen: Vec<f64> = answers.iter().map(|answer| f64::from(answer[sight.label])).collect();
        let inner = self.steps - 1;
        let areas = |mode: usize, first: f64, last: f64| {
            let curve = |order| [&[first], &seen[(3 * mode + order) * inner..][..inner], &[last]].concat();
            let [map, random, centred] = [0, 1, 2].map(|order| area(&curve(order)));
            Areas { map, random, centred }
        };
        Ok(MapFaithfulness { deletion: areas(0, photo, plain), insertion: areas(1, blurred, photo) })
    }
}

fn mean_colour(photo: &RgbImage) -> Rgb<u8> {
    let mut sums = [0u64; 3];
    for pixel in photo.pixels() {
        sums.iter_mut().zip(pixel.0).for_each(|(sum, value)| *sum += u64::from(value));
    }
    let count = u64::from(photo.width()) * u64::from(photo.height());
    Rgb(sums.map(|sum| ((sum + count / 2) / count) as u8))
}

/// Greatest in the middle, falling with the distance from it: the order of a Gaussian of any width.
fn centred(side: usize) -> Map {
    let off = |at: usize| (at as f32 + 0.5) / side as f32 - 0.5;
    let value = |at: usize| -(off(at % side).powi(2) + off(at / side).powi(2));
    Map::scaled(side, side, (0..side * side).map(value).collect())
}

/// The places by falling value; equal ones by `ties`, so that no order of rows decides.
fn falling(values: &[f32], ties: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*b].total_cmp(&values[*a]).then(ties[*a].cmp(&ties[*b])).then(a.cmp(b)));
    order
}

/// From one picture to another of the same size, the places in this order: what lies between after each of `steps` equal
/// steps but the last.
fn course(from: &RgbImage, to: &RgbImage, order: &[usize], steps: usize) -> impl Iterator<Item = RgbImage> {
    (1..steps).map(move |step| {
        let mut picture = from.clone();
        for at in &order[..order.len() * step / steps] {
            picture.as_mut()[at * 3..][..3].copy_from_slice(&to.as_raw()[at * 3..][..3]);
        }
        picture
    })
}

/// The area under evenly spaced points, their ends at 0 and 1: trapezoids.
fn area(curve: &[f64]) -> f64 {
    let pairs = curve.windows(2).map(|pair| f64::midpoint(pair[0], pair[1]));
    pairs.sum::<f64>() / (curve.len() - 1) as f64
}

/// Resamples of the photographs behind an interval.
const RESAMPLES: u64 = 2000;

/// Means over every map that was tried; none where none was.
pub(super) fn summary(panels: &[CamPanel], steps: usize) -> Option<Faithfulness> {
    let tried = |panel: &CamPanel| panel.maps.iter().filter_map(|map| map.faithfulness).collect::<Vec<_>>();
    let groups: Vec<Vec<MapFaithfulness>> = panels.iter().map(tried).filter(|maps| !maps.is_empty()).collect();
    let of = |which: fn(&MapFaithfulness) -> Areas| {
        areas(&groups.iter().map(|maps| maps.iter().map(which).collect()).collect::<Vec<_>>())
    };
    (!groups.is_empty()).then(|| Faithfulness {
        steps: steps as u64,
        maps: groups.iter().map(|maps| maps.len() as u64).sum(),
        deletion: of(|map| map.deletion),
        insertion: of(|map| map.insertion),
    })
}

/// `groups` are the maps of each photograph.
fn areas(groups: &[Vec<Areas>]) -> AreaSummary {
    let whole: Vec<usize> = (0..groups.len()).collect();
    let mean = |of: fn(&Areas) -> f64| mean(groups, &whole, of);
    AreaSummary {
        mean: Areas { map: mean(|a| a.map), random: mean(|a| a.random), centred: mean(|a| a.centred) },
        map_less_random: interval(groups, |areas| areas.map - areas.random),
        map_less_centred: interval(groups, |areas| areas.map - areas.centred),
    }
}

/// A mean over maps, and where 95% of the means of resampled photographs lie (the maps of one come together).
fn interval(groups: &[Vec<Areas>], of: fn(&Areas) -> f64) -> Interval {
    let whole: Vec<usize> = (0..groups.len()).collect();
    let resample = |number: u64| {
        let mut random = keyed(0, "faithfulness", &[number]);
        let drawn: Vec<usize> = whole.iter().map(|_| random.random_range(0..groups.len())).collect();
        mean(groups, &drawn, of)
    };
    let mut means: Vec<f64> = (0..RESAMPLES).map(resample).collect();
    means.sort_by(f64::total_cmp);
    let [low, high] = [0.025, 0.975].map(|share| {
        let place = share * (means.len() - 1) as f64;
        let (first, rest) = (place as usize, place.fract());
        means[first] + (means[(first + 1).min(means.len() - 1)] - means[first]) * rest
    });
    Interval { value: mean(groups, &whole, of), low, high }
}

/// Over the maps of the photographs drawn.
fn mean(groups: &[Vec<Areas>], drawn: &[usize], of: impl Fn(&Areas) -> f64) -> f64 {
    let maps = || drawn.iter().flat_map(|at| &groups[*at]);
    maps().map(of).sum::<f64>() / maps().count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_that_of_trapezoids() {
        // (1 + .5) / 2 and (.5 + 0) / 2, each half as wide as the whole.
        assert!((area(&[1.0, 0.5, 0.0]) - 0.5).abs() < 1e-12);
        assert!((area(&[0.0, 1.0, 1.0]) - 0.75).abs() < 1e-12);
        assert!((area(&[0.2, 0.6]) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn places_fall_by_value_and_equal_ones_by_their_ties() {
        assert_eq!(falling(&[0.0, 0.5, 0.0, 1.0], &[7, 1, 3, 9]), [3, 1, 2, 0]);
    }

    #[test]
    fn a_centred_map_falls_from_the_middle() {
        // The four in the middle are equal, then come the eight beside them, then the corners.
        let order = falling(&centred(4).values, &[0; 16]);
        assert_eq!(order, [5, 6, 9, 10, 1, 2, 4, 7, 8, 11, 13, 14, 0, 3, 12, 15]);
    }

    #[test]
    fn places_change_in_their_order_a_step_at_a_time() {
        let (black, white) = (RgbImage::new(2, 2), RgbImage::from_pixel(2, 2, Rgb([255; 3])));
        let greens = |picture: RgbImage| picture.pixels().map(|pixel| pixel.0[1]).collect::<Vec<u8>>();
        let halfway: Vec<_> = course(&black, &white, &[3, 0, 1, 2], 2).map(greens).collect();
        assert_eq!(halfway, [[255, 0, 0, 255]]);
        // A third of four is one, two thirds are two.
        let thirds: Vec<_> = course(&white, &black, &[3, 0, 1, 2], 3).map(greens).collect();
        assert_eq!(thirds, [[255, 255, 255, 0], [0, 255, 255, 0]]);
        assert_eq!(course(&black, &white, &[3, 0, 1, 2], 1).count(), 0);
    }

    #[test]
    fn the_mean_colour_is_of_each_channel() {
        let photo = RgbImage::from_fn(2, 1, |x, _| Rgb([10, 0, x as u8 * 255]));
        assert_eq!(mean_colour(&photo), Rgb([10, 0, 128]));
    }

    #[test]
    fn differences_are_means_over_maps_with_intervals_over_photographs() {
        let areas_of = |map: f64| Areas { map, random: 0.5, centred: 0.25 };
        let found = areas(&[vec![areas_of(0.1), areas_of(0.2)], vec![areas_of(0.6)]]);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(found.mean.map, 0.3);
        close(found.map_less_random.value, -0.2);
        close(found.map_less_centred.value, 0.05);
        // Both draws can be the first photograph (mean .15) or the second (.6).
        close(found.map_less_random.low, -0.35);
        close(found.map_less_random.high, 0.1);
    }
}

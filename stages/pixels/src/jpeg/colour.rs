//! From the planes of a photograph to its RGB pixels: [`rgb`], with libjpeg's smooth ("fancy") enlargement of colour and its
//! arithmetic, bit for bit.

#![expect(clippy::inline_always, reason = "all of it is compiled for the vectors of the function that calls it")]

use super::header::Frame;
use super::scan::Plane;
use super::vectors::widely;
use image::RgbImage;

/// The photograph that planes at their full size hold.
pub(super) fn rgb(frame: &Frame, planes: &[Plane]) -> RgbImage {
    let mut pixels = vec![0; 3 * frame.width * frame.height];
    widely(Work { frame, planes, pixels: &mut pixels });
    RgbImage::from_raw(frame.width as u32, frame.height as u32, pixels).expect("three bytes a pixel")
}

struct Work<'a> {
    frame: &'a Frame,
    planes: &'a [Plane],
    pixels: &'a mut [u8],
}

impl pulp::WithSimd for Work<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let mut lines: Vec<Lines> =
            (0..self.planes.len()).map(|place| Lines::new(self.frame, place, &self.planes[place])).collect();
        for (y, made) in self.pixels.chunks_exact_mut(3 * self.frame.width).enumerate() {
            if let [luma, blue, red] = &mut lines[..] {
                convert(luma.line(y), blue.line(y), red.line(y), made);
            } else {
                for (pixel, level) in made.as_chunks_mut::<3>().0.iter_mut().zip(lines[0].line(y)) {
                    *pixel = [*level; 3];
                }
            }
        }
    }
}

/// The lines of one component, enlarged to the photograph's size.
struct Lines<'a> {
    plane: &'a Plane,
    /// Pixels that are the photograph's.
    width: usize,
    height: usize,
    /// How many times as wide and high the photograph is.
    across: usize,
    down: usize,
    /// Room for a line before and after it is made wider.
    narrow: Vec<u16>,
    wide: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn new(frame: &Frame, place: usize, plane: &'a Plane) -> Self {
        let sampling = frame.components[place].sampling;
        let (across, down) = (frame.sampling.0 / sampling.0, frame.sampling.1 / sampling.1);
        let (width, height) = (frame.width.div_ceil(across), frame.height.div_ceil(down));
        Self { plane, width, height, across, down, narrow: vec![0; width], wide: vec![0; width * across] }
    }

    /// Line `y` of the photograph; it may be a little wider.
    #[inline(always)]
    fn line(&mut self, y: usize) -> &[u8] {
        let own = y / self.down;
        let near = self.plane.line(own, self.width);
        // The neighbour on the side where `y` lies; at the edge, the line itself.
        let beside = if y.is_multiple_of(self.down) { own.saturating_sub(1) } else { (own + 1).min(self.height - 1) };
        let far = self.plane.line(beside, self.width);
        match (self.across, self.down) {
            (1, 1) => return near,
            (2, 1) if self.width > 2 => smooth_across(near, &mut self.wide),
            (1, 2) => smooth_down(near, far, 1 + y as u16 % 2, &mut self.wide),
            (2, 2) if self.width > 2 => {
                for ((sum, near), far) in self.narrow.iter_mut().zip(near).zip(far) {
                    *sum = 3 * u16::from(*near) + u16::from(*far);
                }
                smooth_both(&self.narrow, &mut self.wide);
            }
            (across, _) => {
                for (made, level) in self.wide.chunks_exact_mut(across).zip(near) {
                    made.fill(*level);
                }
            }
        }
        &self.wide
    }
}

/// Twice as high: three parts of the line itself, one of that beside it; `half` rounds up one time and down the other.
#[inline(always)]
fn smooth_down(near: &[u8], far: &[u8], half: u16, made: &mut [u8]) {
    for ((made, near), far) in made.iter_mut().zip(near).zip(far) {
        *made = ((3 * u16::from(*near) + u16::from(*far) + half) >> 2) as u8;
    }
}

/// Twice as wide: three parts of the pixel itself, one of that beside it.
#[inline(always)]
fn smooth_across(line: &[u8], wide: &mut [u8]) {
    let last = line.len() - 1;
    let mixed = |own: u8, beside: u8, half: u16| ((3 * u16::from(own) + u16::from(beside) + half) >> 2) as u8;
    let (pairs, _) = wide.as_chunks_mut::<2>();
    pairs[0] = [line[0], mixed(line[0], line[1], 2)];
    for (((pair, before), own), after) in pairs[1..last].iter_mut().zip(line).zip(&line[1..]).zip(&line[2..]) {
        *pair = [mixed(*own, *before, 1), mixed(*own, *after, 2)];
    }
    pairs[last] = [mixed(line[last], line[last - 1], 1), line[last]];
}

/// The same of a line that is four times as bright, of two lines.
#[inline(always)]
fn smooth_both(line: &[u16], wide: &mut [u8]) {
    let last = line.len() - 1;
    let mixed = |own: u16, beside: u16, half: u16| ((3 * own + beside + half) >> 4) as u8;
    let (pairs, _) = wide.as_chunks_mut::<2>();
    pairs[0] = [mixed(line[0], line[0], 8), mixed(line[0], line[1], 7)];
    for (((pair, before), own), after) in pairs[1..last].iter_mut().zip(line).zip(&line[1..]).zip(&line[2..]) {
        *pair = [mixed(*own, *before, 8), mixed(*own, *after, 7)];
    }
    pairs[last] = [mixed(line[last], line[last - 1], 8), mixed(line[last], line[last], 7)];
}

/// A line of RGB of brightness and two differences of colour.
#[inline(always)]
fn convert(luma: &[u8], blue: &[u8], red: &[u8], made: &mut [u8]) {
    let (pixels, _) = made.as_chunks_mut::<3>();
    for (((made, y), cb), cr) in pixels.iter_mut().zip(luma).zip(blue).zip(red) {
        *made = pixel(*y, *cb, *cr);
    }
}

/// An RGB pixel of brightness and two differences of colour, as JFIF has them.
#[inline(always)]
pub(crate) fn pixel(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    // 1.402, 0.34414, 0.71414 and 1.772 times 2 to the 16.
    const HALF: i32 = 1 << 15;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red.clamp(0, 255) as u8, green.clamp(0, 255) as u8, blue.clamp(0, 255) as u8]
}

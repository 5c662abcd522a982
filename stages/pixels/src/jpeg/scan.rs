//! From coded data to planes of pixels: [`Scan`], which holds every block of it to be there.

#![expect(clippy::inline_always, reason = "all of it is compiled for the vectors of the function that calls it")]

use super::bits::{Bits, Pieces};
use super::blocks::Blocks;
use super::codes::{Codes, END, TOO_MANY};
use super::header::{Frame, SHORT, Tables};
use super::transform;
use super::vectors::widely;
use std::rc::Rc;

/// The pixels of one component.
pub(super) struct Plane {
    /// Pixels a line; lines and columns past the photograph's fill its last blocks.
    stride: usize,
    pixels: Vec<u8>,
    /// Pixels of a block, across and down.
    points: usize,
    /// Whether a scan gave it.
    pub sent: bool,
}

impl Plane {
    /// For `across` x `down` blocks.
    pub(super) fn new((across, down): (usize, usize), points: usize) -> Self {
        let stride = across * points;
        Self { stride, pixels: vec![0; stride * down * points], points, sent: false }
    }

    /// The first `width` pixels of the first `height` lines.
    pub(super) fn cut(mut self, width: usize, height: usize) -> Vec<u8> {
        if width < self.stride {
            for line in 1..height {
                self.pixels.copy_within(line * self.stride..line * self.stride + width, line * width);
            }
        }
        self.pixels.truncate(width * height);
        self.pixels
    }

    /// The first `width` pixels of a line.
    #[inline(always)]
    pub(super) fn line(&self, line: usize, width: usize) -> &[u8] {
        &self.pixels[line * self.stride..][..width]
    }

    /// Takes blocks in, the last of them just before column `end`.
    fn take(&mut self, blocks: &mut Blocks, (end, y): (usize, usize)) {
        let corner = y * 8 * self.stride + (end - blocks.count()) * 8;
        blocks.take(&mut self.pixels[corner..], self.stride);
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, (x, y): (usize, usize), block: [[u8; N]; N]) {
        let corner = y * N * self.stride + x * N;
        for (line, pixels) in block.iter().enumerate() {
            self.pixels[corner + line * self.stride..][..N].copy_from_slice(pixels);
        }
    }
}

/// Which of the coefficients as they are sent are the lowest 4 x 4, line by line.
const LOWEST: [usize; 16] = [0, 1, 5, 6, 2, 4, 7, 13, 3, 8, 12, 17, 9, 11, 18, 24];

pub(super) const ENDS_EARLY: &str = "the coded data end early";

/// One scan of whole blocks.
pub(super) struct Scan<'a> {
    parts: Vec<Part<'a>>,
    /// MCUs across and down.
    mcus: (usize, usize),
    restart: usize,
}

/// What one component's blocks are read with.
struct Part<'a> {
    component: usize,
    /// Blocks of an MCU, across and down.
    sampling: (usize, usize),
    dc: &'a Codes,
    ac: &'a Codes,
    steps: &'a [i32; 64],
}

/// What is known of a component's blocks before the next.
struct Before {
    /// The mean of the last, in steps.
    mean: i32,
    /// Those that are not pixels yet, of each line of blocks of an MCU.
    waiting: Vec<Blocks>,
}

impl<'a> Scan<'a> {
    pub(super) fn read(segment: &[u8], frame: &Frame, tables: &'a Tables) -> Result<Self, String> {
        let count = usize::from(*segment.first().ok_or(SHORT)?);
        let specs = segment.get(1..1 + 2 * count).ok_or(SHORT)?;
        let mut parts = Vec::new();
        for spec in specs.chunks(2) {
            let place = frame.components.iter().position(|component| component.id == spec[0]);
            let place = place.ok_or("a scan of an unknown component")?;
            let component = &frame.components[place];
            let codes = |class: &'a [Option<Rc<Codes>>; 4], place: u8| {
                class.get(usize::from(place)).and_then(Option::as_deref).ok_or("a Huffman table is missing")
            };
            let steps = tables.steps.get(component.steps).and_then(Option::as_ref);
            parts.push(Part {
                component: place,
                sampling: if count == 1 { (1, 1) } else { component.sampling },
                dc: codes(&tables.dc, spec[1] >> 4)?,
                ac: codes(&tables.ac, spec[1] & 15)?,
                steps: steps.ok_or("a quantisation table is missing")?,
            });
        }
        let mcus = match &parts[..] {
            [] => return Err("a scan header of impossible contents".to_owned()),
            [part] => frame.components[part.component].blocks,
            _ => frame.mcus,
        };
        Ok(Self { parts, mcus, restart: tables.restart })
    }

    /// Decodes every block from byte `at` on into the planes of the components; where the marker behind them stands.
    pub(super) fn decode(&self, jpeg: &[u8], at: usize, planes: &mut [Plane]) -> Result<usize, String> {
        let end = widely(Work { scan: self, jpeg, at, planes })?;
        for part in &self.parts {
            planes[part.component].sent = true;
        }
        Ok(end)
    }

    #[inline(always)]
    fn blocks<const POINTS: usize>(&self, jpeg: &[u8], at: usize, planes: &mut [Plane]) -> Result<usize, String> {
        let (across, down) = self.mcus;
        let mcus = across * down;
        let waiting = |part: &Part| (0..if POINTS == 8 { part.sampling.1 } else { 0 }).map(|_| Blocks::new()).collect();
        let mut before: Vec<Before> =
            self.parts.iter().map(|part| Before { mean: 0, waiting: waiting(part) }).collect();
        let mut pieces = Pieces::new(jpeg, at);
        let mut mcu = 0;
        while mcu < mcus {
            if mcu > 0 {
                pieces.restart()?;
            }
            let last = if self.restart == 0 { mcus } else { mcus.min(mcu + self.restart) };
            let mut bits = pieces.read();
            for before in &mut before {
                before.mean = 0;
            }
            while mcu < last {
                let place = (mcu % across, mcu / across);
                for (part, before) in self.parts.iter().zip(&mut before) {
                    part.mcu::<POINTS>(&mut bits, place, before, &mut planes[part.component], place.0 + 1 == across)
                        .map_err(|why| format!("{why} at block {mcu} of {mcus}"))?;
                }
                mcu += 1;
            }
            bits.end()?;
        }
        Ok(pieces.end())
    }
}

struct Work<'a> {
    scan: &'a Scan<'a>,
    jpeg: &'a [u8],
    at: usize,
    planes: &'a mut [Plane],
}

impl pulp::WithSimd for Work<'_> {
    type Output = Result<usize, String>;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Self::Output {
        let Self { scan, jpeg, at, planes } = self;
        match planes[0].points {
            8 => scan.blocks::<8>(jpeg, at, planes),
            4 => scan.blocks::<4>(jpeg, at, planes),
            2 => scan.blocks::<2>(jpeg, at, planes),
            _ => scan.blocks::<1>(jpeg, at, planes),
        }
    }
}

impl Part<'_> {
    /// The blocks of one MCU; `last` says whether it ends a line of them.
    #[inline(always)]
    fn mcu<const POINTS: usize>(
        &self,
        bits: &mut Bits,
        (x, y): (usize, usize),
        before: &mut Before,
        plane: &mut Plane,
        last: bool,
    ) -> Result<(), &'static str> {
        let (across, down) = self.sampling;
        for row in 0..down {
            for column in x * across..(x + 1) * across {
                let place = (column, y * down + row);
                match POINTS {
                    8 => {
                        let waiting = &mut before.waiting[row];
                        self.whole(bits, &mut before.mean, waiting)?;
                        if waiting.are_full() || (last && column + 1 == (x + 1) * across) {
                            plane.take(waiting, (column + 1, place.1));
                        }
                    }
                    4 => plane.put(place, self.four(bits, &mut before.mean)?),
                    2 => plane.put(place, self.two(bits, &mut before.mean)?),
                    _ => plane.put(place, self.one(bits, &mut before.mean)?),
                }
                if !bits.suffices() {
                    return Err(ENDS_EARLY);
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn whole(&self, bits: &mut Bits, mean: &mut i32, blocks: &mut Blocks) -> Result<(), &'static str> {
        bits.fill();
        *mean = mean.wrapping_add(self.dc.next(bits)?.value);
        blocks.set(0, mean.wrapping_mul(self.steps[0]));
        let (mut k, mut last) = (1, 0);
        while k < 64 {
            bits.fill();
            let next = self.ac.next(bits)?;
            k += next.zeros;
            if k > 63 {
                break;
            }
            blocks.set(k, next.value * self.steps[k]);
            last = k;
            k += 1;
        }
        blocks.advance(last);
        if k == 64 && last == 63 || k > END { Ok(()) } else { Err(TOO_MANY) }
    }

    #[inline(always)]
    fn four(&self, bits: &mut Bits, mean: &mut i32) -> Result<[[u8; 4]; 4], &'static str> {
        let mut sent = [0; 26];
        self.sent(bits, mean, &mut sent)?;
        let mut block = [0; 16];
        for (value, k) in block.iter_mut().zip(LOWEST) {
            *value = self.scaled(sent[k], k);
        }
        Ok(transform::four(&block))
    }

    #[inline(always)]
    fn two(&self, bits: &mut Bits, mean: &mut i32) -> Result<[[u8; 2]; 2], &'static str> {
        bits.fill();
        *mean = mean.wrapping_add(self.dc.next(bits)?.value);
        let begun = self.ac.begin(bits);
        let [across, down, both] = begun.told();
        let (mut k, mut sent) = (begun.next(), [0, across, down, 0, both, 0]);
        while k < 5 {
            bits.fill();
            let next = self.ac.next(bits)?;
            k += next.zeros;
            sent[k.min(5)] = next.value;
            k += 1;
        }
        if k < END {
            self.ac.pass(bits, k)?;
        }
        let scaled = |k: usize| self.scaled(sent[k], k);
        Ok(transform::two([self.scaled(*mean, 0), scaled(1), scaled(2), scaled(4)]))
    }

    #[inline(always)]
    fn one(&self, bits: &mut Bits, mean: &mut i32) -> Result<[[u8; 1]; 1], &'static str> {
        let mut sent = [0; 2];
        self.sent(bits, mean, &mut sent)?;
        Ok(transform::one(self.scaled(sent[0], 0)))
    }

    /// Reads the first of a block's coefficients in the order in which they are sent, and passes over the rest. The last
    /// place holds none: it is where those go that zeros bring behind the others.
    #[inline(always)]
    fn sent<const ROOM: usize>(
        &self,
        bits: &mut Bits,
        mean: &mut i32,
        sent: &mut [i32; ROOM],
    ) -> Result<(), &'static str> {
        bits.fill();
        *mean = mean.wrapping_add(self.dc.next(bits)?.value);
        sent[0] = *mean;
        let mut k = 1;
        while k < ROOM - 1 {
            bits.fill();
            let next = self.ac.next(bits)?;
            k += next.zeros;
            sent[k.min(ROOM - 1)] = next.value;
            k += 1;
        }
        self.ac.pass(bits, k)
    }

    #[inline(always)]
    fn scaled(&self, value: i32, k: usize) -> i32 {
        value.wrapping_mul(self.steps[k & 63]).clamp(-transform::LIMIT, transform::LIMIT)
    }
}

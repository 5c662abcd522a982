//! What stands before the coded data of a JPEG: [`Frame`], its components, and the [`Tables`] that scans are read with.

use super::codes::Codes;
use std::rc::Rc;

pub(super) const SHORT: &str = "a segment ends early";

pub(super) fn number(bytes: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// What stands before scans and holds until it is given anew.
#[derive(Default)]
pub(super) struct Tables {
    pub dc: [Option<Rc<Codes>>; 4],
    pub ac: [Option<Rc<Codes>>; 4],
    /// Steps of quantisation, in the order in which coefficients are sent.
    pub steps: [Option<[i32; 64]>; 4],
    /// MCUs between restart markers; 0: none.
    pub restart: usize,
}

impl Tables {
    /// Takes a segment of Huffman tables in.
    pub(super) fn codes(&mut self, mut segment: &[u8]) -> Result<(), String> {
        while let [head, rest @ ..] = segment {
            let counts: &[u8; 16] = rest.first_chunk().ok_or(SHORT)?;
            let values: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let values = rest.get(16..16 + values).ok_or(SHORT)?;
            let codes = Codes::shared(counts, values)?;
            let class = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            if head >> 4 == 0 {
                codes.are_of_differences()?;
            }
            *class.get_mut(usize::from(head & 15)).ok_or("a Huffman table past the fourth")? = Some(codes);
            segment = &rest[16 + values.len()..];
        }
        Ok(())
    }

    /// Takes a segment of steps of quantisation in.
    pub(super) fn steps(&mut self, mut segment: &[u8]) -> Result<(), String> {
        while let [head, rest @ ..] = segment {
            let width = if head >> 4 == 0 { 1 } else { 2 };
            let bytes = rest.get(..64 * width).ok_or(SHORT)?;
            let mut steps = [0; 64];
            for (step, bytes) in steps.iter_mut().zip(bytes.chunks(width)) {
                *step = bytes.iter().fold(0, |step, byte| step << 8 | i32::from(*byte));
            }
            *self.steps.get_mut(usize::from(head & 15)).ok_or("a quantisation table past the fourth")? = Some(steps);
            segment = &rest[64 * width..];
        }
        Ok(())
    }
}

/// A frame of 8-bit samples.
pub(super) struct Frame {
    pub width: usize,
    pub height: usize,
    /// MCUs across and down in scans of several components.
    pub mcus: (usize, usize),
    /// The largest sampling of all, across and down.
    pub sampling: (usize, usize),
    pub components: Vec<Component>,
}

pub(super) struct Component {
    pub id: u8,
    /// Blocks of an MCU, across and down.
    pub sampling: (usize, usize),
    /// Blocks across and down that hold pixels: those of a scan of this component alone.
    pub blocks: (usize, usize),
    /// Which steps of quantisation.
    pub steps: usize,
}

impl Frame {
    /// `None` for a frame that is left to others: of samples deeper than 8 bits, of a height that comes later, or of neither
    /// one nor three components that halve evenly.
    pub(super) fn read(segment: &[u8]) -> Result<Option<Self>, String> {
        let [depth, rest @ ..]: &[u8; 6] = segment.first_chunk().ok_or(SHORT)?;
        let (height, width, count) = (number(rest), number(&rest[2..]), usize::from(rest[4]));
        let specs = segment.get(6..6 + 3 * count).ok_or(SHORT)?;
        let samplings: Vec<(usize, usize)> =
            specs.chunks(3).map(|spec| (usize::from(spec[1] >> 4), usize::from(spec[1] & 15))).collect();
        let across = samplings.iter().map(|sampling| sampling.0).max().unwrap_or(0);
        let down = samplings.iter().map(|sampling| sampling.1).max().unwrap_or(0);
        let even = |(h, v): &(usize, usize)| *h > 0 && *v > 0 && across % h == 0 && down % v == 0;
        if *depth != 8 || width == 0 || height == 0 || across > 4 || down > 4 || !samplings.iter().all(even) {
            return Ok(None);
        }
        if count != 1 && count != 3 {
            return Ok(None);
        }
        let component = |(spec, (h, v)): (&[u8], (usize, usize))| Component {
            id: spec[0],
            sampling: (h, v),
            blocks: ((width * h).div_ceil(across).div_ceil(8), (height * v).div_ceil(down).div_ceil(8)),
            steps: usize::from(spec[2]),
        };
        Ok(Some(Self {
            width,
            height,
            mcus: (width.div_ceil(8 * across), height.div_ceil(8 * down)),
            sampling: (across, down),
            components: specs.chunks(3).zip(samplings).map(component).collect(),
        }))
    }

    /// Blocks that hold pixels, of all components.
    pub(super) fn blocks(&self) -> usize {
        self.components.iter().map(|component| component.blocks.0 * component.blocks.1).sum()
    }
}

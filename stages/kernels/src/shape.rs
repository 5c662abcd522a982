//! The shape of a convolution: [`Conv`], and the [`Grid`] on which all its taps are plain shifts.

/// A square convolution without bias, padded by `kernel / 2`, over planes of `height` x `width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    pub channels: usize,
    pub out: usize,
    /// Odd.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    pub reach: Reach,
    pub height: usize,
    pub width: usize,
}

/// Which channels an output channel is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Dense,
    /// Its own.
    Depthwise,
}

impl Conv {
    #[must_use]
    pub fn out_height(&self) -> usize {
        self.height.div_ceil(self.stride)
    }

    #[must_use]
    pub fn out_width(&self) -> usize {
        self.width.div_ceil(self.stride)
    }

    /// Numbers of one photograph's input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Numbers of one photograph's output.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.out * self.out_plane()
    }

    pub(crate) fn in_plane(&self) -> usize {
        self.height * self.width
    }

    pub(crate) fn out_plane(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Weights, `[out, channels or 1, kernel, kernel]`.
    #[must_use]
    pub fn weights(&self) -> usize {
        let each = match self.reach {
            Reach::Dense => self.channels,
            Reach::Depthwise => 1,
        };
        self.out * each * self.taps()
    }

    pub(crate) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }
}

/// Where the padded planes of some photographs lie in one line of numbers, a plane after the other, so that output `p`
/// is made of the numbers at `p + tap` for a fixed tap each.
///
/// With stride 2 the padded plane is cut into four phases, by the parity of row and column, each with a line of its
/// own. The outputs lie in rows of the same width; what stands in the columns and rows beyond theirs means nothing.
/// With stride 1 the padding right of a row is that left of the next one.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    conv: Conv,
    /// Photographs.
    count: usize,
    pub(crate) columns: usize,
    rows: usize,
    /// Numbers of one phase's line, with what taps of the last outputs reach.
    line: usize,
    /// Phases that a tap falls on.
    phases: usize,
    /// Where each tap begins in the phases' lines.
    pub(crate) taps: Vec<usize>,
}

impl Grid {
    /// Beyond the end of each line, so that whole vectors may be read there.
    pub(crate) const SLACK: usize = 64;

    pub(crate) fn new(conv: Conv, count: usize) -> Self {
        let Conv { kernel, stride, .. } = conv;
        let more = (kernel - 1) / stride;
        let (rows, columns) = if stride == 1 {
            (conv.height + kernel / 2, conv.width + kernel / 2)
        } else {
            (conv.out_height() + more, conv.out_width() + more)
        };
        // A line ends on a whole vector.
        let line = (count * rows * columns + more * (columns + 1) + Self::SLACK).next_multiple_of(16);
        // A 1x1 kernel sees the first phase alone.
        let phases = if kernel == 1 { 1 } else { stride * stride };
        let tap = |at: usize| {
            let (y, x) = (at / kernel, at % kernel);
            let phase = (y % stride) * stride + x % stride;
            phase * line + y / stride * columns + x / stride
        };
        Self { conv, count, columns, rows, line, phases, taps: (0..conv.taps()).map(tap).collect() }
    }

    /// Numbers of one phase's line.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// Numbers of all phases' lines of a channel.
    pub(crate) fn length(&self) -> usize {
        self.phases * self.line
    }

    /// Places of outputs, the meaningless among them.
    pub(crate) fn outputs(&self) -> usize {
        self.count * self.rows * self.columns
    }

    /// Rows of them.
    pub(crate) fn output_rows(&self) -> usize {
        self.count * self.rows
    }

    /// The photograph and its row that lie in a row of places, if any do.
    pub(crate) fn output_row(&self, row: usize) -> Option<(usize, usize)> {
        let (photo, row) = (row / self.rows, row % self.rows);
        (row < self.conv.out_height()).then_some((photo, row))
    }

    /// Where the first place of an output row is.
    pub(crate) fn output_at(&self, photo: usize, row: usize) -> usize {
        (photo * self.rows + row) * self.columns
    }

    /// The stretches of a row of an input plane: in the row from where and how far apart, and where they begin in the
    /// lines.
    fn stretches(&self, photo: usize, row: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let Self { conv, columns, rows, line, phases, .. } = *self;
        let (stride, pad) = (conv.stride, conv.kernel / 2);
        let y = row + pad;
        (0..stride).filter_map(move |parity| {
            let phase = (y % stride) * stride + parity;
            // The first column of this parity once padded.
            let first = (parity + stride - pad % stride) % stride;
            (phase < phases && first < conv.width).then(|| {
                let at = phase * line + (photo * rows + y / stride) * columns + (first + pad) / stride;
                (first, stride, at)
            })
        })
    }

    /// Writes a row of an input plane into the lines of its channel.
    pub(crate) fn put(&self, lines: &mut [f32], photo: usize, row: usize, values: &[f32]) {
        for (first, step, at) in self.stretches(photo, row) {
            if step == 1 {
                lines[at..at + values.len()].copy_from_slice(values);
            } else {
                let there = &mut lines[at..at + (values.len() - first).div_ceil(step)];
                for (to, from) in there.iter_mut().zip(values[first..].chunks(step)) {
                    *to = from[0];
                }
            }
        }
    }

    /// Where a row of an input plane lies as it is, if it does.
    pub(crate) fn whole_row(&self, photo: usize, row: usize) -> Option<usize> {
        (self.conv.stride == 1).then(|| self.stretches(photo, row).next().map(|(.., at)| at))?
    }

    /// Reads a row of an input plane from the lines of its channel; 0 where no tap looks.
    pub(crate) fn get(&self, lines: &[f32], photo: usize, row: usize, values: &mut [f32]) {
        if self.phases < self.conv.stride * self.conv.stride {
            values.fill(0.0);
        }
        for (first, step, at) in self.stretches(photo, row) {
            let count = (values.len() - first).div_ceil(step);
            for (to, from) in values[first..].chunks_mut(step).zip(&lines[at..at + count]) {
                to[0] = *from;
            }
        }
    }
}

//! Matrix products on one thread: [`product`], safe around the crate `gemm`; what it is given are [`View`]s of slices.

/// A matrix within a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Row by row, `stride` from one to the next.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(rows > 0 && columns > 0 && (rows - 1) * stride + columns <= data.len(), "a matrix beyond its slice");
        Self { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// What becomes of the numbers that stand where a product goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Onto {
    Nothing,
    /// The product is added to them.
    Sum,
}

/// a times b into `to`, whose rows are `stride` apart.
#[allow(unsafe_code)]
pub(crate) fn product(to: &mut [f32], stride: usize, onto: Onto, a: View, b: View) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "matrices that do not meet");
    assert!(n <= stride && (m - 1) * stride + n <= to.len(), "a product beyond its slice");
    // SAFETY: each matrix lies within its slice: checked here and, as no field is public, in `View::new`; `to` is
    // borrowed alone, so none overlaps it.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            to.as_mut_ptr(),
            1,
            stride as isize,
            onto == Onto::Sum,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

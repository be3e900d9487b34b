//! Sums of rows, plain and under a max pool.

use super::plan::Plan;
use super::{Shape, check};
use crate::Level;
use crate::activation::elementwise::{load_up_to, store_up_to};
use crate::simd::{Kernel, Simd, dispatch};

/// The convolution, with `relu` cut off at zero.
///
/// `codes` `[n, length]`; `table` `[width, symbols, filters]`; `bias` `[filters]`; `y` `[n, outputs, filters]`,
/// overwritten.
pub fn forward(level: Level, shape: &Shape, codes: &[u8], table: &[f32], bias: &[f32], relu: bool, y: &mut [f32]) {
    run(level, shape, codes, table, bias, relu, 1, y, &mut []);
}

/// The convolution under a max pool of windows of `pool` outputs side by side; outputs beyond the last whole window are
/// left out.
///
/// As [`forward`], but `y` is `[n, outputs / pool, filters]`, and `arg`, of the same shape, takes the place of the first
/// maximum in each window. `pool` is 1 to 255. The array before the pool is never written.
pub fn forward_max_pool(
    level: Level,
    shape: &Shape,
    codes: &[u8],
    table: &[f32],
    bias: &[f32],
    relu: bool,
    pool: usize,
    y: &mut [f32],
    arg: &mut [u8],
) {
    assert!((1..=255).contains(&pool), "a pool spans 1 to 255 outputs, not {pool}");
    check("arg", arg.len(), &[y.len()]);
    run(level, shape, codes, table, bias, relu, pool, y, arg);
}

fn run(
    level: Level,
    shape: &Shape,
    codes: &[u8],
    table: &[f32],
    bias: &[f32],
    relu: bool,
    pool: usize,
    y: &mut [f32],
    arg: &mut [u8],
) {
    let n = shape.sequences(codes);
    let windows = shape.outputs / pool;
    check("table", table.len(), &[shape.width, shape.symbols, shape.filters]);
    check("bias", bias.len(), &[shape.filters]);
    check("y", y.len(), &[n, windows, shape.filters]);
    if y.is_empty() {
        return;
    }
    let plan = Plan::new(shape, level.lanes());
    let table = plan.combine(table);
    // Without relu, a floor that lies below every number.
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    let mut offsets = Vec::new();
    let size = windows * shape.filters;
    for (i, (codes, y)) in codes.chunks_exact(shape.length).zip(y.chunks_exact_mut(size)).enumerate() {
        plan.offsets(codes, &mut offsets);
        let arg = if arg.is_empty() { &mut [] } else { &mut arg[i * size..][..size] };
        let blocks = plan.blocks().zip(table.numbers().chunks_exact(plan.block_size()));
        for ((start, vectors, filters), table) in blocks {
            let bias = &bias[start..start + filters];
            let sequence = Sequence { plan: &plan, shape, offsets: &offsets, table, start, filters };
            dispatch(level, Forward { sequence, vectors, windows, pool, floor, bias, y, arg });
        }
    }
}

/// One sequence and one block of filters.
#[derive(Clone, Copy)]
pub(super) struct Sequence<'a> {
    pub(super) plan: &'a Plan,
    pub(super) shape: &'a Shape,
    /// For every position, where its row of the first group begins.
    pub(super) offsets: &'a [u32],
    /// The combined table of the block; empty for gradients, which write theirs.
    pub(super) table: &'a [f32],
    /// First filter of the block.
    pub(super) start: usize,
    /// Filters of the block.
    pub(super) filters: usize,
}

struct Forward<'a> {
    sequence: Sequence<'a>,
    vectors: usize,
    windows: usize,
    pool: usize,
    floor: f32,
    bias: &'a [f32],
    y: &'a mut [f32],
    /// Empty where places are not asked for.
    arg: &'a mut [u8],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        // SAFETY: the arrays have the sizes of the shape, which `run` above has checked; the plan makes vectors and
        // filters of a block agree.
        unsafe {
            match (self.vectors, self.pool) {
                (1, 1) => self.rows::<S, 1>(),
                (2, 1) => self.rows::<S, 2>(),
                (3, 1) => self.rows::<S, 3>(),
                (_, 1) => self.rows::<S, 4>(),
                (1, _) => self.windows::<S, 1>(),
                (2, _) => self.windows::<S, 2>(),
                (3, _) => self.windows::<S, 3>(),
                (_, _) => self.windows::<S, 4>(),
            }
        }
    }
}

impl Forward<'_> {
    /// Lanes of a vector of the block: those left in the last, all in the others.
    #[inline(always)]
    fn lanes<S: Simd, const V: usize>(&self, v: usize) -> usize {
        if v + 1 < V { S::LANES } else { self.sequence.filters - v * S::LANES }
    }

    /// The bias of the block.
    ///
    /// # Safety
    /// The block has `V` vectors; the processor has the instruction set.
    #[inline(always)]
    unsafe fn bias<S: Simd, const V: usize>(&self) -> [S::F; V] {
        // SAFETY: `bias` has the filters of the block.
        unsafe {
            let mut bias = [S::splat(0.0); V];
            for (v, bias) in bias.iter_mut().enumerate() {
                *bias = load_up_to::<S>(self.bias.as_ptr().add(v * S::LANES), self.lanes::<S, V>(v));
            }
            bias
        }
    }

    /// # Safety
    /// The block has `V` vectors, `y` at least `windows` rows; the processor has the instruction set.
    #[inline(always)]
    unsafe fn rows<S: Simd, const V: usize>(mut self) {
        let filters = self.sequence.shape.filters;
        // SAFETY: as above; `o` runs over outputs of the shape.
        unsafe {
            let (bias, floor) = (self.bias::<S, V>(), S::splat(self.floor));
            for o in 0..self.windows {
                let sums = self.sequence.sums::<S, V>(o, bias);
                self.store::<S, V>(o * filters, sums, floor);
            }
            if !self.arg.is_empty() {
                self.clear_places();
            }
        }
    }

    /// Windows of one output: the place is always the first.
    #[inline(always)]
    fn clear_places(&mut self) {
        let (start, count) = (self.sequence.start, self.sequence.filters);
        self.arg.chunks_exact_mut(self.sequence.shape.filters).for_each(|row| row[start..start + count].fill(0));
    }

    /// Writes a row of the block, cut off at the floor.
    ///
    /// # Safety
    /// The block has `V` vectors, and `y` a whole row at `row`; the processor has the instruction set.
    #[inline(always)]
    unsafe fn store<S: Simd, const V: usize>(&mut self, row: usize, sums: [S::F; V], floor: S::F) {
        // SAFETY: the row has the filters of the block from `start` on.
        unsafe {
            let y = self.y.as_mut_ptr().add(row + self.sequence.start);
            for (v, sum) in sums.into_iter().enumerate() {
                // The sum second, so that what is not a number stays so.
                store_up_to::<S>(y.add(v * S::LANES), self.lanes::<S, V>(v), S::max(floor, sum));
            }
        }
    }

    /// # Safety
    /// The block has `V` vectors, `y` and `arg` at least `windows` rows; the processor has the instruction set.
    #[inline(always)]
    unsafe fn windows<S: Simd, const V: usize>(mut self) {
        let (filters, pool) = (self.sequence.shape.filters, self.pool);
        let mut places = [0.0f32; super::plan::BLOCK * 16];
        // SAFETY: as above; windows are whole, so `o` runs over outputs of the shape. `places` holds four of the widest
        // vectors.
        unsafe {
            let (bias, floor) = (self.bias::<S, V>(), S::splat(self.floor));
            for window in 0..self.windows {
                let mut best = self.sequence.sums::<S, V>(window * pool, bias);
                let mut place = [S::splat(0.0); V];
                for i in 1..pool {
                    let sums = self.sequence.sums::<S, V>(window * pool + i, bias);
                    let here = S::splat(i as f32);
                    for v in 0..V {
                        place[v] = S::select_gt(sums[v], best[v], here, place[v]);
                        best[v] = S::max(sums[v], best[v]);
                    }
                }
                self.store::<S, V>(window * filters, best, floor);
                for (v, place) in place.into_iter().enumerate() {
                    S::store(places.as_mut_ptr().add(v * S::LANES), place);
                }
                let start = window * filters + self.sequence.start;
                let arg = &mut self.arg[start..start + self.sequence.filters];
                for (arg, place) in arg.iter_mut().zip(places) {
                    *arg = place.to_int_unchecked::<i32>() as u8;
                }
            }
        }
    }
}

impl Sequence<'_> {
    /// The sums of the rows that output `o` reads, on top of `bias`.
    ///
    /// # Safety
    /// `o` is an output of the shape, the block has `V` vectors, and its table is that of the plan; the processor has
    /// the instruction set.
    #[inline(always)]
    unsafe fn sums<S: Simd, const V: usize>(&self, o: usize, bias: [S::F; V]) -> [S::F; V] {
        let group = self.plan.row();
        let step = self.plan.step();
        let mut sums = bias;
        // SAFETY: there are offsets up to the last group of the last output, each of a row with a place for every group.
        unsafe {
            let mut offset = self.offsets.as_ptr().add(o * self.shape.stride);
            let mut table = self.table.as_ptr();
            for g in 0..self.plan.groups {
                let row = table.add(*offset as usize);
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = S::add(*sum, S::load(row.add(v * S::LANES)));
                }
                // Not beyond the last, where a pointer could leave its array.
                if g + 1 < self.plan.groups {
                    offset = offset.add(step);
                    table = table.add(group);
                }
            }
        }
        sums
    }
}

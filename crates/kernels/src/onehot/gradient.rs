//! The gradient of the table: rows of the output's gradient, added to the rows that they came from.

use super::forward::Sequence;
use super::plan::{BLOCK, Plan};
use super::{Shape, check};
use crate::Level;
use crate::activation::elementwise::load_up_to;
use crate::simd::{Kernel, Simd, dispatch};

/// Adds the gradients of table and bias.
///
/// `codes` `[n, length]`; `dy` `[n, outputs, filters]`, the gradient of the convolution before any relu; `dtable`
/// `[width, symbols, filters]` and `dbias` `[filters]` are added to.
pub fn table_gradient(level: Level, shape: &Shape, codes: &[u8], dy: &[f32], dtable: &mut [f32], dbias: &mut [f32]) {
    run(level, shape, codes, None, dy, dtable, dbias);
}

/// Adds the gradients of table and bias from under the max pool of [`super::forward_max_pool`].
///
/// `y`, `dy` and `arg` are `[n, outputs / pool, filters]`: the pooled output, its gradient, and the places of the maxima.
/// With `relu`, what came out as zero passes nothing; without, `y` is not looked at.
pub fn table_gradient_max_pool(
    level: Level,
    shape: &Shape,
    codes: &[u8],
    y: &[f32],
    dy: &[f32],
    arg: &[u8],
    relu: bool,
    pool: usize,
    dtable: &mut [f32],
    dbias: &mut [f32],
) {
    assert!((1..=255).contains(&pool), "a pool spans 1 to 255 outputs, not {pool}");
    check("arg", arg.len(), &[dy.len()]);
    check("y", y.len(), &[dy.len()]);
    run(level, shape, codes, Some(Pool { size: pool, relu, y, arg }), dy, dtable, dbias);
}

/// A max pool behind the convolution.
#[derive(Clone, Copy)]
struct Pool<'a> {
    size: usize,
    relu: bool,
    y: &'a [f32],
    arg: &'a [u8],
}

fn run(
    level: Level,
    shape: &Shape,
    codes: &[u8],
    pool: Option<Pool<'_>>,
    dy: &[f32],
    dtable: &mut [f32],
    dbias: &mut [f32],
) {
    let n = shape.sequences(codes);
    let windows = shape.outputs / pool.map_or(1, |pool| pool.size);
    check("dtable", dtable.len(), &[shape.width, shape.symbols, shape.filters]);
    check("dbias", dbias.len(), &[shape.filters]);
    check("dy", dy.len(), &[n, windows, shape.filters]);
    if dy.is_empty() {
        return;
    }
    let plan = Plan::new(shape, level.lanes());
    let mut gradient = plan.zeros();
    let mut offsets = Vec::new();
    let size = windows * shape.filters;
    for (i, (codes, dy)) in codes.chunks_exact(shape.length).zip(dy.chunks_exact(size)).enumerate() {
        plan.offsets(codes, &mut offsets);
        let pool = pool.map(|pool| Pool { y: &pool.y[i * size..][..size], arg: &pool.arg[i * size..][..size], ..pool });
        let blocks = plan.blocks().zip(gradient.numbers_mut().chunks_exact_mut(plan.block_size()));
        for ((start, vectors, filters), gradient) in blocks {
            let dbias = &mut dbias[start..start + filters];
            let sequence = Sequence { plan: &plan, shape, offsets: &offsets, table: &[], start, filters };
            dispatch(level, Gradient { sequence, vectors, windows, pool, dy, dbias, gradient });
        }
    }
    plan.fold(&gradient, dtable);
}

struct Gradient<'a> {
    sequence: Sequence<'a>,
    vectors: usize,
    windows: usize,
    pool: Option<Pool<'a>>,
    dy: &'a [f32],
    dbias: &'a mut [f32],
    /// The gradient of the combined table of the block.
    gradient: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        // SAFETY: the arrays have the sizes of the shape, which `run` above has checked; the plan makes vectors and
        // filters of a block agree.
        unsafe {
            match (self.vectors, self.pool) {
                (1, None) => self.rows::<S, 1>(),
                (2, None) => self.rows::<S, 2>(),
                (3, None) => self.rows::<S, 3>(),
                (_, None) => self.rows::<S, 4>(),
                (1, Some(pool)) => self.windows::<S, 1>(pool),
                (2, Some(pool)) => self.windows::<S, 2>(pool),
                (3, Some(pool)) => self.windows::<S, 3>(pool),
                (_, Some(pool)) => self.windows::<S, 4>(pool),
            }
        }
    }
}

impl Gradient<'_> {
    /// The block's part of a row of `[windows, filters]`.
    ///
    /// # Safety
    /// The block has `V` vectors, and `x` a whole row at `row`; the processor has the instruction set.
    #[inline(always)]
    unsafe fn load<S: Simd, const V: usize>(&self, x: &[f32], row: usize) -> [S::F; V] {
        // SAFETY: the row has the filters of the block from `start` on; all vectors but the last are whole.
        unsafe {
            let p = x.as_ptr().add(row + self.sequence.start);
            // Loops, not closures: the latter are compiled without the instruction set, and call each instruction.
            let mut vectors = [S::splat(0.0); V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                let lanes = if v + 1 < V { S::LANES } else { self.sequence.filters - v * S::LANES };
                *vector = load_up_to::<S>(p.add(v * S::LANES), lanes);
            }
            vectors
        }
    }

    /// # Safety
    /// The block has `V` vectors, `dy` at least `windows` rows; the processor has the instruction set.
    #[inline(always)]
    unsafe fn rows<S: Simd, const V: usize>(mut self) {
        let filters = self.sequence.shape.filters;
        // SAFETY: as above; `o` runs over outputs of the shape.
        unsafe {
            let mut total = [S::splat(0.0); V];
            for o in 0..self.windows {
                let dy = self.load::<S, V>(self.dy, o * filters);
                add::<S, V>(&mut total, &dy);
                self.scatter::<S, V>(o, dy);
            }
            self.add_bias::<S, V>(total);
        }
    }

    /// # Safety
    /// The block has `V` vectors, `dy` and the arrays of the pool at least `windows` rows; the processor has the
    /// instruction set.
    #[inline(always)]
    unsafe fn windows<S: Simd, const V: usize>(mut self, pool: Pool<'_>) {
        let filters = self.sequence.shape.filters;
        let mut places = [0.0f32; BLOCK * 16];
        // SAFETY: as above; windows are whole, so `o` runs over outputs of the shape. `places` holds four of the widest
        // vectors.
        unsafe {
            let zero = S::splat(0.0);
            let mut total = [zero; V];
            for window in 0..self.windows {
                let row = window * filters;
                let mut dy = self.load::<S, V>(self.dy, row);
                if pool.relu {
                    let y = self.load::<S, V>(pool.y, row);
                    for (dy, y) in dy.iter_mut().zip(y) {
                        *dy = S::select_gt(y, zero, *dy, zero);
                    }
                }
                add::<S, V>(&mut total, &dy);
                let start = row + self.sequence.start;
                let arg = &pool.arg[start..start + self.sequence.filters];
                places.iter_mut().zip(arg).for_each(|(place, &arg)| *place = f32::from(arg));
                let mut place = [zero; V];
                for (v, place) in place.iter_mut().enumerate() {
                    *place = S::load(places.as_ptr().add(v * S::LANES));
                }
                for i in 0..pool.size {
                    let here = S::splat(i as f32);
                    let mut rows = [zero; V];
                    for (row, (&place, &dy)) in rows.iter_mut().zip(place.iter().zip(&dy)) {
                        let off = S::sub(place, here);
                        *row = S::select_gt(S::splat(0.5), S::mul(off, off), dy, zero);
                    }
                    self.scatter::<S, V>(window * pool.size + i, rows);
                }
            }
            self.add_bias::<S, V>(total);
        }
    }

    /// Adds the gradient of output `o` to the rows that it read.
    ///
    /// # Safety
    /// `o` is an output of the shape, the block has `V` vectors; the processor has the instruction set.
    #[inline(always)]
    unsafe fn scatter<S: Simd, const V: usize>(&mut self, o: usize, dy: [S::F; V]) {
        let Sequence { plan, offsets, shape, .. } = self.sequence;
        let (group, step) = (plan.row(), plan.step());
        // SAFETY: there are offsets up to the last group of the last output, each of a row with a place for every group.
        unsafe {
            let mut offset = offsets.as_ptr().add(o * shape.stride);
            let mut table = self.gradient.as_mut_ptr();
            for g in 0..plan.groups {
                let row = table.add(*offset as usize);
                for (v, &dy) in dy.iter().enumerate() {
                    let p = row.add(v * S::LANES);
                    S::store(p, S::add(S::load(p), dy));
                }
                // Not beyond the last, where a pointer could leave its array.
                if g + 1 < plan.groups {
                    offset = offset.add(step);
                    table = table.add(group);
                }
            }
        }
    }

    /// # Safety
    /// The block has `V` vectors; the processor has the instruction set.
    #[inline(always)]
    unsafe fn add_bias<S: Simd, const V: usize>(&mut self, total: [S::F; V]) {
        let mut totals = [0.0f32; BLOCK * 16];
        // SAFETY: `totals` holds four of the widest vectors.
        unsafe {
            for (v, total) in total.into_iter().enumerate() {
                S::store(totals.as_mut_ptr().add(v * S::LANES), total);
            }
        }
        self.dbias.iter_mut().zip(totals).for_each(|(dbias, total)| *dbias += total);
    }
}

/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn add<S: Simd, const V: usize>(total: &mut [S::F; V], dy: &[S::F; V]) {
    for (total, &dy) in total.iter_mut().zip(dy) {
        // SAFETY: arithmetic only; the caller has the instruction set.
        *total = unsafe { S::add(*total, dy) };
    }
}

//! Against sums written out, in f64.

use super::*;
use crate::Level;
use proptest::prelude::*;

/// `[n, outputs, filters]` before any relu.
fn naive(shape: &Shape, codes: &[u8], table: &[f32], bias: &[f32]) -> Vec<f64> {
    let mut y = Vec::new();
    for codes in codes.chunks_exact(shape.length) {
        for o in 0..shape.outputs {
            for filter in 0..shape.filters {
                let taps = reads(shape, codes, o).into_iter();
                let sum: f64 = taps.map(|row| f64::from(table[row * shape.filters + filter])).sum();
                y.push(f64::from(bias[filter]) + sum);
            }
        }
    }
    y
}

/// The rows `tap * symbols + symbol` of the table that an output reads.
fn reads(shape: &Shape, codes: &[u8], o: usize) -> Vec<usize> {
    let mut rows = Vec::new();
    for tap in 0..shape.width {
        let position = (o * shape.stride + tap * shape.dilation).checked_sub(shape.left);
        match position.and_then(|position| codes.get(position)) {
            Some(&code) if usize::from(code) < shape.symbols => rows.push(tap * shape.symbols + usize::from(code)),
            _ => {}
        }
    }
    rows
}

/// Gradients of table and bias.
fn naive_gradient(shape: &Shape, codes: &[u8], dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let filters = shape.filters;
    let mut dtable = vec![0.0; shape.width * shape.symbols * filters];
    let mut dbias = vec![0.0; filters];
    for (codes, dy) in codes.chunks_exact(shape.length).zip(dy.chunks(shape.outputs.max(1) * filters)) {
        for (o, dy) in dy.chunks_exact(filters).enumerate() {
            dbias.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
            for row in reads(shape, codes, o) {
                dtable[row * filters..][..filters].iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
            }
        }
    }
    (dtable, dbias)
}

/// Numbers between -1 and 1 that look random, a function of seed and index.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|i| {
            let mixed =
                (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed.wrapping_mul(0xD134_2543_DE82_EF95));
            let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            ((mixed >> 40) as f32 / (1 << 23) as f32) - 1.0
        })
        .collect()
}

fn close(name: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{name}");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(got) - want).abs() <= 1e-5 * (1.0 + want.abs()), "{name} {i}: {got} against {want}");
    }
}

struct Case {
    shape: Shape,
    codes: Vec<u8>,
    table: Vec<f32>,
    bias: Vec<f32>,
}

impl Case {
    fn new(shape: Shape, n: usize, seed: u64) -> Self {
        // One code more than there are symbols, for what adds nothing.
        let code = |x: &f32| ((x + 1.0) * 0.5 * (shape.symbols + 1) as f32) as u8;
        Self {
            shape,
            codes: numbers(seed, n * shape.length).iter().map(code).collect(),
            table: numbers(seed + 1, shape.width * shape.symbols * shape.filters),
            bias: numbers(seed + 2, shape.filters),
        }
    }

    fn n(&self) -> usize {
        self.codes.len() / self.shape.length
    }

    fn plain(&self) {
        let Self { shape, codes, table, bias } = self;
        let want = naive(shape, codes, table, bias);
        let dy = numbers(7, want.len());
        let (dtable, dbias) = naive_gradient(shape, codes, &dy.iter().map(|&dy| f64::from(dy)).collect::<Vec<_>>());
        for level in Level::available() {
            for relu in [false, true] {
                let mut y = vec![f32::NAN; want.len()];
                forward(level, shape, codes, table, bias, relu, &mut y);
                let floor = if relu { 0.0 } else { f64::NEG_INFINITY };
                close("y", &y, &want.iter().map(|y| y.max(floor)).collect::<Vec<_>>());
            }
            let mut got = (vec![0.5; table.len()], vec![-0.5; bias.len()]);
            table_gradient(level, shape, codes, &dy, &mut got.0, &mut got.1);
            close("dtable", &got.0, &dtable.iter().map(|d| d + 0.5).collect::<Vec<_>>());
            close("dbias", &got.1, &dbias.iter().map(|d| d - 0.5).collect::<Vec<_>>());
        }
    }

    /// The fused pool against the pool of this level's own convolution, so that places agree to the bit.
    fn pooled(&self, pool: usize, relu: bool) {
        let Self { shape, codes, table, bias } = self;
        let (n, filters, windows) = (self.n(), shape.filters, shape.outputs / pool);
        for level in Level::available() {
            let mut full = vec![0.0; n * shape.outputs * filters];
            forward(level, shape, codes, table, bias, relu, &mut full);
            let (mut y, mut arg) = (vec![f32::NAN; n * windows * filters], vec![255; n * windows * filters]);
            forward_max_pool(level, shape, codes, table, bias, relu, pool, &mut y, &mut arg);
            let dy = numbers(9, y.len());
            let mut expanded = vec![0.0; full.len()];
            for i in 0..y.len() {
                let (sequence, window, filter) = (i / (windows * filters), i / filters % windows, i % filters);
                let at = |k: usize| (sequence * shape.outputs + window * pool + k) * filters + filter;
                let best = (0..pool).map(|k| full[at(k)]).fold(f32::NEG_INFINITY, f32::max);
                assert_eq!(y[i], best, "{level}: y {i}");
                let place = usize::from(arg[i]);
                assert_eq!(full[at(place)], best, "{level}: arg {i}");
                // With relu, several may be zero, and the place is that of the largest before it.
                if best > 0.0 || !relu {
                    assert!((0..place).all(|k| full[at(k)] < best), "{level}: arg {i} is not the first");
                    expanded[at(place)] = f64::from(dy[i]);
                }
            }
            let (dtable, dbias) = naive_gradient(shape, codes, &expanded);
            let mut got = (vec![0.0; table.len()], vec![0.0; bias.len()]);
            table_gradient_max_pool(level, shape, codes, &y, &dy, &arg, relu, pool, &mut got.0, &mut got.1);
            close("dtable", &got.0, &dtable);
            close("dbias", &got.1, &dbias);
        }
    }
}

const SMALL: Shape = Shape { symbols: 4, filters: 3, width: 5, stride: 1, dilation: 1, left: 2, length: 9, outputs: 9 };

#[test]
fn small_shapes_of_all_kinds() {
    let cases = [
        SMALL,
        Shape { filters: 1, ..SMALL },
        Shape { filters: 70, width: 4, ..SMALL },
        Shape { length: 2, outputs: 2, ..SMALL },
        Shape { dilation: 50, left: 100, outputs: 9, ..SMALL },
        Shape { stride: 7, width: 3, outputs: 2, ..SMALL },
        Shape { symbols: 21, filters: 17, ..SMALL },
        Shape { symbols: 1, width: 1, left: 0, ..SMALL },
        Shape { outputs: 0, ..SMALL },
    ];
    for shape in cases {
        for n in [0, 1, 9] {
            let case = Case::new(shape, n, 3);
            case.plain();
            for (pool, relu) in [(1, true), (2, false), (4, true), (200, true)] {
                case.pooled(pool, relu);
            }
        }
    }
}

#[test]
fn codes_beyond_the_alphabet_add_nothing() {
    let shape = Shape { left: 0, outputs: 5, ..SMALL };
    let case = Case { codes: vec![255; 9], ..Case::new(shape, 1, 5) };
    for level in Level::available() {
        let mut y = vec![0.0; 15];
        forward(level, &shape, &case.codes, &case.table, &case.bias, false, &mut y);
        assert!(y.chunks_exact(3).all(|row| row == case.bias));
    }
}

#[test]
fn what_is_not_a_number_passes_relu() {
    let case = Case { bias: vec![f32::NAN; 3], ..Case::new(SMALL, 1, 5) };
    for level in Level::available() {
        let mut y = vec![0.0; 27];
        forward(level, &SMALL, &case.codes, &case.table, &case.bias, true, &mut y);
        assert!(y.iter().all(|y| y.is_nan()));
    }
}

#[test]
#[should_panic(expected = "table [5, 4, 3] cannot have 59 values")]
fn a_table_of_another_size_is_named() {
    forward(Level::best(), &SMALL, &[0; 9], &[0.0; 59], &[0.0; 3], false, &mut [0.0; 27]);
}

#[test]
#[should_panic(expected = "beyond all memory")]
fn sizes_that_overflow_are_refused() {
    let shape = Shape { stride: usize::MAX, ..SMALL };
    forward(Level::best(), &shape, &[0; 9], &[0.0; 60], &[0.0; 3], false, &mut [0.0; 27]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn any_shape(
        (symbols, filters, width) in (1usize..9, 1usize..90, 1usize..8),
        (stride, dilation, left) in (1usize..6, 1usize..6, 0usize..12),
        (length, outputs, n) in (1usize..20, 0usize..40, 0usize..4),
        (pool, relu, seed) in (1usize..7, any::<bool>(), 0u64..1000),
    ) {
        let case = Case::new(Shape { symbols, filters, width, stride, dilation, left, length, outputs }, n, seed);
        case.plain();
        case.pooled(pool, relu);
    }
}

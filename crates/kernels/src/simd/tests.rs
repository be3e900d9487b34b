//! Every instruction set against plain arithmetic, lane by lane.

use super::*;

const A: [f32; 16] = [0.5, -1.5, 2.5, 3.25, -7.75, 8.0, 0.0, -0.25, 1e-3, 12.5, -3.0, 5.5, 6.5, -0.5, 4.0, 9.0];
const B: [f32; 16] = [1.5, -2.5, 2.5, -3.0, 7.0, 0.5, 1.0, -0.125, 1e3, 0.1, 3.0, -5.0, 6.0, -0.75, 0.3, -9.0];

struct Each;

impl Kernel for Each {
    type Output = Vec<(&'static str, Vec<f32>)>;

    #[inline(always)]
    fn run<S: Simd>(self) -> Self::Output {
        let lanes = |v| {
            let mut lanes = vec![0.0; S::LANES];
            // SAFETY: as many numbers as the vector has.
            unsafe { S::store(lanes.as_mut_ptr(), v) };
            lanes
        };
        // SAFETY: the arrays hold 16 numbers, at least as many as any vector.
        unsafe {
            let (a, b) = (S::load(A.as_ptr()), S::load(B.as_ptr()));
            let c = S::splat(0.5);
            vec![
                ("add", lanes(S::add(a, b))),
                ("sub", lanes(S::sub(a, b))),
                ("mul", lanes(S::mul(a, b))),
                ("div", lanes(S::div(a, b))),
                ("fma", lanes(S::fma(a, b, c))),
                ("max", lanes(S::max(a, b))),
                ("min", lanes(S::min(a, b))),
                ("sqrt", lanes(S::sqrt(S::mul(a, a)))),
                ("round", lanes(S::round(a))),
                ("exp2", lanes(S::exp2_whole(S::round(a)))),
                ("select", lanes(S::select_gt(a, b, c, S::splat(7.0)))),
            ]
        }
    }
}

fn wanted(name: &str, a: f32, b: f32) -> f32 {
    match name {
        "add" => a + b,
        "sub" => a - b,
        "mul" => a * b,
        "div" => a / b,
        "fma" => a * b + 0.5,
        "max" => a.max(b),
        "min" => a.min(b),
        "sqrt" => a.abs(),
        "round" => a.round_ties_even(),
        "exp2" => a.round_ties_even().exp2(),
        _ => {
            if a > b {
                0.5
            } else {
                7.0
            }
        }
    }
}

#[test]
fn every_level_does_what_the_names_say() {
    for level in Level::available() {
        for (name, got) in dispatch(level, Each) {
            assert_eq!(got.len(), level.lanes());
            for (i, got) in got.into_iter().enumerate() {
                let want = wanted(name, A[i], B[i]);
                assert!((got - want).abs() <= 2e-7 * want.abs(), "{level}: {name} lane {i}: {got} against {want}");
            }
        }
    }
}

struct Parts(usize);

impl Kernel for Parts {
    type Output = (Vec<f32>, Vec<f32>);

    #[inline(always)]
    fn run<S: Simd>(self) -> Self::Output {
        // Exactly as many numbers as may be touched, so that a sanitizer sees one too many.
        let (input, mut output) = (A[..self.0].to_vec(), vec![9.0; S::LANES]);
        let mut loaded = vec![0.0; S::LANES];
        // SAFETY: n numbers in the arrays, LANES in `loaded`.
        unsafe {
            let v = S::load_part(input.as_ptr(), self.0);
            S::store(loaded.as_mut_ptr(), v);
            S::store_part(output.as_mut_ptr(), self.0, S::splat(1.0));
        }
        (loaded, output)
    }
}

#[test]
fn parts_leave_the_rest_alone() {
    for level in Level::available() {
        for n in 0..=level.lanes() {
            let (loaded, stored) = dispatch(level, Parts(n));
            for i in 0..level.lanes() {
                assert_eq!(loaded[i], if i < n { A[i] } else { 0.0 }, "{level}: load {i} of {n}");
                assert_eq!(stored[i], if i < n { 1.0 } else { 9.0 }, "{level}: store {i} of {n}");
            }
        }
    }
}

#[test]
fn the_best_level_is_the_last_of_those_available() {
    assert_eq!(Some(Level::best()), Level::available().pop());
    assert_eq!(Level::available()[0].to_string(), "portable");
}

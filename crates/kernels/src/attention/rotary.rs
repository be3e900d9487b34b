//! Rotary positions (Su et al. 2021).

use super::Shape;

/// Angles by which pairs of neighbouring channels are turned: pair `i` at position `l` by `l / 10000^(2 i / size)`.
#[derive(Clone, Debug)]
pub struct Rotary {
    size: usize,
    /// Cosine and sine of each pair of each position.
    turns: Vec<(f32, f32)>,
}

impl Rotary {
    /// For heads of an even size.
    pub fn new(s: &Shape) -> Self {
        assert!(s.size.is_multiple_of(2), "pairs of channels need an even size, not {}", s.size);
        let pairs = s.size / 2;
        let rate: Vec<f64> = (0..pairs).map(|pair| 10_000f64.powf(-2.0 * pair as f64 / s.size as f64)).collect();
        let turn = |at: usize| {
            let angle = (at / pairs) as f64 * rate[at % pairs];
            (angle.cos() as f32, angle.sin() as f32)
        };
        Self { size: s.size, turns: (0..s.length * pairs).map(turn).collect() }
    }

    /// Turns the first `heads * size` numbers of each of the rows, `stride` apart, head by head; `back` turns them the
    /// other way, which is the way of gradients.
    pub fn turn(&self, rows: &mut [f32], stride: usize, heads: usize, back: bool) {
        let pairs = self.size / 2;
        let positions = self.turns.chunks_exact(pairs.max(1));
        for (row, turns) in rows.chunks_mut(stride).zip(positions) {
            for head in row[..heads * self.size].chunks_exact_mut(self.size) {
                for (pair, &(cosine, sine)) in head.chunks_exact_mut(2).zip(turns) {
                    let sine = if back { -sine } else { sine };
                    let (a, b) = (pair[0], pair[1]);
                    pair[0] = a * cosine - b * sine;
                    pair[1] = a * sine + b * cosine;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_moves_the_first_channel_to_the_second() {
        let rotary = Rotary::new(&Shape { length: 3, size: 4 });
        // Two heads and a number that is no part of them.
        let mut rows = [1.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 2.0, 9.0].repeat(3);
        let before = rows.clone();
        rotary.turn(&mut rows, 9, 2, false);
        assert_eq!(rows[..9], before[..9]);
        let (fast, slow) = (2f32, 2f32 / 100.0);
        let want = [fast.cos(), fast.sin(), slow.cos(), slow.sin()];
        for (got, want) in rows[18..22].iter().zip(want) {
            assert!((got - want).abs() < 1e-6, "{got} against {want}");
        }
        assert!((rows[22] + 2.0 * fast.sin()).abs() < 1e-6 && rows[26] == 9.0);
        rotary.turn(&mut rows, 9, 2, true);
        assert!(rows.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

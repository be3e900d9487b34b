//! Sums of statistics over the bins of one feature, or of a block of sparse ones.

use super::bins::Block;
use super::statistics::add;

/// Adds the statistics of `rows`, which lie in `ordered`, to the bins of a column. `out` is `[bins, lanes]`.
pub(super) fn add_column(column: &[u8], rows: &[u32], ordered: &[i64], lanes: usize, out: &mut [i64]) {
    if lanes != 2 {
        for (&row, own) in rows.iter().zip(ordered.chunks_exact(lanes)) {
            add(&mut out[usize::from(column[row as usize]) * lanes..][..lanes], own);
        }
        return;
    }
    let (ordered, out) = (ordered.as_chunks::<2>().0, out.as_chunks_mut::<2>().0);
    match out.len() {
        0..=16 if rows.len() >= 128 => add_copies::<16, 4>(column, rows, ordered, out),
        17..=64 if rows.len() >= 512 => add_copies::<64, 4>(column, rows, ordered, out),
        129..=256 if rows.len() >= 1024 => add_copies::<256, 1>(column, rows, ordered, out),
        65..=128 if rows.len() >= 512 => add_copies::<128, 2>(column, rows, ordered, out),
        _ => {
            for (&row, own) in rows.iter().zip(ordered) {
                add(&mut out[usize::from(column[row as usize])], own);
            }
        }
    }
}

/// With few bins, rows that follow each other often meet the same one, and each addition would wait for the last:
/// `COPIES` sums of each bin take turns.
fn add_copies<const BINS: usize, const COPIES: usize>(
    column: &[u8],
    rows: &[u32],
    ordered: &[[i64; 2]],
    out: &mut [[i64; 2]],
) {
    let mut sums = [[[0i64; 2]; BINS]; COPIES];
    let (turns, rest) = rows.as_chunks::<COPIES>();
    let (own_turns, own_rest) = ordered.as_chunks::<COPIES>();
    for (rows, own) in turns.iter().zip(own_turns) {
        for copy in 0..COPIES {
            add(&mut sums[copy][usize::from(column[rows[copy] as usize]) % BINS], &own[copy]);
        }
    }
    for (&row, own) in rest.iter().zip(own_rest) {
        add(&mut sums[0][usize::from(column[row as usize]) % BINS], own);
    }
    for (bin, out) in out.iter_mut().enumerate() {
        sums.iter().for_each(|copy| add(out, &copy[bin]));
    }
}

/// The same for every bin of a block that is stored, which leaves out those of 0.
pub(super) fn add_slots(block: &Block, rows: &[u32], ordered: &[i64], lanes: usize, out: &mut [i64]) {
    if lanes == 2 {
        let (ordered, out) = (ordered.as_chunks::<2>().0, out.as_chunks_mut::<2>().0);
        for (&row, own) in rows.iter().zip(ordered) {
            block.row(row).iter().for_each(|&slot| add(&mut out[usize::from(slot)], own));
        }
    } else {
        for (&row, own) in rows.iter().zip(ordered.chunks_exact(lanes)) {
            block.row(row).iter().for_each(|&slot| add(&mut out[usize::from(slot) * lanes..][..lanes], own));
        }
    }
}

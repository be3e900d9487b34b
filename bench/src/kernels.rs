//! Kernels against the fused multiply-add peak that the same run measures, so that a share means the same on any machine.

use crate::step::middle;
use basewise_kernels::bench::{Case, cases, peak_gflops};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Shortest time that one case is measured for.
const LEAST_TIME: Duration = Duration::from_millis(300);

/// Fewest runs that a median is taken over.
const LEAST_RUNS: usize = 7;

/// Threads that the kernels will use: `RAYON_NUM_THREADS`, else all cores.
fn threads() -> usize {
    std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|&threads| threads > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The peak of one thread and of all.
pub(crate) fn peak(out: &mut impl Write) -> io::Result<()> {
    let all = threads();
    writeln!(out, "1 thread: {:.0} GFLOP/s", peak_gflops(1))?;
    if all > 1 {
        writeln!(out, "{all} threads: {:.0} GFLOP/s", peak_gflops(all))?;
    }
    Ok(())
}

/// A table of the median speed of every case. The share is taken of the highest peak seen, which is measured between
/// the cases too: clocks drift, and a low peak would flatter.
pub(crate) fn table(out: &mut impl Write) -> io::Result<()> {
    let threads = threads();
    let mut peak = peak_gflops(threads);
    let mut rows = Vec::new();
    for Case { name, flops, mut run } in cases() {
        rows.push((name, flops, seconds(&mut *run)));
        peak = peak.max(peak_gflops(threads));
    }
    writeln!(out, "{threads} threads, peak {peak:.0} GFLOP/s\n")?;
    write_rows(&rows, peak, out)
}

/// Median seconds of a run, after two for warming up.
fn seconds(run: &mut dyn FnMut()) -> f64 {
    run();
    run();
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < LEAST_RUNS || start.elapsed() < LEAST_TIME {
        let start = Instant::now();
        run();
        times.push(start.elapsed().as_secs_f64());
    }
    middle(times)
}

/// Name, floating-point operations of a run, seconds of a run.
type Row = (String, f64, f64);

fn write_rows(rows: &[Row], peak: f64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "| kernel | ms | GFLOP/s | of the peak |\n|---|---|---|---|")?;
    for (name, flops, seconds) in rows {
        let speed = flops / seconds / 1e9;
        writeln!(out, "| {name} | {:.3} | {speed:.0} | {:.0} % |", seconds * 1e3, 100.0 * speed / peak)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_operations_by_time_and_a_share_of_the_peak() {
        let mut out = Vec::new();
        write_rows(&[("conv".into(), 2e9, 0.02)], 200.0, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().last(), Some("| conv | 20.000 | 100 | 50 % |"));
    }

    #[test]
    fn a_case_is_run_often_enough_for_a_median() {
        let mut runs = 0;
        let taken = seconds(&mut || {
            runs += 1;
            std::thread::sleep(Duration::from_millis(50));
        });
        assert_eq!(runs, 2 + LEAST_RUNS);
        assert!(taken >= 0.05);
    }
}

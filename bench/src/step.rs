//! One training step or one inference at a time, so that another program can take its turn in between.

use basewise_nn::bench::Workload;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::time::Instant;

/// What can be run once; a trait so that the protocol is tested without a network.
pub(crate) trait Steps {
    /// Forward, backward and the optimizer.
    fn train(&mut self);
    /// Forward only.
    fn infer(&mut self);
    /// In-silico mutagenesis of one sequence: so many of its substitutions, all for 0; `plain` by whole passes.
    fn mutate(&mut self, copies: usize, plain: bool);
}

impl Steps for Workload {
    fn train(&mut self) {
        black_box(Workload::train(self));
    }

    fn infer(&mut self) {
        black_box(Workload::infer(self));
    }

    fn mutate(&mut self, copies: usize, plain: bool) {
        let copies = if copies == 0 { self.substitutions() } else { copies };
        black_box(Workload::mutate(self, copies, plain));
    }
}

pub(crate) fn milliseconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e3
}

/// Says `ready`, then runs what each line of `requests` names and answers with milliseconds and peak memory in KiB
/// (`0` where the system does not say), until the input ends. Warming up is up to the caller.
pub(crate) fn serve(steps: &mut impl Steps, requests: impl BufRead, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "ready")?;
    out.flush()?;
    for request in requests.lines() {
        let request = request?;
        let words: Vec<&str> = request.split_whitespace().collect();
        let taken = match words.as_slice() {
            ["train"] => Some(milliseconds(|| steps.train())),
            ["infer"] => Some(milliseconds(|| steps.infer())),
            [what @ ("mutate" | "mutate-plain"), n] => {
                n.parse().ok().map(|copies| milliseconds(|| steps.mutate(copies, *what == "mutate-plain")))
            }
            _ => None,
        };
        let Some(taken) = taken else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("expected train, infer, mutate N or mutate-plain N, found {request:?}"),
            ));
        };
        writeln!(out, "{taken:.4} {}", peak_kib())?;
        out.flush()?;
    }
    Ok(())
}

/// Medians over `runs`, after two of each for warming up.
pub(crate) fn median(steps: &mut impl Steps, runs: usize, out: &mut impl Write) -> io::Result<()> {
    for _ in 0..2 {
        steps.train();
    }
    let before = page_faults();
    let train = middle((0..runs).map(|_| milliseconds(|| steps.train())).collect());
    let (peak, faults) = (peak_kib(), (page_faults() - before) / runs.max(1) as u64);
    for _ in 0..2 {
        steps.infer();
    }
    let infer = middle((0..runs).map(|_| milliseconds(|| steps.infer())).collect());
    let peak = peak / 1024;
    writeln!(
        out,
        "training step {train:.1} ms, inference {infer:.1} ms, peak memory {peak} MiB, {faults} page faults a step"
    )
}

/// The middle value, the upper one of two.
pub(crate) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The most memory that this process has held at once, in KiB; 0 where the system does not say.
pub(crate) fn peak_kib() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a file of the kernel, whose absence is no error")]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    high_water_mark(&status).unwrap_or(0)
}

/// Pages that the system has handed to this process without reading a file; 0 where it does not say.
fn page_faults() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a file of the kernel, whose absence is no error")]
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    minor_faults(&stat).unwrap_or(0)
}

/// The tenth field; the second one, the name, may hold spaces and ends with the last parenthesis.
fn minor_faults(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(7)?.parse().ok()
}

fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Counts {
        train: usize,
        infer: usize,
        mutants: usize,
    }

    impl Steps for Counts {
        fn train(&mut self) {
            self.train += 1;
        }

        fn infer(&mut self) {
            self.infer += 1;
        }

        fn mutate(&mut self, copies: usize, plain: bool) {
            self.mutants += copies + usize::from(plain);
        }
    }

    #[test]
    fn each_request_is_run_once_and_answered_with_two_numbers() {
        let (mut counts, mut out) = (Counts::default(), Vec::new());
        serve(&mut counts, &b"train\ninfer\ntrain\nmutate 20\nmutate-plain 4\n"[..], &mut out).unwrap();
        assert_eq!((counts.train, counts.infer, counts.mutants), (2, 1, 25));
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (6, "ready"));
        for line in &lines[1..] {
            let (taken, peak) = line.split_once(' ').unwrap();
            assert!(taken.parse::<f64>().unwrap() >= 0.0);
            assert!(peak.parse::<u64>().is_ok());
        }
    }

    #[test]
    fn an_unknown_request_ends_the_service_with_an_error() {
        let requests = ["sleep", "mutate", "mutate x", "mutate 3 4", "train 3", "train x", "infer x", ""];
        for request in requests.map(|line| format!("{line}\n")) {
            let mut counts = Counts::default();
            let error = serve(&mut counts, request.as_bytes(), &mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains("expected train, infer"));
            assert_eq!((counts.train, counts.infer, counts.mutants), (0, 0, 0), "{request:?}");
        }
    }

    #[test]
    fn medians_follow_two_warming_runs() {
        let (mut counts, mut out) = (Counts::default(), Vec::new());
        median(&mut counts, 3, &mut out).unwrap();
        assert_eq!((counts.train, counts.infer), (5, 5));
        assert!(String::from_utf8(out).unwrap().starts_with("training step "));
        assert_eq!(middle(vec![3.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn memory_is_read_from_what_the_system_says_of_the_process() {
        assert_eq!(high_water_mark("Name:\tx\nVmHWM:\t  1234 kB\nVmRSS:\t 1 kB\n"), Some(1234));
        assert_eq!(high_water_mark("Name:\tx\n"), None);
        assert_eq!(minor_faults("12 (a b) c) S 1 2 3 4 5 6 789 0 1"), Some(789));
        assert_eq!(minor_faults("12 (a) S 1"), None);
    }
}

//! `basewise-bench`: how fast networks and kernels run on this machine. `bench/README.md` says how to read it.

mod deeplift;
mod kernels;
mod step;

use basewise_nn::bench::{Explained, Workload};
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "\
usage: basewise-bench step NAME [--runs N]  median milliseconds of a training step and of inference, and peak memory
       basewise-bench step NAME --serve     reads `train`, `infer`, `mutate N` or `mutate-plain N` from stdin, a line
                                            each; runs that once and answers with milliseconds and peak memory in KiB
       basewise-bench deeplift NAME         the same for `explain`: DeepLIFT with 20 references of each sequence
       basewise-bench kernels               GFLOP/s of each kernel and its share of the peak of the same run
       basewise-bench peak                  fused multiply-add peak in GFLOP/s, of 1 thread and of all

RAYON_NUM_THREADS sets the number of threads.";

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Kernels,
    Peak,
    Deeplift { name: String },
    Serve { name: String },
    Step { name: String, runs: usize },
}

impl Command {
    fn parse(arguments: &[&str]) -> Result<Self, String> {
        match arguments {
            ["help" | "--help" | "-h"] => Ok(Self::Help),
            ["kernels"] => Ok(Self::Kernels),
            ["peak"] => Ok(Self::Peak),
            ["deeplift", name] => Ok(Self::Deeplift { name: (*name).to_owned() }),
            ["step", name, "--serve"] => Ok(Self::Serve { name: (*name).to_owned() }),
            ["step", name] => Ok(Self::Step { name: (*name).to_owned(), runs: 7 }),
            ["step", name, "--runs", runs] => match runs.parse() {
                Ok(runs) if runs > 0 => Ok(Self::Step { name: (*name).to_owned(), runs }),
                _ => Err(format!("--runs: expected a whole number above 0, found {runs:?}")),
            },
            [] => Err(format!("expected a command\n{USAGE}")),
            other => Err(format!("expected a command, found {:?}\n{USAGE}", other.join(" "))),
        }
    }

    fn run(&self) -> Result<(), String> {
        let mut out = io::stdout().lock();
        let done = match self {
            Self::Help => writeln!(out, "{USAGE}"),
            Self::Kernels => kernels::table(&mut out),
            Self::Peak => kernels::peak(&mut out),
            Self::Deeplift { name } => {
                let names: Vec<&str> = Explained::names().collect();
                let missing = || format!("expected one of {}, found {name:?}", names.join(", "));
                deeplift::serve(&mut Explained::new(name).ok_or_else(missing)?, io::stdin().lock(), &mut out)
            }
            Self::Serve { name } => step::serve(&mut open(name)?, io::stdin().lock(), &mut out),
            Self::Step { name, runs } => step::median(&mut open(name)?, *runs, &mut out),
        };
        done.map_err(|error| format!("stdin or stdout: {error}"))
    }
}

fn open(name: &str) -> Result<Workload, String> {
    Workload::new(name).ok_or_else(|| format!("expected the name of a network such as bpnet-32x2114, found {name:?}"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match Command::parse(&arguments).and_then(|command| command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to do where stderr is closed.
            let _ = writeln!(io::stderr(), "error: {message}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_and_others_are_refused() {
        assert_eq!(Command::parse(&["peak"]), Ok(Command::Peak));
        assert_eq!(Command::parse(&["step", "a", "--serve"]), Ok(Command::Serve { name: "a".into() }));
        assert_eq!(Command::parse(&["step", "a", "--runs", "3"]), Ok(Command::Step { name: "a".into(), runs: 3 }));
        assert!(Command::parse(&["step", "a", "--runs", "0"]).unwrap_err().contains("above 0"));
        assert!(Command::parse(&[]).unwrap_err().contains("usage"));
        assert!(Command::parse(&["step"]).unwrap_err().contains("expected a command"));
    }
}

//! `basewise generate sample`: sequences from a generative model.

use super::examples::letters;
use super::record;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use basewise_core::{CasePolicy, Encoding};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise generate train quickstart/donor/data --epochs 2 --channels 8 --latent 4 -o donor-vae-sampled
  $ basewise generate sample donor-vae-sampled -n 100 --seed 1 -o new.fa
  $ basewise generate sample donor-vae-sampled -n 2 --temperature 0.5

Sequence i of a seed is the same however many are written. Their names are generated_1, generated_2, ...")]
pub(crate) struct SampleArgs {
    /// Directory that `basewise generate train` wrote
    generator: PathBuf,
    /// How many
    #[arg(short, long, default_value_t = 1000, value_name = "N")]
    number: usize,
    /// Which ones
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Below 1 letters are nearer to the most likely ones, above 1 nearer to chance
    #[arg(long, default_value_t = 1.0, value_name = "T")]
    temperature: f64,
    /// FASTA file to write, or - for stdout
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
}

/// Sequences that are held at once.
const BLOCK: usize = 1 << 24;

pub(super) fn run(args: &SampleArgs, printer: &Printer) -> Result<Outcome> {
    if !(args.temperature > 0.0 && args.temperature.is_finite()) {
        return Err(user(format!("expected --temperature above 0, found {}", args.temperature), None));
    }
    let model = record::load(&args.generator)?;
    if args.number.saturating_mul(model.length()) > BLOCK * 64 {
        let most = BLOCK * 64 / model.length();
        return Err(user(
            format!("expected at most {} sequences at a time, found {}", count(most), count(args.number)),
            Some("write several files, each with a --seed of its own"),
        ));
    }
    let encoding = Encoding { alphabet: model.alphabet(), case: CasePolicy::Ignore };
    let mut fasta = Vec::new();
    for (i, sequence) in model.sample(args.number, args.seed, args.temperature).iter().enumerate() {
        fasta.extend(format!(">generated_{}\n", i + 1).into_bytes());
        fasta.extend(letters(sequence, encoding));
        fasta.push(b'\n');
    }
    write(&args.output, &fasta, printer)?;
    let place =
        if args.output.as_os_str() == "-" { String::new() } else { format!("; wrote {}", args.output.display()) };
    printer.talk(&format!("{} sequences of {} bases{place}", count(args.number), count(model.length())));
    Ok(Outcome::Done)
}

fn write(output: &Path, fasta: &[u8], printer: &Printer) -> Result<()> {
    if output.as_os_str() == "-" {
        return if fasta.is_empty() { Ok(()) } else { printer.data(&String::from_utf8_lossy(fasta)) };
    }
    crate::run_dir::write_bytes(output, fasta)
}

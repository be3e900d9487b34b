//! `basewise dataset signal`: signal along a genome becomes a data set.

use super::places::{PlacesArgs, named_file, peak_file};
use super::save;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use anyhow::Result;
use basewise_io::build::{Missing, SignalSpec, TrackFile, WindowPolicy};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What a base without a value means.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MissingArg {
    /// No signal: most programs leave zeros out
    Zero,
    /// Nothing is known: bins without any value are left out of losses and metrics
    Unknown,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ printf '>chr1\\nACGTTGCAAGCTTACGGATCCAATGCCGTA\\n' > small.fa && printf 'chr1\\t5\\t15\\nchr1\\t12\\t22\\n' > small.bed
  $ printf 'chr1\\t8\\t12\\t3\\nchr1\\t12\\t13\\t7\\n' > small.bedGraph
  $ basewise dataset signal small.bed -g small.fa --track chip=small.bedGraph -w 12 --output-window 8 --negatives none --valid 0 --test 0 -o small

A track is a bigWig, bedGraph or wiggle. Its sum over each bin in the middle of the window is a label; a window on the
minus strand is read, and its bins are, from the other end. Two tracks of --strand-tracks change places whenever a
sequence is read as its reverse complement. Background windows carry their real signal.

A control is what the experiment gives without its target (the input of ChIP-seq, size-matched input of eCLIP). Its bins are
stored beside the labels and given to a model, which then has to explain only what the control does not; where it has no
value, a model reads 0.")]
pub(crate) struct SignalArgs {
    /// BED3 to BED12, narrowPeak or broadPeak: where to look
    #[arg(required = true)]
    peaks: Vec<String>,
    /// A track; NAME=FILE names it; once for each
    #[arg(long = "track", value_name = "[NAME=]FILE")]
    tracks: Vec<String>,
    /// Two tracks, of the forward and of the reverse strand; NAME= gives them a common name
    #[arg(long, value_name = "[NAME=]PLUS,MINUS")]
    strand_tracks: Vec<String>,
    /// A track of the control experiment; NAME=FILE names it; once for each
    #[arg(long = "control", value_name = "[NAME=]FILE")]
    control: Vec<String>,
    /// Two tracks of the control experiment, of the forward and of the reverse strand
    #[arg(long, value_name = "[NAME=]PLUS,MINUS")]
    strand_control: Vec<String>,
    /// Positions of each window, that is what a model sees
    #[arg(short, long, default_value_t = 2114, value_name = "N")]
    window: usize,
    /// Positions in the middle of the window whose signal is predicted
    #[arg(long, default_value_t = 1000, value_name = "N")]
    output_window: usize,
    /// Positions in a bin
    #[arg(long, default_value_t = 1, value_name = "N")]
    bin: usize,
    /// What a base without a value means
    #[arg(long, value_enum, default_value = "zero")]
    missing: MissingArg,
    /// Take values without their sign, for reverse strands that are written as negative numbers
    #[arg(long)]
    absolute: bool,
    /// Weight of the squared error of the logarithm of totals in the loss [default: a tenth of the median total of a peak]
    #[arg(long, value_name = "X")]
    count_weight: Option<f64>,
    /// Name of the task
    #[arg(long, default_value = "signal", value_name = "NAME")]
    task: String,
    #[command(flatten)]
    places: PlacesArgs,
    /// Data set directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a data set that is there already
    #[arg(long)]
    overwrite: bool,
}

pub(crate) fn run(args: &SignalArgs, printer: &Printer) -> Result<Outcome> {
    let (tracks, strand_pairs) = named_tracks(&args.tracks, &args.strand_tracks, "--strand-tracks")?;
    if tracks.is_empty() {
        return Err(user(
            "expected at least one track, found none",
            Some("add --track NAME=FILE.bw or --strand-tracks PLUS.bw,MINUS.bw"),
        ));
    }
    let (control, control_pairs) = named_tracks(&args.control, &args.strand_control, "--strand-control")?;
    let peaks = args.peaks.iter().map(|text| peak_file(text)).collect();
    if args.window == 0 {
        return Err(user("expected --window of at least 1, found 0", None));
    }
    let built = basewise_io::build::signal(&SignalSpec {
        places: args.places.spec(peaks, WindowPolicy::Centred(args.window), 0.5)?,
        task: args.task.clone(),
        tracks,
        strand_pairs,
        control,
        control_pairs,
        output_window: args.output_window,
        bin_size: args.bin,
        missing: match args.missing {
            MissingArg::Zero => Missing::Zero,
            MissingArg::Unknown => Missing::Unknown,
        },
        absolute: args.absolute,
        count_weight: args.count_weight,
    })?;
    save(&built, &args.output, args.overwrite, printer)?;
    tell_missing(args, &built, printer);
    Ok(Outcome::Done)
}

/// Tracks in order, and the pairs among them; `flag` is that of the pairs.
fn named_tracks(single: &[String], paired: &[String], flag: &str) -> Result<(Vec<TrackFile>, Vec<[usize; 2]>)> {
    let mut tracks: Vec<TrackFile> = Vec::new();
    for text in single {
        let (name, path) = named_file(text, "track");
        tracks.push(TrackFile { name, path });
    }
    let mut pairs = Vec::new();
    for text in paired {
        let (name, files) = match text.split_once('=') {
            Some((name, files)) if !name.contains(['/', '\\', '.', ',']) => (format!("{name}."), files),
            _ => (String::new(), text.as_str()),
        };
        let Some((plus, minus)) = files.split_once(',') else {
            return Err(user(format!("expected PLUS,MINUS as {flag}, found {text:?}"), None));
        };
        pairs.push([tracks.len(), tracks.len() + 1]);
        for (strand, path) in [("plus", plus), ("minus", minus)] {
            tracks.push(TrackFile { name: format!("{name}{strand}"), path: path.into() });
        }
    }
    Ok((tracks, pairs))
}

/// A track that leaves much out should do so for a reason that the user knows.
fn tell_missing(args: &SignalArgs, built: &basewise_io::build::Built, printer: &Printer) {
    let (read, other) = match args.missing {
        MissingArg::Zero => ("read as 0", "--missing unknown leaves them out of the loss"),
        MissingArg::Unknown => ("unknown", "--missing zero reads them as 0"),
    };
    for (name, share) in shares(built, "without_value") {
        printer.talk(&format!("{name}: {share:.1} % of the bases have no value and are {read} ({other})"));
    }
    for (name, share) in shares(built, "control_without_value") {
        printer.talk(&format!("control {name}: {share:.1} % of the bases have no value; a model reads them as 0"));
    }
}

/// Tracks that leave something out, and how many percent of the bases.
fn shares<'a>(built: &'a basewise_io::build::Built, note: &str) -> impl Iterator<Item = (&'a str, f64)> + use<'a> {
    let shares = built.provenance.notes.get(note).and_then(|note| note.as_array());
    let share = |share: &'a serde_json::Value| (share[0].as_str().unwrap_or_default(), share[1].as_f64());
    let known = shares.into_iter().flatten().map(share);
    known.filter_map(|(name, share)| share.filter(|share| *share > 0.0).map(|share| (name, 100.0 * share)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SignalArgs,
    }

    fn read(flags: &[&str]) -> Result<(Vec<TrackFile>, Vec<[usize; 2]>)> {
        let usual = ["x", "peaks.bed", "--genome", "g.fa", "-o", "d"];
        let args = Cli::try_parse_from(usual.iter().chain(flags)).unwrap().args;
        named_tracks(&args.tracks, &args.strand_tracks, "--strand-tracks")
    }

    #[test]
    fn tracks_get_names_and_pairs() {
        let (tracks, pairs) = read(&[
            "--track",
            "a.b.bw",
            "--track",
            "x=c.bw",
            "--strand-tracks",
            "p.bw,m.bw",
            "--strand-tracks",
            "y=p.bw,m.bw",
        ])
        .unwrap();
        let names: Vec<&str> = tracks.iter().map(|track| track.name.as_str()).collect();
        assert_eq!(names, ["a", "x", "plus", "minus", "y.plus", "y.minus"]);
        assert_eq!(pairs, [[2, 3], [4, 5]]);
        assert_eq!(tracks[5].path, PathBuf::from("m.bw"));
        assert!(read(&[]).unwrap().0.is_empty());
        assert!(read(&["--strand-tracks", "p.bw"]).unwrap_err().to_string().contains("--strand-tracks"));
    }
}

//! Motifs without a model: of the positives of a data set, or of a FASTA file.

use super::PARTS;
use super::outputs::{self, DiscoveryRecord, Enrichment, Kind, PatternRecord, Placed};
use crate::commands::command_line;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::make_room;
use crate::shared_args::AlphabetArg;
use crate::table::count;
use anyhow::Result;
use basewise_core::random::{shuffle, stream};
use basewise_core::{Alphabet, CasePolicy, Code, Encoding, Interval, Split, TaskKind};
use basewise_motif::Motif;
use basewise_motif::discover::sequences::{EnrichedMotif, SearchConfig, SearchResult, SequenceSets, search, shuffled};
use clap::Args;
use std::path::Path;

/// Part of the sequences of a FASTA file that is held out.
const HELD_OUT: f64 = 0.2;
/// Bases of all sequences of a FASTA file that are read.
const LARGEST: usize = 1 << 30;

/// Settings of the search without a model.
#[derive(Args)]
#[command(next_help_heading = "Without a model")]
pub(super) struct SearchArgs {
    /// Positions that a motif has at most
    #[arg(long, default_value_t = 15, value_name = "N")]
    max_width: usize,
    /// Motifs that are reported at most
    #[arg(long, default_value_t = 20, value_name = "N")]
    max_motifs: usize,
    /// E-value up to which a motif is significant
    #[arg(long, default_value_t = 0.05, value_name = "E")]
    max_e: f64,
}

impl SearchArgs {
    pub(super) fn config(&self, seed: u64) -> Result<SearchConfig> {
        if !(4..=50).contains(&self.max_width) {
            return Err(user(format!("expected --max-width from 4 to 50, found {}", self.max_width), None));
        }
        if self.max_motifs == 0 || self.max_e.is_nan() || self.max_e < 0.0 {
            return Err(user("expected --max-motifs of at least 1 and --max-e of 0 or more", None));
        }
        let (max_width, max_motifs, max_e) = (self.max_width, self.max_motifs, self.max_e);
        Ok(SearchConfig { max_width, max_motifs, max_e, seed, ..SearchConfig::default() })
    }
}

/// What is searched, and how.
pub(crate) struct Search<'a> {
    /// A data set with a yes/no task, or a FASTA file.
    pub(crate) sequences: &'a Path,
    /// FASTA file to compare a FASTA file with; its own sequences, shuffled, without one.
    pub(crate) background: Option<&'a Path>,
    /// The task whose positives share motifs.
    pub(crate) task: Option<&'a str>,
    /// Of FASTA files.
    pub(crate) alphabet: AlphabetArg,
    /// Directory to write.
    pub(crate) output: &'a Path,
    /// Motifs to match what is found to.
    pub(crate) database: Option<&'a Path>,
    /// Whether to draw logos.
    pub(crate) logos: bool,
    /// Settings.
    pub(crate) config: SearchConfig,
}

/// One sequence with its name, and whether it is in the foreground and held out.
struct Sequence {
    id: String,
    place: Option<Interval>,
    codes: Vec<Code>,
    is_foreground: bool,
    is_held_out: bool,
}

/// What is searched.
struct Sequences {
    alphabet: Alphabet,
    all: Vec<Sequence>,
    /// What the foreground is compared with, in words.
    against: String,
}

pub(super) fn run(args: &Search<'_>, printer: &Printer) -> Result<Outcome> {
    let (record, reasons) = find(args, printer)?;
    super::summarize(&record, &reasons, args.output, printer)
}

/// Searches and writes the directory; what was found, and why nothing was.
pub(crate) fn find(args: &Search<'_>, printer: &Printer) -> Result<(DiscoveryRecord, Vec<(String, String)>)> {
    let (path, config) = (args.sequences, &args.config);
    let data = if path.is_dir() { of_dataset(args, path)? } else { of_fasta(args, path)? };
    let pick = |foreground: bool, held_out: bool| {
        let own = data.all.iter().filter(move |s| s.is_foreground == foreground && s.is_held_out == held_out);
        own.map(|s| s.codes.as_slice()).collect::<Vec<_>>()
    };
    let training = SequenceSets { foreground: pick(true, false), background: pick(false, false) };
    let held_out = SequenceSets { foreground: pick(true, true), background: pick(false, true) };
    for (set, name) in [(&training, "to search in"), (&held_out, "held out")] {
        if set.foreground.is_empty() || set.background.is_empty() {
            return Err(user(
                format!(
                    "{}: expected sequences of both kinds {name}, found {} and {}",
                    path.display(),
                    set.foreground.len(),
                    set.background.len()
                ),
                Some(
                    "give more sequences; a data set must have positives and negatives in its training and test splits",
                ),
            ));
        }
    }
    warn_of_lengths(&training, printer);
    make_room(args.output, "discovery.json", &PARTS)?;
    let found = search(&training, &held_out, data.alphabet, config);
    let reasons = reasons(&found, config);
    let record = record_of(args, path, &data, &found, &reasons)?;
    write(args, &data, &found, &record)?;
    Ok((record, reasons))
}

/// A longer sequence has more chances of a site.
fn warn_of_lengths(sets: &SequenceSets<'_>, printer: &Printer) {
    let mean = |all: &[&[Code]]| all.iter().map(|s| s.len()).sum::<usize>() as f64 / all.len().max(1) as f64;
    let (a, b) = (mean(&sets.foreground), mean(&sets.background));
    if (a / b.max(1.0) - 1.0).abs() > 0.05 {
        printer.warn(&format!(
            "sequences have {a:.0} bases and those that they are compared with {b:.0}: the longer have more sites by chance"
        ));
    }
}

/// Positives and negatives of a yes/no task; the test split is held out.
fn of_dataset(args: &Search<'_>, path: &Path) -> Result<Sequences> {
    if args.background.is_some() {
        return Err(user(
            "expected no --background beside a data set, whose negatives are the background, found one",
            Some("give a FASTA file as --sequences"),
        ));
    }
    let (dataset, _) = basewise_io::dataset::load(path)?;
    let binary = |t: &usize| matches!(dataset.tasks[*t].kind, TaskKind::Binary);
    let named = |t: &usize| args.task.is_none_or(|name| dataset.tasks[*t].name == name);
    let Some(task) = (0..dataset.tasks.len()).filter(named).find(binary) else {
        let names: Vec<&str> = dataset.tasks.iter().map(|task| task.name.as_str()).collect();
        return Err(user(
            format!("{}: expected a yes/no task, found {}", path.display(), names.join(", ")),
            Some("give the sequences as FASTA files: --sequences FILE --background FILE"),
        ));
    };
    let (from, to) = (dataset.jitter, dataset.jitter + dataset.length);
    let mut all = Vec::new();
    for (row, example) in dataset.examples.iter().enumerate() {
        let label = dataset.label(row, task);
        if label.is_nan() {
            continue;
        }
        let codes = dataset.encoding.encode(example.sequence.get(from..to).unwrap_or(&example.sequence))?;
        all.push(Sequence {
            id: example.id.clone(),
            place: example.place.clone(),
            codes,
            is_foreground: label > 0.5,
            is_held_out: example.split == Split::Test,
        });
    }
    let against = format!("positives of {:?} with its negatives; tested on the test split", dataset.tasks[task].name);
    Ok(Sequences { alphabet: dataset.encoding.alphabet, all, against })
}

/// Two FASTA files, or one and its shuffled sequences; a fifth is held out.
fn of_fasta(args: &Search<'_>, path: &Path) -> Result<Sequences> {
    let alphabet = match args.alphabet {
        AlphabetArg::Dna => Alphabet::Dna,
        AlphabetArg::Rna => Alphabet::Rna,
    };
    let mut all = read_fasta(path, alphabet, true, args.config.seed)?;
    let against = match args.background {
        Some(background) => {
            all.extend(read_fasta(background, alphabet, false, args.config.seed)?);
            format!("{}; tested on a fifth held out", background.display())
        }
        None => {
            let codes: Vec<&[Code]> = all.iter().map(|s| s.codes.as_slice()).collect();
            let mixed = shuffled(&codes, args.config.seed);
            let of = |(own, codes): (&Sequence, Vec<Code>)| Sequence {
                id: format!("{} shuffled", own.id),
                place: None,
                codes,
                is_foreground: false,
                is_held_out: own.is_held_out,
            };
            let mixed: Vec<Sequence> = all.iter().zip(mixed).map(of).collect();
            all.extend(mixed);
            "the same sequences, shuffled with their dinucleotides; tested on a fifth held out".to_owned()
        }
    };
    Ok(Sequences { alphabet, all, against })
}

fn read_fasta(path: &Path, alphabet: Alphabet, is_foreground: bool, seed: u64) -> Result<Vec<Sequence>> {
    let encoding = Encoding { alphabet, case: CasePolicy::Ignore };
    let mut all = Vec::new();
    let mut bases = 0;
    for record in basewise_io::fasta::read(path)? {
        let record = record?;
        bases += record.sequence.len();
        if bases > LARGEST {
            return Err(user(
                format!("{}: expected at most {} bases, found more", path.display(), count(LARGEST)),
                Some("give the sequences around peaks, not a genome"),
            ));
        }
        let codes = encoding.encode(&record.sequence)?;
        all.push(Sequence { id: record.id, place: None, codes, is_foreground, is_held_out: false });
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    shuffle(&mut order, &mut stream(seed, "discover held out", &[u64::from(is_foreground)]));
    let held_out = (all.len() as f64 * HELD_OUT).round() as usize;
    order.into_iter().take(held_out).for_each(|i| all[i].is_held_out = true);
    Ok(all)
}

/// Why nothing was found; nothing where something was.
fn reasons(found: &SearchResult, config: &SearchConfig) -> Vec<(String, String)> {
    if !found.motifs.is_empty() {
        return Vec::new();
    }
    let Some(best) = found.best_rejected else {
        let reason = "no motif: no word is in more sequences than in those that they are compared with".to_owned();
        return vec![(reason, "give more sequences".to_owned())];
    };
    let reason = format!(
        "no motif: of {} that were tested on held out sequences, the best has p = {best:.2}, not {:.2} divided by their number",
        found.tested, config.max_e
    );
    let hint = if found.lowest_possible * 3.0 > config.max_e {
        format!("so few sequences are held out that no motif can have p below {:.2}: give more", found.lowest_possible)
    } else {
        "the sequences may share no motif that the others lack; raise --max-e to see what there is".to_owned()
    };
    vec![(reason, hint)]
}

/// Foreground sequences in the order in which sites count them: training first, then held out.
fn numbered(data: &Sequences) -> Vec<&Sequence> {
    let own = |held_out: bool| data.all.iter().filter(move |s| s.is_foreground && s.is_held_out == held_out);
    own(false).chain(own(true)).collect()
}

fn record_of(
    args: &Search<'_>,
    path: &Path,
    data: &Sequences,
    found: &SearchResult,
    reasons: &[(String, String)],
) -> Result<DiscoveryRecord> {
    let foreground = numbered(data);
    let length = foreground.iter().map(|s| s.codes.len()).max().unwrap_or(0);
    let motifs: Vec<Motif> = found.motifs.iter().map(|m| m.motif.clone()).collect();
    let (database, matches) = outputs::matches(args.database, &motifs)?;
    let record = |m: &EnrichedMotif| {
        let middles: Vec<f64> = m.sites.iter().map(|s| (s.start + s.end) as f64 / 2.0).collect();
        let enrichment = Enrichment {
            threshold: m.threshold,
            training: m.hits[0],
            held_out: m.hits[1],
            p_value: m.p_value,
            e_value: m.e_value,
        };
        PatternRecord::new(&m.motif, &middles, length, m.sites.iter().map(|s| s.example)).with_enrichment(enrichment)
    };
    Ok(DiscoveryRecord {
        format_version: 1,
        command: command_line(),
        kind: Kind::Sequences,
        source: path.display().to_string(),
        method: format!("compared with {}", data.against),
        alphabet: data.alphabet,
        length,
        sequences: foreground.len(),
        database,
        config: None,
        steps: None,
        reasons: reasons.iter().map(|(found, _)| found.clone()).collect(),
        patterns: outputs::with_matches(found.motifs.iter().map(record).collect(), matches),
    })
}

fn write(args: &Search<'_>, data: &Sequences, found: &SearchResult, record: &DiscoveryRecord) -> Result<()> {
    let foreground = numbered(data);
    let (ids, places): (Vec<String>, Vec<Option<Interval>>) =
        foreground.iter().map(|s| (s.id.clone(), s.place.clone())).unzip();
    let motifs: Vec<Motif> = found.motifs.iter().map(|m| m.motif.clone()).collect();
    let sites: Vec<Placed> = found
        .motifs
        .iter()
        .flat_map(|m| m.sites.iter().map(|site| Placed::core(&m.motif.id, site, &(0..m.motif.len()), m.motif.len())))
        .collect();
    outputs::write_common(args.output, record, &motifs, &sites, &ids, &places)?;
    if args.logos {
        motifs.iter().try_for_each(|motif| super::super::logo::write(&args.output.join("logos"), motif, 2.0))?;
    }
    Ok(())
}

//! `basewise dataset check`: what in the data would make a result look better than it is?

use super::tell;
use crate::commands::command_line;
use crate::failure::Outcome;
use crate::printer::Printer;
use crate::run_dir::write_json;
use crate::shared_args::SimilarityArgs;
use crate::table::{Table, count};
use anyhow::Result;
use basewise_core::check::{CheckOptions, CheckReport, Finding, FindingKind, Removal, Severity, check, fix};
use basewise_io::dataset::Provenance;
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise dataset check quickstart/donor/data
  $ basewise dataset check quickstart/donor/raw --fix cleaned

Exit code 1 when something would inflate a result; 0 with --fix, which mends it. Relatives across splits are no copies:
`dataset split --by similarity` draws splits without them, --remove-relatives keeps the test and takes rows from training.")]
pub(crate) struct CheckArgs {
    /// Data set directory
    data: PathBuf,
    /// Write a cleaned data set here, with removed.tsv: one line for each removed row, and why
    #[arg(long, value_name = "DIR")]
    fix: Option<PathBuf>,
    /// Replace a data set that is there already
    #[arg(long, requires = "fix")]
    overwrite: bool,
    /// Also write the findings to this JSON file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Share of common k-mers from which two sequences count as near duplicates
    #[arg(long, default_value_t = 0.8, value_name = "0..1")]
    similarity: f64,
    #[command(flatten)]
    relatives: SimilarityArgs,
    /// With --fix: also remove training rows with a relative in validation or test
    #[arg(long, requires = "fix")]
    remove_relatives: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CheckArgs, printer: &Printer) -> Result<Outcome> {
    if !(args.similarity > 0.0 && args.similarity <= 1.0) {
        return Err(crate::failure::user(
            format!("expected --similarity above 0 and up to 1, found {}", args.similarity),
            None,
        ));
    }
    if let Some(target) = &args.fix {
        crate::run_dir::not_the_input(target, &args.data)?;
    }
    let (dataset, mut provenance) = basewise_io::dataset::load(&args.data)?;
    let options = CheckOptions {
        similarity: args.similarity,
        relatives: Some(args.relatives.threshold()?),
        remove_relatives: args.remove_relatives,
        ..CheckOptions::default()
    };
    let report = check(&dataset, &options);
    if args.json {
        printer.json(&report)?
    } else {
        printer.data(&render(&report))?
    }
    if let Some(path) = &args.output {
        write_json(path, &report)?;
    }
    let inflated = report.findings.iter().any(|f| f.severity == Severity::Inflates);
    if let Some(target) = &args.fix {
        let (cleaned, removed) = fix(&dataset, &options);
        // The commands before this one stay on record, so that the data set can be made again.
        let mut earlier = history(&provenance);
        earlier.push(provenance.command.clone());
        provenance.notes.insert("earlier_commands".to_owned(), serde_json::to_value(&earlier)?);
        provenance.notes.insert("removed".to_owned(), serde_json::to_value(reasons(&removed))?);
        provenance.command = command_line();
        let account = account(&removed);
        basewise_io::dataset::save(
            target,
            &cleaned,
            &provenance,
            &[("removed.tsv", account.as_bytes())],
            args.overwrite,
        )?;
        printer.talk(&format!(
            "{} in = {} kept + {} removed",
            count(dataset.examples.len()),
            count(cleaned.examples.len()),
            count(removed.len())
        ));
        tell(&cleaned, target, printer);
        remaining(&check(&cleaned, &options), target, printer);
        return Ok(Outcome::Done);
    }
    if inflated {
        printer.talk("something here would inflate a result; --fix DIR writes a cleaned data set");
        if report.inflating().any(|finding| finding.kind == FindingKind::RelativesAcrossSplits) {
            printer.talk("relatives across splits: `basewise dataset split` draws splits that keep relatives together");
        }
    }
    Ok(if inflated { Outcome::No } else { Outcome::Done })
}

/// The commands that made a data set, before its last one.
pub(crate) fn history(provenance: &Provenance) -> Vec<String> {
    let earlier = provenance.notes.get("earlier_commands").cloned().unwrap_or_default();
    serde_json::from_value(earlier).unwrap_or_default()
}

/// Rows removed, by reason.
fn reasons(removed: &[Removal]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for removal in removed {
        *counts.entry(removal.reason.to_string()).or_default() += 1;
    }
    counts
}

/// Says what removing rows could not mend, such as a length that predicts the label.
fn remaining(report: &CheckReport, target: &Path, printer: &Printer) {
    let unusable = |f: &&Finding| {
        matches!(f.kind, FindingKind::EmptySplit | FindingKind::OneClassSplit) && f.severity != Severity::Ok
    };
    for finding in report.findings.iter().filter(|f| f.severity == Severity::Inflates || unusable(f)) {
        printer.warn(&format!("{}: after cleaning: {}", target.display(), finding.message));
    }
}

fn account(removed: &[Removal]) -> String {
    let mut out = String::from("id\treason\tkept\n");
    for removal in removed {
        out += &format!("{}\t{}\t{}\n", removal.id, removal.reason, removal.kept.as_deref().unwrap_or(""));
    }
    out
}

fn render(report: &CheckReport) -> String {
    let mut table = Table::new(&["", "check", "finding"]);
    for finding in &report.findings {
        let mark = match finding.severity {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Inflates => "INFLATES",
        };
        table.row([mark.to_owned(), kind_name(&finding.kind), finding.message.clone()]);
    }
    table.render()
}

/// The finding's kind in words.
pub(crate) fn kind_name(kind: &impl serde::Serialize) -> String {
    let name =
        serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(|s| s.replace('-', " "))).unwrap_or_default();
    name.replace("gc ", "GC ").replace(" t and u", " T and U")
}

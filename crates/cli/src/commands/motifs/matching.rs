//! `basewise motifs match`: which known motifs look like these?

use crate::commands::command_line;
use crate::printer::Printer;
use crate::run_dir::{check_output, write_json};
use crate::table::{Table, count};
use anyhow::Result;
use basewise_motif::Motif;
use basewise_motif::matching::{Match, MatchOptions, tomtom};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise motifs match quickstart/donor/run/filters/filters.meme -o matches.tsv
  $ basewise motifs match quickstart/donor/run/filters/filters.meme --database quickstart/inputs/jaspar.meme --json

Similarities, p-values over all offsets and both strands, and q-values over the database are those of Tomtom
(Gupta et al. 2007). The built-in database is JASPAR CORE (CC BY 4.0).")]
pub(crate) struct MatchArgs {
    /// Motif file: MEME, JASPAR or TRANSFAC
    motifs: PathBuf,
    /// Motif file to search [default: the built-in JASPAR CORE]
    #[arg(short, long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Table to write, .tsv or .json; - is stdout [default: - ]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Report matches up to this q-value
    #[arg(long, default_value_t = 0.1, value_name = "Q")]
    max_q: f64,
    /// At most this many matches for each motif
    #[arg(long, default_value_t = 5, value_name = "N")]
    top: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The matches of one query, as `matches.json` holds them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Matches {
    pub(crate) query: String,
    pub(crate) matches: Vec<Hit>,
}

/// One match.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hit {
    pub(crate) target: String,
    pub(crate) name: String,
    pub(crate) p_value: f64,
    pub(crate) q_value: f64,
    pub(crate) e_value: f64,
    pub(crate) offset: i64,
    pub(crate) overlap: usize,
    pub(crate) strand: char,
}

/// `matches.json`: what was searched, and what was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MatchRecord {
    pub(crate) format_version: u32,
    pub(crate) command: String,
    pub(crate) database: String,
    pub(crate) database_size: usize,
    pub(crate) queries: Vec<Matches>,
}

pub(crate) fn run(args: &MatchArgs, printer: &Printer) -> Result<()> {
    if args.max_q.is_nan() || args.max_q < 0.0 || args.top == 0 {
        return Err(crate::failure::user("expected --max-q of 0 or more and --top of 1 or more", None));
    }
    args.output.as_deref().map_or(Ok(()), |path| check_output(path, &["tsv", "json"]))?;
    let queries = super::read(&args.motifs)?;
    let (database, name) = match &args.database {
        Some(path) => (super::read(path)?, path.display().to_string()),
        None => (crate::embedded::jaspar()?, crate::embedded::JASPAR_NAME.to_owned()),
    };
    if database.len() < 50 {
        printer.warn(&format!(
            "{name}: p-values come from the columns of the database, and {} motifs are few",
            database.len()
        ));
    }
    let found = tomtom(&queries, &database, &MatchOptions { max_q: args.max_q, ..MatchOptions::default() });
    let record = MatchRecord {
        format_version: 1,
        command: command_line(),
        database: name,
        database_size: database.len(),
        queries: queries.iter().zip(found).map(|(q, m)| select(args, q, m, &database)).collect(),
    };
    let hits = record.queries.iter().filter(|q| !q.matches.is_empty()).count();
    printer.talk(&format!(
        "{} of {} motifs match one of {} in {} with q <= {}",
        count(hits),
        count(queries.len()),
        count(database.len()),
        record.database,
        args.max_q
    ));
    match &args.output {
        Some(path) if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) => write_json(path, &record),
        Some(path) => Ok(basewise_io::output::write_file(path, |w| w.write_all(tsv(&record).as_bytes()))?),
        None if args.json => printer.json(&record),
        None => printer.data(&table(&record)),
    }
}

fn select(args: &MatchArgs, query: &Motif, mut found: Vec<Match>, database: &[Motif]) -> Matches {
    found.truncate(args.top);
    let matches = found.iter().map(|m| Hit::new(m, database));
    Matches { query: query.id.clone(), matches: matches.collect() }
}

impl Hit {
    /// A match with the names of its target in `database`.
    pub(crate) fn new(found: &Match, database: &[Motif]) -> Self {
        let target = &database[found.target];
        Self {
            target: target.id.clone(),
            name: target.name.clone(),
            p_value: found.p_value,
            q_value: found.q_value,
            e_value: found.e_value,
            offset: found.offset,
            overlap: found.overlap,
            strand: if found.reverse_complement { '-' } else { '+' },
        }
    }
}

const COLUMNS: [&str; 9] = ["query", "target", "name", "p_value", "q_value", "e_value", "offset", "overlap", "strand"];

fn cells(query: &str, hit: &Hit) -> [String; 9] {
    [
        query.to_owned(),
        hit.target.clone(),
        hit.name.clone(),
        format!("{:.3e}", hit.p_value),
        format!("{:.3e}", hit.q_value),
        format!("{:.3e}", hit.e_value),
        hit.offset.to_string(),
        hit.overlap.to_string(),
        hit.strand.to_string(),
    ]
}

fn rows(record: &MatchRecord) -> impl Iterator<Item = [String; 9]> + '_ {
    record.queries.iter().flat_map(|q| q.matches.iter().map(|hit| cells(&q.query, hit)))
}

fn tsv(record: &MatchRecord) -> String {
    let mut out = COLUMNS.join("\t") + "\n";
    for row in rows(record) {
        out += &row.join("\t");
        out.push('\n');
    }
    out
}

fn table(record: &MatchRecord) -> String {
    let mut table = Table::new(&COLUMNS);
    rows(record).for_each(|row| table.row(row));
    table.render()
}

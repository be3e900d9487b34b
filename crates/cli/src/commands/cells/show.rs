//! `basewise cells show`: what a matrix holds.

use super::input::InputArgs;
use super::quality::{Quality, quantiles};
use crate::failure::Outcome;
use crate::printer::Printer;
use crate::run_dir::not_the_input;
use crate::table::{Table, count};
use anyhow::Result;
use basewise_io::cells::{CellMatrix, Column, Frame};
use basewise_io::output;
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  $ printf 'cell,type,CD3E,MS4A1,MT-CO1\\nc1,T,5,0,1\\nc2,B,0,7,2\\nc3,T,4,0,0\\n' > counts.csv
  $ basewise cells show counts.csv
  $ basewise cells show counts.csv -o - | head -2

Mitochondrial genes are told by their symbols, MT-... or mt-....")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Also write a line for each cell: its sum, its genes, its mitochondrial share; - is stdout
    #[arg(short, long, value_name = "TSV")]
    output: Option<PathBuf>,
    /// Print as JSON
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

/// Quantiles that are shown.
const AT: [f64; 5] = [0.0, 0.05, 0.5, 0.95, 1.0];

#[derive(Serialize)]
struct Summary {
    cells: usize,
    genes: usize,
    matrix: String,
    values: &'static str,
    /// Share of values that are not 0.
    filled: f64,
    spread: Vec<Spread>,
    obs: Vec<ColumnSummary>,
    var: Vec<ColumnSummary>,
    obsm: Vec<(String, usize)>,
}

#[derive(Serialize)]
struct Spread {
    what: &'static str,
    /// At 0, 5, 50, 95 and 100 % of the cells or genes.
    quantiles: Vec<f64>,
}

#[derive(Serialize)]
struct ColumnSummary {
    name: String,
    kind: &'static str,
    different: usize,
    missing: usize,
}

pub(crate) fn run(args: &ShowArgs, printer: &Printer) -> Result<Outcome> {
    let matrix = args.input.load(&[], printer)?;
    let quality = Quality::of(&matrix)?;
    if let Some(path) = &args.output {
        not_the_input(path, &args.input.input)?;
        write(path, &matrix, &quality)?;
        return Ok(Outcome::Done);
    }
    let summary = summary(&matrix, &quality);
    if args.json {
        printer.json(&summary)?;
    } else {
        printer.data(&text(&summary))?;
    }
    Ok(Outcome::Done)
}

fn write(path: &std::path::Path, matrix: &CellMatrix, quality: &Quality) -> Result<()> {
    Ok(output::write_file(path, |sink| {
        let columns = quality.columns();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        writeln!(sink, "cell\t{}", names.join("\t"))?;
        for (row, id) in matrix.cells.ids.iter().enumerate() {
            let values: Vec<String> = columns.iter().map(|(_, column)| column.text(row).unwrap_or_default()).collect();
            writeln!(sink, "{id}\t{}", values.join("\t"))?;
        }
        Ok(())
    })?)
}

fn summary(matrix: &CellMatrix, quality: &Quality) -> Summary {
    let whole = |values: &[usize]| values.iter().map(|&n| n as f64).collect::<Vec<_>>();
    let spread = |what, values: &[f64]| Spread { what, quantiles: quantiles(values, &AT) };
    let mut spreads = vec![
        spread("sum of a cell", &quality.totals),
        spread("genes of a cell", &whole(&quality.genes)),
        spread("cells of a gene", &whole(&quality.cells)),
    ];
    if let Some(shares) = &quality.mitochondrial {
        spreads.insert(2, spread("mitochondrial share", shares));
    }
    let (cells, genes) = (matrix.counts.rows, matrix.counts.columns);
    Summary {
        cells,
        genes,
        matrix: matrix.part.clone(),
        values: matrix.values.words(),
        filled: quality.genes.iter().sum::<usize>() as f64 / (cells as f64 * genes as f64),
        spread: spreads,
        obs: columns(&matrix.cells),
        var: columns(&matrix.genes),
        obsm: matrix.obsm.iter().map(|(name, matrix)| (name.clone(), matrix.columns())).collect(),
    }
}

fn columns(frame: &Frame) -> Vec<ColumnSummary> {
    let one = |(name, column): &(String, Column)| {
        let texts: Vec<Option<String>> = (0..column.len()).map(|row| column.text(row)).collect();
        let different: BTreeSet<&String> = texts.iter().flatten().collect();
        let kind = match column {
            Column::Text(_) => "text",
            Column::Number(_) => "number",
            Column::Whole(_) => "whole number",
            Column::Flag(_) => "yes or no",
            Column::Category { .. } => "category",
        };
        let missing = texts.iter().filter(|text| text.is_none()).count();
        ColumnSummary { name: name.clone(), kind, different: different.len(), missing }
    };
    frame.columns.iter().map(one).collect()
}

fn text(summary: &Summary) -> String {
    let part = if summary.matrix.is_empty() { String::new() } else { format!(" ({})", summary.matrix) };
    let mut text = format!(
        "{} cells x {} genes{part}, {:.1} % filled; {}\n\n",
        count(summary.cells),
        count(summary.genes),
        100.0 * summary.filled,
        summary.values
    );
    let mut table = Table::new(&["", "least", "5 %", "median", "95 %", "most"]);
    for spread in &summary.spread {
        let number = |value: &f64| if value.fract() == 0.0 { count_signed(*value) } else { format!("{value:.3}") };
        table.row(std::iter::once(spread.what.to_owned()).chain(spread.quantiles.iter().map(number)));
    }
    text.push_str(&table.render());
    for (of, columns) in [("cells", &summary.obs), ("genes", &summary.var)] {
        if columns.is_empty() {
            continue;
        }
        let heading = format!("column of {of}");
        let mut table = Table::new(&[&heading, "kind", "different", "missing"]);
        for column in columns {
            let numbers = [count(column.different), count(column.missing)];
            table.row([column.name.clone(), column.kind.to_owned()].into_iter().chain(numbers));
        }
        text.push_str(&format!("\n{}", table.render()));
    }
    if !summary.obsm.is_empty() {
        let names = summary.obsm.iter().map(|(name, columns)| format!("{name} ({columns})"));
        text.push_str(&format!("\ncoordinates: {}\n", names.collect::<Vec<_>>().join(", ")));
    }
    text
}

fn count_signed(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", count(value.abs() as usize))
}

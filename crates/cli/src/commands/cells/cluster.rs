//! `basewise cells cluster`: one command from a file to clusters.

use super::clusters::{self, ClusterRange, Method};
use super::filter::{self, FilterArgs};
use super::input::InputArgs;
use super::labels;
use super::outputs::{self, Found};
use super::pipeline::{self, Transform};
use super::quality::Quality;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args)]
#[command(after_help = "Examples:
  $ awk 'BEGIN { srand(1); printf \"cell\\ttype\"; for (g = 1; g <= 30; g++) printf \"\\tg%d\", g; print \"\"; for (c = 1; c <= 90; c++) { t = c % 3; \
printf \"c%d\\t%s\", c, substr(\"ABC\", t + 1, 1); for (g = 1; g <= 30; g++) printf \"\\t%d\", int(6 * rand()) + (g % 3 == t ? 6 : 0); print \"\" } }' > made.tsv
  $ basewise cells cluster made.tsv --labels type -o made-clusters
  $ basewise cells cluster made.tsv --method kmeans --clusters 2-6 --no-map -o made.h5ad

The steps and their defaults are those of scanpy's tutorial: cells with 200 genes, genes in 3 cells; sums made equal, log(1 + count);
2,000 variable genes; 50 principal components; 15 neighbours; Leiden's communities; t-SNE for the picture. Values that are
no counts are taken as they are.

A folder holds clusters.tsv (a line a cell), markers.tsv, components.tsv, cells.json, report.html and cells.h5ad. The h5ad file is
a copy of the input with obs, obsm, varm, obsp and uns added under scanpy's names, nothing else touched, where the input is
h5ad; else a new one with the counts. An output that ends in .h5ad is that file alone.")]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) limits: FilterArgs,
    /// Folder, or an h5ad file, to write
    #[arg(short, long, value_name = "DIR|H5AD")]
    output: PathBuf,
    /// Replace a folder of such results
    #[arg(long)]
    overwrite: bool,
    /// Known labels to judge clusters by: a column of the cells, or a table FILE[:COLUMN] with cells in its first column
    #[arg(long, value_name = "COLUMN|FILE")]
    labels: Option<String>,
    /// What is done to values first
    #[arg(long, value_enum, default_value = "auto")]
    transform: Transform,
    /// Most variable genes to go on with; 0 for all
    #[arg(long, value_name = "N", default_value_t = 2000)]
    variable_genes: usize,
    /// Principal components
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) components: usize,
    /// Neighbours of a cell, itself among them
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) neighbors: usize,
    /// How clusters are found
    #[arg(long, value_enum, default_value = "leiden")]
    pub(crate) method: Method,
    /// Leiden: the higher, the more clusters
    #[arg(long, value_name = "R", default_value_t = 1.0)]
    pub(crate) resolution: f64,
    /// kmeans and mixture: how many clusters, or a range of which the best is taken, by silhouette or BIC [default: 2-20]
    #[arg(long, value_name = "N|N-N")]
    pub(crate) clusters: Option<ClusterRange>,
    /// Perplexity of t-SNE
    #[arg(long, value_name = "P", default_value_t = 30.0)]
    pub(crate) perplexity: f64,
    /// No t-SNE: clusters only
    #[arg(long)]
    pub(crate) no_map: bool,
    /// Marker genes of each cluster that are written
    #[arg(long, value_name = "N", default_value_t = 25)]
    markers: usize,
    /// Seed; the same gives the same result
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ClusterArgs, printer: &Printer) -> Result<Outcome> {
    let begun = Instant::now();
    check(args)?;
    if !is_h5ad_name(&args.output) {
        basewise_io::output::check_dir(&args.output, args.overwrite)?;
    }
    let matrix = args.input.load(&labels::of_table(&args.input.input, args.labels.as_deref())?, printer)?;
    let labels = args.labels.as_deref().map(|wanted| labels::read(wanted, &matrix)).transpose()?;
    let quality = Quality::of(&matrix);
    let kept = filter::choose(&matrix, &quality, &args.limits)?;
    let used = filter::select(&matrix, &kept);
    if used.counts.rows < 3 || used.counts.columns < 2 {
        let (cells, genes) = (used.counts.rows, used.counts.columns);
        return Err(user(format!("expected at least 3 cells and 2 genes to cluster, found {cells} and {genes}"), None));
    }
    printer.talk(&filter::account(&matrix, &kept));
    let prepared = pipeline::prepare(&used, args.transform, args.variable_genes)?;
    printer.talk(&format!(
        "{}{}; {}; {} genes go on",
        if matrix.part.is_empty() { String::new() } else { format!("{}: ", matrix.part) },
        matrix.values.words(),
        prepared.transform.words(),
        count(prepared.used().iter().filter(|used| **used).count())
    ));
    let embedded = pipeline::embed(&prepared, args)?;
    let clusters = clusters::find(&embedded, args)?;
    let labels = labels.map(|labels| labels.select(&kept.cells));
    let judged = clusters::judge(&embedded, &clusters, labels.as_ref(), args.seed)?;
    let markers = clusters::mark(&prepared, &clusters, args.markers)?;
    let found = Found {
        matrix: &matrix,
        quality: &quality,
        kept: &kept,
        used: &used,
        prepared: &prepared,
        embedded: &embedded,
        clusters: &clusters,
        labels: labels.as_ref(),
        judged: &judged,
        markers: &markers,
    };
    let summary = outputs::summary(&found, args, begun.elapsed().as_secs_f64());
    if is_h5ad_name(&args.output) {
        let additions = outputs::additions(&found, args);
        outputs::write_h5ad(&args.input.input, &args.output, &used, &kept, &additions)?;
    } else {
        outputs::write_folder(&args.output, args.overwrite, &found, args, &summary)?;
    }
    if args.json {
        printer.json(&summary)?;
    } else {
        printer.data(&outputs::text(&summary, &found))?;
    }
    Ok(Outcome::Done)
}

/// Whether an output is an h5ad file and no folder.
pub(super) fn is_h5ad_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("h5ad"))
}

fn check(args: &ClusterArgs) -> Result<()> {
    let positive = |name: &str, value: f64| {
        if value > 0.0 && value.is_finite() {
            Ok(())
        } else {
            Err(user(format!("expected --{name} above 0, found {value}"), None))
        }
    };
    positive("resolution", args.resolution)?;
    positive("perplexity", args.perplexity)?;
    positive("components", args.components as f64)?;
    if args.neighbors < 2 {
        return Err(user(format!("expected --neighbors of at least 2, found {}", args.neighbors), None));
    }
    Ok(())
}

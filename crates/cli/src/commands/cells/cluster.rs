//! `basewise cells cluster`: one command from a file to clusters.

use super::clusters::{self, ClusterRange, Method};
use super::colors;
use super::filter::{self, FilterArgs, Kept};
use super::input::{InputArgs, Words};
use super::labels;
use super::network::CellWeights;
use super::outputs::{self, Found};
use super::pipeline::{self, Given, Prepared, Transform};
use super::quality::Quality;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::table::count;
use anyhow::Result;
use basewise_io::cells::CellMatrix;
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
no counts are taken as they are. Tables of features of anything else (embeddings of sequences by `predict --embeddings`,
`basewise features`) are clustered by the same steps, without filters and normalization.

--coordinates clusters by numbers that the h5ad file has, such as X_bw_vae, and --network by those that a sequence network has
learned of each cell, its weights in the last layer (scBasset): a network trained on the data set of `cells dataset`.

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
    /// Divide each column by its standard deviation, so that features on different scales count alike
    #[arg(long)]
    standardize: bool,
    /// Principal components
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) components: usize,
    /// h5ad: coordinates of cells in obsm to go on with, in the place of principal components
    #[arg(long, value_name = "NAME", conflicts_with = "network")]
    coordinates: Option<String>,
    /// Run of a network with a task for each cell, whose weights are the coordinates of cells
    #[arg(long, value_name = "RUN")]
    network: Option<PathBuf>,
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
    /// Colour a further map by the values of each of these genes
    #[arg(long, value_name = "GENE,...", value_delimiter = ',')]
    color: Vec<String>,
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

/// Too little to cluster: what is left of how much, and which columns are no numbers.
fn too_small(args: &ClusterArgs, used: &CellMatrix, matrix: &CellMatrix) -> anyhow::Error {
    let message = format!(
        "{}: expected at least 3 cells and 2 genes to cluster, found {} and {} (of {} and {} before filters)",
        args.input.input.display(),
        used.counts.rows,
        used.counts.columns,
        matrix.counts.rows,
        matrix.counts.columns
    );
    let texts: Vec<&str> = matrix.cells.columns.iter().map(|(name, _)| name.as_str()).take(8).collect();
    let hint = match texts.as_slice() {
        [] => "filters may be too strict: see the options of `basewise cells filter`".to_owned(),
        texts => format!("columns that are not numbers describe cells: {}", texts.join(", ")),
    };
    user(message, Some(&hint))
}

pub(crate) fn run(args: &ClusterArgs, printer: &Printer) -> Result<Outcome> {
    let begun = Instant::now();
    check(args)?;
    if !is_h5ad_name(&args.output) {
        basewise_io::output::check_dir(&args.output, args.overwrite)?;
    }
    let matrix = args.input.load(&labels::of_table(&args.input.input, args.labels.as_deref())?, printer)?;
    let labels = args.labels.as_deref().map(|wanted| labels::read("--labels", wanted, &matrix)).transpose()?;
    let quality = Quality::of(&matrix)?;
    let network = args.network.as_deref().map(CellWeights::of).transpose()?;
    let kept = choose(args, &matrix, &quality, network.as_ref())?;
    let used = filter::select(&matrix, &kept);
    if used.counts.rows < 3 || used.counts.columns < 2 {
        return Err(too_small(args, &used, &matrix));
    }
    printer.talk(&filter::account(&matrix, &kept));
    let prepared = prepare(args, &used, printer)?;
    let given = match (&network, &args.coordinates) {
        (Some(network), _) => Some(network.of_cells(&used.cells.ids)),
        (None, Some(name)) => Some(coordinates(&used, name)?),
        (None, None) => None,
    };
    let shades = colors::read(&args.color, &used, &prepared)?;
    let embedded = pipeline::embed(&prepared, given, args)?;
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
        shades: &shades,
    };
    write(args, &found, begun, printer)?;
    Ok(Outcome::Done)
}

/// The cells and genes within the limits; of the cells, those that the network knows.
fn choose(args: &ClusterArgs, matrix: &CellMatrix, quality: &Quality, network: Option<&CellWeights>) -> Result<Kept> {
    let mut kept = filter::choose(matrix, quality, &args.limits)?;
    if let Some(network) = network {
        kept.cells.retain(|&cell| network.has(&matrix.cells.ids[cell]));
        if kept.cells.is_empty() {
            return Err(network.unknown(&matrix.cells.ids[0]));
        }
    }
    Ok(kept)
}

/// Transforms values, and says how.
fn prepare(args: &ClusterArgs, used: &CellMatrix, printer: &Printer) -> Result<Prepared> {
    let prepared = pipeline::prepare(used, args.transform, args.variable_genes, args.standardize)?;
    printer.talk(&format!(
        "{}{}; {}; {} {} go on",
        if used.part.is_empty() { String::new() } else { format!("{}: ", used.part) },
        used.values.words(),
        prepared.transform.words(),
        count(prepared.used().iter().filter(|used| **used).count()),
        Words::of(used.values).columns
    ));
    Ok(prepared)
}

/// Writes what was found, and prints a summary.
fn write(args: &ClusterArgs, found: &Found<'_>, begun: Instant, printer: &Printer) -> Result<()> {
    let summary = outputs::summary(found, args, begun.elapsed().as_secs_f64());
    if is_h5ad_name(&args.output) {
        let additions = outputs::additions(found, args);
        outputs::write_h5ad(&args.input.input, &args.output, found.used, found.kept, &additions)?;
    } else {
        outputs::write_folder(&args.output, args.overwrite, found, args, &summary)?;
    }
    if args.json { printer.json(&summary) } else { printer.data(&outputs::text(&summary, found)) }
}

/// Coordinates of the kept cells that the file has.
fn coordinates(used: &CellMatrix, name: &str) -> Result<Given> {
    let Some((_, coordinates)) = used.obsm.iter().find(|(own, _)| own == name) else {
        let names: Vec<&str> = used.obsm.iter().map(|(own, _)| own.as_str()).collect();
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(user(format!("--coordinates: expected a name in obsm, found {name:?}; there are {found}"), None));
    };
    if let Some(row) = (0..coordinates.rows()).find(|&row| coordinates.row(row).iter().any(|x| !x.is_finite())) {
        let message =
            format!("--coordinates {name}: expected numbers for each cell, found none for {:?}", used.cells.ids[row]);
        return Err(user(message, Some("leave out cells as they were left out there: --min-genes, --min-counts")));
    }
    let what = format!("{} numbers of {name}", coordinates.columns());
    Ok(Given { name: name.to_owned(), what, coordinates: coordinates.clone(), is_there: true })
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

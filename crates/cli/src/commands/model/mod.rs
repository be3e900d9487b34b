//! `basewise model`: presets, architecture files and trained models, as tables, and from and to other programs.

mod combine;
mod export;
mod import;
mod vectors;

use crate::commands::train::architecture;
use crate::failure::Outcome;
use crate::printer::Printer;
use crate::run_dir::RunDir;
use crate::table::{Table, count};
use crate::trained::{CLASSICAL, NETWORK};
use anyhow::Result;
use basewise_learn::classical::Kind;
use basewise_nn::{Architecture, Inputs, Model, Summary};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum ModelCommand {
    /// List the presets and the classical models
    List(ListArgs),
    /// Print layers, shapes, parameters and receptive field
    Show(ShowArgs),
    /// Make a run of weights that PyTorch or Keras saved
    Import(import::ImportArgs),
    /// Make one run of several: their models predict together
    Combine(combine::CombineArgs),
    /// Write a trained model as ONNX or as a PyTorch state dict
    Export(export::ExportArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:\n  $ basewise model list")]
pub(crate) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise model show cnn --length 200
  $ basewise model show cnn --toml
  $ basewise model show quickstart/donor/run")]
pub(crate) struct ShowArgs {
    /// A preset, an architecture file (.toml), a run directory or a model.safetensors
    model: String,
    /// Positions in the input, for a preset or a file
    #[arg(long, default_value_t = 200, value_name = "N")]
    length: usize,
    /// Input channels, for a preset or a file
    #[arg(long, default_value_t = 4, value_name = "N")]
    channels: usize,
    /// Outputs, for a preset or a file
    #[arg(long, default_value_t = 1, value_name = "N")]
    outputs: usize,
    /// Covariates beside the sequence, for a preset or a file
    #[arg(long, default_value_t = 0, value_name = "N")]
    covariates: usize,
    /// Print the architecture as a TOML file to start from
    #[arg(long)]
    toml: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "toml")]
    json: bool,
}

pub(crate) fn run(command: ModelCommand, printer: &Printer) -> Result<Outcome> {
    match command {
        ModelCommand::List(args) => list(&args, printer)?,
        ModelCommand::Show(args) => show(&args, printer)?,
        ModelCommand::Import(args) => return import::run(&args, printer),
        ModelCommand::Combine(args) => return combine::run(&args, printer),
        ModelCommand::Export(args) => export::run(&args, printer)?,
    }
    Ok(Outcome::Done)
}

fn list(args: &ListArgs, printer: &Printer) -> Result<()> {
    if args.json {
        let rows: Vec<_> = Architecture::presets()
            .iter()
            .copied()
            .chain(Kind::ALL.map(|kind| (kind.name(), kind.purpose())))
            .map(|(name, purpose)| serde_json::json!({"name": name, "purpose": purpose}))
            .collect();
        return printer.json(&rows);
    }
    let mut table = Table::new(&["preset", "good for"]);
    for (name, purpose) in Architecture::presets() {
        table.row([(*name).to_owned(), (*purpose).to_owned()]);
    }
    let mut classical = Table::new(&["classical model", "good for"]);
    for kind in Kind::ALL {
        classical.row([kind.name().to_owned(), kind.purpose().to_owned()]);
    }
    printer.data(&format!("{}\n{}", table.render(), classical.render()))
}

fn show(args: &ShowArgs, printer: &Printer) -> Result<()> {
    if args.outputs == 0 || args.channels == 0 || args.length == 0 {
        return Err(crate::failure::user("expected --outputs, --channels and --length of at least 1", None));
    }
    let path = Path::new(&args.model);
    if args.model.parse::<Kind>().is_ok() {
        return Err(no_layers(&args.model));
    }
    let file = if path.is_dir() { network_of(&RunDir::open(path)?, printer)? } else { path.to_owned() };
    let trained = if file.extension().is_some_and(|e| e == "safetensors") { Some(Model::load(&file)?) } else { None };
    let architecture = match &trained {
        Some(model) => model.architecture().clone(),
        None => architecture(&args.model)?,
    };
    if args.toml {
        return printer.data(&architecture.to_toml()?);
    }
    let summary = match &trained {
        Some(model) => model.summary()?,
        None => {
            let inputs = Inputs::new(args.channels, args.covariates, None);
            architecture.summary(inputs, args.length, args.outputs)?
        }
    };
    if args.json { printer.json(&summary) } else { printer.data(&render(&summary)) }
}

fn no_layers(what: &str) -> anyhow::Error {
    crate::failure::user(
        format!("{what}: expected a network, found a classical model, which has no layers"),
        Some("`basewise explain RUN --method coefficients`, gain, shap or permutation shows what one has learned"),
    )
}

/// The file of a run's network: of the first one where there are several, which is said where their layers may differ.
fn network_of(run: &RunDir, printer: &Printer) -> Result<PathBuf> {
    let members = run.members()?;
    let Some(first) = members.iter().find(|member| member.file(NETWORK).is_file()) else {
        if members.iter().any(|member| member.file(CLASSICAL).is_file()) {
            return Err(no_layers(&run.path().display().to_string()));
        }
        return Ok(members[0].file(NETWORK));
    };
    if members.len() > 1 && !run.info()?.weights.is_empty() {
        let name = |member: &RunDir| Ok(format!("{} {}", member.path().display(), member.info()?.model));
        let names = members.iter().map(name).collect::<Result<Vec<String>>>()?;
        printer.talk(&format!("members: {}; the layers of {}", names.join(", "), first.path().display()));
    }
    Ok(first.file(NETWORK))
}

fn render(summary: &Summary) -> String {
    let mut table = Table::new(&["layer", "output", "parameters", "receptive field"]);
    for row in &summary.rows {
        table.row([
            row.layer.clone(),
            format!("{} x {}", row.output[0], row.output[1]),
            count(row.parameters),
            row.receptive_field.to_string(),
        ]);
    }
    format!("{}{} parameters\n", table.render(), count(summary.parameters()))
}

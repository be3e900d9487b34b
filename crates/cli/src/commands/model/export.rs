//! `basewise model export`: a trained model for other programs.

use crate::failure::user;
use crate::printer::Printer;
use crate::run_dir::{RunDir, not_the_input, write_bytes};
use crate::table::count;
use anyhow::Result;
use basewise_core::Predict;
use basewise_nn::Model;
use basewise_nn::interchange::{onnx, torch};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise model export quickstart/donor/run -o donor.onnx
  $ basewise model export quickstart/donor/run -o donor.safetensors

ONNX: the input `sequence` is one-hot [batch, channels, length] in the order A C G T, the output `scores` holds raw
scores (logits for classes), and the metadata names them. A model with covariates has an input `covariates`
[batch, number] for their values as they come, NaN where one is unknown.
PyTorch: a state dict in PyTorch's layouts, named after the layers of `basewise model show`; the last one is `head`.")]
pub(crate) struct ExportArgs {
    /// A run directory or a model.safetensors
    model: PathBuf,
    /// The file to write: .onnx, or .safetensors for a PyTorch state dict
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The form, if the name does not say it
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An ONNX graph
    Onnx,
    /// A PyTorch state dict in the safetensors format
    Torch,
}

pub(super) fn run(args: &ExportArgs, printer: &Printer) -> Result<()> {
    let format = format(args)?;
    let model = if args.model.is_dir() {
        let run = RunDir::open(&args.model)?;
        not_the_input(&args.output, &run.file("model.safetensors"))?;
        run.single_model("export")?
    } else {
        not_the_input(&args.output, &args.model)?;
        Model::load(&args.model)?
    };
    let bytes = match format {
        Format::Onnx => onnx::export(&model)?,
        Format::Torch => torch::to_safetensors(&torch::export(&model))?,
    };
    write_bytes(&args.output, &bytes)?;
    let size = count(bytes.len());
    printer.talk(&match format {
        Format::Onnx => {
            let (channels, length, outputs) = (model.encoding().channels(), model.length(), model.output_names().len());
            let mut beside = match model.covariates().len() {
                0 => String::new(),
                n => format!(" and covariates [batch, {n}]"),
            };
            if let Some(control) = model.control() {
                beside += &format!(" and control [batch, {}, {}]", control.tracks.len(), control.bins);
            }
            let file = args.output.display();
            format!("wrote {file} ({size} bytes): sequence [batch, {channels}, {length}]{beside} to scores [batch, {outputs}]")
        }
        Format::Torch => {
            format!("wrote {} ({size} bytes): arrays with PyTorch's names and layouts", args.output.display())
        }
    });
    Ok(())
}

fn format(args: &ExportArgs) -> Result<Format> {
    let by_name = |path: &Path| match path.extension()?.to_str()? {
        "onnx" => Some(Format::Onnx),
        "safetensors" => Some(Format::Torch),
        _ => None,
    };
    args.format.or_else(|| by_name(&args.output)).ok_or_else(|| {
        user(
            format!("{}: expected a name that ends in .onnx or .safetensors", args.output.display()),
            Some("or say --format onnx or --format torch"),
        )
    })
}

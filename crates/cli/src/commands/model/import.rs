//! `basewise model import`: weights that another program trained become a run.

use super::vectors::{self, Agreement};
use crate::commands::command_line;
use crate::commands::train::architecture;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{ImportInfo, RunDir, not_the_input, write_json};
use crate::shared_args::EncodingArgs;
use crate::table::count;
use anyhow::{Context, Result, anyhow};
use basewise_core::source::{ExampleSource, Header};
use basewise_core::{Profile, Task, TaskKind};
use basewise_io::keras::{self as keras_file};
use basewise_io::state_dict::{self, NamedArray, StateDict};
use basewise_nn::Architecture;
use basewise_nn::interchange::keras::{self, KerasError, KerasWeights};
use basewise_nn::interchange::torch::{ImportError, ImportOptions, Imported, Purpose, StateArray, import, parse_map};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  $ basewise model export quickstart/donor/run -o exported.safetensors
  $ basewise model import exported.safetensors --model cnn --length 140 --task label -o imported
  $ basewise model import exported.safetensors --model cnn --dataset quickstart/donor/data -o imported --overwrite

WEIGHTS is a state dict: torch.save(model.state_dict(), 'weights.pt'), or the same as .safetensors; or what Keras saved as
HDF5: model.save_weights('weights.h5') or model.save('model.h5'). No code in it is run. Each layer with weights takes the first module of the file that has its shapes; --map says it where that is wrong.
The last dense layer of the file is the head, which --model leaves out. Scores must be raw (logits for classes).

--test-vectors FILE.npz compares with outputs of the original: numpy.savez(FILE, x=x, y=y), where x is one-hot
[n, channels, length] in the file's order of channels, or text, and y is [n, outputs]. Of a network with covariates it also
holds covariates [n, number], as they come in the data set, NaN where one is unknown; of one with control signal, control [n,
tracks, bins].")]
pub(crate) struct ImportArgs {
    /// State dict (.pt, .pth or .safetensors) or weights of Keras (.h5)
    weights: PathBuf,
    /// The network without its last dense layer: a preset or an architecture file (.toml)
    #[arg(short, long, value_name = "PRESET|FILE")]
    model: String,
    /// Data set that the network is for: it says tasks, length, encoding, covariates and control
    #[arg(long, value_name = "DATA", conflicts_with_all = ["length", "tasks", "alphabet", "case"])]
    dataset: Option<PathBuf>,
    /// Positions in its input
    #[arg(long, value_name = "N", required_unless_present = "dataset")]
    length: Option<usize>,
    /// What an output means: NAME or NAME:binary, :regression, :counts, :classes=A,B,..., or :profile=BINS for a profile and
    /// its total; once for each task
    #[arg(long = "task", required_unless_present = "dataset", value_name = "NAME[:KIND]", value_parser = parse_task)]
    tasks: Vec<Task>,
    #[command(flatten)]
    encoding: EncodingArgs,
    /// TOML of layers and modules (layer1 = "conv1") or arrays ("layer1.weight" = "kernel"), for what order does not tell
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Order of the file's input channels
    #[arg(long, default_value = "ACGT", value_name = "LETTERS")]
    channel_order: String,
    /// Inputs and outputs of the original, to compare with; nothing is written if they differ
    #[arg(long, value_name = "NPZ")]
    test_vectors: Option<PathBuf>,
    /// Largest difference from them that is let pass
    #[arg(long, default_value_t = 1e-4, value_name = "X")]
    tolerance: f64,
    /// Run directory to write
    #[arg(short, long, value_name = "RUN")]
    output: PathBuf,
    /// Replace a run that is there already
    #[arg(long)]
    overwrite: bool,
}

pub(super) fn run(args: &ImportArgs, printer: &Printer) -> Result<Outcome> {
    if !(args.tolerance >= 0.0 && args.tolerance.is_finite()) {
        return Err(user(format!("expected --tolerance of 0 or more, found {}", args.tolerance), None));
    }
    different_names(&args.tasks)?;
    let architecture = architecture(&args.model)?;
    let order = channel_order(&args.channel_order)?;
    let run = RunDir::new(&args.output);
    check_room(args, &run)?;
    let map = args.map.as_deref().map(read_map).transpose()?.unwrap_or_default();
    let purpose = purpose(args)?;
    let options = ImportOptions { map, in_order: true, channel_order: order };
    let imported = match keras_file::is_hdf5(&args.weights)? {
        true => from_keras(args, &architecture, &purpose, &options)?,
        false => from_torch(args, &architecture, &purpose, options, printer)?,
    };
    say(&imported, printer);
    let agreement = match &args.test_vectors {
        Some(file) => Some(vectors::compare(&imported.model, file, order)?),
        None => None,
    };
    if let Some(found) = &agreement
        && !agrees(found, args, printer)
    {
        return Ok(Outcome::No);
    }
    write(args, &run, &imported, agreement)?;
    printer.talk(&format!(
        "wrote {} ({} parameters)\nnext: basewise evaluate {} DATA",
        args.output.display(),
        count(imported.model.summary()?.parameters()),
        crate::commands::quoted(&args.output)
    ));
    Ok(Outcome::Done)
}

/// What the network is for, by a data set or by flags.
fn purpose(args: &ImportArgs) -> Result<Purpose> {
    if let Some(directory) = &args.dataset {
        let (stored, _) = basewise_io::dataset::open(directory)?;
        let Header { tasks, encoding, length, covariates, control, .. } = stored.header();
        return Ok(Purpose { tasks, encoding, length, covariates, control });
    }
    let (tasks, encoding) = (args.tasks.clone(), args.encoding.encoding());
    let length = args.length.unwrap_or_default();
    Ok(Purpose { tasks, encoding, length, covariates: Vec::new(), control: None })
}

fn from_torch(
    args: &ImportArgs,
    architecture: &Architecture,
    purpose: &Purpose,
    options: ImportOptions,
    printer: &Printer,
) -> Result<Imported> {
    let dict = state_dict::read(&args.weights)?;
    dict.notes.iter().for_each(|note| printer.talk(note));
    let options = ImportOptions { in_order: dict.in_order, ..options };
    let arrays = arrays(dict, &args.weights)?;
    import(architecture, purpose, &arrays, &options).map_err(|error| explained(error, args))
}

fn from_keras(
    args: &ImportArgs,
    architecture: &Architecture,
    purpose: &Purpose,
    options: &ImportOptions,
) -> Result<Imported> {
    let keras_file::KerasWeights { arrays, config, backend } = keras_file::read(&args.weights)?;
    let weights = KerasWeights { arrays: arrays.into_iter().map(state_array).collect(), config, backend };
    keras::import(architecture, purpose, &weights, options).map_err(|error| match error {
        KerasError::Import(error) => explained(error, args),
        other => user(format!("{}: {other}", args.weights.display()), None),
    })
}

fn state_array(NamedArray { name, shape, values }: NamedArray) -> StateArray {
    StateArray { name, shape, values }
}

/// `NAME`, `NAME:binary`, `NAME:regression`, `NAME:counts`, `NAME:classes=A,B,...`, or `NAME:profile=BINS` with bins of one
/// base, with the names of its tracks after commas if there are several.
fn parse_task(text: &str) -> std::result::Result<Task, String> {
    let (name, kind) = text.split_once(':').unwrap_or((text, "binary"));
    if name.is_empty() {
        return Err("expected a name".to_owned());
    }
    let kind = match (kind, kind.strip_prefix("classes=")) {
        ("binary", _) => TaskKind::Binary,
        ("regression", _) => TaskKind::Regression,
        ("counts", _) => TaskKind::Counts,
        (_, Some(classes)) => {
            let classes: Vec<String> = classes.split(',').map(str::to_owned).collect();
            let repeats = (1..classes.len()).any(|i| classes[..i].contains(&classes[i]));
            if classes.len() < 2 || repeats || classes.iter().any(String::is_empty) {
                return Err("expected two or more different classes, as in NAME:classes=A,B".to_owned());
            }
            TaskKind::Classes { classes }
        }
        _ if kind.starts_with("profile=") => TaskKind::Profile(profile(name, &kind["profile=".len()..])?),
        _ => {
            let expected = "expected binary, regression, counts, classes=A,B,... or profile=BINS after the name";
            return Err(format!("{expected}, found {kind:?}"));
        }
    };
    Ok(Task { name: name.to_owned(), kind })
}

/// `BINS` or `BINS,TRACK,...`; the task's name is that of its one track.
fn profile(name: &str, text: &str) -> std::result::Result<Profile, String> {
    let (bins, tracks) = text.split_once(',').unwrap_or((text, name));
    let tracks: Vec<String> = tracks.split(',').map(str::to_owned).collect();
    let repeats = (1..tracks.len()).any(|i| tracks[..i].contains(&tracks[i]));
    let bins = bins.parse().ok().filter(|&bins: &usize| bins > 0);
    match bins {
        Some(bins) if !repeats && tracks.iter().all(|track| !track.is_empty()) => {
            Ok(Profile { tracks, bins, bin_size: 1, strand_pairs: Vec::new(), count_weight: 1.0 })
        }
        _ => Err(format!("expected profile=BINS or profile=BINS,TRACK,... with different tracks, found {text:?}")),
    }
}

fn different_names(tasks: &[Task]) -> Result<()> {
    match (1..tasks.len()).find(|&i| tasks[..i].iter().any(|task| task.name == tasks[i].name)) {
        Some(i) => Err(user(format!("expected --task of different names, found {:?} again", tasks[i].name), None)),
        None => Ok(()),
    }
}

fn channel_order(text: &str) -> Result<[u8; 4]> {
    let order: Option<[u8; 4]> = text.to_ascii_uppercase().replace('U', "T").into_bytes().try_into().ok();
    order
        .filter(|order| b"ACGT".iter().all(|letter| order.contains(letter)))
        .ok_or_else(|| user(format!("expected --channel-order of the letters A, C, G and T, found {text:?}"), None))
}

/// The arrays of numbers; whole ones are counters that PyTorch keeps beside the weights.
fn arrays(dict: StateDict, file: &Path) -> Result<Vec<StateArray>> {
    if let Some(name) = dict.integers.iter().find(|name| !name.ends_with("num_batches_tracked")) {
        return Err(user(
            format!("{}: expected weights, found an array of whole numbers, {name:?}", file.display()),
            Some("no layer has such numbers: leave it out of the state dict"),
        ));
    }
    Ok(dict.arrays.into_iter().map(state_array).collect())
}

fn read_map(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs_err::read_to_string(path)?;
    parse_map(&text).map_err(|error| {
        let hint = "a line is layer1 = \"conv1\" or \"layer1.weight\" = \"kernel\"";
        user(format!("{}: expected TOML of text by name: {error}", path.display()), Some(hint))
    })
}

fn explained(error: ImportError, args: &ImportArgs) -> anyhow::Error {
    let hint = match &error {
        ImportError::Unmatched { modules, .. }
            if modules.iter().any(|m| m.contains("weight_g") || m.contains("original0")) =>
        {
            "take weight normalization off before saving: torch.nn.utils.remove_weight_norm, or remove_parametrizations"
        }
        ImportError::Unmatched { .. } => {
            "the network (--model, and --length and --task or --dataset) must have the file's layers and sizes; --map pairs them by name"
        }
        ImportError::NotFinite { .. } => "the training of this network has diverged",
        ImportError::Map(_) => "`basewise model show` and the message without --map list the layers",
        _ => return anyhow!(error).context(args.weights.display().to_string()),
    };
    user(format!("{}: {error}", args.weights.display()), Some(hint))
}

/// What became of the arrays, for a person to check.
fn say(imported: &Imported, printer: &Printer) {
    imported.matches.iter().for_each(|matched| printer.talk(&matched.to_string()));
    imported.absent.iter().for_each(|absent| printer.talk(&format!("not in the file: {absent}")));
    for matched in imported.matches.iter().filter(|matched| matched.uncertain) {
        printer.warn(&format!(
            "{}: another module has the same shapes, and the file has no order; check with --test-vectors or say it in --map",
            matched.layer
        ));
    }
}

fn agrees(found: &Agreement, args: &ImportArgs, printer: &Printer) -> bool {
    let Agreement { examples, largest, .. } = found;
    let text = format!("{} test vectors: largest difference {largest:.2e}", count(*examples));
    if *largest <= args.tolerance {
        printer.talk(&text);
        return true;
    }
    printer.stderr(&format!(
        "{text}, above {:e}; nothing was written\nhint: look at the pairs above, the layers and paddings of --model, \
         --channel-order, and whether y holds raw scores",
        args.tolerance
    ));
    false
}

/// Whether the run can be written, before anything is read.
fn check_room(args: &ImportArgs, run: &RunDir) -> Result<()> {
    let other = "choose another directory with -o";
    not_the_input(&run.file("model.safetensors"), &args.weights)?;
    if args.output.exists() && !args.output.is_dir() {
        let message = format!("{}: expected a directory for the run, found a file", args.output.display());
        return Err(user(message, Some(other)));
    }
    if let Some(foreign) = run.foreign()? {
        let (place, foreign) = (args.output.display(), foreign.display());
        let message = format!("{place}: expected a new or empty directory for the run, found {foreign}");
        return Err(user(message, Some(other)));
    }
    let occupied = args.output.is_dir() && fs_err::read_dir(&args.output)?.next().is_some();
    if occupied && !args.overwrite {
        let message = format!("{}: a run is there already", args.output.display());
        return Err(user(message, Some("--overwrite replaces it")));
    }
    Ok(())
}

/// `run.json` comes last: with it the directory is a run.
fn write(args: &ImportArgs, run: &RunDir, imported: &Imported, agreement: Option<Agreement>) -> Result<()> {
    let imported_sha256 = basewise_io::input::digest(&args.weights)?;
    if args.output.is_dir() {
        run.clear()?;
    }
    fs_err::create_dir_all(&args.output)?;
    let model = &imported.model;
    model.save(&run.file("model.safetensors")).context("the model could not be written")?;
    let info = ImportInfo {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command_line(),
        imported: args.weights.clone(),
        imported_sha256,
        model: args.model.clone(),
        parameters: model.summary()?.parameters(),
        weights_sha256: model.digest(),
        channel_order: args.channel_order.clone(),
        matches: imported.matches.iter().map(ToString::to_string).collect(),
        largest_difference: agreement.map(|found| found.largest),
    };
    write_json(&run.info_path(), &info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_read_with_their_kinds() {
        let kind = |text: &str| parse_task(text).map(|task| (task.name, task.kind));
        assert_eq!(kind("a"), Ok(("a".into(), TaskKind::Binary)));
        assert_eq!(kind("a:regression"), Ok(("a".into(), TaskKind::Regression)));
        assert_eq!(kind("a:counts"), Ok(("a".into(), TaskKind::Counts)));
        let classes = TaskKind::Classes { classes: vec!["x".into(), "y z".into()] };
        assert_eq!(kind("a b:classes=x,y z"), Ok(("a b".into(), classes)));
        let tracks = |text: &str| match parse_task(text).unwrap().kind {
            TaskKind::Profile(profile) => (profile.bins, profile.tracks.join("|")),
            other => panic!("{other:?}"),
        };
        assert_eq!(tracks("a:profile=100"), (100, "a".to_owned()));
        assert_eq!(tracks("a:profile=7,plus,minus"), (7, "plus|minus".to_owned()));
        for wrong in [
            "",
            ":binary",
            "a:",
            "a:ordinal",
            "a:classes=",
            "a:classes=x",
            "a:classes=x,x",
            "a:classes=x,",
            "a:profile=0",
        ] {
            assert!(kind(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_order_of_channels_has_each_letter_once() {
        assert_eq!(channel_order("agct").unwrap(), *b"AGCT");
        assert_eq!(channel_order("UGCA").unwrap(), *b"TGCA");
        for wrong in ["", "ACG", "ACGG", "ACGTA", "ACGN", "ÄCG"] {
            assert!(channel_order(wrong).is_err(), "{wrong}");
        }
    }
}

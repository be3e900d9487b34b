//! The `basewise` command line: one file a subcommand, all of it glue over the library crates.

mod commands;
mod comparison;
mod embedded;
mod ensemble;
mod failure;
mod printer;
mod report;
mod resampling;
mod run_dir;
mod shared_args;
mod table;
mod trained;

use clap::{CommandFactory, FromArgMatches, Parser};
use std::process::ExitCode;
#[cfg(unix)]
use std::sync::Arc;

/// From raw genome files to a mechanism: data sets, models, honest evaluation, attributions, motifs, a report.
#[derive(Parser)]
#[command(
    name = "basewise",
    version,
    propagate_version = true,
    after_help = "Start here:\n  $ basewise quickstart -o quickstart\n\nExit codes: 0 done, 1 ran but the answer is no, 2 error."
)]
struct Cli {
    #[command(flatten)]
    global: printer::GlobalArgs,
    #[command(subcommand)]
    command: commands::Command,
}

/// Lets a write beyond the limit of file sizes (`ulimit -f`) fail with an error, as it does on a full disk: any handler
/// of the signal keeps it from ending the program. Where none can be installed, the signal does what it did.
#[cfg(unix)]
fn let_large_writes_fail() {
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// Lets every option take a number below 0, so that what is wrong with it is said by whoever reads it.
fn numbers(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let takes_number = arg.get_action().takes_values() && !arg.is_positional();
        if takes_number { arg.allow_negative_numbers(true) } else { arg }
    });
    command.mut_subcommands(numbers)
}

fn main() -> ExitCode {
    #[cfg(unix)]
    let_large_writes_fail();
    let cli = Cli::from_arg_matches(&numbers(Cli::command()).get_matches()).unwrap_or_else(|error| error.exit());
    let printer = printer::Printer::new(&cli.global);
    match cli.global.apply_threads().and_then(|()| commands::run(cli.command, &printer)) {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => failure::render(&error, &printer),
    }
}

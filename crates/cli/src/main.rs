//! The `basewise` command line: one file a subcommand, all of it glue over the library crates.

mod commands;
mod embedded;
mod failure;
mod printer;
mod report;
mod run_dir;
mod shared_args;
mod table;

use clap::Parser;
use std::process::ExitCode;

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

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = printer::Printer::new(&cli.global);
    match cli.global.apply_threads().and_then(|()| commands::run(cli.command, &printer)) {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => failure::render(&error, &printer),
    }
}

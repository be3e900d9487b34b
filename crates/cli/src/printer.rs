//! The one place that decides what reaches stdout and stderr: stdout is data, stderr is talk.

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};

/// Flags that every subcommand takes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GlobalArgs {
    /// Say nothing on stderr but warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Threads to compute with; the result is the same for any number [default: all cores]
    #[arg(short = 't', long, global = true, value_name = "N")]
    threads: Option<usize>,
}

impl GlobalArgs {
    /// Sizes the thread pool.
    pub(crate) fn apply_threads(&self) -> Result<()> {
        match self.threads {
            Some(n @ (0 | 1025..)) => {
                Err(crate::failure::user(format!("expected --threads of 1 to 1024, found {n}"), None))
            }
            Some(n) => {
                rayon::ThreadPoolBuilder::new().num_threads(n).build_global().context("the thread pool could not start")
            }
            None => Ok(()),
        }
    }
}

/// Writes data to stdout and talk to stderr.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    quiet: bool,
    terminal: bool,
}

impl Printer {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        Self { quiet: global.quiet, terminal: std::io::stderr().is_terminal() }
    }

    /// The same without talk and bars.
    pub(crate) fn silenced(&self) -> Self {
        Self { quiet: true, ..self.clone() }
    }

    /// Data for the next program in the pipe.
    pub(crate) fn data(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// A value as pretty JSON on stdout.
    pub(crate) fn json(&self, value: &impl serde::Serialize) -> Result<()> {
        self.data(&serde_json::to_string_pretty(value)?)
    }

    /// A line for the person at the screen.
    pub(crate) fn talk(&self, text: &str) {
        if !self.quiet {
            self.stderr(text);
        }
    }

    /// A line that must be seen, also with `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        self.stderr(&format!("warning: {text}"));
    }

    pub(crate) fn stderr(&self, text: &str) {
        // A closed stderr must not end the work.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// A progress bar of `total` steps on a terminal; hidden elsewhere and with `--quiet`.
    pub(crate) fn bar(&self, total: u64, template: &str) -> ProgressBar {
        let visible = self.shows_bars();
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(Some(total), target).with_style(style.progress_chars("━╸─"))
    }

    /// Whether progress bars are drawn.
    pub(crate) fn shows_bars(&self) -> bool {
        self.terminal && !self.quiet
    }
}
